package export

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"

	"cdds/source"
)

// encoder appends records of one entity as JSON Lines. It keeps what would
// otherwise be made anew for each record, so that a record costs no allocation.
type encoder struct {
	fields   []encodedField
	contacts bool // records end with their list of attributes
	day      dayCache
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
		first := i == 0 || (f.Group != "" && fields[i-1].Kind == source.Group)
		if first {
			lead = `{"` + f.Name + `":`
		}
		last := f.Group != "" && (i+1 == len(fields) || fields[i+1].Group != f.Group)
		enc.fields = append(enc.fields, encodedField{kind: f.Kind, group: f.Group, lead: []byte(lead), null: []byte(lead + "null"), last: last})
	}
	return enc
}

// append appends one record and a line end.
func (e *encoder) append(b []byte, r *source.Record) []byte {
	absent := false // whether the present group has no values
	for i := range e.fields {
		f := &e.fields[i]
		v := &r.Values[i]
		if f.group != "" && absent {
			continue
		}
		if f.kind == source.Group {
			if absent = v.Null; absent {
				b = append(b, f.null...)
			} else {
				b = append(b, f.lead...)
			}
			continue
		}
		if f.group == "" {
			absent = false
		}
		if v.Null {
			b = append(b, f.null...)
		} else {
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
		return e.day.append(b, v.Int)
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

const hexDigits = "0123456789abcdef"

// appendString appends a JSON string (RFC 8259, section 7). Only what must be
// escaped is: control characters, the quote and the backslash.
func appendString[T []byte | string](b []byte, s T) []byte {
	b = append(b, '"')
	done := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[done:i]...)
		done = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xF])
		}
	}
	b = append(b, s[done:]...)
	return append(b, '"')
}

// dayMicros is a day in microseconds.
const dayMicros = 24 * 60 * 60 * 1_000_000

// dayCache keeps the text of the day that was written last: instants that come
// one after the other mostly share theirs.
type dayCache struct {
	day  int64
	text []byte
}

// append appends an instant as RFC 3339 in UTC, with as many digits of its
// fraction as it has. Infinities are the strings "infinity" and "-infinity",
// and years outside of 0 to 9999 have a sign and six digits (ISO 8601).
func (c *dayCache) append(b []byte, micros int64) []byte {
	switch micros {
	case math.MaxInt64:
		return append(b, `"infinity"`...)
	case math.MinInt64:
		return append(b, `"-infinity"`...)
	}
	day := micros / dayMicros
	rest := micros % dayMicros
	if rest < 0 {
		day, rest = day-1, rest+dayMicros
	}
	if c.text == nil || c.day != day {
		c.set(day)
	}
	b = append(b, c.text...)
	seconds, fraction := rest/1_000_000, rest%1_000_000
	b = appendTwo(b, seconds/3600)
	b = appendTwo(append(b, ':'), seconds/60%60)
	b = appendTwo(append(b, ':'), seconds%60)
	if fraction != 0 {
		b = append(b, '.')
		for scale := int64(100_000); fraction > 0; scale /= 10 {
			b = append(b, byte('0'+fraction/scale))
			fraction %= scale
		}
	}
	return append(b, 'Z', '"')
}

// set makes the text of a day: quote, date and T.
func (c *dayCache) set(day int64) {
	c.day = day
	year, month, date := time.Unix(day*86400, 0).UTC().Date()
	c.text = append(c.text[:0], '"')
	if year < 0 || year > 9999 {
		sign := byte('+')
		if year < 0 {
			sign, year = '-', -year
		}
		c.text = append(c.text, sign)
		c.text = appendTwo(c.text, int64(year/10000))
		year %= 10000
	}
	c.text = appendTwo(c.text, int64(year/100))
	c.text = appendTwo(c.text, int64(year%100))
	c.text = appendTwo(append(c.text, '-'), int64(month))
	c.text = appendTwo(append(c.text, '-'), int64(date))
	c.text = append(c.text, 'T')
}

func appendTwo(b []byte, n int64) []byte {
	return append(b, byte('0'+n/10), byte('0'+n%10))
}
