package export

import (
	"encoding/base64"
	"math/bits"
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
// escaped is: control characters, the quote and the backslash. Eight bytes are
// looked at together, since most texts are long and have little to escape.
func appendString[T []byte | string](b []byte, s T) []byte {
	b = append(b, '"')
	done, i := 0, 0
	for i+8 <= len(s) {
		found := toEscape(word(s[i : i+8]))
		if found == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(found) / 8
		b = appendEscaped(append(b, s[done:i]...), s[i])
		i++
		done = i
	}
	for ; i < len(s); i++ {
		if c := s[i]; int(c) < len(escapes) && escapes[c] != ' ' {
			b = appendEscaped(append(b, s[done:i]...), c)
			done = i + 1
		}
	}
	b = append(b, s[done:]...)
	return append(b, '"')
}

// appendEscaped appends a character that must be escaped.
func appendEscaped(b []byte, c byte) []byte {
	b = append(b, '\\', escapes[c])
	if escapes[c] == 'u' {
		b = append(b, '0', '0', hexDigits[c>>4], hexDigits[c&0xF])
	}
	return b
}

// word returns eight bytes as a number, the first as its lowest byte. The
// compiler makes one load of it.
func word[T []byte | string](s T) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// toEscape returns a number whose lowest bit, if it has any, lies in the first
// byte of the word that must be escaped. Bytes behind that one may be marked for
// nothing: a difference below zero borrows from the next byte.
func toEscape(word uint64) uint64 {
	const (
		each = 0x0101010101010101 // one in each byte
		high = 0x80 * each        // the highest bit of each byte
	)
	quote, backslash := word^'"'*each, word^'\\'*each
	control := (word - ' '*each) & ^word
	return (control | (quote-each)&^quote | (backslash-each)&^backslash) & high
}
