package cms_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"slices"
	"testing"

	"cdds/cms"
)

// definite makes a message as openssl does without streaming: definite lengths
// at every level and one primitive [0].
func definite(t *testing.T, content []byte) []byte {
	t.Helper()
	cert, _ := alice(t).files(t)
	return openssl(t, "cms", "-encrypt", "-binary", "-outform", "DER", "-noindef", "-aes256", "-in", file(t, content), cert)
}

// TestTruncated cuts small messages at every place and a larger one at many: no
// cut may end as if the content were whole.
func TestTruncated(t *testing.T) {
	t.Parallel()
	small, large := encrypt(t, noise(100), alice(t)), encrypt(t, noise(3*piece), alice(t))
	for _, tc := range []struct {
		name    string
		message []byte
		step    int
		end     int // octets at the end that are not missed: the last line end
	}{
		{"streamed", small, 1, 0},
		{"definite", definite(t, noise(100)), 1, 0},
		{"text", text(t, small), 1, 2},
		{"large", large, 997, 0},
		{"large, at its end", large, 1, 0},
		{"large text", text(t, large), 1009, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			from := 0
			if tc.name == "large, at its end" {
				from = len(tc.message) - 40
			}
			for cut := from; cut < len(tc.message)-tc.end; cut += tc.step {
				_, err := decrypt(tc.message[:cut], nil, alice(t).key)
				if !errors.Is(err, cms.ErrDamaged) || !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("a message of %d bytes cut after %d gave %v", len(tc.message), cut, err)
				}
			}
		})
	}
}

// TestLastBlockIsWithheld reads a message that lacks its last octet: nothing of
// the last block may come out before the end was seen.
func TestLastBlockIsWithheld(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 15, 16, 100, piece - 1, piece, piece + 1, 2*piece + 17} {
		der := encrypt(t, noise(size), alice(t))
		got, err := decrypt(der[:len(der)-1], nil, alice(t).key)
		if !errors.Is(err, cms.ErrDamaged) {
			t.Errorf("%d bytes, cut: the error is %v", size, err)
		}
		if most := size - size%16; len(got) > most {
			t.Errorf("%d bytes, cut: %d came out", size, len(got))
		}
	}
}

func TestSomethingFollows(t *testing.T) {
	t.Parallel()
	small := encrypt(t, noise(100), alice(t))
	for name, message := range map[string][]byte{
		"streamed": small, "definite": definite(t, noise(100)), "text": text(t, small), "large": encrypt(t, noise(piece), alice(t)),
	} {
		for _, more := range [][]byte{{0}, {0, 0}, []byte("\n."), []byte("AAAA"), small} {
			_, err := decrypt(append(bytes.Clone(message), more...), nil, alice(t).key)
			if !errors.Is(err, cms.ErrDamaged) {
				t.Errorf("%s, then % x: the error is %v", name, more[:1], err)
			}
		}
	}
}

// TestFlippedBits changes each bit of the structure. What CBC cannot see is the
// ciphertext and the IV, so they are left alone; in all else either somebody
// notices or the content is the same. Of the encrypted key, which is one number
// and costs work with RSA for each try, every sixteenth octet is taken.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	content := noise(2*piece + 1000)
	streamed := encrypt(t, content, alice(t))
	// The pieces begin behind the header and have 5, 5 and 4 octets of head.
	first := len(streamed) - 10 - (5 + piece) - (5 + piece) - (4 + 1008)
	second, third := first+5+piece, first+2*(5+piece)
	short := definite(t, noise(100))
	text := text(t, encrypt(t, noise(100), alice(t)))
	for _, tc := range []struct {
		name    string
		message []byte
		content []byte
		places  []int
	}{
		{"header", streamed, content, numbers(0, first-2-16)},
		{"pieces", streamed, content, slices.Concat(numbers(first-2, first+5), numbers(second, second+5), numbers(third, third+4))},
		{"end", streamed, content, numbers(len(streamed)-10, len(streamed))},
		{"definite", short, noise(100), slices.Concat(numbers(0, len(short)-112-2-16), numbers(len(short)-112-2, len(short)-112))},
		{"MIME headers", text, noise(100), numbers(0, bytes.Index(text, []byte("\r\n\r\n")))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			key := bytes.Index(tc.message, []byte{0x04, 0x82, 0x01, 0x00}) + 4
			for _, at := range tc.places {
				if at >= key && at < key+256 && (at-key)%16 > 0 {
					continue
				}
				for bit := range 8 {
					damaged := bytes.Clone(tc.message)
					damaged[at] ^= 1 << bit
					got, err := decrypt(damaged, nil, alice(t).key)
					if err == nil && !bytes.Equal(got, tc.content) {
						t.Fatalf("bit %d of octet %d flipped: %d bytes of other content, and no error", bit, at, len(got))
					}
					if err == nil && tc.name == "end" {
						t.Fatalf("bit %d of octet %d, in the end, flipped, and nobody noticed", bit, at)
					}
				}
			}
		})
	}
}

