package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/source"
	"cdds/source/sourcetest"
)

// history makes a file with the hand-made history, and returns its path and a
// connection that may write.
func history(t testing.TB, journal string) (string, *sql.DB) {
	t.Helper()
	path, db := create(t, journal, nil)
	insert(t, db, sourcetest.History())
	return path, db
}

// all is the query for all records of an entity of the hand-made history's first
// tenant.
func all(e source.Entity) source.Query {
	return source.Query{Entity: e, TenantID: 101, Window: cdds.Window{End: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, By: cdds.ByStartDate}
}

// read reads a query in a snapshot of its own.
func read(t testing.TB, s *Source, q source.Query, emit func(*source.Record) error) (int, error) {
	t.Helper()
	snapshot, err := s.Snapshot(t.Context())
	if err != nil {
		return 0, err
	}
	n, err := snapshot.Read(t.Context(), q, source.Range{}, emit)
	if closeErr := snapshot.Close(); closeErr != nil {
		t.Errorf("close: %v", closeErr)
	}
	return n, err
}

// drop takes a record and does nothing.
func drop(*source.Record) error { return nil }

// wantError checks an error's code and words.
func wantError(t *testing.T, err error, code cdds.Code, words ...string) {
	t.Helper()
	var ours *cdds.Error
	if !errors.As(err, &ours) || ours.Code != code || ours.Hint == "" {
		t.Fatalf("got %v, want %s and a hint", err, code)
	}
	for _, word := range words {
		if !strings.Contains(ours.Error(), word) {
			t.Errorf("%q does not say %q", ours.Error(), word)
		}
	}
}

// TestFilesThatAreNone opens what cannot be read. A missing file is not made.
func TestFilesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	missing, text, empty := filepath.Join(dir, "missing.db"), filepath.Join(dir, "text.db"), filepath.Join(dir, "empty.db")
	for path, content := range map[string]string{text: strings.Repeat("This is no database. ", 100), empty: ""} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		path string
		code cdds.Code
		word string
	}{
		{missing, cdds.CodeUnavailable, "missing"},
		{text, cdds.CodeInvalid, "cannot be read"},
		{dir, cdds.CodeInvalid, "cannot be read"},
		{empty, cdds.CodeInvalid, "lacks a table"},
	} {
		t.Run(filepath.Base(test.path), func(t *testing.T) {
			s := open(t, test.path, Options{})
			_, err := read(t, s, all(source.Contact), drop)
			wantError(t, err, test.code, test.word)
			_, err = s.MediaTypes(t.Context(), 101)
			wantError(t, err, test.code, test.word)
			if test.path == empty {
				return // there is something to check, see TestCheckFindsAll
			}
			_, err = s.Check(t.Context())
			wantError(t, err, test.code, test.word)
		})
	}
	if _, err := os.Stat(missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the missing file was made: %v", err)
	}
}

// TestFileThatComesLater opens a source before its file is there.
func TestFileThatComesLater(t *testing.T) {
	made, _ := history(t, "delete")
	path := filepath.Join(t.TempDir(), "later.db")
	s := open(t, path, Options{})
	_, err := s.Snapshot(t.Context())
	wantError(t, err, cdds.CodeUnavailable, "missing")
	if err := os.Rename(made, path); err != nil {
		t.Fatal(err)
	}
	if n, err := read(t, s, all(source.Contact), drop); n == 0 || err != nil {
		t.Errorf("%d records, %v", n, err)
	}
}

