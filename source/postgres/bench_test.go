package postgres

import (
	"runtime"
	"testing"

	"cdds/source"
)

// BenchmarkRead reads all records of an entity of a large history of short
// records. The bytes are those of the values.
func BenchmarkRead(b *testing.B) {
	dsn := large(b)
	s := open(b, dsn, Options{})
	for _, e := range []source.Entity{source.Interaction, source.Attachment, source.Contact} {
		b.Run(string(e), func(b *testing.B) {
			var records, bytes int
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				records, bytes = 0, 0
				_, err := read(b, s, all(e), source.Range{}, func(r *source.Record) error {
					records++
					for i := range r.Values {
						if v := &r.Values[i]; !v.Null {
							bytes += max(len(v.Bytes), 8)
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			runtime.ReadMemStats(&after)
			b.SetBytes(int64(bytes))
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(b.N)/float64(records), "allocs/record")
			b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
