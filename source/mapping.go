package source

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"cdds"
)

// maxMapping bounds a mapping file.
const maxMapping = 1 << 20

// Mapping says where a source keeps what the reference schema names. The zero
// value is the reference schema itself.
type Mapping struct {
	tables map[string]mappedTable // by table of the reference schema
}

// mappedTable is one table or view of the source.
type mappedTable struct {
	Name    string             `yaml:"table"`
	Columns map[string]*string `yaml:"columns"` // by exported key; nil: the source has no such column
}

// mappedEntity is a part of the mapping file: its name there, the table of the
// reference schema, and its keys beside those of Fields.
type mappedEntity struct {
	key   string
	table string
	group string            // the fields' group, for parts of an interaction
	extra map[string]string // more keys, and their columns
}

// mappedEntities lists the parts of a mapping file.
func mappedEntities() []mappedEntity {
	interaction := map[string]string{"ixnId": "interactionid"}
	return []mappedEntity{
		{key: "interaction", table: "interaction"},
		{key: "email", table: "interaction_email", group: "email", extra: interaction},
		{key: "chat", table: "interaction_chat", group: "chat", extra: interaction},
		{key: "phoneCall", table: "interaction_phonecall", group: "phoneCall", extra: interaction},
		{key: "callback", table: "interaction_callback", group: "callback", extra: interaction},
		{key: "attachment", table: "attachment"},
		{key: "contact", table: "contact"},
		{key: "attribute", table: "contact_attribute", extra: map[string]string{
			"contactId": "contactid", "name": "name", "value": "value", "primary": "isprimary", "description": "description",
		}},
	}
}

// columns returns the exported keys of a part and their reference columns.
func (m mappedEntity) columns() map[string]string {
	out := map[string]string{}
	for _, e := range []Entity{Interaction, Attachment, Contact} {
		for _, f := range Fields(e) {
			if f.Table == m.table && f.Kind != Group {
				out[f.Name] = f.Column
			}
		}
	}
	for key, column := range m.extra {
		out[key] = column
	}
	return out
}

// required are the keys that decide what is read and in which order; they
// cannot be left out.
func required(table, key string) bool {
	switch table {
	case "interaction":
		return key == "ixnId" || key == "tenantId" || key == "startDate" || key == "modifiedDate" || key == "mediaTypeId"
	case "attachment":
		return key == "id" || key == "entityId"
	case "contact":
		return key == "contactId" || key == "tenantId" || key == "createdDate" || key == "modifiedDate"
	case "contact_attribute":
		return key != "description" && key != "primary"
	}
	return key == "ixnId"
}

// LoadMapping reads a mapping file. Unknown parts and keys are CodeInvalid,
// with their name and line.
//
//	interaction:
//	  table: history.interaction_v
//	  columns: {theComment: notes, isSpam: null}
//	email: {table: history.mail}
//
// Keys are those of the exported records; null says that the source has no such
// column, which is then always exported as null. Names are taken exactly as
// they stand, also their case. A table may have its schema before a dot; a dot
// in a name itself cannot be written.
func LoadMapping(r io.Reader) (Mapping, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxMapping+1))
	if err != nil {
		return Mapping{}, fmt.Errorf("read the mapping: %w", err)
	}
	if len(text) > maxMapping {
		return Mapping{}, refuseMapping(0, "it is larger than 1 MiB")
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return Mapping{}, refuseMapping(0, yaml.FormatError(err, false, false))
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return Mapping{}, refuseMapping(0, "it is not exactly one YAML document")
	}
	body := file.Docs[0].Body
	parts := map[string]mappedTable{}
	if err := yaml.NodeToValue(body, &parts, yaml.Strict()); err != nil {
		return Mapping{}, refuseMapping(0, yaml.FormatError(err, false, false))
	}
	m := Mapping{tables: map[string]mappedTable{}}
	known := map[string]mappedEntity{}
	for _, e := range mappedEntities() {
		known[e.key] = e
	}
	for _, key := range sorted(parts) {
		entity, ok := known[key]
		if !ok {
			return Mapping{}, refuseMapping(lineOf(body, key), fmt.Sprintf("%q is none of %s", key, strings.Join(sorted(known), ", ")))
		}
		if err := checkPart(entity, parts[key], body); err != nil {
			return Mapping{}, err
		}
		m.tables[entity.table] = parts[key]
	}
	return m, nil
}

