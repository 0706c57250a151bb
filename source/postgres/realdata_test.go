//go:build long

package postgres

import (
	"slices"
	"testing"

	"cdds"
	"cdds/source"
)

// TestRealDataInRanges reads the real conversations in ranges of 10,000, each in
// a snapshot of its own. None is lost, doubled or out of order.
func TestRealDataInRanges(t *testing.T) {
	const most = 10_000
	s := open(t, servers.RealData(t, "../.."), Options{})
	for entity, want := range map[source.Entity]int{source.Interaction: 108_044, source.Attachment: 160, source.Contact: 55_824} {
		var last source.Key
		total := 0
		for r := (source.Range{Limit: most}); ; {
			n, err := read(t, s, all(entity), r, func(record *source.Record) error {
				// The database's order is that of bytes, so each key is after the last.
				if total > 0 && !after(record.Key, last) {
					t.Errorf("%s: %+v comes after %+v", entity, record.Key, last)
				}
				last = record.Key
				total++
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if n < most {
				break
			}
			next := last
			r.After = &next
		}
		if total != want {
			t.Errorf("%d records of %s were read, want %d", total, entity, want)
		}
	}
}

// TestRealDataIsCutEvenly cuts the real conversations, of which most come from a
// few months, by both dates.
func TestRealDataIsCutEvenly(t *testing.T) {
	s := open(t, servers.RealData(t, "../.."), Options{})
	for _, q := range []source.Query{all(source.Interaction), {Entity: source.Interaction, TenantID: 101, Window: all(source.Interaction).Window, By: cdds.ByModifiedDate}, all(source.Contact)} {
		whole := allKeys(t, s, q, source.Range{})
		for _, want := range []int{2, 5, 20} {
			counts := stretches(whole, cut(t, s, q, source.Range{}, want))
			unevenness := float64(slices.Max(counts)*want) / float64(len(whole))
			t.Logf("%d of %s by %s in %d stretches: the largest is %.2f shares", len(whole), q.Entity, q.By, len(counts), unevenness)
			// Where a sample tells, it is the records of a page that come evenly, and
			// they are not equally long.
			if most := map[bool]float64{true: 1.3, false: 1.4}[q.By != cdds.ByModifiedDate]; len(counts) != want || unevenness > most {
				t.Errorf("%s by %s: %v", q.Entity, q.By, counts)
			}
		}
	}
}
