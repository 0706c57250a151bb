package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"cdds"
	"cdds/source"
)

// Read reads one range.
func (s *snapshot) Read(ctx context.Context, q source.Query, r source.Range, emit func(*source.Record) error) (int, error) {
	st := s.source.mapping.Read(q, r, dialect{})
	rows, err := s.tx.QueryContext(ctx, st.SQL, st.Args...)
	if err != nil {
		return 0, s.source.failure(ctx, err)
	}
	defer rows.Close()
	d, err := newRowDecoder(q.Entity, rows)
	if err != nil {
		return 0, s.source.failure(ctx, err)
	}
	n, err := d.read(emit)
	if err != nil {
		return n, err
	}
	return n, s.source.failure(ctx, rows.Err())
}

// rowDecoder turns rows into records.
type rowDecoder struct {
	entity source.Entity
	fields []source.Field
	rows   *sql.Rows
	cells  []any
	into   []any // pointers to cells
	record source.Record
}

func newRowDecoder(e source.Entity, rows *sql.Rows) (*rowDecoder, error) {
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	d := &rowDecoder{entity: e, fields: source.Fields(e), rows: rows, cells: make([]any, len(names)), into: make([]any, len(names))}
	for i := range d.cells {
		d.into[i] = &d.cells[i]
	}
	d.record.Values = make([]source.Value, len(d.fields))
	return d, nil
}

// read emits a record for each row, or, of contacts, for each group of rows.
// A record is emitted when the row after it is seen, since only then it is
// known to be whole.
func (d *rowDecoder) read(emit func(*source.Record) error) (int, error) {
	n, pending := 0, false
	finish := func() error {
		if !pending {
			return nil
		}
		source.SortAttributes(d.record.Attributes)
		n++
		return emit(&d.record)
	}
	for d.rows.Next() {
		if err := d.rows.Scan(d.into...); err != nil {
			return n, fmt.Errorf("read a row: %w", err)
		}
		if d.entity != source.Contact || !pending || d.cells[0] != d.record.Key.ID {
			if err := finish(); err != nil {
				return n, err
			}
			pending = true
			if err := d.begin(); err != nil {
				return n, err
			}
		}
		if d.entity == source.Contact {
			if err := d.addAttribute(); err != nil {
				return n, err
			}
		}
	}
	if d.rows.Err() != nil {
		return n, nil // the last record may not be whole; the caller reports the error
	}
	return n, finish()
}

// begin decodes a row's fields and its key.
func (d *rowDecoder) begin() error {
	for i, f := range d.fields {
		if err := d.value(&d.record.Values[i], f.Kind, d.cells[i], f.Table+"."+f.Column); err != nil {
			return err
		}
	}
	v := d.record.Values
	switch d.entity {
	case source.Interaction:
		d.record.Key = source.Key{At: v[keyStart].Int, ID: string(v[0].Bytes)}
	case source.Contact:
		d.record.Key = source.Key{ID: string(v[0].Bytes)}
		d.record.Attributes = d.record.Attributes[:0]
	case source.Attachment:
		var at source.Value
		if err := d.value(&at, source.Instant, d.cells[len(d.fields)], "interaction.startdate"); err != nil {
			return err
		}
		d.record.Key = source.Key{At: at.Int, ID: string(v[1].Bytes), Sub: string(v[0].Bytes)}
	}
	return nil
}

// keyStart is the place of startDate among an interaction's fields.
const keyStart = 13

// addAttribute adds the attribute of a row, if it has one.
func (d *rowDecoder) addAttribute() error {
	var name, value, primary, description source.Value
	for i, column := range []struct {
		into *source.Value
		kind source.Kind
		name string
	}{{&name, source.Text, "name"}, {&value, source.Text, "value"}, {&primary, source.Bool, "isprimary"}, {&description, source.Text, "description"}} {
		if err := d.value(column.into, column.kind, d.cells[len(d.fields)+i], "contact_attribute."+column.name); err != nil {
			return err
		}
	}
	if name.Null {
		return nil
	}
	a := source.Attribute{Name: string(name.Bytes), Value: string(value.Bytes), Primary: primary.Int != 0}
	if !description.Null {
		text := string(description.Bytes)
		a.Description = &text
	}
	d.record.Attributes = append(d.record.Attributes, a)
	return nil
}

// value decodes a cell. SQLite lets any column hold any type, so what does not
// fit is refused with its place.
func (d *rowDecoder) value(v *source.Value, kind source.Kind, cell any, column string) error {
	*v = source.Value{Null: cell == nil}
	if v.Null {
		return nil
	}
	ok := false
	switch kind {
	case source.Text, source.Group:
		v.Bytes, ok = textOf(cell)
	case source.Int:
		v.Int, ok = cell.(int64)
	case source.Bool:
		if v.Int, ok = cell.(int64); v.Int != 0 {
			v.Int = 1
		}
	case source.Instant:
		v.Int, ok = instantOf(cell)
	case source.JSON:
		v.Bytes, ok = jsonOf(cell)
	case source.Binary:
		v.Bytes, ok = bytesOf(cell)
	}
	if ok {
		return nil
	}
	id, _ := d.cells[0].(string)
	return &cdds.Error{Code: cdds.CodeInvalid, Message: fmt.Sprintf("The source's column %s holds a value that does not fit, in record %q.", column, id),
		Hint: "Instants are texts such as 2026-01-31T02:00:00.000000Z, flags 0 or 1, allattributes a JSON text."}
}

// textOf returns a text. Invalid UTF-8, which SQLite does not prevent, becomes
// U+FFFD.
func textOf(cell any) ([]byte, bool) {
	var text []byte
	switch c := cell.(type) {
	case string:
		text = []byte(c)
	case []byte:
		text = c
	case int64:
		return strconv.AppendInt(nil, c, 10), true
	case time.Time: // the driver parses texts in columns declared as dates
		text = []byte(c.UTC().Format(Layout))
	default:
		return nil, false
	}
	if !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	return text, true
}

// instantOf reads an instant in its one form.
func instantOf(cell any) (int64, bool) {
	switch c := cell.(type) {
	case time.Time:
		return c.UnixMicro(), true
	case string:
		at, err := time.Parse(Layout, c)
		return at.UnixMicro(), err == nil && len(c) == len(Layout)
	}
	return 0, false
}

// jsonOf checks a JSON text and puts it on one line.
func jsonOf(cell any) ([]byte, bool) {
	text, ok := textOf(cell)
	if !ok {
		return nil, false
	}
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		return nil, false
	}
	return out.Bytes(), true
}

func bytesOf(cell any) ([]byte, bool) {
	switch c := cell.(type) {
	case []byte:
		return c, true
	case string:
		return []byte(c), true
	}
	return nil, false
}
