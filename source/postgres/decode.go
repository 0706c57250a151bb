package postgres

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5/pgtype"

	"cdds/source"
)

// decoder decodes a value in PostgreSQL's binary form. Bytes that the wire does
// not have are appended to scratch, which it returns.
type decoder func(v *source.Value, raw, scratch []byte) ([]byte, bool)

// Microseconds and days from 1970 to 2000, PostgreSQL's epoch.
const (
	epochDays   = 10957
	dayMicros   = 24 * 60 * 60 * 1_000_000
	epochMicros = epochDays * dayMicros
)

// types are the types of the connected database.
type types struct {
	known *pgtype.Map
	texts []uint32 // types of the database's own whose binary form is text, such as enums
}

// ownTexts selects types.texts: types beyond the built-in ones, by the function
// that makes their binary form.
const ownTexts = `select t.oid from pg_catalog.pg_type t join pg_catalog.pg_proc p on p.oid = t.typsend
	where t.oid >= 16384 and p.proname in ('enum_send', 'textsend', 'citextsend')`

// name returns a type's name for people.
func (t types) name(oid uint32) string {
	if known, ok := t.known.TypeForOID(oid); ok {
		return known.Name
	}
	return "with the number " + strconv.FormatUint(uint64(oid), 10) + " in pg_type"
}

// decoder returns the decoder of a kind from a type, nil where the type cannot
// give it.
func (t types) decoder(kind source.Kind, oid uint32) decoder {
	switch kind {
	case source.Text, source.Group:
		return t.textDecoder(oid)
	case source.Int:
		return intDecoder(oid)
	case source.Bool:
		return boolDecoder(oid)
	case source.Instant:
		return instantDecoder(oid)
	case source.JSON:
		return jsonDecoder(oid)
	case source.Binary:
		if oid == pgtype.ByteaOID {
			return decodeBytes
		}
	}
	return nil
}

// refuse accepts no value.
func refuse(_ *source.Value, _, scratch []byte) ([]byte, bool) { return scratch, false }

func (t types) textDecoder(oid uint32) decoder {
	switch oid {
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID, pgtype.NameOID:
		return decodeBytes
	case pgtype.UUIDOID:
		return decodeUUID
	}
	if slices.Contains(t.texts, oid) {
		return decodeBytes
	}
	ints := intDecoder(oid)
	if ints == nil {
		return nil
	}
	return func(v *source.Value, raw, scratch []byte) ([]byte, bool) {
		scratch, ok := ints(v, raw, scratch)
		from := len(scratch)
		scratch = strconv.AppendInt(scratch, v.Int, 10)
		v.Bytes = scratch[from:]
		return scratch, ok
	}
}

// decodeBytes passes bytes through. Texts are well-formed UTF-8: the server
// converts them, and fails where it cannot.
func decodeBytes(v *source.Value, raw, scratch []byte) ([]byte, bool) {
	v.Bytes = raw
	return scratch, true
}

func decodeUUID(v *source.Value, raw, scratch []byte) ([]byte, bool) {
	if len(raw) != 16 {
		return scratch, false
	}
	from := len(scratch)
	for i, part := range [][]byte{raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:]} {
		if i > 0 {
			scratch = append(scratch, '-')
		}
		scratch = hex.AppendEncode(scratch, part)
	}
	v.Bytes = scratch[from:]
	return scratch, true
}

// boolDecoder reads flags, also those that are whole numbers; other numbers
// than 0 and 1 are refused, since nobody knows what they mean.
func boolDecoder(oid uint32) decoder {
	if oid == pgtype.BoolOID {
		return decodeBool
	}
	ints := intDecoder(oid)
	if ints == nil {
		return nil
	}
	return func(v *source.Value, raw, scratch []byte) ([]byte, bool) {
		scratch, ok := ints(v, raw, scratch)
		return scratch, ok && (v.Int == 0 || v.Int == 1)
	}
}

func decodeBool(v *source.Value, raw, scratch []byte) ([]byte, bool) {
	if len(raw) != 1 {
		return scratch, false
	}
	v.Int = int64(raw[0])
	return scratch, raw[0] <= 1
}

func intDecoder(oid uint32) decoder {
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		return decodeInt
	case pgtype.NumericOID:
		return decodeNumeric
	}
	return nil
}

