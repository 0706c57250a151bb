package export

import (
	"encoding/base64"
	"strconv"

	"cdds/source"
)

// encoder appends records of one kind as JSON Lines. It keeps what would
// otherwise be made anew for each record, so that a record costs no allocation.
type encoder struct {
	fields   []encodedField
	contacts bool // records end with their list of attributes
	day      day
}

// encodedField is a field with all of its key that can be written beforehand.
type encodedField struct {
	kind  source.Kind
	group string
	lead  []byte // what comes before the value: separator, key and colon
	null  []byte // lead and null
	last  bool   // the last field of its group
}

// newEncoder returns an encoder for an entity.
func newEncoder(e source.Entity) *encoder {
	fields := source.Fields(e)
	enc := &encoder{contacts: e == source.Contact}
	for i, f := range fields {
		lead := `,"` + f.Name + `":`
		if i == 0 || (f.Group != "" && fields[i-1].Kind == source.Group) {
			lead = `{"` + f.Name + `":`
		}
		enc.fields = append(enc.fields, encodedField{
			kind: f.Kind, group: f.Group, lead: []byte(lead), null: []byte(lead + "null"),
			last: f.Group != "" && (i+1 == len(fields) || fields[i+1].Group != f.Group),
		})
	}
	return enc
}

// append appends one record and a line end.
func (e *encoder) append(b []byte, r *source.Record) []byte {
	absent := false // whether the present group has no values
	for i := range e.fields {
		f, v := &e.fields[i], &r.Values[i]
		switch {
		case f.kind == source.Group:
			if absent = v.Null; absent {
				b = append(b, f.null...)
			} else {
				b = append(b, f.lead...) // its fields follow
			}
			continue
		case f.group != "" && absent:
			continue
		case v.Null:
			b = append(b, f.null...)
		default:
			b = e.value(append(b, f.lead...), f.kind, v)
		}
		if f.last {
			b = append(b, '}')
		}
	}
	if e.contacts {
		b = appendAttributes(b, r.Attributes)
	}
	return append(b, '}', '\n')
}

// value appends a value that is not null.
func (e *encoder) value(b []byte, kind source.Kind, v *source.Value) []byte {
	switch kind {
	case source.Int:
		return strconv.AppendInt(b, v.Int, 10)
	case source.Bool:
		return strconv.AppendBool(b, v.Int != 0)
	case source.Instant:
		return append(e.day.append(append(b, '"'), v.Int), '"')
	case source.JSON:
		return append(b, v.Bytes...)
	case source.Binary:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes)
		return append(b, '"')
	}
	return appendString(b, v.Bytes)
}

// appendAttributes appends a contact's attributes.
func appendAttributes(b []byte, attributes []source.Attribute) []byte {
	b = append(b, `,"attributes":[`...)
	for i, a := range attributes {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"name":`...), a.Name)
		b = appendString(append(b, `,"value":`...), a.Value)
		b = strconv.AppendBool(append(b, `,"primary":`...), a.Primary)
		b = append(b, `,"description":`...)
		if a.Description == nil {
			b = append(b, "null"...)
		} else {
			b = appendString(b, *a.Description)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// escapes has for each byte below 0x5D the letter that stands behind the
// backslash in its escaped form, u for \u00XX, and a blank for bytes that are
// written as they are, as all others also are.
const escapes = "uuuuuuuubtnufruuuuuuuuuuuuuuuuuu" +
	`  "                             ` +
	`                            \`

const hexDigits = "0123456789abcdef"

// appendString appends a JSON string (RFC 8259, section 7). Only what must be
// escaped is: control characters, the quote and the backslash.
func appendString[T []byte | string](b []byte, s T) []byte {
	b = append(b, '"')
	done := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if int(c) >= len(escapes) || escapes[c] == ' ' {
			continue
		}
		b = append(b, s[done:i]...)
		done = i + 1
		b = append(b, '\\', escapes[c])
		if escapes[c] == 'u' {
			b = append(b, '0', '0', hexDigits[c>>4], hexDigits[c&0xF])
		}
	}
	b = append(b, s[done:]...)
	return append(b, '"')
}