// numbers are those from one up to another.
func numbers(from, to int) []int {
	out := make([]int, 0, to-from)
	for n := from; n < to; n++ {
		out = append(out, n)
	}
	return out
}

// TestPadding changes the last octet of the IV, and so that of the only block.
func TestPadding(t *testing.T) {
	t.Parallel()
	der := encrypt(t, noise(15), alice(t)) // its padding is one octet, 01
	iv := len(der) - 10 - 18 - 2 - 1
	for padding := range 256 {
		damaged := bytes.Clone(der)
		damaged[iv] ^= 1 ^ byte(padding)
		got, err := decrypt(damaged, nil, alice(t).key)
		if padding == 1 {
			if err != nil || !bytes.Equal(got, noise(15)) {
				t.Errorf("unchanged: %d bytes, %v", len(got), err)
			}
			continue
		}
		if !errors.Is(err, cms.ErrDamaged) || len(got) > 0 {
			t.Errorf("padding %d: %d bytes, %v", padding, len(got), err)
		}
	}
}

// parts of a small streamed message, to build others from.
type parts struct {
	recipients, algorithm, piece []byte
}

// The values around them, as they stand in every message.
var (
	envelopedData = []byte{0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3}
	plainData     = []byte{0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1}
	version       = []byte{0x02, 1, 0}
)

func take(t *testing.T, content []byte) parts {
	t.Helper()
	der := encrypt(t, content, alice(t))
	at := bytes.Index(der, plainData)
	before := len(value(0x30, true, value(0xA0, true, value(0x30, true)))) // heads and ends
	return parts{
		recipients: der[before/2+len(envelopedData)+len(version) : at-2],
		algorithm:  der[at+len(plainData) : at+len(plainData)+31],
		piece:      der[at+len(plainData)+31+2 : len(der)-10],
	}
}

// value is a BER value with a definite or an indefinite length.
func value(tag byte, indefinite bool, contents ...[]byte) []byte {
	all := bytes.Join(contents, nil)
	switch {
	case indefinite:
		return slices.Concat([]byte{tag, 0x80}, all, []byte{0, 0})
	case len(all) < 0x80:
		return slices.Concat([]byte{tag, byte(len(all))}, all)
	}
	return slices.Concat([]byte{tag, 0x82, byte(len(all) >> 8), byte(len(all))}, all)
}

// TestMixedLengths builds messages whose values have definite and indefinite
// lengths in all combinations; BER allows each of them.
func TestMixedLengths(t *testing.T) {
	t.Parallel()
	content := noise(50)
	p := take(t, content)
	for mix := range 1 << 6 {
		inf := func(bit int) bool { return mix>>bit&1 == 1 }
		recipients := p.recipients
		if inf(5) {
			recipients = value(0x31, true, p.recipients[4:])
		}
		message := value(0x30, inf(0), envelopedData, value(0xA0, inf(1), value(0x30, inf(2), version, recipients,
			value(0x30, inf(3), plainData, p.algorithm, value(0xA0, inf(4), p.piece)))))
		mustDecrypt(t, message, alice(t), content)
	}
}

