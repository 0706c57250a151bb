package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"cdds"
	"cdds/source"
)

// Read streams one range. When emit fails, the statement is
// canceled at the server rather than read to its end, and the snapshot is good
// for nothing more but Close.
func (s *snapshot) Read(ctx context.Context, q source.Query, r source.Range, emit func(*source.Record) error) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	st := s.source.mapping.Read(q, r, dialect{})
	args := append([]any{pgx.QueryResultFormats{pgx.BinaryFormatCode}}, st.Args...)
	rows, err := s.tx.Query(ctx, st.SQL, args...)
	if err != nil {
		return 0, failure(ctx, err)
	}
	d, err := s.newRowDecoder(q.Entity, rows)
	n := 0
	if err == nil {
		n, err = source.Emit(s.source.mapping, q.Entity, d, emit)
	}
	if err != nil {
		cancel()
	}
	rows.Close()
	if err != nil {
		return n, err
	}
	return n, failure(ctx, rows.Err())
}

// rowDecoder decodes rows: a source.Rows.
type rowDecoder struct {
	pgx.Rows
	columns []column
	scratch []byte // bytes that a value needs and the wire does not have
}

// column is one column of the result.
type column struct {
	decode decoder
	place  string // as the source names it
}

// newRowDecoder chooses a decoder for each column, and refuses types that do
// not fit.
func (s *snapshot) newRowDecoder(e source.Entity, rows pgx.Rows) (*rowDecoder, error) {
	mapping := s.source.mapping
	columns := mapping.Columns(e)
	d := &rowDecoder{Rows: rows, columns: make([]column, len(columns))}
	for i, description := range rows.FieldDescriptions() {
		c := &d.columns[i]
		c.place = mapping.Place(columns[i])
		if columns[i].Name == "" {
			c.decode = refuse // the mapping leaves it out, so it is always null
			continue
		}
		if c.decode = s.types.decoder(columns[i].Kind, description.DataTypeOID); c.decode == nil {
			return nil, &cdds.Error{Code: cdds.CodeInvalid,
				Message: "The source's column " + c.place + " has the type " + s.types.name(description.DataTypeOID) + ", which does not fit.",
				Hint:    "Give a view that casts it, and name the view in the mapping file."}
		}
	}
	return d, nil
}

// Decode decodes the present row from the connection's buffer.
func (d *rowDecoder) Decode(row []source.Value) error {
	d.scratch = d.scratch[:0]
	for i, raw := range d.RawValues() {
		row[i] = source.Value{Null: raw == nil}
		if raw == nil {
			continue
		}
		var ok bool
		if d.scratch, ok = d.columns[i].decode(&row[i], raw, d.scratch); !ok {
			return d.unfit(row, i)
		}
	}
	return nil
}

// unfit is the error for a value that cannot be exported. The record is named
// by its first column, which is its id.
func (d *rowDecoder) unfit(row []source.Value, i int) error {
	record := "."
	if i > 0 {
		record = ", in record " + string(row[0].Bytes) + "."
	}
	return &cdds.Error{Code: cdds.CodeInvalid, Message: "The source's column " + d.columns[i].place + " holds a value that cannot be exported" + record,
		Hint: "Whole numbers of at most 64 bits, flags that are 0 or 1, and instants until the year 294000 can; give a view that casts others."}
}
