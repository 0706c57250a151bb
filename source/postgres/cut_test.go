package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"cdds"
	"cdds/source"
)

// after reports whether a key comes after another, bytewise.
func after(k, other source.Key) bool {
	return cmp.Or(cmp.Compare(k.At, other.At), cmp.Compare(k.ID, other.ID), cmp.Compare(k.Sub, other.Sub)) > 0
}

// allKeys are the keys of all records of a range, in their order.
func allKeys(t testing.TB, s *Source, q source.Query, r source.Range) (keys []source.Key) {
	t.Helper()
	snapshot, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if q.Entity == source.Attachment {
		_, err = snapshot.Read(t.Context(), q, r, func(record *source.Record) error {
			keys = append(keys, record.Key)
			return nil
		})
	} else {
		keys, err = keysIn(t, snapshot, s.mapping.Sampled(q, r, dialect{}, "", "true"))
	}
	if err := errors.Join(err, snapshot.Close()); err != nil {
		t.Fatal(err)
	}
	return keys
}

func keysIn(t testing.TB, s source.Snapshot, st source.Statement) ([]source.Key, error) {
	t.Helper()
	return s.(*snapshot).keys(t.Context(), st)
}

// stretches says how many of all keys lie in each stretch of a cut.
func stretches(all, cut []source.Key) []int {
	counts := make([]int, len(cut)+1)
	i := 0
	for _, k := range all {
		for i < len(cut) && after(k, cut[i]) {
			i++
		}
		counts[i]++
	}
	return counts
}

// cut cuts in a snapshot of its own.
func cut(t testing.TB, s *Source, q source.Query, r source.Range, most int) []source.Key {
	t.Helper()
	snapshot, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := snapshot.Cut(t.Context(), q, r, most)
	if err != nil {
		t.Fatal(err)
	}
	if err := snapshot.Close(); err != nil {
		t.Error(err)
	}
	return keys
}

// TestCutIsEven cuts what lies evenly in the order of its keys.
func TestCutIsEven(t *testing.T) {
	s := open(t, large(t), Options{})
	day := func(n int) time.Time { return time.Date(2020, 1, 1+n, 0, 0, 0, 0, time.UTC) }
	always, year := cdds.Window{End: day(5000)}, cdds.Window{Start: day(700), End: day(1065)}
	middle := source.Range{After: &source.Key{At: day(300).UnixMicro(), ID: "8", Sub: "a8"}, Upto: &source.Key{At: day(1500).UnixMicro(), ID: "8", Sub: "a8"}}
	for _, test := range []struct {
		name   string
		entity source.Entity
		window cdds.Window
		by     cdds.DateField
		media  []string
		within source.Range
	}{
		{"all interactions", source.Interaction, always, cdds.ByStartDate, nil, source.Range{}},
		{"those of a year", source.Interaction, year, cdds.ByStartDate, nil, source.Range{}},
		{"those of a media type", source.Interaction, always, cdds.ByStartDate, []string{"chat"}, source.Range{}},
		{"a range of them", source.Interaction, always, cdds.ByStartDate, nil, middle},
		{"those modified in a year", source.Interaction, year, cdds.ByModifiedDate, nil, source.Range{}},
		{"attachments", source.Attachment, always, cdds.ByStartDate, nil, source.Range{}},
		{"a range of attachments", source.Attachment, always, cdds.ByStartDate, nil, middle},
		{"attachments of a year by modified date", source.Attachment, year, cdds.ByModifiedDate, nil, source.Range{}},
		{"contacts", source.Contact, always, cdds.ByStartDate, nil, source.Range{}},
		{"contacts of a year", source.Contact, year, cdds.ByModifiedDate, nil, source.Range{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := source.Query{Entity: test.entity, TenantID: 101, Window: test.window, By: test.by, MediaTypes: test.media}
			whole := allKeys(t, s, q, test.within)
			for _, want := range []int{2, 7, 20} {
				counts := stretches(whole, cut(t, s, q, test.within, want))
				unevenness := float64(slices.Max(counts)*want) / float64(len(whole))
				if len(counts) != want || unevenness > 1.3 {
					t.Errorf("%d records in %d stretches: %v", len(whole), want, counts)
				}
				t.Logf("%d stretches: the largest is %.2f shares", want, unevenness)
			}
		})
	}
}