// decodeInt reads a whole number of two, four or eight bytes.
func decodeInt(v *source.Value, raw, scratch []byte) ([]byte, bool) {
	switch len(raw) {
	case 2:
		v.Int = int64(int16(binary.BigEndian.Uint16(raw)))
	case 4:
		v.Int = int64(int32(binary.BigEndian.Uint32(raw)))
	case 8:
		v.Int = int64(binary.BigEndian.Uint64(raw))
	default:
		return scratch, false
	}
	return scratch, true
}

// decodeNumeric reads a numeric that is a whole number of at most 64 bits:
// digits to the base 10000 with the weight of the first, a sign and a scale.
func decodeNumeric(v *source.Value, raw, scratch []byte) ([]byte, bool) {
	if len(raw) < 8 {
		return scratch, false
	}
	digits := int(int16(binary.BigEndian.Uint16(raw)))
	weight := int(int16(binary.BigEndian.Uint16(raw[2:])))
	sign := binary.BigEndian.Uint16(raw[4:])
	if sign != 0 && sign != 0x4000 || len(raw) != 8+2*digits || weight > 4 {
		return scratch, false
	}
	var n int64 // below zero, where there is one number more
	for i := 0; i < max(digits, weight+1); i++ {
		var digit int64
		if i < digits {
			digit = int64(binary.BigEndian.Uint16(raw[8+2*i:]))
		}
		if i > weight {
			if digit != 0 {
				return scratch, false // a fraction
			}
			continue
		}
		if n < (math.MinInt64+digit)/10000 {
			return scratch, false
		}
		n = n*10000 - digit
	}
	v.Int = n
	if sign == 0 {
		v.Int = -n
		return scratch, n != math.MinInt64
	}
	return scratch, true
}

func instantDecoder(oid uint32) decoder {
	switch oid {
	case pgtype.TimestamptzOID, pgtype.TimestampOID:
		return decodeInstant
	case pgtype.DateOID:
		return decodeDate
	}
	return nil
}

// decodeInstant reads microseconds since 2000. A timestamp without a zone is
// read as UTC. The infinities stay what they are; the last 50 years before
// PostgreSQL's own end of time have no number of microseconds since 1970.
func decodeInstant(v *source.Value, raw, scratch []byte) ([]byte, bool) {
	if len(raw) != 8 {
		return scratch, false
	}
	v.Int = int64(binary.BigEndian.Uint64(raw))
	if v.Int == math.MaxInt64 || v.Int == math.MinInt64 {
		return scratch, true
	}
	if v.Int >= math.MaxInt64-epochMicros {
		return scratch, false
	}
	v.Int += epochMicros
	return scratch, true
}

func decodeDate(v *source.Value, raw, scratch []byte) ([]byte, bool) {
	if len(raw) != 4 {
		return scratch, false
	}
	days := int64(int32(binary.BigEndian.Uint32(raw)))
	switch days {
	case math.MaxInt32:
		v.Int = math.MaxInt64
		return scratch, true
	case math.MinInt32:
		v.Int = math.MinInt64
		return scratch, true
	}
	days += epochDays
	v.Int = days * dayMicros
	return scratch, days > math.MinInt64/dayMicros && days < math.MaxInt64/dayMicros
}

func jsonDecoder(oid uint32) decoder {
	switch oid {
	case pgtype.JSONBOID:
		return decodeJSONB
	case pgtype.JSONOID:
		return decodeJSON
	}
	return nil
}

// decodeJSONB drops the version byte. PostgreSQL writes the rest on one line.
func decodeJSONB(v *source.Value, raw, scratch []byte) ([]byte, bool) {
	if len(raw) < 2 || raw[0] != 1 {
		return scratch, false
	}
	return decodeBytes(v, raw[1:], scratch)
}

// decodeJSON compacts: a json column keeps the text as it came, with line ends,
// and those would end a record's line.
func decodeJSON(v *source.Value, raw, scratch []byte) ([]byte, bool) {
	from := len(scratch)
	out := bytes.NewBuffer(scratch)
	if err := json.Compact(out, raw); err != nil {
		return scratch, false
	}
	v.Bytes = out.Bytes()[from:]
	return out.Bytes(), true
}
