package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"cdds"
	"cdds/source"
)

// Read reads one range.
func (s *snapshot) Read(ctx context.Context, q source.Query, r source.Range, emit func(*source.Record) error) (int, error) {
	return s.source.mapping.ReadRange(q, r, dialect{}, statements{ctx, s}, emit)
}

// statements carries out statements of a read: a source.Statements.
type statements struct {
	ctx      context.Context // of the Read that they belong to
	snapshot *snapshot
}

// Records reads records.
func (s statements) Records(e source.Entity, st source.Statement, emit func(*source.Record) error) (n int, err error) {
	mapping := s.snapshot.source.mapping
	columns := mapping.Columns(e)
	d := &rowDecoder{failure: func(err error) error { return s.snapshot.source.failure(s.ctx, err) }, mapping: mapping, columns: columns, cells: make([]any, len(columns)), into: make([]any, len(columns))}
	for i := range d.cells {
		d.into[i] = &d.cells[i]
	}
	err = s.rows(st, func(rows *sql.Rows) error {
		d.Rows = rows
		n, err = source.Emit(mapping, e, d, emit)
		return err
	})
	return n, err
}

// Sizes reads numbers.
func (s statements) Sizes(st source.Statement) (sizes []int64, err error) {
	err = s.rows(st, func(rows *sql.Rows) error {
		for rows.Next() {
			var size sql.NullInt64
			if err := rows.Scan(&size); err != nil {
				return s.snapshot.source.failure(s.ctx, err)
			}
			sizes = append(sizes, size.Int64)
		}
		return nil
	})
	return sizes, err
}

// Pieces reads places and bytes.
func (s statements) Pieces(st source.Statement, do func(at int64, piece []byte) error) error {
	return s.rows(st, func(rows *sql.Rows) error {
		for rows.Next() {
			var at int64
			var piece sql.RawBytes
			if err := rows.Scan(&at, &piece); err != nil {
				return s.snapshot.source.failure(s.ctx, err)
			}
			if err := do(at, piece); err != nil {
				return err
			}
		}
		return nil
	})
}

// rows runs a statement and gives its rows to read.
func (s statements) rows(st source.Statement, read func(*sql.Rows) error) error {
	rows, err := s.snapshot.tx.QueryContext(s.ctx, st.SQL, st.Args...)
	if err != nil {
		return s.snapshot.source.failure(s.ctx, err)
	}
	defer rows.Close()
	if err := read(rows); err != nil {
		return err
	}
	return s.snapshot.source.failure(s.ctx, rows.Err())
}

// rowDecoder decodes rows: a source.Rows.
type rowDecoder struct {
	*sql.Rows
	failure func(error) error
	mapping source.Mapping
	columns []source.Column
	cells   []any
	into    []any // pointers to cells
}

// Decode decodes the present row.
func (d *rowDecoder) Decode(row []source.Value) error {
	if err := d.Scan(d.into...); err != nil {
		return d.failure(err)
	}
	for i, c := range d.columns {
		v := &row[i]
		*v = source.Value{Null: d.cells[i] == nil}
		if v.Null || decode(v, c.Kind, d.cells[i]) {
			continue
		}
		record := "."
		if i > 0 {
			record = ", in record " + string(row[0].Bytes) + "."
		}
		return &cdds.Error{Code: cdds.CodeInvalid, Message: "The source's column " + d.mapping.Place(c) + " holds a value that cannot be exported" + record,
			Hint: "Instants are texts such as 2026-01-31T02:00:00.000000Z, flags 0 or 1, allattributes one JSON text."}
	}
	return nil
}

// decode decodes a cell that is not null, and reports whether it fits.
func decode(v *source.Value, kind source.Kind, cell any) (ok bool) {
	switch kind {
	case source.Text, source.Group:
		v.Bytes, ok = textOf(cell)
	case source.Int:
		v.Int, ok = cell.(int64)
	case source.Bool:
		v.Int, ok = cell.(int64)
		ok = ok && (v.Int == 0 || v.Int == 1)
	case source.Instant:
		v.Int, ok = instantOf(cell)
	case source.JSON:
		v.Bytes, ok = jsonOf(cell)
	case source.Binary:
		v.Bytes, ok = bytesOf(cell)
	}
	return ok
}

// textOf returns a text. Invalid UTF-8, which SQLite does not prevent, becomes
// U+FFFD, one for each run of it.
func textOf(cell any) ([]byte, bool) {
	var text []byte
	switch c := cell.(type) {
	case string:
		text = []byte(c)
	case []byte:
		text = c
	case int64:
		return strconv.AppendInt(nil, c, 10), true
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
	text, ok := cell.(string)
	if !ok || len(text) != len(Layout) {
		return 0, false
	}
	at, err := time.Parse(Layout, text)
	// The parser takes a comma before the fraction as well, which would be out
	// of order.
	return at.UnixMicro(), err == nil && text[len("2006-01-02T15:04:05")] == '.'
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
