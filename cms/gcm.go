package cms

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"math/bits"
)

const (
	// nonceSize and tagSize are those of RFC 5084, section 3.2: twelve octets,
	// and the whole of the tag.
	nonceSize = 12
	tagSize   = 16
	// maxGCM is the most that AES-GCM may encrypt under one key and nonce, in
	// bytes: 2^39 - 256 bits (NIST SP 800-38D, section 5.2.1.1). Beyond it the
	// counter would repeat, and with it the key stream.
	maxGCM = 1<<36 - 32
)

// gcm is AES-GCM (NIST SP 800-38D) as a stream, which the standard library does
// not have: it encrypts in one call what is in memory.
//
// The key stream is the library's AES-CTR. The tag comes from the library too,
// whose code for GHASH is as fast as the processor can and takes the same time
// for all data, but is not exported. It is reached through GCM itself: a piece of
// ciphertext, sealed as additional data with no plaintext, gives
//
//	T = (P + L)·H + E(J0)
//
// in GF(2^128), where P is GHASH's polynomial of the piece, L the block of its
// length, H the hash key and E(J0) the mask of the tag. So P·H = T + L·H + E(J0).
// The polynomial of a message whose pieces have m blocks is Y' = Y·H^m + P, and
// its tag is (Y + L)·H + E(J0). One multiplication for each piece therefore puts
// the pieces together. What is kept as sum is Y·H, so that nothing is divided by
// H. The tags of pieces never leave this type.
type gcm struct {
	stream cipher.Stream
	aead   cipher.AEAD
	nonce  []byte
	h      element // E(0), the hash key
	mask   element // E(J0)
	full   step    // of a whole piece, as nearly all are
	sum    element // Y·H over what was hashed
	length int64   // bytes hashed
	room   [tagSize]byte
}

// step is what puts a piece of a certain length behind others.
type step struct {
	power  element // H^m for its m blocks
	offset element // L·H + E(J0)
}

// newGCM begins a message.
func newGCM(key, nonce []byte) (*gcm, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make the cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make the cipher: %w", err)
	}
	var counter, zero, out [aes.BlockSize]byte
	copy(counter[:], nonce)
	g := &gcm{aead: aead, nonce: nonce}
	block.Encrypt(out[:], zero[:])
	g.h = elementOf(out[:])
	counter[aes.BlockSize-1] = 1 // J0, for nonces of twelve octets
	block.Encrypt(out[:], counter[:])
	g.mask = elementOf(out[:])
	counter[aes.BlockSize-1] = 2 // the content begins behind it
	g.stream = cipher.NewCTR(block, counter[:])
	g.full = g.stepOf(pieceSize)
	return g, nil
}

// encrypt encrypts a piece in place. All but the last have pieceSize bytes.
func (g *gcm) encrypt(piece []byte) {
	g.stream.XORKeyStream(piece, piece)
	g.hash(piece)
}

// decrypt decrypts a piece in place. All but the last have pieceSize bytes.
func (g *gcm) decrypt(piece []byte) {
	g.hash(piece)
	g.stream.XORKeyStream(piece, piece)
}

// hash takes a piece of ciphertext into the tag.
func (g *gcm) hash(piece []byte) {
	s := g.full
	if len(piece) != pieceSize {
		s = g.stepOf(len(piece))
	}
	tag := g.aead.Seal(g.room[:0], g.nonce, nil, piece)
	g.sum = g.sum.times(s.power).plus(elementOf(tag)).plus(s.offset)
	g.length += int64(len(piece))
}

// stepOf returns the step of a piece of that many bytes.
func (g *gcm) stepOf(length int) step {
	blocks := uint(length+aes.BlockSize-1) / aes.BlockSize
	// The length of additional data stands in the first half of its block.
	return step{g.h.power(blocks), element{high: uint64(length) * 8}.times(g.h).plus(g.mask)}
}

// tag returns the tag of all that was hashed.
func (g *gcm) tag() []byte {
	lengths := element{low: uint64(g.length) * 8}
	return g.sum.plus(lengths.times(g.h)).plus(g.mask).bytes()
}

// element is one of GF(2^128) in GCM's order of bits: the first bit of the first
// byte is the coefficient of x^0.
type element struct{ high, low uint64 }

func elementOf(b []byte) element {
	return element{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func (a element) bytes() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, a.high), a.low)
}

func (a element) plus(b element) element { return element{a.high ^ b.high, a.low ^ b.low} }

// times multiplies (NIST SP 800-38D, section 6.3), in the same time for all
// values: masks stand where that text has branches.
func (a element) times(b element) element {
	const reduce = 0xE1 << 56 // 1 + x + x^2 + x^7, which x^128 is
	var product element
	for _, word := range [2]uint64{a.high, a.low} {
		for range 64 {
			set := -(word >> 63)
			product.high ^= b.high & set
			product.low ^= b.low & set
			word <<= 1
			over := -(b.low & 1)
			b.low = b.low>>1 | b.high<<63
			b.high = b.high>>1 ^ reduce&over
		}
	}
	return product
}

// power returns a^n. Only n, which is no secret, decides how long that takes.
func (a element) power(n uint) element {
	result := element{high: 1 << 63} // one
	for i := bits.Len(n) - 1; i >= 0; i-- {
		result = result.times(result)
		if n>>i&1 == 1 {
			result = result.times(a)
		}
	}
	return result
}