// checkPart refuses keys that the part does not have, and names that are none.
func checkPart(entity mappedEntity, part mappedTable, body ast.Node) error {
	columns := entity.columns()
	for _, key := range sorted(part.Columns) {
		name := part.Columns[key]
		line := lineOf(body, entity.key, "columns", key)
		if _, ok := columns[key]; !ok {
			return refuseMapping(line, fmt.Sprintf("%s has no key %q; its keys are %s", entity.key, key, strings.Join(sorted(columns), ", ")))
		}
		if name == nil && required(entity.table, key) {
			return refuseMapping(line, fmt.Sprintf("%s.%s cannot be left out: records are chosen or ordered by it", entity.key, key))
		}
		if name != nil && badName(*name) {
			return refuseMapping(line, fmt.Sprintf("%s.%s names no column", entity.key, key))
		}
	}
	names := strings.Split(part.Name, ".")
	if part.Name != "" && (len(names) > 2 || slices.ContainsFunc(names, badName)) {
		return refuseMapping(lineOf(body, entity.key, "table"), fmt.Sprintf("the table of %s is neither a name nor a schema and a name", entity.key))
	}
	return nil
}

// lineOf returns the line of a key in nested mappings, 0 where it stands in an
// alias.
func lineOf(node ast.Node, keys ...string) int {
	line := 0
	for _, key := range keys {
		mapping, ok := node.(ast.MapNode)
		if !ok {
			return 0
		}
		line = 0
		for each := mapping.MapRange(); each.Next(); {
			if token := each.Key().GetToken(); token.Value == key {
				line, node = token.Position.Line, each.Value()
				break
			}
		}
	}
	return line
}

// badName reports whether a name cannot be an identifier in any database.
func badName(name string) bool {
	return name == "" || len(name) > 128 || strings.ContainsRune(name, 0)
}

// refuseMapping is the error for a mapping file; line is 0 where the detail
// names it or there is none.
func refuseMapping(line int, detail string) error {
	place := ""
	if line > 0 {
		place = fmt.Sprintf(" in line %d", line)
	}
	return &cdds.Error{Code: cdds.CodeInvalid, Message: "The mapping file is wrong" + place + ": " + detail + ".", Hint: "Mend the file; cdds source check then compares it with the database."}
}

// sorted returns the keys of a map in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// QuotedTable returns TableName as an identifier in SQL.
func (m Mapping) QuotedTable(reference string) string {
	name := m.TableName(reference)
	parts := strings.Split(name, ".")
	for i, part := range parts {
		parts[i] = Quote(part)
	}
	return strings.Join(parts, ".")
}

// TableName returns the source's own name of a table of the reference schema.
func (m Mapping) TableName(reference string) string {
	if t := m.tables[reference]; t.Name != "" {
		return t.Name
	}
	return reference
}

// ColumnName returns the source's own name of a column, and false where the
// source has none.
func (m Mapping) ColumnName(table, key, reference string) (string, bool) {
	name, mapped := m.tables[table].Columns[key]
	switch {
	case !mapped:
		return reference, true
	case name == nil:
		return "", false
	}
	return *name, true
}

// column returns an expression for a column under a table's alias.
func (m Mapping) column(alias, table, key, reference string) string {
	name, ok := m.ColumnName(table, key, reference)
	if !ok {
		return "null"
	}
	return alias + "." + Quote(name)
}

// Quote makes an identifier in SQL, which can hold anything.
func Quote(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
