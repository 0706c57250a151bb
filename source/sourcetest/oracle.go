package sourcetest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"cdds"
	"cdds/source"
)

// record is a record in a form that can be compared and shown.
type record struct {
	key    source.Key
	fields string // one line for each field
}

// oracle works out what a query must give, straight from the rows.
type oracle struct {
	rows map[string][]Row              // by table
	kind map[string]map[string]Row     // rows of the kinds' tables, by interaction
	of   map[string]Row                // interactions by id
	attr map[string][]source.Attribute // by contact
	done map[source.Entity][]string    // fields by place in rows
}

func newOracle(tables []Table) *oracle {
	o := &oracle{rows: map[string][]Row{}, kind: map[string]map[string]Row{}, of: map[string]Row{}, attr: map[string][]source.Attribute{}, done: map[source.Entity][]string{}}
	for _, t := range tables {
		o.rows[t.Reference] = t.Rows
		for _, r := range t.Rows {
			if id, ok := r["interactionid"].(string); ok {
				if o.kind[t.Reference] == nil {
					o.kind[t.Reference] = map[string]Row{}
				}
				o.kind[t.Reference][id] = r
			}
		}
	}
	for _, r := range o.rows["interaction"] {
		o.of[text(r["id"])] = r
	}
	for _, r := range o.rows["contact_attribute"] {
		a := source.Attribute{Name: text(r["name"]), Value: text(r["value"]), Primary: r["isprimary"] == true}
		if description, ok := r["description"].(string); ok {
			a.Description = &description
		}
		o.attr[text(r["contactid"])] = append(o.attr[text(r["contactid"])], a)
	}
	for _, e := range entities() {
		for _, r := range o.rows[string(e)] {
			o.done[e] = append(o.done[e], o.fields(e, r))
		}
	}
	return o
}

// text is a value that must be a text.
func text(v any) string { return fmt.Sprint(v) }

// records are the records of a query in the order of their keys, ids bytewise.
func (o *oracle) records(q source.Query) []record {
	var out []record
	for i, r := range o.rows[string(q.Entity)] {
		interaction := r
		if q.Entity == source.Attachment {
			interaction = o.of[text(r["entityid"])]
		}
		if !belongs(interaction, q) {
			continue
		}
		key := source.Key{ID: text(interaction["id"])}
		if q.Entity != source.Contact {
			key.At = interaction["startdate"].(time.Time).UnixMicro()
		}
		if q.Entity == source.Attachment {
			key.Sub = text(r["id"])
		}
		out = append(out, record{key: key, fields: o.done[q.Entity][i]})
	}
	slices.SortFunc(out, func(a, b record) int { return compareKeys(a.key, b.key) })
	return out
}

func compareKeys(a, b source.Key) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Sub, b.Sub))
}

// belongs reports whether an interaction, or a contact, belongs to a query.
func belongs(r Row, q source.Query) bool {
	if r["tenantid"] != q.TenantID {
		return false
	}
	date, byModified := r["startdate"], q.By == cdds.ByModifiedDate
	if q.Entity == source.Contact {
		date, byModified = r["createddate"], true
	} else if q.MediaTypes != nil && !slices.Contains(q.MediaTypes, text(r["mediatypeid"])) {
		return false
	}
	if modified := r["modifieddate"]; byModified && modified != nil {
		date = modified
	}
	return q.Window.Contains(date.(time.Time))
}

// fields writes down a row as a record must have it.
func (o *oracle) fields(e source.Entity, r Row) string {
	var b strings.Builder
	for _, f := range source.Fields(e) {
		row := r
		if f.Table != string(e) {
			row = o.kind[f.Table][text(r["id"])]
		}
		value := "null"
		switch v := row[f.Column].(type) {
		case nil:
		case string:
			value = short(f.Kind, []byte(v))
		case []byte:
			value = short(f.Kind, v)
		case json.RawMessage:
			value = short(f.Kind, v)
		case time.Time:
			value = fmt.Sprint(v.UnixMicro())
		case bool:
			value = map[bool]string{true: "1", false: "0"}[v]
		default:
			value = fmt.Sprint(v)
		}
		writeField(&b, f, value)
	}
	if e == source.Contact {
		writeAttributes(&b, slices.Clone(o.attr[text(r["id"])]))
	}
	return b.String()
}

// written writes down a record as a source gave it.
func written(e source.Entity, r *source.Record) string {
	var b strings.Builder
	for i, f := range source.Fields(e) {
		v := r.Values[i]
		value := "null"
		switch {
		case f.Kind == source.Binary && r.Content != nil:
			value = pieced(r.Content, v)
		case v.Null:
		case f.Kind == source.Int, f.Kind == source.Bool, f.Kind == source.Instant:
			value = fmt.Sprint(v.Int)
		default:
			value = short(f.Kind, v.Bytes)
		}
		writeField(&b, f, value)
	}
	if e == source.Contact {
		for i := 1; i < len(r.Attributes); i++ {
			if before, here := r.Attributes[i-1], r.Attributes[i]; here.Name < before.Name || here.Name == before.Name && here.Value < before.Value {
				fmt.Fprintf(&b, "attribute %q is out of order\n", here.Name)
			}
		}
		writeAttributes(&b, r.Attributes)
	}
	return b.String()
}

// pieced reads a content that comes in pieces, and writes down what is wrong
// with them.
func pieced(c *source.Content, v source.Value) string {
	if v.Null || len(v.Bytes) != 0 || c.Size <= source.MaxContent {
		return fmt.Sprintf("a content of %d bytes that comes in pieces, and a value %+v", c.Size, v)
	}
	var whole []byte
	ended := false
	err := c.Read(func(piece []byte) error {
		if ended || len(piece) == 0 || len(piece) > source.MaxContent*2 {
			return fmt.Errorf("a piece of %d bytes, behind one that must be the last: %t", len(piece), ended)
		}
		ended = len(piece)%3 != 0
		whole = append(whole, piece...)
		return nil
	})
	if err != nil || int64(len(whole)) != c.Size {
		return fmt.Sprintf("%d bytes of %d, %v", len(whole), c.Size, err)
	}
	return short(source.Binary, whole)
}

func writeField(b *strings.Builder, f source.Field, value string) {
	fmt.Fprintf(b, "%s.%s = %s\n", f.Group, f.Name, value)
}

// writeAttributes writes down attributes. Those that are equal in name and value
// come in one order here, whatever that of the record.
func writeAttributes(b *strings.Builder, attributes []source.Attribute) {
	lines := make([]string, len(attributes))
	for i, a := range attributes {
		description := "null"
		if a.Description != nil {
			description = short(source.Text, []byte(*a.Description))
		}
		lines[i] = fmt.Sprintf("attribute %s = %s, %t, %s\n", short(source.Text, []byte(a.Name)), short(source.Text, []byte(a.Value)), a.Primary, description)
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, ""))
}

// short writes down bytes, long ones as their length and hash. JSON texts are
// equal when their values are.
func short(kind source.Kind, value []byte) string {
	if kind == source.JSON {
		var err error
		if value, err = canonical(value); err != nil {
			return "no JSON: " + err.Error()
		}
	}
	if len(value) > 200 {
		return fmt.Sprintf("%d bytes, %x", len(value), sha256.Sum256(value))
	}
	return fmt.Sprintf("%q", value)
}

// canonical writes a JSON text with its keys in order and numbers as they are.
// Line ends are refused: a record is one line.
func canonical(value []byte) ([]byte, error) {
	if bytes.ContainsAny(value, "\r\n") {
		return nil, errors.New("it has more than one line")
	}
	var v any
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something comes after it")
	}
	return json.Marshal(v)
}
