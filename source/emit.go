package source

// Rows is the result of a read in a driver, as Columns lists it.
type Rows interface {
	// Next goes on to the next row, and is false at the end or after an error.
	Next() bool
	// Err is the error that ended the rows, nil at their end.
	Err() error
	// Decode fills in the values of the present row, which are valid until Next.
	// A value that does not fit its column is CodeInvalid.
	Decode(row []Value) error
}

// Emit makes records of rows and gives each of them to emit. It returns how many
// it gave; the error of the rows themselves is left to the caller, who must ask
// for it. Drivers call it in Read.
func Emit(m Mapping, e Entity, rows Rows, emit func(*Record) error) (int, error) {
	fields := len(Fields(e))
	row := make([]Value, len(m.Columns(e)))
	keys := NewKeys(m, e)
	if e == Contact {
		return emitContacts(rows, keys, row, fields, emit)
	}
	n := 0
	record := Record{Values: row[:fields]}
	for rows.Next() {
		err := rows.Decode(row)
		if err != nil {
			return n, err
		}
		if record.Key, err = keys.Of(row); err != nil {
			return n, err
		}
		if err := emit(&record); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// emitContacts gathers each contact from the rows of its attributes. A contact
// is whole when the row after it is seen, or the end.
func emitContacts(rows Rows, keys *Keys, row []Value, fields int, emit func(*Record) error) (int, error) {
	n, begun := 0, false
	record := Record{Values: make([]Value, fields)}
	var held []byte // of the record's values, which outlive its first row
	for rows.Next() {
		if err := rows.Decode(row); err != nil {
			return n, err
		}
		key, err := keys.Of(row)
		if err != nil {
			return n, err
		}
		if begun && key != record.Key {
			SortAttributes(record.Attributes)
			if err := emit(&record); err != nil {
				return n, err
			}
			n++
		}
		if !begun || key != record.Key {
			begun, record.Key, record.Attributes = true, key, record.Attributes[:0]
			held = hold(record.Values, row, held[:0])
		}
		if a := row[fields:]; !a[0].Null {
			record.Attributes = append(record.Attributes, attributeOf(a))
		}
	}
	// After an error the last contact may lack attributes. The error itself is
	// the caller's to ask for.
	if begun && rows.Err() == nil {
		SortAttributes(record.Attributes)
		if err := emit(&record); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// hold copies values, and their bytes into held, which it returns.
func hold(values, row []Value, held []byte) []byte {
	copy(values, row)
	for i := range values {
		from := len(held)
		held = append(held, values[i].Bytes...)
		values[i].Bytes = held[from:]
	}
	return held
}

// attributeOf returns the attribute of a row's last columns: name, value,
// primary and description.
func attributeOf(row []Value) Attribute {
	a := Attribute{Name: string(row[0].Bytes), Value: string(row[1].Bytes), Primary: row[2].Int != 0}
	if !row[3].Null {
		text := string(row[3].Bytes)
		a.Description = &text
	}
	return a
}
