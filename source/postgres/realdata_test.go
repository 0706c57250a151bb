//go:build long

package postgres

import (
	"testing"

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
