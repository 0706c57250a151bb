package sqlite

import (
	"errors"
	"slices"
	"testing"
	"time"

	"cdds"
	"cdds/source"
)

// large makes a file with so many interactions, an hour each, every third of a
// second tenant, some with attachments, and half as many contacts with
// attributes. Many rows in the middle are deleted.
func large(t testing.TB, interactions int) *Source {
	t.Helper()
	path, db := create(t, "delete", nil)
	const numbers = "with recursive n(n) as (select 1 union all select n + 1 from n where n < $1) "
	exec(t, db, numbers+`insert into interaction (id, tenantid, startdate, modifieddate, entitytypeid, mediatypeid, typeid, status, text)
		select printf('%08x', n * 2654435761 % 4294967296), case n % 3 when 0 then 202 else 101 end,
		strftime('%Y-%m-%dT%H:%M:%S.000000Z', 1500000000 + n * 3600, 'unixepoch'), strftime('%Y-%m-%dT%H:%M:%S.000000Z', 1500100000 + n * 3600, 'unixepoch'), 0, 'email', 'Inbound', 3, 'text' from n`, interactions)
	exec(t, db, `delete from interaction where rowid between $1 / 3 and $1 * 2 / 3 and rowid % 10 > 0`, interactions)
	exec(t, db, `insert into attachment (id, entityid, tenantid, thesize, content) select 'a' || id, id, tenantid, 1, x'00' from interaction where id < '4'`)
	exec(t, db, numbers+`insert into contact (id, tenantid, createddate) select printf('%08x', n * 2654435761 % 4294967296), 101, '2024-01-01T00:00:00.000000Z' from n`, interactions/2)
	exec(t, db, `insert into contact_attribute (contactid, name, value) select id, 'Name', 'x' from contact order by random()`)
	return open(t, path, Options{})
}

// cut cuts a query, and says how many records each stretch has.
func cut(t testing.TB, s *Source, q source.Query, most int) (counts []int) {
	t.Helper()
	snapshot, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := snapshot.Cut(t.Context(), q, source.Range{}, most)
	rest := source.Range{}
	for i := 0; i <= len(keys) && err == nil; i++ {
		r := rest
		if i < len(keys) {
			r.Upto, rest.After = &keys[i], &keys[i]
		}
		var n int
		n, err = snapshot.Read(t.Context(), q, r, func(*source.Record) error { return nil })
		counts = append(counts, n)
	}
	if err := errors.Join(err, snapshot.Close()); err != nil {
		t.Fatal(err)
	}
	return counts
}

// TestCutIsEven cuts files with gaps in their row numbers and of several tenants.
func TestCutIsEven(t *testing.T) {
	s := large(t, 30_000)
	always := cdds.Window{End: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	year := cdds.Window{Start: time.Date(2017, 9, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2018, 9, 1, 0, 0, 0, 0, time.UTC)}
	for _, q := range []source.Query{
		{Entity: source.Interaction, TenantID: 101, Window: always, By: cdds.ByStartDate},
		{Entity: source.Interaction, TenantID: 202, Window: always, By: cdds.ByModifiedDate},
		{Entity: source.Interaction, TenantID: 101, Window: year, By: cdds.ByStartDate},
		{Entity: source.Attachment, TenantID: 101, Window: always, By: cdds.ByStartDate},
		{Entity: source.Contact, TenantID: 101, Window: always, By: cdds.ByStartDate},
	} {
		for _, want := range []int{2, 5, 8} {
			counts := cut(t, s, q, want)
			whole := 0
			for _, n := range counts {
				whole += n
			}
			unevenness := float64(slices.Max(counts)*want) / float64(whole)
			t.Logf("%s of %d by %s: %d stretches, the largest is %.2f shares", q.Entity, q.TenantID, q.By, len(counts), unevenness)
			if len(counts) != want || unevenness > 1.3 {
				t.Errorf("%+v: %v", q, counts)
			}
		}
	}
}

// BenchmarkCut cuts a file of many records.
func BenchmarkCut(b *testing.B) {
	s := large(b, 300_000)
	always := cdds.Window{End: time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC)}
	for _, e := range []source.Entity{source.Interaction, source.Attachment, source.Contact} {
		b.Run(string(e), func(b *testing.B) {
			for b.Loop() {
				snapshot, err := s.Snapshot(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				_, err = snapshot.Cut(b.Context(), source.Query{Entity: e, TenantID: 101, Window: always, By: cdds.ByStartDate}, source.Range{}, 20)
				if err := errors.Join(err, snapshot.Close()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
