package source_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"cdds"
	"cdds/source"
)

func TestLoadMapping(t *testing.T) {
	t.Parallel()
	m, err := source.LoadMapping(strings.NewReader(`
interaction:
  table: history.ixn_v
  columns: {theComment: Agent Notes, isSpam: null}
email: {table: history.mail, columns: {ixnId: ixn}}
attribute: {columns: {description: null}}
`))
	if err != nil {
		t.Fatal(err)
	}
	for reference, want := range map[string]string{"interaction": "history.ixn_v", "interaction_email": "history.mail", "contact_attribute": "contact_attribute", "contact": "contact"} {
		if got := m.TableName(reference); got != want {
			t.Errorf("table %s is %s, want %s", reference, got, want)
		}
	}
	for _, c := range []struct {
		table, key, reference, want string
		there                       bool
	}{
		{"interaction", "theComment", "thecomment", "Agent Notes", true},
		{"interaction", "isSpam", "isspam", "", false},
		{"interaction", "text", "text", "text", true},
		{"interaction_email", "ixnId", "interactionid", "ixn", true},
		{"contact_attribute", "description", "description", "", false},
	} {
		if got, there := m.ColumnName(c.table, c.key, c.reference); got != c.want || there != c.there {
			t.Errorf("%s.%s is %q, %t", c.table, c.key, got, there)
		}
	}
}

func TestLoadMappingRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, says string }{
		"no YAML":             {"interaction: [", ""},
		"unknown part":        {"interactions: {table: x}", "interactions"},
		"unknown setting":     {"interaction: {tabel: x}", "tabel"},
		"unknown key":         {"interaction: {columns: {comment: x}}", "comment"},
		"required left out":   {"interaction: {columns: {startDate: null}}", "startDate"},
		"join key left out":   {"chat: {columns: {ixnId: null}}", "ixnId"},
		"contact id left out": {"contact: {columns: {contactId: null}}", "contactId"},
		"empty column":        {`interaction: {columns: {text: ""}}`, "text"},
		"empty table part":    {"interaction: {table: history.}", "interaction"},
		"key given twice":     {"interaction: {table: a}\ninteraction: {table: b}", ""},
		"too large":           {"# " + strings.Repeat("x", 2<<20), "1 MiB"},
		"nothing":             {"", "exactly one"},
		"two documents":       {"email: {table: a}\n---\nchat: {table: b}\n", "exactly one"},
		"a list":              {"- email", ""},
		"a number as columns": {"email: {columns: 7}", ""},
		"a list as a column":  {"email: {columns: {mailbox: [a]}}", ""},
		"three table parts":   {"email: {table: a.b.c}", "table of email"},
		"column with a zero":  {`email: {columns: {mailbox: "a\0b"}}`, "mailbox"},
		"column too long":     {"email: {columns: {mailbox: " + strings.Repeat("x", 129) + "}}", "mailbox"},
		"another part's key":  {"contact: {columns: {mailbox: x}}", "mailbox"},
		"another case":        {"interaction: {columns: {startdate: x}}", "startdate"},
		"line of a part":      {"# first\nemail: {table: a}\nmails: {table: b}", "line 3"},
		"line of a key":       {"email:\n  table: a\n  columns:\n    mailbox: m\n    inbox: x\n", "line 5"},
		"line of a null":      {"interaction:\n  columns:\n    endDate: null\n    tenantId: null\n", "line 4"},
		"line of a table":     {"email:\n  table: .x\n", "line 2"},
		"kept by the others":  {"contact: {columns: {createdDate: null}}", "createdDate"},
		"attribute's value":   {"attribute: {columns: {value: null}}", "value"},
		"attachment's owner":  {"attachment: {columns: {entityId: null}}", "entityId"},
	} {
		_, err := source.LoadMapping(strings.NewReader(test.text))
		if cdds.CodeOf(err) != cdds.CodeInvalid || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLoadMappingPassesReadErrorsOn gives a file that cannot be read.
func TestLoadMappingPassesReadErrorsOn(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken disk")
	if _, err := source.LoadMapping(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// TestNamesAreQuoted puts SQL into every name: it stays a name in every
// statement.
func TestNamesAreQuoted(t *testing.T) {
	t.Parallel()
	const evil = `x" from secrets; drop table interaction; --`
	var text strings.Builder
	for part, key := range map[string]string{"interaction": "text", "email": "mailbox", "chat": "nickName", "phoneCall": "outcome", "callback": "result",
		"attachment": "theName", "contact": "mergeId", "attribute": "value"} {
		fmt.Fprintf(&text, "%s: {table: '%s', columns: {%s: '%s'}}\n", part, evil, key, evil)
	}
	m, err := source.LoadMapping(strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	statements := []source.Statement{m.MediaTypes(1, plain{})}
	for _, e := range []source.Entity{source.Interaction, source.Attachment, source.Contact} {
		q := source.Query{Entity: e, MediaTypes: []string{evil}}
		statements = append(statements, m.Rows(q, plain{}), m.Read(q, source.Range{After: &source.Key{ID: evil, Sub: evil}, Limit: 1}, plain{}))
	}
	quoted := `"` + strings.ReplaceAll(evil, `"`, `""`) + `"`
	for _, s := range statements {
		if !strings.Contains(s.SQL, quoted) || strings.Contains(strings.ReplaceAll(s.SQL, quoted, ""), "drop") {
			t.Errorf("the statement is %s", s.SQL)
		}
	}
}

// plain is a dialect without types of its own.
type plain struct{}

func (plain) Column(expr string) string                      { return expr }
func (plain) Typed(placeholder string, _ source.Kind) string { return placeholder }
func (plain) Instant(micros int64) any                       { return micros }
func (plain) In(expr, placeholder string, values []string) (string, any) {
	return expr + " in " + placeholder, values
}

func (plain) Pieces(column, row string, _ int64) string { return column + row }
func (plain) PiecesOfOne() int64                        { return 0 }

func FuzzLoadMapping(f *testing.F) {
	f.Add("interaction: {table: a.b, columns: {text: t, isSpam: null}}")
	f.Add("contact: {columns: {contactId: null}}")
	f.Add("&a [*a]")
	f.Add("email: &e {table: a}\nchat: *e\n")
	f.Add("interaction:\n  <<: {table: x}\n")
	f.Add("callback: {table: '\"; --', columns: {status: \"\\u0000\"}}")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := source.LoadMapping(strings.NewReader(text))
		if err != nil {
			if cdds.CodeOf(err) != cdds.CodeInvalid {
				t.Fatal(err)
			}
			return
		}
		for _, e := range []source.Entity{source.Interaction, source.Attachment, source.Contact} {
			if m.Read(source.Query{Entity: e}, source.Range{Limit: 1}, plain{}).SQL == "" {
				t.Fatalf("no statement for %s", e)
			}
		}
	})
}
