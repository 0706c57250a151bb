package postgres

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"

	"cdds/source"
)

// decoder decodes a value in PostgreSQL's binary form. Bytes that the wire does
// not have are appended to scratch, which it returns.
type decoder func(v *source.Value, raw, scratch []byte) ([]byte, bool)

// firstUserOID is where types begin that a database defines itself: enums and
// extensions' text types, whose binary form is text.
const firstUserOID = 16384

// Microseconds and days from 1970 to 2000, PostgreSQL's epoch.
const (
	epochDays   = 10957
	dayMicros   = 24 * 60 * 60 * 1_000_000
	epochMicros = epochDays * dayMicros
)

// decoderFor returns the decoder of a kind from a type, and false where the
// type cannot give it.
func decoderFor(kind source.Kind, oid uint32) (decoder, bool) {
	switch kind {
	case source.Text, source.Group:
		return textDecoder(oid)
	case source.Int:
		return intDecoder(oid)
	case source.Bool:
		if oid == pgtype.BoolOID {
			return decodeBool, true
		}
		ints, ok := intDecoder(oid)
		if !ok {
			return nil, false
		}
		return func(v *source.Value, raw, scratch []byte) ([]byte, bool) {
			scratch, ok := ints(v, raw, scratch)
			if v.Int != 0 {
				v.Int = 1
			}
			return scratch, ok
		}, true
	case source.Instant:
		return instantDecoder(oid)
	case source.JSON:
		return jsonDecoder(oid)
	case source.Binary:
		if oid == pgtype.ByteaOID {
			return decodeBytes, true
		}
	}
	return onlyNull(oid)
}

// onlyNull accepts the type of a column that the mapping leaves out: it is a
// text that is always null, and any value in it is refused.
func onlyNull(oid uint32) (decoder, bool) {
	if oid != pgtype.TextOID && oid != pgtype.UnknownOID {
		return nil, false
	}
	return func(_ *source.Value, _, scratch []byte) ([]byte, bool) { return scratch, false }, true
}

// fits reports whether a real column of the type can be exported as the kind.
func fits(kind source.Kind, oid uint32) bool {
	if oid == pgtype.TextOID && kind != source.Text && kind != source.Group {
		return false
	}
	_, ok := decoderFor(kind, oid)
	return ok
}

func textDecoder(oid uint32) (decoder, bool) {
	switch oid {
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID, pgtype.NameOID, pgtype.UnknownOID:
		return decodeText, true
	case pgtype.UUIDOID:
		return decodeUUID, true
	}
	if oid >= firstUserOID {
		return decodeText, true
	}
	ints, ok := intDecoder(oid)
	if !ok {
		return nil, false
	}
	return func(v *source.Value, raw, scratch []byte) ([]byte, bool) {
		scratch, ok := ints(v, raw, scratch)
		from := len(scratch)
		scratch = strconv.AppendInt(scratch, v.Int, 10)
		v.Bytes = scratch[from:]
		return scratch, ok
	}, true
}

// decodeText passes text through. Only a database without an encoding
// (SQL_ASCII) can hold invalid UTF-8: U+FFFD stands for it then.
func decodeText(v *source.Value, raw, scratch []byte) ([]byte, bool) {
	v.Bytes = raw
	if utf8.Valid(raw) {
		return scratch, true
	}
	v.Bytes = bytes.ToValidUTF8(raw, []byte("\uFFFD"))
	return scratch, true
}

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

func decodeBool(v *source.Value, raw, scratch []byte) ([]byte, bool) {
	if len(raw) != 1 {
		return scratch, false
	}
	v.Int = int64(raw[0])
	return scratch, true
}

func intDecoder(oid uint32) (decoder, bool) {
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		return decodeInt, true
	case pgtype.NumericOID:
		return decodeNumeric, true
	}
	return onlyNull(oid)
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
	var n int64
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
		if n > (math.MaxInt64-digit)/10000 {
			return scratch, false
		}
		n = n*10000 + digit
	}
	if sign == 0x4000 {
		n = -n
	}
	v.Int = n
	return scratch, true
}

func instantDecoder(oid uint32) (decoder, bool) {
	switch oid {
	case pgtype.TimestamptzOID, pgtype.TimestampOID:
		return decodeInstant, true
	case pgtype.DateOID:
		return decodeDate, true
	}
	return onlyNull(oid)
}

// decodeInstant reads microseconds since 2000. A timestamp without a zone is
// read as UTC. The infinities stay what they are.
func decodeInstant(v *source.Value, raw, scratch []byte) ([]byte, bool) {
	if len(raw) != 8 {
		return scratch, false
	}
	v.Int = int64(binary.BigEndian.Uint64(raw))
	if v.Int != math.MaxInt64 && v.Int != math.MinInt64 {
		v.Int += epochMicros
	}
	return scratch, true
}

func decodeDate(v *source.Value, raw, scratch []byte) ([]byte, bool) {
	if len(raw) != 4 {
		return scratch, false
	}
	switch days := int32(binary.BigEndian.Uint32(raw)); days {
	case math.MaxInt32:
		v.Int = math.MaxInt64
	case math.MinInt32:
		v.Int = math.MinInt64
	default:
		v.Int = (int64(days) + epochDays) * dayMicros
	}
	return scratch, true
}

func jsonDecoder(oid uint32) (decoder, bool) {
	switch oid {
	case pgtype.JSONBOID:
		return decodeJSONB, true
	case pgtype.JSONOID:
		return decodeJSON, true
	}
	return onlyNull(oid)
}

// decodeJSONB drops the version byte. PostgreSQL writes the rest on one line.
func decodeJSONB(v *source.Value, raw, scratch []byte) ([]byte, bool) {
	if len(raw) < 2 || raw[0] != 1 {
		return scratch, false
	}
	v.Bytes = raw[1:]
	return scratch, true
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
