package postgres

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cdds"
	"cdds/source"
	"cdds/source/sourcetest"
)

// TestDecode decodes what a real server sends for an expression.
func TestDecode(t *testing.T) {
	conn := connect(t, servers.Database(t))
	for _, statement := range []string{
		"create type mood as enum ('fröhlich', 'sad')", "create domain whole as bigint", "create domain stricter as whole check (value > 0)",
		"create type pair as (a int, b int)",
	} {
		exec(t, conn, statement)
	}
	const refused = "refused type"
	for _, test := range []struct {
		kind source.Kind
		expr string
		want any // text, number, nil for a refused value, refused for a type
	}{
		{source.Int, "32767::int2", 32767}, {source.Int, "(-32768)::int2", -32768}, {source.Int, "(-2147483648)::int4", math.MinInt32},
		{source.Int, "9223372036854775807::int8", math.MaxInt64}, {source.Int, "(-9223372036854775808)::int8", math.MinInt64},
		{source.Int, "7::stricter", 7}, {source.Int, "0::numeric", 0}, {source.Int, "10000::numeric", 10000}, {source.Int, "-100000000::numeric", -100000000},
		{source.Int, "12345678.000::numeric", 12345678}, {source.Int, "9223372036854775807::numeric", math.MaxInt64},
		{source.Int, "-9223372036854775808::numeric", math.MinInt64}, {source.Int, "9223372036854775808::numeric", nil},
		{source.Int, "-9223372036854775809::numeric", nil}, {source.Int, "1e30::numeric", nil}, {source.Int, "1.5::numeric", nil},
		{source.Int, "0.0001::numeric", nil}, {source.Int, "'NaN'::numeric", nil}, {source.Int, "'-Infinity'::numeric", nil},
		{source.Int, "'1'::text", refused}, {source.Int, "1::float8", refused}, {source.Int, "true", refused},
		{source.Bool, "true", 1}, {source.Bool, "false", 0}, {source.Bool, "1::int2", 1}, {source.Bool, "0::numeric", 0},
		{source.Bool, "2::int4", nil}, {source.Bool, "-1::int8", nil}, {source.Bool, "'t'::text", refused},
		{source.Text, "'é😀'::text", "é😀"}, {source.Text, "''::varchar", ""}, {source.Text, "'ab'::char(4)", "ab  "}, {source.Text, "'n'::name", "n"},
		{source.Text, "'fröhlich'::mood", "fröhlich"}, {source.Text, "42::int2", "42"}, {source.Text, "-7::numeric", "-7"}, {source.Text, "1.5::numeric", nil},
		{source.Text, "'0A1b2c3d-0000-4000-8000-00000000ffff'::uuid", "0a1b2c3d-0000-4000-8000-00000000ffff"},
		{source.Text, "'\\x00'::bytea", refused}, {source.Text, "now()", refused}, {source.Text, "(1, 2)::pair", refused}, {source.Text, "array['a']", refused},
		{source.Text, "array['sad'::mood]", refused}, {source.Text, "1.5::float4", refused}, {source.Text, "'{}'::jsonb", refused},
		{source.Instant, "'1970-01-01 00:00:00.000001Z'::timestamptz", 1}, {source.Instant, "'1969-12-31 23:59:59+00'::timestamptz", -1000000},
		{source.Instant, "'2000-01-01 02:00:00+02'::timestamptz", epochMicros}, {source.Instant, "'1970-01-02'::timestamp", dayMicros},
		{source.Instant, "'1970-01-02'::date", dayMicros}, {source.Instant, "'0001-01-01'::date", -62135596800000000},
		{source.Instant, "'4713-01-01 BC'::timestamptz", -210863520000000000}, {source.Instant, "'9999-12-31 23:59:59.999999Z'::timestamptz", 253402300799999999},
		{source.Instant, "'infinity'::timestamptz", math.MaxInt64}, {source.Instant, "'-infinity'::timestamp", math.MinInt64},
		{source.Instant, "'infinity'::date", math.MaxInt64}, {source.Instant, "'-infinity'::date", math.MinInt64},
		{source.Instant, "'294276-12-31Z'::timestamptz", nil}, {source.Instant, "'5874897-12-31'::date", nil},
		{source.Instant, "'2000-01-01'::text", refused}, {source.Instant, "'12:00'::time", refused}, {source.Instant, "0::int8", refused},
		{source.JSON, `'{"b": 1.50, "a": 12345678901234567890}'::jsonb`, `{"a": 12345678901234567890, "b": 1.50}`},
		{source.JSON, "E'{\"b\" :\\n\\t1.50e3, \"b\":\\r\\n[ ]}'::json", `{"b":1.50e3,"b":[]}`}, {source.JSON, "'null'::json", "null"},
		{source.JSON, "'{}'::text", refused}, {source.JSON, "'\\x7b7d'::bytea", refused},
		{source.Binary, "'\\x0001ff'::bytea", "\x00\x01\xff"}, {source.Binary, "''::bytea", ""}, {source.Binary, "'x'::text", refused},
	} {
		t.Run(fmt.Sprint(test.expr, " as ", test.kind), func(t *testing.T) {
			raw, oid := wire(t, conn, test.expr)
			decode := typesOf(t, conn).decoder(test.kind, oid)
			if decode == nil || test.want == refused {
				if decode != nil || test.want != refused {
					t.Fatalf("the type's decoder is there: %t", decode != nil)
				}
				return
			}
			var v source.Value
			before := []byte("before")
			after, ok := decode(&v, raw, before)
			if string(after[:len(before)]) != "before" {
				t.Error("the scratch bytes of other values were changed")
			}
			if ok != (test.want != nil) {
				t.Fatalf("decoded: %t", ok)
			}
			got := any(int(v.Int))
			if _, isText := test.want.(string); isText {
				got = string(v.Bytes)
			}
			if ok && got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// wire returns the binary form of an expression and its type.
func wire(t *testing.T, conn *pgx.Conn, expr string) ([]byte, uint32) {
	t.Helper()
	rows, err := conn.Query(t.Context(), "select "+expr, pgx.QueryResultFormats{pgx.BinaryFormatCode})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() {
		t.Fatalf("no row: %v", rows.Err())
	}
	return append([]byte{}, rows.RawValues()[0]...), rows.FieldDescriptions()[0].DataTypeOID
}

func typesOf(t *testing.T, conn *pgx.Conn) types {
	t.Helper()
	own := types{known: conn.TypeMap()}
	if err := conn.QueryRow(t.Context(), "select array("+ownTexts+")").Scan(&own.texts); err != nil {
		t.Fatal(err)
	}
	return own
}

// TestDecodersRefuseOtherLengths gives decoders what no server sends.
func TestDecodersRefuseOtherLengths(t *testing.T) {
	for name, decode := range map[string]decoder{"int": decodeInt, "numeric": decodeNumeric, "bool": decodeBool, "instant": decodeInstant,
		"date": decodeDate, "uuid": decodeUUID, "jsonb": decodeJSONB, "refuse": refuse} {
		for _, length := range []int{0, 1, 3, 5, 9, 17} {
			if name == "bool" && length == 1 {
				continue
			}
			var v source.Value
			if _, ok := decode(&v, make([]byte, length), nil); ok {
				t.Errorf("%s takes %d bytes", name, length)
			}
		}
	}
}

// TestUnfitColumns reads tables that do not fit; the error names the place.
func TestUnfitColumns(t *testing.T) {
	dsn, conn := history(t, servers.Server(t))
	exec(t, conn, "create type pair as (a int, b int)")
	for i, test := range []struct {
		part, table string
		change      string
		entity      source.Entity
		want        []string
	}{
		{"interaction", "interaction", "alter threadhash type float8", source.Interaction, []string{"interaction.threadhash", "float8"}},
		{"interaction", "interaction", "alter queuename type pair using null", source.Interaction, []string{"interaction.queuename", "pg_type"}},
		{"attribute", "contact_attribute", "alter isprimary type text", source.Contact, []string{"contact_attribute.isprimary", "text"}},
		{"interaction", "interaction", "alter timeshift type numeric using case id when 'p003' then 1.5 end", source.Interaction, []string{"interaction.timeshift", "p003"}},
		{"interaction", "interaction", "alter isspam type int using case id when 'p004' then 2 end", source.Interaction, []string{"interaction.isspam", "p004"}},
		{"interaction", "interaction", "alter id drop not null, alter id type text using nullif(id, 'p005')", source.Interaction, []string{"interaction.id", "null"}},
		{"interaction", "interaction", "alter startdate drop not null, alter startdate type timestamptz using case when id <> 'p000' then startdate end",
			source.Interaction, []string{"interaction.startdate", "null"}},
		{"attachment", "attachment", "alter id drop not null, alter id type text using nullif(id, 'd001')", source.Attachment, []string{"attachment.id", "null"}},
		{"contact", "contact", "alter id drop not null, alter id type text using nullif(id, 'c1')", source.Contact, []string{"contact.id", "null"}},
	} {
		t.Run(test.change, func(t *testing.T) {
			schema := fmt.Sprintf("case_%d", i)
			exec(t, conn, "create schema "+schema)
			exec(t, conn, fmt.Sprintf("create table %s.%s as select * from %s", schema, test.table, test.table))
			exec(t, conn, fmt.Sprintf("alter table %s.%s %s", schema, test.table, test.change))
			s := open(t, dsn, Options{Mapping: load(t, fmt.Sprintf("%s: {table: %s.%s}", test.part, schema, test.table))})
			q := all(test.entity)
			q.By = cdds.ByModifiedDate
			_, err := read(t, s, q, source.Range{}, drop)
			if cdds.CodeOf(err) != cdds.CodeInvalid {
				t.Fatalf("got %v", err)
			}
			for _, word := range test.want {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not say %q", err, word)
				}
			}
		})
	}
}

// TestAbsentColumns reads a source that has not all columns; they are null.
func TestAbsentColumns(t *testing.T) {
	dsn, conn := history(t, servers.Server(t))
	exec(t, conn, "alter table interaction drop text, drop isspam, drop threadhash, drop enddate, drop allattributes")
	exec(t, conn, "alter table attachment drop content")
	exec(t, conn, "alter table contact_attribute drop description, drop isprimary")
	s := open(t, dsn, Options{Mapping: load(t, `
interaction: {columns: {text: null, isSpam: null, threadHash: null, endDate: null, allAttributes: null}}
attachment: {columns: {content: null}}
attribute: {columns: {description: null, primary: null}}
`)})
	for entity, absent := range map[source.Entity][]string{
		source.Interaction: {"text", "isSpam", "threadHash", "endDate", "allAttributes"}, source.Attachment: {"content"}, source.Contact: nil,
	} {
		n, err := read(t, s, all(entity), source.Range{}, func(r *source.Record) error {
			for i, f := range source.Fields(entity) {
				if slices.Contains(absent, f.Name) && f.Group == "" && !r.Values[i].Null {
					t.Errorf("%s of %s is not null", f.Name, r.Key.ID)
				}
			}
			for _, a := range r.Attributes {
				if a.Primary || a.Description != nil {
					t.Errorf("an attribute of %s is %+v", r.Key.ID, a)
				}
			}
			return nil
		})
		if err != nil || n == 0 {
			t.Errorf("%d records of %s, %v", n, entity, err)
		}
	}
	found, err := s.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if !f.OK {
			t.Errorf("%s: %s", f.What, f.Detail)
		}
	}
}

// TestInfiniteInstants reads instants that are infinite, also by pages.
func TestInfiniteInstants(t *testing.T) {
	dsn, conn := history(t, servers.Server(t))
	exec(t, conn, "update interaction set startdate = '-infinity', enddate = 'infinity' where id in ('sa', 'sB', 'sZ')")
	exec(t, conn, "update interaction set startdate = 'infinity' where id = 'sA'")
	s := open(t, dsn, Options{})
	var ids []string
	q := all(source.Interaction)
	q.TenantID = 102
	for r := (source.Range{Limit: 1}); len(ids) < 100; {
		n, err := read(t, s, q, r, func(record *source.Record) error {
			ids = append(ids, record.Key.ID)
			r.After = &source.Key{At: record.Key.At, ID: record.Key.ID}
			if record.Key.At == math.MinInt64 && record.Values[15].Int != math.MaxInt64 {
				t.Errorf("%s ends at %d", record.Key.ID, record.Values[15].Int)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	// What begins at no time at all is in no window.
	if len(ids) != 24 || !slices.Equal(ids[:3], []string{"sB", "sZ", "sa"}) || slices.Contains(ids, "sA") {
		t.Errorf("got %q", ids)
	}
}

// TestDateColumn reads by a column that has only days: each is its first
// instant, in UTC.
func TestDateColumn(t *testing.T) {
	dsn, conn := history(t, servers.Server(t))
	exec(t, conn, "alter table interaction alter startdate type date")
	s := open(t, dsn, Options{})
	q := all(source.Interaction)
	day := time.Date(2024, 3, 2, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		start, end time.Time
		some       bool
	}{
		{day, day.Add(time.Microsecond), true}, {day.Add(time.Microsecond), day.Add(24 * time.Hour), false}, {day.Add(-time.Hour), day, false},
	} {
		q.Window = cdds.Window{Start: test.start, End: test.end}
		n, err := read(t, s, q, source.Range{Limit: 5, After: &source.Key{At: test.start.UnixMicro(), ID: ""}}, drop)
		if err != nil || (n > 0) != test.some {
			t.Errorf("%v: %d records, %v", q.Window, n, err)
		}
	}
}

// TestInvalidUTF8 reads a database that declares no encoding. A text that is no
// UTF-8 is refused: nobody knows what it says.
func TestInvalidUTF8(t *testing.T) {
	dsn := servers.Server(t).Database(t, "template template0 encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'")
	conn := connect(t, dsn)
	create(t, conn, sourcetest.History(), referenceTypes())
	exec(t, conn, `insert into contact (id, tenantid, createddate, mergeid) values ('c', 101, '2024-01-01Z', 'Grüße')`)
	s := open(t, dsn, Options{})
	n, err := read(t, s, all(source.Contact), source.Range{}, func(r *source.Record) error {
		if got := string(r.Values[4].Bytes); got != "Grüße" {
			t.Errorf("got %q", got)
		}
		return nil
	})
	if n != 1 || err != nil {
		t.Errorf("%d records, %v", n, err)
	}
	exec(t, conn, `update contact set mergeid = E'Gr\xfc\xdfe'`)
	if _, err := read(t, s, all(source.Contact), source.Range{}, drop); cdds.CodeOf(err) != cdds.CodeInvalid || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("got %v", err)
	}
}