// TestUnfitValues puts values into columns that SQLite takes and no export can.
// The error names the place and the record, not the value.
func TestUnfitValues(t *testing.T) {
	const secret = "s3cret"
	path, db := history(t, "wal")
	for _, test := range []struct {
		column, record, key string
		entity              source.Entity
		values              []any
	}{
		{"interaction.startdate", "p000", "id", source.Interaction, []any{
			"2024-02-29T12:00:00Z", "2024-02-29 12:00:00.000000Z", "2024-02-29T12:00:00,000000Z", "2024-02-30T12:00:00.000000Z",
			"2024-02-29T12:00:00.000000+00:00", "2024-02-29T12:00:00.00000" + secret[:1], 1709208000, 2460370.0}},
		{"interaction.enddate", "p000", "id", source.Interaction, []any{"", secret, "now"}},
		{"interaction.allattributes", "p000", "id", source.Interaction, []any{"", "{", "{} {}", `{"a": ` + secret + "}"}},
		{"interaction.threadhash", "p000", "id", source.Interaction, []any{secret, 1.5, "9223372036854775808", []byte("1")}},
		{"interaction.isspam", "p000", "id", source.Interaction, []any{2, -1, "true", 0.5}},
		{"interaction_email.sentdate", "email000", "interactionid", source.Interaction, []any{secret}},
		{"attachment.thesize", "d000", "id", source.Attachment, []any{secret}},
		{"attachment.content", "d000", "id", source.Attachment, []any{7, 1.5}},
		{"contact.createddate", "c1", "id", source.Contact, []any{"1" + secret}},
		{"contact_attribute.isprimary", "c1", "contactid", source.Contact, []any{secret, 7}},
	} {
		table, column, _ := strings.Cut(test.column, ".")
		for _, value := range test.values {
			// The unfit value stands in a copy of the table, since that of the
			// schema would be mended by the next case only in part.
			exec(t, db, "drop table if exists unfit")
			exec(t, db, "create table unfit as select * from "+table)
			exec(t, db, "update unfit set "+column+" = $1 where "+test.key+" = $2", value, test.record)
			part := map[string]string{"interaction_email": "email", "contact_attribute": "attribute"}[table]
			if part == "" {
				part = table
			}
			s := open(t, path, Options{Mapping: load(t, part+": {table: unfit}")})
			_, err := read(t, s, all(test.entity), drop)
			if err == nil {
				t.Errorf("%s takes %v", test.column, value)
				continue
			}
			wantError(t, err, cdds.CodeInvalid, "unfit."+column, test.record)
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q tells the value", err)
			}
		}
	}
}

// TestCheckFindsUnorderedInstants puts instants where a window by their text
// would not find them. That is what Check reads all of them for.
func TestCheckFindsUnorderedInstants(t *testing.T) {
	path, db := history(t, "delete")
	s := open(t, path, Options{})
	for _, column := range []string{"interaction.startdate", "interaction.modifieddate", "contact.createddate", "contact.modifieddate"} {
		table, name, _ := strings.Cut(column, ".")
		for _, value := range []any{"someday", "2024-2-29T12:00:00.000000Z", "31.12.2024", 1709208000, []byte("2024-02-29T12:00:00.000000Z")} {
			exec(t, db, "update "+table+" set "+name+" = $1 where id = (select max(id) from "+table+")", value)
			found, err := s.Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(found, func(f source.Finding) bool { return f.What == "column "+column })
			if i < 0 || found[i].OK || !strings.Contains(found[i].Detail, "not of the form") {
				t.Errorf("%s holds %v, and the check does not say so", column, value)
			}
		}
		exec(t, db, "update "+table+" set "+name+" = '2024-02-29T12:00:00.000000Z' where id = (select max(id) from "+table+")")
	}
}

