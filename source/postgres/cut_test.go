package postgres

import (
	"testing"
	"time"

	"cdds"
	"cdds/source"
)

// stretches reads what the keys of a cut leave between them, each in a snapshot of
// its own, and returns how many records each has. None may come twice.
func stretches(t testing.TB, s *Source, q source.Query, r source.Range, keys []source.Key) []int {
	t.Helper()
	seen := map[source.Key]bool{}
	var counts []int
	rest := r
	for i := 0; i <= len(keys); i++ {
		stretch := rest
		if i < len(keys) {
			stretch.Upto, rest.After = &keys[i], &keys[i]
		}
		n, err := read(t, s, q, stretch, func(r *source.Record) error {
			if seen[r.Key] {
				t.Errorf("%+v comes twice", r.Key)
			}
			seen[r.Key] = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, n)
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

// most and sum of numbers.
func mostOf(counts []int) (most, sum int) {
	for _, n := range counts {
		most, sum = max(most, n), sum+n
	}
	return most, sum
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
			whole, err := read(t, s, q, test.within, drop)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []int{2, 7, 20} {
				keys := cut(t, s, q, test.within, want)
				counts := stretches(t, s, q, test.within, keys)
				most, sum := mostOf(counts)
				if len(counts) != want || sum != whole || most*want*10 > whole*13 {
					t.Errorf("%d records in %d stretches: %v", whole, want, counts)
				}
				t.Logf("%d: %.2f", want, float64(most*want)/float64(whole))
			}
		})
	}
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
