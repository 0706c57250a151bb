//go:build long

package main

import (
	"fmt"
	"path/filepath"
	"testing"
)

// TestMemoryOfUploads exports 100 MB and 1 GB into one artifact in each kind of
// object store, by a process of its own, and looks at the most memory that this
// needed: uploads are held in pieces, however large they are.
func TestMemoryOfUploads(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "cdds")
	tool(t, "go", "build", "-o", bin, ".")
	for name, begin := range map[string]func(testing.TB) (string, []string){"s3": startS3, "azblob": startAzure, "gs": startGCS} {
		t.Run(name, func(t *testing.T) {
			var needed []int64
			for _, records := range []int{100, 1000} {
				location, env := begin(t)
				setAll(t, env)
				dsn, db := emptyHistory(t)
				_, err := db.Exec(t.Context(), fmt.Sprintf(`insert into interaction (id, tenantid, entitytypeid, mediatypeid, typeid, status, startdate, text)
					select 'i' || n, 101, 7, 'webform', 'Inbound', 3, '2020-01-01', n || (select string_agg(md5(m::text), '') from generate_series(1, 60000) m)
					from generate_series(1, %d) n`, records))
				must(t, err)
				data, out := demo(t, "--interactions", "1", "--contacts", "1")
				needed = append(needed, exportAlone(t, bin, data, out, records, "--source", dsn, "--artifacts", location))
			}
			// A few pieces of 16 MiB more or less are the garbage collector's.
			if most := int64(256 << 20); max(needed[0], needed[1]) > most || needed[1]-needed[0] > 64<<20 {
				t.Errorf("%d MiB for the small upload, %d MiB for the large one", needed[0]>>20, needed[1]>>20)
			}
		})
	}
}
