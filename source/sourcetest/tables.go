// Package sourcetest is the conformance suite of Contact History sources: a
// small hand-made history (history.go), what must be read of it, worked out in
// the plainest way (oracle.go), and the tests that compare the two (suite.go).
//
// A driver's test creates the tables in its database with that database's own
// client and calls Run. The package is for tests alone and reads nothing by
// itself.
package sourcetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"cdds/source"
)

// Column is a column of a table.
type Column struct {
	Name     string
	Kind     source.Kind
	Required bool
}

// Row holds the values of a row by the columns of the reference schema: string,
// int64, bool, time.Time, json.RawMessage or []byte. A column that is not there
// is null.
type Row map[string]any

// Table is one table with its rows.
type Table struct {
	Name      string   // in the database
	Reference string   // in the reference schema
	Columns   []Column // as they are named in the database
	Rows      []Row
	columns   []string // as they are named in the reference schema
}

// Values returns a row's values in the order of Columns.
func (t Table) Values(r Row) []any {
	out := make([]any, len(t.columns))
	for i, name := range t.columns {
		out[i] = r[name]
	}
	return out
}

// Create returns the statement that creates the table, with the types that the
// database has for each kind.
func (t Table) Create(types map[source.Kind]string) string {
	var columns []string
	for _, c := range t.Columns {
		text := source.Quote(c.Name) + " " + types[c.Kind]
		if c.Required {
			text += " not null"
		}
		columns = append(columns, text)
	}
	return fmt.Sprintf("create table %s (%s)", source.Quote(t.Name), strings.Join(columns, ", "))
}

// Insert returns the statement that inserts a row, with arguments $1, $2, ...
// in the order of Columns.
func (t Table) Insert() string {
	var names, gaps []string
	for i, c := range t.Columns {
		names, gaps = append(names, source.Quote(c.Name)), append(gaps, fmt.Sprintf("$%d", i+1))
	}
	return fmt.Sprintf("insert into %s (%s) values (%s)", source.Quote(t.Name), strings.Join(names, ", "), strings.Join(gaps, ", "))
}

// Indexes returns the statements that create the indexes that reading needs.
func (t Table) Indexes() []string {
	keys := map[string][][]string{
		"contact":           {{"id"}},
		"contact_attribute": {{"contactid"}},
		"interaction":       {{"startdate", "id"}, {"modifieddate", "id"}, {"id"}},
		"attachment":        {{"id"}, {"entityid"}},
	}[t.Reference]
	if strings.HasPrefix(t.Reference, "interaction_") {
		keys = [][]string{{"interactionid"}}
	}
	var out []string
	for i, key := range keys {
		var names []string
		for _, column := range key {
			names = append(names, source.Quote(t.Columns[slices.Index(t.columns, column)].Name))
		}
		out = append(out, fmt.Sprintf("create index %s_%d on %s (%s)", t.Reference, i, source.Quote(t.Name), strings.Join(names, ", ")))
	}
	return out
}

// required are the columns that cannot be null.
func required() map[string][]string {
	return map[string][]string{
		"contact":           {"id", "tenantid", "createddate"},
		"contact_attribute": {"contactid", "name", "value", "isprimary"},
		"interaction": {"id", "tenantid", "entitytypeid", "mediatypeid", "typeid", "status", "startdate", "canbeparent",
			"allattributes"},
		"attachment": {"id", "entityid", "tenantid", "thesize", "content"},
	}
}

// emptyTables returns the tables of the reference schema. A table comes after
// those that it refers to.
func emptyTables() []Table {
	var tables []Table
	for _, e := range []source.Entity{source.Contact, source.Interaction, source.Attachment} {
		for _, f := range source.Fields(e) {
			if len(tables) == 0 || tables[len(tables)-1].Name != f.Table {
				tables = append(tables, Table{Name: f.Table, Reference: f.Table})
			}
			tables[len(tables)-1].add(f.Column, f.Kind, f.Kind == source.Group)
		}
	}
	attributes := Table{Name: "contact_attribute", Reference: "contact_attribute"}
	for _, name := range []string{"contactid", "name", "value", "description"} {
		attributes.add(name, source.Text, false)
	}
	attributes.add("isprimary", source.Bool, false)
	return append(tables, attributes)
}

// add adds a column.
func (t *Table) add(name string, kind source.Kind, key bool) {
	if kind == source.Group {
		kind = source.Text // the key of a table of one kind of interaction
	}
	t.columns = append(t.columns, name)
	t.Columns = append(t.Columns, Column{Name: name, Kind: kind, Required: key || slices.Contains(required()[t.Reference], name)})
}

// Odd renames every table and column to names that need care, and returns the
// mapping file for them, with the tables in the given schema.
func Odd(t testing.TB, tables []Table, schema string) ([]Table, string) {
	t.Helper()
	type part struct {
		Table   string            `yaml:"table"`
		Columns map[string]string `yaml:"columns"`
	}
	parts := map[string]part{}
	tables = slices.Clone(tables)
	for i := range tables {
		table := &tables[i]
		table.Name = `Odd "` + table.Reference + `"; drop table contact --`
		p := part{Table: schema + "." + table.Name, Columns: map[string]string{}}
		table.Columns = slices.Clone(table.Columns)
		for j := range table.Columns {
			name := `"$1' ` + strings.ToUpper(table.columns[j]) + " é"
			table.Columns[j].Name = name
			p.Columns[exportedKey(table.Reference, table.columns[j])] = name
		}
		parts[partName(table.Reference)] = p
	}
	text, err := yaml.Marshal(parts)
	if err != nil {
		t.Fatalf("write the mapping file: %v", err)
	}
	return tables, string(text)
}

// partName is a table's name in mapping files.
func partName(reference string) string {
	switch reference {
	case "contact_attribute":
		return "attribute"
	case "interaction_phonecall":
		return "phoneCall"
	}
	return strings.TrimPrefix(reference, "interaction_")
}

// exportedKey is the key of a column in mapping files.
func exportedKey(table, column string) string {
	switch {
	case table == "contact_attribute" && column == "isprimary":
		return "primary"
	case column == "contactid" && table == "contact_attribute":
		return "contactId"
	case column == "interactionid":
		return "ixnId"
	}
	for _, e := range []source.Entity{source.Contact, source.Interaction, source.Attachment} {
		for _, f := range source.Fields(e) {
			if f.Table == table && f.Column == column {
				return f.Name
			}
		}
	}
	return column
}
