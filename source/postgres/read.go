package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"cdds"
	"cdds/source"
)

// Read streams one range. When emit fails, the statement is
// canceled at the server rather than read to its end, and the snapshot is good
// for nothing more but Close.
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
	err = s.rows(st, func(rows pgx.Rows) error {
		d, err := s.snapshot.newRowDecoder(e, rows)
		if err == nil {
			n, err = source.Emit(s.snapshot.source.mapping, e, d, emit)
		}
		return err
	})
	return n, err
}

// Sizes reads numbers.
func (s statements) Sizes(st source.Statement) (sizes []int64, err error) {
	err = s.rows(st, func(rows pgx.Rows) error {
		for rows.Next() {
			var size source.Value
			if raw := rows.RawValues()[0]; raw != nil {
				if _, ok := decodeInt(&size, raw, nil); !ok {
					return errUnexpected
				}
			}
			sizes = append(sizes, size.Int)
		}
		return nil
	})
	return sizes, err
}

// Pieces reads places and bytes.
func (s statements) Pieces(st source.Statement, do func(at int64, piece []byte) error) error {
	return s.rows(st, func(rows pgx.Rows) error {
		for rows.Next() {
			var at source.Value
			raw := rows.RawValues()
			if _, ok := decodeInt(&at, raw[0], nil); !ok {
				return errUnexpected
			}
			if err := do(at.Int, raw[1]); err != nil {
				return err
			}
		}
		return nil
	})
}

// errUnexpected is the error for an answer that is not of the type asked for.
var errUnexpected = errors.New("the source database answered with another type than it was asked for")

// rows runs a statement and gives its rows, in binary form, to read.
func (s statements) rows(st source.Statement, read func(pgx.Rows) error) error {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	args := append([]any{pgx.QueryResultFormats{pgx.BinaryFormatCode}}, st.Args...)
	rows, err := s.snapshot.tx.Query(ctx, st.SQL, args...)
	if err != nil {
		return failure(ctx, err)
	}
	if err = read(rows); err != nil {
		cancel()
	}
	rows.Close()
	if err != nil {
		return err
	}
	return failure(ctx, rows.Err())
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