// TestStructure builds messages with something in the wrong place, or in a
// place that few know.
func TestStructure(t *testing.T) {
	t.Parallel()
	content := noise(50)
	p := take(t, content)
	info := func(contents ...[]byte) []byte {
		return value(0x30, true, plainData, p.algorithm, bytes.Join(contents, nil))
	}
	good := info(value(0xA0, true, p.piece))
	message := func(contents ...[]byte) []byte {
		return value(0x30, true, envelopedData, value(0xA0, true, value(0x30, true, contents...)))
	}
	octets := p.piece[2:]
	attributes := value(0xA1, false, value(0x30, false, plainData, value(0x31, false, version)))
	for _, tc := range []struct {
		name    string
		message []byte
		want    error
	}{
		{"as it should be", message(version, p.recipients, good), nil},
		{"no type", value(0x30, true, value(0xA0, true, value(0x30, true, version, p.recipients, good))), cms.ErrDamaged},
		{"an end for a type", value(0x30, true, []byte{0, 0}, value(0xA0, true, value(0x30, true, version, p.recipients, good))), cms.ErrDamaged},
		{"no version", message(p.recipients, good), cms.ErrDamaged},
		{"an end for a version", message([]byte{0, 0}, p.recipients, good), cms.ErrDamaged},
		{"no recipients", message(version, good), cms.ErrDamaged},
		{"an empty set of recipients", message(version, value(0x31, false), good), cms.ErrNotRecipient},
		{"a recipient without end", message(version, value(0x31, true, append([]byte{0x30, 0x80}, p.recipients[8:]...)), good), cms.ErrUnsupported},
		{"an empty recipient", message(version, value(0x31, true, value(0x30, false)), good), cms.ErrDamaged},
		{"originator information", message(version, value(0xA0, false), p.recipients, good), cms.ErrUnsupported},
		{"no content info", message(version, p.recipients), cms.ErrDamaged},
		{"no content", message(version, p.recipients, info()), cms.ErrDamaged},
		{"an empty content", message(version, p.recipients, info(value(0xA0, true))), cms.ErrDamaged},
		{"an empty primitive content", message(version, p.recipients, info(value(0x80, false))), cms.ErrDamaged},
		{"a primitive content", message(version, p.recipients, info(value(0x80, false, octets))), nil},
		{"a primitive content without end", message(version, p.recipients, info(value(0x80, true, octets))), cms.ErrDamaged},
		{"empty pieces", message(version, p.recipients, info(value(0xA0, true, []byte{4, 0}, p.piece, []byte{4, 0}))), nil},
		{"pieces that cut a block", message(version, p.recipients, info(value(0xA0, true, value(4, false, octets[:5]), value(4, false, octets[5:])))), nil},
		{"half a block", message(version, p.recipients, info(value(0xA0, true, value(4, false, octets[:40])))), cms.ErrDamaged},
		{"a piece without end", message(version, p.recipients, info(value(0xA0, true, value(4, true, octets)))), cms.ErrDamaged},
		{"pieces of pieces", message(version, p.recipients, info(value(0xA0, true, value(0x24, true, p.piece)))), cms.ErrUnsupported},
		{"another value among the pieces", message(version, p.recipients, info(value(0xA0, true, p.piece, version))), cms.ErrDamaged},
		{"attributes", message(version, p.recipients, good, attributes), nil},
		{"attributes twice", message(version, p.recipients, good, attributes, attributes), cms.ErrDamaged},
		{"another value for attributes", message(version, p.recipients, good, version), cms.ErrDamaged},
		{"a value behind the content", message(version, p.recipients, info(value(0xA0, true, p.piece), version)), cms.ErrDamaged},
		{"a value behind EnvelopedData", value(0x30, true, envelopedData, value(0xA0, true, value(0x30, true, version, p.recipients, good), version)), cms.ErrDamaged},
		{"a value at the end", value(0x30, true, envelopedData, value(0xA0, true, value(0x30, true, version, p.recipients, good)), version), cms.ErrDamaged},
		{"other content", bytes.Replace(message(version, p.recipients, good), plainData, envelopedData, 1), cms.ErrUnsupported},
	} {
		got, err := decrypt(tc.message, nil, alice(t).key)
		if tc.want == nil && (err != nil || !bytes.Equal(got, content)) {
			t.Errorf("%s: %d bytes, error %v", tc.name, len(got), err)
		}
		if tc.want != nil && !errors.Is(err, tc.want) {
			t.Errorf("%s: the error is %v", tc.name, err)
		}
	}
}

