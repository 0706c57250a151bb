package store

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"cdds"
)

// fill gives every field of a value something that is not zero, so that a
// field which a later change adds and forgets to keep is found.
func fill(t *testing.T, v reflect.Value, n int) {
	t.Helper()
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2026, 1, 1+n, 2, 3, 4, 567891000, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), n+i+1)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), n)
		fill(t, v.Index(1), n+1)
	case reflect.String:
		v.SetString("tëxt \"' " + strings.Repeat("x", n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n))
	case reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("a field of kind %s: teach this test and specForm about it", v.Kind())
	}
}

func TestEveryFieldOfADefinitionIsKept(t *testing.T) {
	var full cdds.JobSpec
	fill(t, reflect.ValueOf(&full).Elem(), 1)
	empty := cdds.JobSpec{Compression: cdds.CompressionDefault}
	noMedia := full
	noMedia.MediaTypes = []string{}
	for _, want := range []cdds.JobSpec{full, empty, noMedia} {
		column, err := encodeSpec(want)
		if err != nil {
			t.Fatal(err)
		}
		var got spec
		if err := got.Scan(column); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(cdds.JobSpec(got), want) {
			t.Fatalf("\n got %+v\nwant %+v", got, want)
		}
	}
}

// TestDefinitionsFromBeforeCompression: those that say nothing of it mean the
// default.
func TestDefinitionsFromBeforeCompression(t *testing.T) {
	var got spec
	if err := got.Scan(`{"version": 1, "title": "Old", "mediaTypes": null, "schedule": {"kind": "once"}, "timeframe": {"kind": "all"}}`); err != nil {
		t.Fatal(err)
	}
	if got.Title != "Old" || got.Compression != cdds.CompressionDefault {
		t.Errorf("got %+v", got)
	}
}

func TestADefinitionOfAnotherVersionIsRefused(t *testing.T) {
	for _, column := range []any{`{"version": 2}`, `{}`, `{`, 7} {
		if err := new(spec).Scan(column); err == nil {
			t.Errorf("%v was read", column)
		}
	}
}

func TestInstants(t *testing.T) {
	zone := time.FixedZone("east", 3600)
	for _, at := range []time.Time{{}, time.Unix(0, 0), time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 1999, zone)} {
		column, err := instant(at).Value()
		if err != nil {
			t.Fatal(err)
		}
		var got instant
		if err := got.Scan(column); err != nil {
			t.Fatal(err)
		}
		if want := at.UTC().Truncate(time.Microsecond); time.Time(got) != want {
			t.Errorf("%s came back as %s", at, time.Time(got))
		}
	}
	if err := new(instant).Scan("2026-01-01"); err == nil {
		t.Error("a text was read as an instant")
	}
}
