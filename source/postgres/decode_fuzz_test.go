package postgres

import (
	"bytes"
	"encoding/json"
	"math/big"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"

	"cdds/source"
)

// FuzzDecode gives each decoder bytes that may be anything: what it accepts is
// a value of its kind, the one that pgx reads, and what others have put into
// the scratch space stays.
func FuzzDecode(f *testing.F) {
	kinds := []source.Kind{source.Text, source.Group, source.Int, source.Bool, source.Instant, source.JSON, source.Binary}
	oids := []uint32{pgtype.TextOID, pgtype.UUIDOID, pgtype.BoolOID, pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.NumericOID,
		pgtype.TimestamptzOID, pgtype.TimestampOID, pgtype.DateOID, pgtype.JSONOID, pgtype.JSONBOID, pgtype.ByteaOID}
	for _, raw := range [][]byte{
		nil, {0}, {1}, {2}, {0x80, 0}, {0x7f, 0xff, 0xff, 0xff}, {0x80, 0, 0, 0, 0, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		{0, 1, 0, 0, 0, 0, 0, 0, 0, 7}, {0, 5, 0, 4, 0x40, 0, 0, 0, 3, 0x9a, 0xd, 0x7f, 0xe, 0x6c, 0x1f, 0xff, 0x16, 0xaf}, {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
		{0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, []byte("{\"a\" :\r\n [1.50]}"), []byte("\x01{}"), []byte("0123456789abcdef"), []byte("\xff\xfe"),
	} {
		for i := range oids {
			f.Add(raw, uint8(i))
		}
	}
	known := pgtype.NewMap()
	f.Fuzz(func(t *testing.T, raw []byte, which uint8) {
		oid := oids[int(which)%len(oids)]
		for _, kind := range kinds {
			decode := types{known: known}.decoder(kind, oid)
			if decode == nil {
				continue
			}
			var v source.Value
			scratch, ok := decode(&v, raw, append(make([]byte, 0, 8), "before"...))
			if !bytes.HasPrefix(scratch, []byte("before")) {
				t.Fatalf("%s as kind %v wrote over the scratch space", types{known: known}.name(oid), kind)
			}
			if ok {
				checkDecoded(t, known, kind, oid, raw, v)
			}
		}
	})
}

// checkDecoded looks whether an accepted value is one of its kind.
func checkDecoded(t *testing.T, known *pgtype.Map, kind source.Kind, oid uint32, raw []byte, v source.Value) {
	t.Helper()
	switch kind {
	case source.Bool:
		if v.Int != 0 && v.Int != 1 {
			t.Fatalf("% x is a flag of the value %d", raw, v.Int)
		}
	case source.JSON:
		if bytes.ContainsAny(v.Bytes, "\r\n") && oid == pgtype.JSONOID || oid == pgtype.JSONOID && !json.Valid(v.Bytes) {
			t.Fatalf("%q is JSON that is %q", raw, v.Bytes)
		}
	case source.Text:
		if oid != pgtype.TextOID && !utf8.Valid(v.Bytes) {
			t.Fatalf("% x is a text that is %q", raw, v.Bytes)
		}
	case source.Int:
		if oid != pgtype.NumericOID {
			return
		}
		var want pgtype.Numeric
		if err := known.Scan(oid, pgtype.BinaryFormatCode, raw, &want); err != nil {
			t.Fatalf("% x is the number %d; pgx says: %v", raw, v.Int, err)
		}
		n := new(big.Int)
		if want.Exp > 100 || want.Exp < -100_000 {
			return // pgx keeps trailing zeros of a size that only a made-up message has
		}
		ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(want.Exp, -want.Exp))), nil)
		if want.Exp >= 0 {
			n.Mul(want.Int, ten)
		} else {
			n.Quo(want.Int, ten)
		}
		if n.Cmp(big.NewInt(v.Int)) != 0 {
			t.Fatalf("% x is the number %d; pgx says %s", raw, v.Int, n)
		}
	}
}
