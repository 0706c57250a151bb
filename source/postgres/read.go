package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"cdds"
	"cdds/source"
)

// Read streams one range. Rows are decoded from the connection's buffer into
// one record that is used again and again.
func (s *snapshot) Read(ctx context.Context, q source.Query, r source.Range, emit func(*source.Record) error) (int, error) {
	st := s.source.mapping.Read(q, r, dialect{})
	args := append([]any{pgx.QueryResultFormats{pgx.BinaryFormatCode}}, st.Args...)
	rows, err := s.tx.Query(ctx, st.SQL, args...)
	if err != nil {
		return 0, s.source.failure(ctx, err)
	}
	defer rows.Close()
	d, err := newRowDecoder(q.Entity, rows.FieldDescriptions())
	if err != nil {
		return 0, err
	}
	var n int
	if q.Entity == source.Contact {
		n, err = d.contacts(rows, emit)
	} else {
		n, err = d.records(rows, emit)
	}
	if err != nil {
		return n, err
	}
	rows.Close()
	return n, s.source.failure(ctx, rows.Err())
}

// rowDecoder turns rows into records.
type rowDecoder struct {
	entity  source.Entity
	columns []column
	record  source.Record
	scratch []byte // bytes that a value needs and the wire does not have
	fields  int
}

// column is one column of the result.
type column struct {
	kind   source.Kind
	oid    uint32
	decode decoder
	name   string
}

// newRowDecoder chooses a decoder for each column, and refuses types that do
// not fit.
func newRowDecoder(e source.Entity, descriptions []pgconn.FieldDescription) (*rowDecoder, error) {
	fields := source.Fields(e)
	d := &rowDecoder{entity: e, fields: len(fields), columns: make([]column, len(descriptions))}
	d.record.Values = make([]source.Value, len(fields))
	for i, description := range descriptions {
		kind := source.Text
		name := description.Name
		switch {
		case i < len(fields):
			kind, name = fields[i].Kind, fields[i].Table+"."+fields[i].Column
		case e == source.Attachment:
			kind = source.Instant
		case i == len(fields)+2:
			kind = source.Bool
		}
		decode, ok := decoderFor(kind, description.DataTypeOID)
		if !ok {
			return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "The source's column for " + name + " has a type that does not fit.", Hint: "Give a view that casts it, and name the view in the mapping file."}
		}
		d.columns[i] = column{kind: kind, oid: description.DataTypeOID, decode: decode, name: name}
	}
	return d, nil
}

// values decodes the fields of a row into the record.
func (d *rowDecoder) values(raw [][]byte) error {
	d.scratch = d.scratch[:0]
	for i := range d.record.Values {
		if err := d.value(&d.record.Values[i], i, raw[i]); err != nil {
			return err
		}
	}
	return nil
}

// value decodes one column.
func (d *rowDecoder) value(v *source.Value, i int, raw []byte) error {
	if raw == nil {
		*v = source.Value{Null: true}
		return nil
	}
	v.Null = false
	c := &d.columns[i]
	var ok bool
	if d.scratch, ok = c.decode(v, raw, d.scratch); !ok {
		return &cdds.Error{Code: cdds.CodeInvalid, Message: "The source's column for " + c.name + " holds a value that cannot be exported.", Hint: "Whole numbers of at most 64 bits and well-formed texts can; give a view that casts the others."}
	}
	return nil
}

// records emits interactions or attachments, one for each row.
func (d *rowDecoder) records(rows pgx.Rows, emit func(*source.Record) error) (int, error) {
	n := 0
	for rows.Next() {
		raw := rows.RawValues()
		if err := d.values(raw); err != nil {
			return n, err
		}
		if err := d.key(raw); err != nil {
			return n, err
		}
		if err := emit(&d.record); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// key sets the record's key. The strings are cut from the values only where
// they differ from the record before, as they nearly always do: keys are the
// one thing that has to outlive the row.
func (d *rowDecoder) key(raw [][]byte) error {
	if d.entity == source.Interaction {
		d.record.Key = source.Key{At: d.record.Values[keyStart].Int, ID: string(d.record.Values[0].Bytes)}
		return nil
	}
	var at source.Value
	if err := d.value(&at, d.fields, raw[d.fields]); err != nil {
		return err
	}
	d.record.Key = source.Key{At: at.Int, ID: string(d.record.Values[1].Bytes), Sub: string(d.record.Values[0].Bytes)}
	return nil
}

// keyStart is the place of startDate among an interaction's fields.
const keyStart = 13

// contacts emits contacts, each gathered from the rows of its attributes.
func (d *rowDecoder) contacts(rows pgx.Rows, emit func(*source.Record) error) (int, error) {
	n := 0
	current := ""
	begun := false
	finish := func() error {
		if !begun {
			return nil
		}
		source.SortAttributes(d.record.Attributes)
		n++
		return emit(&d.record)
	}
	for rows.Next() {
		raw := rows.RawValues()
		if !begun || string(raw[0]) != current {
			if err := finish(); err != nil {
				return n, err
			}
			begun, current = true, string(raw[0])
			if err := d.beginContact(raw); err != nil {
				return n, err
			}
		}
		if err := d.addAttribute(raw); err != nil {
			return n, err
		}
	}
	if rows.Err() != nil {
		return n, nil // the last contact may lack attributes; the caller reports the error
	}
	return n, finish()
}

// beginContact starts a contact. Its values are copied, since its rows go on.
func (d *rowDecoder) beginContact(raw [][]byte) error {
	if err := d.values(raw); err != nil {
		return err
	}
	for i := range d.record.Values {
		d.record.Values[i].Bytes = append([]byte(nil), d.record.Values[i].Bytes...)
	}
	d.record.Key = source.Key{ID: string(d.record.Values[0].Bytes)}
	d.record.Attributes = d.record.Attributes[:0]
	return nil
}

// addAttribute adds the attribute of a row, if it has one.
func (d *rowDecoder) addAttribute(raw [][]byte) error {
	var name, value, primary, description source.Value
	for i, v := range []*source.Value{&name, &value, &primary, &description} {
		if err := d.value(v, d.fields+i, raw[d.fields+i]); err != nil {
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
