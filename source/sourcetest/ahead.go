package sourcetest

import (
	"slices"
	"testing"

	"cdds"
	"cdds/source"
)

// ahead goes through interactions from key to key as the source finds them ahead,
// and reads what lies between. No stretch has more than was asked for, and all of
// them together what one read has.
func (s *suite) ahead(t *testing.T) {
	windows := []cdds.Window{everything(), {Start: base().AddDate(0, 0, -1), End: base().AddDate(0, 0, 5)}}
	for _, tenant := range []int64{tenantPatterns, tenantPages, tenantInstants, tenantEmpty} {
		for _, window := range windows {
			for _, media := range [][]string{nil, {"chat", "voice"}} {
				q := source.Query{Entity: source.Interaction, TenantID: tenant, Window: window, By: cdds.ByStartDate, MediaTypes: media}
				whole := s.read(t, q, source.Range{})
				for _, n := range []int{1, 2, 7, 1000} {
					s.aheadBy(t, q, n, whole)
				}
			}
		}
	}
}

// aheadBy goes through a query by that many records.
func (s *suite) aheadBy(t *testing.T, q source.Query, n int, whole []record) {
	t.Helper()
	var got []record
	var keys []source.Key
	r := source.Range{}
	for {
		r.Upto = s.keyAhead(t, q, r.After, n)
		some := s.read(t, q, r)
		if len(some) > n {
			t.Fatalf("%+v: %d records between %v and the key that is %d ahead", q, len(some), r.After, n)
		}
		got = append(got, some...)
		if r.Upto == nil {
			break
		}
		if slices.Contains(keys, *r.Upto) {
			t.Fatalf("%+v: the key %v comes a second time", q, *r.Upto)
		}
		keys = append(keys, *r.Upto)
		r.After = r.Upto
	}
	if !slices.Equal(got, whole) {
		t.Errorf("%+v, %d at a time: other records than one read: %d and %d: %s", q, n, len(got), len(whole), firstDifference(got, whole))
	}
	if n == 1 && len(whole) > 1 && len(keys) == 0 {
		t.Errorf("%+v: no key is found ahead", q)
	}
}

// keyAhead is the key that the source finds ahead.
func (s *suite) keyAhead(t *testing.T, q source.Query, after *source.Key, n int) *source.Key {
	t.Helper()
	snapshot, err := s.Source.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key, err := snapshot.Ahead(t.Context(), q, after, n)
	if err != nil {
		t.Errorf("%+v, %d ahead of %v: %v", q, n, after, err)
	}
	if err := snapshot.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	return key
}
