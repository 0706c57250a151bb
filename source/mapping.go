package source

import (
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/goccy/go-yaml"

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
// with their name.
//
//	interaction:
//	  table: history.interaction_v
//	  columns: {theComment: notes, isSpam: null}
//	email: {table: history.mail}
//
// Keys are those of the exported records; null says that the source has no such
// column, which is then always exported as null. Names are taken exactly as
// they stand, also their case.
func LoadMapping(r io.Reader) (Mapping, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxMapping+1))
	if err != nil {
		return Mapping{}, fmt.Errorf("read the mapping: %w", err)
	}
	if len(text) > maxMapping {
		return Mapping{}, refuseMapping("it is larger than 1 MiB.")
	}
	parts := map[string]mappedTable{}
	if err := yaml.UnmarshalWithOptions(text, &parts, yaml.Strict()); err != nil {
		return Mapping{}, refuseMapping(yaml.FormatError(err, false, false))
	}
	m := Mapping{tables: map[string]mappedTable{}}
	known := map[string]mappedEntity{}
	for _, e := range mappedEntities() {
		known[e.key] = e
	}
	for key, part := range parts {
		entity, ok := known[key]
		if !ok {
			return Mapping{}, refuseMapping(fmt.Sprintf("%q is none of %s.", key, sortedKeys(known)))
		}
		if err := checkPart(entity, part); err != nil {
			return Mapping{}, err
		}
		m.tables[entity.table] = part
	}
	return m, nil
}

// checkPart refuses keys that the part does not have, and names that are none.
func checkPart(entity mappedEntity, part mappedTable) error {
	columns := entity.columns()
	for key, name := range part.Columns {
		if _, ok := columns[key]; !ok {
			return refuseMapping(fmt.Sprintf("%s has no key %q; its keys are %s.", entity.key, key, sortedKeys(columns)))
		}
		if name == nil && required(entity.table, key) {
			return refuseMapping(fmt.Sprintf("%s.%s cannot be left out: records are chosen or ordered by it.", entity.key, key))
		}
		if name != nil && badName(*name) {
			return refuseMapping(fmt.Sprintf("%s.%s names no column.", entity.key, key))
		}
	}
	for _, name := range strings.Split(part.Name, ".") {
		if part.Name != "" && badName(name) {
			return refuseMapping(fmt.Sprintf("the table of %s is no name.", entity.key))
		}
	}
	return nil
}

// badName reports whether a name cannot be an identifier in any database.
func badName(name string) bool {
	return name == "" || len(name) > 128 || strings.ContainsRune(name, 0)
}

func refuseMapping(detail string) error {
	return &cdds.Error{Code: cdds.CodeInvalid, Message: "The mapping file is wrong: " + detail, Hint: "Mend the file; cdds source check then compares it with the database."}
}

func sortedKeys[V any](m map[string]V) string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return strings.Join(keys, ", ")
}

// table returns the quoted name of a table of the reference schema.
func (m Mapping) table(reference string) string {
	name := m.TableName(reference)
	parts := strings.Split(name, ".")
	for i, part := range parts {
		parts[i] = quote(part)
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
	return alias + "." + quote(name)
}

// quote makes an identifier that can hold anything.
func quote(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// MappedColumn is one column that reading needs.
type MappedColumn struct {
	Entity Entity
	Table  string // table of the reference schema
	Name   string // the source's own name
	Kind   Kind
}

// MappedColumns lists the columns that reading needs, for Check.
func (m Mapping) MappedColumns() []MappedColumn {
	var out []MappedColumn
	add := func(e Entity, table, key, reference string, kind Kind) {
		if name, ok := m.ColumnName(table, key, reference); ok {
			out = append(out, MappedColumn{e, table, name, kind})
		}
	}
	for _, e := range []Entity{Interaction, Attachment, Contact} {
		for _, f := range Fields(e) {
			if f.Kind == Group {
				add(e, f.Table, "ixnId", f.Column, Text)
				continue
			}
			add(e, f.Table, f.Name, f.Column, f.Kind)
		}
	}
	const attribute = "contact_attribute"
	add(Contact, attribute, "contactId", "contactid", Text)
	add(Contact, attribute, "name", "name", Text)
	add(Contact, attribute, "value", "value", Text)
	add(Contact, attribute, "primary", "isprimary", Bool)
	add(Contact, attribute, "description", "description", Text)
	return out
}