// load reads a mapping file.
func load(t testing.TB, text string) source.Mapping {
	t.Helper()
	m, err := source.LoadMapping(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestCheckFindsAll breaks many things at once; each must be found, and what is
// good must be said as well.
func TestCheckFindsAll(t *testing.T) {
	path, db := history(t, "wal")
	for _, statement := range []string{
		"drop table interaction_chat",
		"alter table contact drop column mergeid",
		"update interaction set enddate = '2024-02-29 12:00:00' where id = 'p000'",
		"update interaction_email set sentdate = 7 where interactionid = 'email000'",
		"create view calls as select * from interaction_phonecall",
	} {
		exec(t, db, statement)
	}
	s := open(t, path, Options{Mapping: load(t, `
interaction: {columns: {subject: "no such \"column\"; --", lang: null, text: TEXT}}
phoneCall: {table: main.calls}
callback: {table: other.calls}
`)})
	found, err := s.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		what, detail string
		ok           bool
	}{
		{"table interaction", "is there", true},
		{"table interaction_chat", "is missing", false},
		{"table other.calls", "is missing", false},
		{"table main.calls", "is there", true},
		{"columns of main.calls", "5 are there", true},
		{"column contact.mergeid", "is missing", false},
		{`column interaction.no such "column"; --`, "is missing", false},
		{"column interaction.enddate", "a value of type text", false},
		{"column interaction_email.sentdate", "a value of type", false},
		{"columns of contact_attribute", "5 are there", true},
	} {
		i := slices.IndexFunc(found, func(f source.Finding) bool { return f.What == want.what })
		if i < 0 {
			t.Errorf("nothing is said of %s", want.what)
			continue
		}
		if f := found[i]; f.OK != want.ok || f.Warning || !strings.Contains(f.Detail, want.detail) {
			t.Errorf("%+v, want %+v", f, want)
		}
	}
	broken := 0
	for _, f := range found {
		if !f.OK {
			broken++
		}
		if strings.Contains(f.What, "lang") {
			t.Errorf("a column that is left out: %+v", f)
		}
	}
	if broken != 6 {
		t.Errorf("%d broken things were found, want 6: %+v", broken, found)
	}
}

// TestWritingIsRefused writes through the source's own connections.
func TestWritingIsRefused(t *testing.T) {
	path, _ := history(t, "wal")
	s := open(t, path, Options{})
	if _, err := s.db.ExecContext(t.Context(), "delete from contact"); err == nil || !strings.Contains(err.Error(), "readonly") {
		t.Errorf("a write gives %v", err)
	}
}

// TestCanceledInTheMiddle cancels a read that goes on for long. The source is
// good for the next read.
func TestCanceledInTheMiddle(t *testing.T) {
	path, db := history(t, "wal")
	exec(t, db, `create view endless as with recursive n (n) as (select 1 union all select n + 1 from n)
		select 'c' || n as id, 101 as tenantid, '2024-02-29T12:00:00.000000Z' as createddate, null as modifieddate, null as mergeid from n, contact limit 1000000000`)
	s := open(t, path, Options{Mapping: load(t, "contact: {table: endless}")})
	why := errors.New("why")
	for range maxConns + 1 {
		ctx, cancel := context.WithCancelCause(t.Context())
		snapshot, err := s.Snapshot(ctx)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(10*time.Millisecond, func() { cancel(why) })
		if _, err := snapshot.Read(ctx, all(source.Contact), source.Range{}, drop); !errors.Is(err, why) {
			t.Errorf("Read returned %v", err)
		}
		cancel(nil)
		if err := snapshot.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if n, err := read(t, s, all(source.Interaction), drop); n == 0 || err != nil {
		t.Errorf("after the cancel: %d records, %v", n, err)
	}
}

// TestSnapshotsAreDatedByTheClock gives a clock in another zone.
func TestSnapshotsAreDatedByTheClock(t *testing.T) {
	path, _ := history(t, "wal")
	at := time.Date(2024, 2, 29, 12, 0, 0, 0, time.FixedZone("east", 3600))
	snapshot, err := open(t, path, Options{Now: func() time.Time { return at }}).Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := snapshot.Time(); !got.Equal(at) || got.Location() != time.UTC {
		t.Errorf("the snapshot is of %v", got)
	}
	for range 2 { // closing twice is closing
		if err := snapshot.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestInvalidUTF8 reads texts that are no UTF-8, which SQLite does not prevent.
// They are mended where they are read only, and refused where records are
// ordered by them: a key that is not what the file holds would lose records.
func TestInvalidUTF8(t *testing.T) {
	path, db := history(t, "wal")
	exec(t, db, "update contact set mergeid = cast(x'4772fcdf65' as text) where id = 'c1'")
	s := open(t, path, Options{})
	seen := false
	_, err := read(t, s, all(source.Contact), func(r *source.Record) error {
		if r.Key.ID == "c1" {
			seen = true
			if got := string(r.Values[4].Bytes); got != "Gr\uFFFDe" {
				t.Errorf("got %q", got)
			}
		}
		return nil
	})
	if err != nil || !seen {
		t.Errorf("the contact was read: %t, %v", seen, err)
	}
	exec(t, db, "insert into contact (id, tenantid, createddate) values (cast(x'7aff' as text), 101, '2024-02-29T12:00:00.000000Z')")
	_, err = read(t, s, all(source.Contact), drop)
	wantError(t, err, cdds.CodeInvalid, "contact.id")
}
