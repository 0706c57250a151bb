package cms

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"math/rand/v2"
	"testing"
)

// pseudo fills with what a seed gives, the same in every run.
func pseudo(seed byte, size int) []byte {
	out := make([]byte, size)
	// ChaCha8 is documented never to fail.
	rand.NewChaCha8([32]byte{seed}).Read(out) //nolint:errcheck // see above
	return out
}

// sealed is what the standard library makes of a content: ciphertext and tag.
func sealed(t testing.TB, key, nonce, content []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return whole.Seal(nil, nonce, content, nil)
}

// streamed is what the stream makes of it.
func streamed(t testing.TB, key, nonce, content []byte) []byte {
	t.Helper()
	g, err := newGCM(key, nonce)
	if err != nil {
		t.Fatal(err)
	}
	out := bytes.Clone(content)
	for rest := out; len(rest) > 0; {
		n := min(len(rest), pieceSize)
		g.encrypt(rest[:n])
		rest = rest[n:]
	}
	return append(out, g.tag()...)
}

// checkGCM compares the stream with the standard library, both ways.
func checkGCM(t *testing.T, key, nonce, content []byte) {
	t.Helper()
	want := sealed(t, key, nonce, content)
	if got := streamed(t, key, nonce, content); !bytes.Equal(got, want) {
		t.Fatalf("%d bytes with a key of %d: the stream differs from the library", len(content), len(key))
	}
	g, err := newGCM(key, nonce)
	if err != nil {
		t.Fatal(err)
	}
	back := want[:len(content)]
	for rest := back; len(rest) > 0; {
		n := min(len(rest), pieceSize)
		g.decrypt(rest[:n])
		rest = rest[n:]
	}
	if !bytes.Equal(back, content) || !bytes.Equal(g.tag(), want[len(content):]) {
		t.Fatalf("%d bytes with a key of %d: decrypting gives another content or tag", len(content), len(key))
	}
}

// TestGCMIsTheLibrarys goes through every size up to a few hundred bytes, and
// those around the borders of pieces, with all lengths of key.
func TestGCMIsTheLibrarys(t *testing.T) {
	t.Parallel()
	content := pseudo(1, 5*pieceSize)
	for keySize := 16; keySize <= 32; keySize += 8 {
		key, nonce := pseudo(byte(keySize), keySize), pseudo(99, nonceSize)
		for size := range 600 {
			checkGCM(t, key, nonce, content[:size])
		}
		for pieces := 1; pieces <= 4; pieces++ {
			for off := -33; off <= 33; off++ {
				checkGCM(t, key, nonce, content[:pieces*pieceSize+off])
			}
		}
	}
}

// FuzzGCM compares the stream with the library for any key, nonce and content.
func FuzzGCM(f *testing.F) {
	f.Add([]byte("key"), []byte("nonce"), []byte("content"), 0)
	f.Add([]byte{}, []byte{}, []byte{}, pieceSize)
	f.Fuzz(func(t *testing.T, key, nonce, content []byte, repeat int) {
		k, n := make([]byte, keySize), make([]byte, nonceSize)
		copy(k, key)
		copy(n, nonce)
		// Repeating makes contents of several pieces out of what a fuzzer tries.
		if times := min(repeat&0xFFFF, (3*pieceSize)/(len(content)+1)); times > 1 {
			content = bytes.Repeat(content, times)
		}
		checkGCM(t, k, n, content)
	})
}

// TestField checks the multiplication by the laws of a field.
func TestField(t *testing.T) {
	t.Parallel()
	one := element{high: 1 << 63}
	for seed := range byte(50) {
		a, b, c := elementOf(pseudo(seed, 16)), elementOf(pseudo(seed+50, 16)), elementOf(pseudo(seed+100, 16))
		if a.times(one) != a || a.times(b) != b.times(a) || a.times(b).times(c) != a.times(b.times(c)) || a.plus(b).times(c) != a.times(c).plus(b.times(c)) {
			t.Fatalf("the laws of a field do not hold for %x, %x, %x", a, b, c)
		}
		product := one
		for n := range uint(20) {
			if a.power(n) != product {
				t.Fatalf("%x to the power of %d is wrong", a, n)
			}
			product = product.times(a)
		}
	}
}

// TestGCMEndsAtItsLimit moves a writer and a reader to the end of what one key
// may encrypt: they refuse the first byte too many, and the message stays
// without its end.
func TestGCMEndsAtItsLimit(t *testing.T) {
	t.Parallel()
	g, err := newGCM(make([]byte, keySize), make([]byte, nonceSize))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := &writer{w: &out, gcm: g, left: 10, buf: make([]byte, pieceHead+pieceSize)}
	if n, err := w.Write(make([]byte, 10)); n != 10 || err != nil {
		t.Fatalf("up to the limit Write gave %d, %v", n, err)
	}
	if n, err := w.Write(make([]byte, 1)); n != 0 || !errors.Is(err, ErrTooLong) {
		t.Fatalf("beyond the limit Write gave %d, %v", n, err)
	}
	if err := w.Close(); !errors.Is(err, ErrTooLong) || out.Len() > 0 {
		t.Fatalf("beyond the limit Close gave %v, and %d bytes were written", err, out.Len())
	}
	g.length = maxGCM
	in := bufio.NewReader(bytes.NewReader([]byte{1, 0, 0}))
	d := &Reader{ber: &berReader{r: in}, profile: Authenticated, gcm: g, left: 1, buf: make([]byte, 1)}
	if n, err := d.Read(make([]byte, 1)); n != 0 || !errors.Is(err, ErrDamaged) || !errors.Is(err, ErrTooLong) {
		t.Fatalf("beyond the limit Read gave %d, %v", n, err)
	}
}
