package postgres

import (
	"slices"
	"strings"
	"testing"

	"cdds/source"
)

// TestCheckFindsAll breaks many things at once; each must be found, and what is
// good must be said as well.
func TestCheckFindsAll(t *testing.T) {
	dsn, conn := history(t, servers.Server(t))
	asReader := reader(t, dsn, conn, "")
	role := "reader_" + conn.Config().Database
	for _, statement := range []string{
		"drop table interaction_chat",
		"alter table contact drop mergeid",
		"alter table interaction drop queuename, alter threadhash type float8, alter status type text",
		"drop index interaction_0, interaction_email_0",
		"create index partial on interaction (startdate, id) where tenantid = 101",
		"create schema closed",
		"create table closed.callback as select * from interaction_callback",
		"grant select on closed.callback to " + role,
		"revoke select on attachment from " + role,
		"grant update on contact_attribute to " + role,
		"create domain short as varchar(9)", "create domain shorter as short",
		"alter table interaction_phonecall alter outcome type shorter using left(outcome, 9)",
	} {
		exec(t, conn, statement)
	}
	s := open(t, asReader, Options{Mapping: load(t, `
callback: {table: closed.callback}
interaction: {columns: {subject: "no such \"column\"; --", lang: null}}
`)})
	found, err := s.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		what, detail string
		ok, warning  bool
	}{
		{"server version", "", true, false},
		{"table interaction", "read-only", true, false},
		{"table interaction_chat", "is missing", false, false},
		{"table closed.callback", "GRANT USAGE ON SCHEMA", false, false},
		{"table attachment", "GRANT SELECT ON", false, false},
		{"table contact_attribute", "can be written", true, true},
		{"column contact.mergeid", "is missing", false, false},
		{"column interaction.queuename", "is missing", false, false},
		{`column interaction.no such "column"; --`, "is missing", false, false},
		{"column interaction.threadhash", "float8", false, false},
		{"column interaction.status", "text", false, false},
		{"columns of interaction_phonecall", "5 fit", true, false},
		{"index on interaction (startdate, id)", "is missing", true, true},
		{"index on interaction (modifieddate)", "is there", true, false},
		{"index on interaction_email (interactionid)", "is missing", true, true},
		{"index on contact (id)", "is there", true, false},
	} {
		i := slices.IndexFunc(found, func(f source.Finding) bool { return f.What == want.what })
		if i < 0 {
			t.Errorf("nothing is said of %s", want.what)
			continue
		}
		if f := found[i]; f.OK != want.ok || f.Warning != want.warning || !strings.Contains(f.Detail, want.detail) {
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
	if broken != 8 {
		t.Errorf("%d broken things were found, want 8: %+v", broken, found)
	}
	again, err := s.Check(t.Context())
	if err != nil || !slices.Equal(again, found) {
		t.Errorf("a second check finds other things: %v", err)
	}
}

// TestCheckTakesViews checks a source that consists of views, which have no
// index, in a schema on the search path.
func TestCheckTakesViews(t *testing.T) {
	dsn, conn := history(t, servers.Server(t))
	exec(t, conn, "alter table interaction rename to original")
	exec(t, conn, "create view interaction as select * from original")
	found, err := open(t, dsn, Options{}).Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if !f.OK || strings.HasPrefix(f.What, "index on interaction ") {
			t.Errorf("%s: %s", f.What, f.Detail)
		}
	}
	if n, err := read(t, open(t, dsn, Options{}), all(source.Interaction), source.Range{Limit: 10}, drop); n != 10 || err != nil {
		t.Errorf("%d records, %v", n, err)
	}
}
