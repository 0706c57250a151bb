package source

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"cdds"
)

// Column is one column that reading needs.
type Column struct {
	Entity Entity // whose records need it
	Table  string // table of the reference schema
	Name   string // the source's own name, "" where it has no such column
	Kind   Kind
}

// attributeFields are the columns of a contact's attribute, in the order in
// which they are read.
func attributeFields() []Field {
	const t = "contact_attribute"
	return []Field{
		{"name", "", Text, t, "name"},
		{"value", "", Text, t, "value"},
		{"primary", "", Bool, t, "isprimary"},
		{"description", "", Text, t, "description"},
	}
}

// Columns lists the columns of the result of Read: those of Fields, then, for
// attachments, the start date of the interaction, and for contacts, name,
// value, primary and description of one attribute.
func (m Mapping) Columns(e Entity) []Column {
	fields := Fields(e)
	if e == Contact {
		fields = append(fields, attributeFields()...)
	}
	var out []Column
	for _, f := range fields {
		key := f.Name
		if f.Kind == Group {
			key = "ixnId"
		}
		name, _ := m.ColumnName(f.Table, key, f.Column)
		out = append(out, Column{Entity: e, Table: f.Table, Name: name, Kind: f.Kind})
	}
	if e == Attachment {
		name, _ := m.ColumnName("interaction", "startDate", "startdate")
		out = append(out, Column{Entity: e, Table: "interaction", Name: name, Kind: Instant})
	}
	return out
}

// CheckedColumns lists each column of the source that reading needs, once, for
// Check.
func (m Mapping) CheckedColumns() []Column {
	var out []Column
	for _, e := range []Entity{Interaction, Attachment, Contact} {
		columns := m.Columns(e)
		if e == Attachment {
			columns = columns[:len(columns)-1] // the interaction's, which has been listed
		}
		for _, c := range columns {
			if c.Name != "" {
				out = append(out, c)
			}
		}
	}
	name, _ := m.ColumnName("contact_attribute", "contactId", "contactid")
	return append(out, Column{Entity: Contact, Table: "contact_attribute", Name: name, Kind: Text})
}

// Place names a column as the source does, such as interaction.startdate.
func (m Mapping) Place(c Column) string { return m.TableName(c.Table) + "." + c.Name }

// Keys makes the keys of an entity's records.
type Keys struct {
	columns     []string // places of the result's columns, for errors
	at, id, sub int      // places of the key's parts, -1 where it has none
	last        Key
}

// NewKeys returns the maker of an entity's keys.
func NewKeys(m Mapping, e Entity) *Keys {
	k := &Keys{at: -1, sub: -1}
	for _, c := range m.Columns(e) {
		k.columns = append(k.columns, m.Place(c))
	}
	switch e {
	case Interaction:
		k.at = slices.IndexFunc(Fields(e), func(f Field) bool { return f.Name == "startDate" })
	case Attachment:
		k.at, k.id = len(Fields(e)), 1
		k.sub = 0
	}
	return k
}

// Of returns the key of a record from the values of its row, as Columns lists
// them. A key that is null or no well-formed text is CodeInvalid: the reading
// could not go on behind it without losing or doubling records.
func (k *Keys) Of(row []Value) (Key, error) {
	for _, i := range []int{k.sub, k.id, k.at} {
		if i >= 0 && (row[i].Null || !wellFormed(row[i].Bytes)) {
			return Key{}, &cdds.Error{Code: cdds.CodeInvalid, Message: "The source's column " + k.columns[i] + ", by which records are ordered, is null or holds no well-formed text.",
				Hint: "Mend the row, or leave it out by a view that the mapping file names."}
		}
	}
	// The texts of a key outlive the row. Records of one interaction share its.
	if string(row[k.id].Bytes) != k.last.ID {
		k.last.ID = string(row[k.id].Bytes)
	}
	if k.at >= 0 {
		k.last.At = row[k.at].Int
	}
	if k.sub >= 0 {
		k.last.Sub = string(row[k.sub].Bytes)
	}
	return k.last, nil
}

// wellFormed reports whether a text is UTF-8 without the character that stands
// for what was none. Most ids have no character for which one must look closer.
func wellFormed(text []byte) bool {
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return !bytes.ContainsRune(text, utf8.RuneError)
		}
	}
	return true
}