// TestCutOfSkewedData cuts what statistics and samples tell little about, or
// nothing. How uneven it may be is what such data gives.
func TestCutOfSkewedData(t *testing.T) {
	dsn, conn := emptyHistory(t)
	fill := func(id, date string, n int) {
		exec(t, conn, fmt.Sprintf(`insert into interaction (id, tenantid, startdate, entitytypeid, mediatypeid, typeid, status, canbeparent, allattributes)
			select '%s' || lpad(n::text, 6, '0'), 101, %s, 2, 'chat', 'Inbound', 3, true, '{}' from generate_series(1, %d) n`, id, date, n))
	}
	ever := cdds.Window{End: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	check := func(name string, s *Source, window cdds.Window, want int, most float64) {
		t.Helper()
		q := source.Query{Entity: source.Interaction, TenantID: 101, Window: window, By: cdds.ByStartDate}
		whole := allKeys(t, s, q, source.Range{})
		counts := stretches(whole, cut(t, s, q, source.Range{}, want))
		unevenness := float64(slices.Max(counts)*want) / float64(len(whole))
		t.Logf("%s: %d records, the largest of %d stretches is %.2f shares", name, len(whole), len(counts), unevenness)
		if unevenness > most {
			t.Errorf("%s: %d records in %d stretches: %v", name, len(whole), want, counts)
		}
	}
	s := open(t, dsn, Options{})
	exec(t, conn, "alter table interaction set (autovacuum_enabled = false)")
	fill("a", "timestamptz '2020-01-01Z' + n * interval '1 hour'", 10_000)
	fill("b", "timestamptz '2024-05-05Z' + n * interval '1 second'", 40_000)
	check("no statistics", s, ever, 10, 1.5)
	exec(t, conn, "analyze interaction")
	check("four fifths in half a day", s, ever, 10, 1.3)
	fill("c", "timestamptz '2025-01-01Z' + n * interval '1 minute'", 40_000)
	check("half of it since the statistics", s, ever, 10, 5.5) // a tenth for each of what is known
	check("what has come since the statistics", s, cdds.Window{Start: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), End: ever.End}, 10, 10)
	exec(t, conn, "analyze interaction")
	check("after the next statistics", s, ever, 10, 1.3)
	fill("d", "timestamptz '2025-12-01Z'", 30_000)
	exec(t, conn, "analyze interaction")
	check("a quarter at one instant", s, ever, 10, 3.5)
	exec(t, conn, "create view seen as select * from interaction where status = 3")
	check("a view", open(t, dsn, Options{Mapping: load(t, "interaction: {table: seen}")}), ever, 10, 3.5)
}

// BenchmarkCut cuts a large history.
func BenchmarkCut(b *testing.B) {
	s := open(b, large(b), Options{})
	always := cdds.Window{End: time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)}
	for _, q := range []source.Query{
		{Entity: source.Interaction, TenantID: 101, Window: always, By: cdds.ByStartDate},
		{Entity: source.Interaction, TenantID: 101, Window: always, By: cdds.ByModifiedDate},
		{Entity: source.Attachment, TenantID: 101, Window: always, By: cdds.ByStartDate},
		{Entity: source.Contact, TenantID: 101, Window: always, By: cdds.ByStartDate},
	} {
		for _, most := range []string{"20", "256"} {
			b.Run(string(q.Entity)+" by "+string(q.By)+" into "+most, func(b *testing.B) {
				n := map[string]int{"20": 20, "256": 256}[most]
				for b.Loop() {
					cut(b, s, q, source.Range{}, n)
				}
			})
		}
	}
}