// TestValuesStayInside makes each value that holds others claim one octet more
// and one less than it has.
func TestValuesStayInside(t *testing.T) {
	t.Parallel()
	p := take(t, noise(50))
	for _, inner := range []bool{false, true} {
		for level := range 5 {
			for _, by := range []int{-1, 1} {
				around := func(at int, tag byte, contents ...[]byte) []byte {
					v := value(tag, inner && at > level, contents...)
					if at != level {
						return v
					}
					last := 1 // the octet of the length
					if v[1] == 0x82 {
						last = 3
					}
					v[last] = byte(int(v[last]) + by)
					return v
				}
				message := around(0, 0x30, envelopedData, around(1, 0xA0, around(2, 0x30, version, p.recipients,
					around(3, 0x30, plainData, p.algorithm, around(4, 0xA0, p.piece)))))
				if _, err := decrypt(message, nil, alice(t).key); !errors.Is(err, cms.ErrDamaged) {
					t.Errorf("level %d, %+d octet, indefinite inside: %t: the error is %v", level, by, inner, err)
				}
			}
		}
	}
}

// TestHugeLengths claims lengths that nobody has, in every place: memory must
// not be taken on the word of a message. It runs alone, since it counts the
// memory of the whole process.
func TestHugeLengths(t *testing.T) {
	p := take(t, noise(50))
	head := slices.Concat([]byte{0x30, 0x80}, envelopedData, []byte{0xA0, 0x80, 0x30, 0x80})
	algorithm := slices.Concat(version, p.recipients, []byte{0x30, 0x80}, plainData)
	places := map[string][]byte{
		"start": {}, "type": {0x30, 0x80}, "version": head, "recipients": append(bytes.Clone(head), version...),
		"a recipient": slices.Concat(head, version, []byte{0x31, 0x80}), "algorithm": slices.Concat(head, algorithm),
		"content": slices.Concat(head, algorithm, p.algorithm), "piece": slices.Concat(head, algorithm, p.algorithm, []byte{0xA0, 0x80}),
	}
	tags := map[string]byte{"start": 0x30, "type": 6, "version": 2, "recipients": 0x31, "a recipient": 0x30, "algorithm": 0x30, "content": 0x80, "piece": 4}
	for place, before := range places {
		for _, length := range [][]byte{
			{0x83, 0x03, 0xff, 0xff}, {0x84, 0x7f, 0xff, 0xff, 0xff}, {0x84, 0xff, 0xff, 0xff, 0xff},
			{0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
			append([]byte{0xff}, bytes.Repeat([]byte{0xff}, 127)...), append([]byte{0xfe}, make([]byte, 126)...),
		} {
			message := slices.Concat(before, []byte{tags[place]}, length, []byte("some octets"))
			var now, then runtime.MemStats
			runtime.ReadMemStats(&now)
			_, err := decrypt(message, nil, alice(t).key)
			runtime.ReadMemStats(&then)
			if err == nil {
				t.Errorf("%s of % x octets: no error", place, length[:2])
			}
			if taken := then.TotalAlloc - now.TotalAlloc; taken > 1<<20 {
				t.Errorf("%s of % x octets: %d bytes of memory were taken", place, length[:2], taken)
			}
		}
	}
}

// TestEndlessHeaders feeds recipients and MIME headers that never end: reading
// stops by itself.
func TestEndlessHeaders(t *testing.T) {
	t.Parallel()
	p := take(t, noise(50))
	begin := slices.Concat([]byte{0x30, 0x80}, envelopedData, []byte{0xA0, 0x80, 0x30, 0x80}, version, []byte{0x31, 0x80})
	for name, tc := range map[string]struct{ begin, again []byte }{
		"recipients":       {begin, p.recipients[4:]},
		"empty recipients": {begin, []byte{0xA3, 0}},
		"one recipient":    {append(begin, 0x30, 0x84, 0x7f, 0xff, 0xff, 0xff), make([]byte, 1000)},
		"MIME headers":     {[]byte("MIME-Version: 1.0\n"), []byte("X-More: and more\n")},
		"a MIME line":      {[]byte("MIME-Version: "), []byte("1.")},
		"line ends":        {nil, []byte("\r")},
	} {
		endless := &repeating{again: tc.again, most: 1 << 24}
		_, err := cms.Decrypt(io.MultiReader(bytes.NewReader(tc.begin), endless), nil, alice(t).key)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if endless.given > 1<<20 {
			t.Errorf("%s: %d bytes were read", name, endless.given)
		}
	}
}

// repeating gives the same octets again and again, up to a most.
type repeating struct {
	again       []byte
	given, most int
}

func (r *repeating) Read(p []byte) (int, error) {
	if r.given >= r.most {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = r.again[(r.given+i)%len(r.again)]
	}
	r.given += len(p)
	return len(p), nil
}
