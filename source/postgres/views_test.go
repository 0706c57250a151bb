package postgres

import (
	"fmt"
	"slices"
	"testing"

	"cdds"
	"cdds/source"
	"cdds/source/sourcetest"
)

// TestIDsOfOtherTypes reads views whose ids are no texts, in ranges of every
// length: their order is that of their own type.
func TestIDsOfOtherTypes(t *testing.T) {
	dsn, conn := emptyHistory(t)
	for _, statement := range []string{
		`create table numbered as select n, md5(n::text)::uuid as guid, timestamp '2024-02-29 12:00' + (n / 10) * interval '1 s' as began from generate_series(1, 45) n`,
		`create view ixn_uuid as select guid as id, 101::numeric as tenant, n::numeric(9, 2) as status, began, began::date as day, (n % 2)::smallint as spam, '{"a" : 1}'::json as attributes,
			case n % 2 when 0 then 'chat' else 'email' end::varchar(10) as media from numbered`,
		`create view doc_uuid as select md5('d' || n)::uuid as id, guid as ixn, 'x'::bytea as content from numbered`,
		`create view ixn_bigint as select n::bigint - 20 as id, 101::smallint as tenant, n::numeric(9, 2) as status, began, began::date as day, (n % 2)::smallint as spam, '{"a" : 1}'::json as attributes,
			'chat' as media from numbered`,
		`create view doc_bigint as select n::numeric * 1000 as id, n::bigint - 20 as ixn, 'x'::bytea as content from numbered`,
		`create view person_uuid as select guid as id, 101 as tenant, began from numbered`,
		`create view person_bigint as select n::bigint - 20 as id, 101 as tenant, began from numbered`,
		`create view none_uuid as select guid as id from numbered where false`,
		`create view none_bigint as select n::bigint as id from numbered where false`,
	} {
		exec(t, conn, statement)
	}
	for _, kind := range []string{"uuid", "bigint"} {
		s := open(t, dsn, Options{Mapping: load(t, viewMapping(kind))})
		for _, entity := range []source.Entity{source.Interaction, source.Attachment, source.Contact} {
			t.Run(kind+" "+string(entity), func(t *testing.T) {
				q := all(entity)
				q.By = cdds.ByModifiedDate
				wantSameInRanges(t, s, q, 45)
			})
		}
		q := all(source.Interaction)
		q.MediaTypes = []string{"chat"}
		_, err := read(t, s, q, source.Range{Limit: 1}, func(r *source.Record) error {
			for i, f := range source.Fields(source.Interaction) {
				v := r.Values[i]
				switch f.Column {
				case "startdate": // of both views the first in its first second
					if v.Int != 1709208000000000 {
						t.Errorf("startDate is %d", v.Int)
					}
				case "enddate": // the first instant of the day
					if v.Int != 1709164800000000 {
						t.Errorf("endDate is %d", v.Int)
					}
				case "allattributes":
					if string(v.Bytes) != `{"a":1}` {
						t.Errorf("allAttributes is %s", v.Bytes)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// viewMapping is the mapping file for the views whose ids are of a type.
func viewMapping(kind string) string {
	text := fmt.Sprintf("interaction:\n  table: ixn_%s\n  columns: {ixnId: id, tenantId: tenant, status: status, startDate: began, modifiedDate: began, endDate: day, isSpam: spam, allAttributes: attributes, mediaTypeId: media", kind)
	for _, f := range source.Fields(source.Interaction) {
		if f.Table == "interaction" && !slices.Contains([]string{"ixnId", "tenantId", "status", "startDate", "modifiedDate", "endDate", "isSpam", "allAttributes", "mediaTypeId"}, f.Name) {
			text += ", " + f.Name + ": null"
		}
	}
	text += "}\n"
	for _, group := range []string{"email", "chat", "phoneCall", "callback"} {
		text += fmt.Sprintf("%s:\n  table: none_%s\n  columns: {ixnId: id", group, kind)
		for _, f := range source.Fields(source.Interaction) {
			if f.Group == group {
				text += ", " + f.Name + ": null"
			}
		}
		text += "}\n"
	}
	return text + fmt.Sprintf(`attachment:
  table: doc_%[1]s
  columns: {id: id, entityId: ixn, content: content, tenantId: null, theName: null, mimeType: null, theSize: null, description: null, createdDate: null}
contact:
  table: person_%[1]s
  columns: {contactId: id, tenantId: tenant, createdDate: began, modifiedDate: began, mergeId: null}
attribute: {table: none_%[1]s, columns: {contactId: id, name: id, value: id, primary: null, description: null}}
`, kind)
}

// keysOf reads a query in ranges and returns all keys.
func keysOf(t *testing.T, s *Source, q source.Query, limit int) []source.Key {
	t.Helper()
	var keys []source.Key
	for r := (source.Range{Limit: limit}); len(keys) < 1000; {
		n, err := read(t, s, q, r, func(record *source.Record) error {
			keys = append(keys, record.Key)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if limit == 0 || n < limit {
			break
		}
		last := keys[len(keys)-1]
		r.After = &last
	}
	return keys
}

// wantSameInRanges reads a query in ranges of every length and wants the same
// records as in one read.
func wantSameInRanges(t *testing.T, s *Source, q source.Query, records int) {
	t.Helper()
	whole := keysOf(t, s, q, 0)
	if len(whole) != records {
		t.Fatalf("%d records, want %d", len(whole), records)
	}
	for limit := 1; limit <= records+1; limit++ {
		if got := keysOf(t, s, q, limit); !slices.Equal(got, whole) {
			t.Errorf("ranges of %d give %+v, want %+v", limit, got, whole)
		}
	}
}

// TestOrdersOfLanguages reads texts that the database orders as a language
// does, and by rules under which many texts differ in their bytes only.
func TestOrdersOfLanguages(t *testing.T) {
	for _, locale := range []string{"und", "sv-SE", "en-US-u-kn-ka-shifted-ks-level1"} {
		t.Run(locale, func(t *testing.T) {
			dsn := servers.Database(t)
			conn := connect(t, dsn)
			exec(t, conn, "create collation language (provider = icu, locale = '"+locale+"')")
			types := referenceTypes()
			types[source.Text] = "text collate language"
			create(t, conn, sourcetest.History(), types)
			insert(t, conn, sourcetest.History(), types)
			s := open(t, dsn, Options{})
			for entity, records := range map[source.Entity]int{source.Interaction: 25, source.Attachment: 26, source.Contact: 25} {
				q := all(entity)
				q.TenantID = 102 // whose ids are hard to order
				wantSameInRanges(t, s, q, records)
			}
		})
	}
}
