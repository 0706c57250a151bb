package source_test

import (
	"strings"
	"testing"

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
	} {
		_, err := source.LoadMapping(strings.NewReader(test.text))
		if cdds.CodeOf(err) != cdds.CodeInvalid || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNamesAreQuoted puts SQL into names: it stays a name.
func TestNamesAreQuoted(t *testing.T) {
	t.Parallel()
	const evil = `x" from secrets; drop table interaction; --`
	m, err := source.LoadMapping(strings.NewReader("interaction: {table: '" + evil + "', columns: {text: '" + evil + "'}}"))
	if err != nil {
		t.Fatal(err)
	}
	text := m.Rows(source.Query{Entity: source.Interaction}, plain{}).SQL
	quoted := `"` + strings.ReplaceAll(evil, `"`, `""`) + `"`
	if !strings.Contains(text, quoted) || strings.Contains(strings.ReplaceAll(text, quoted, ""), "drop") {
		t.Errorf("the statement is %s", text)
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

func FuzzLoadMapping(f *testing.F) {
	f.Add("interaction: {table: a.b, columns: {text: t, isSpam: null}}")
	f.Add("contact: {columns: {contactId: null}}")
	f.Add("&a [*a]")
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
