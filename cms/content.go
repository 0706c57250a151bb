package cms

import (
	"crypto/aes"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
)

// beginContent reads the head of the encrypted content: [0] with OCTET STRING
// pieces, or one primitive [0].
func (d *reader) beginContent(in *scope) error {
	el, size, err := d.ber.head("the encrypted content")
	if err != nil {
		return err
	}
	if err := in.take(size, el.length); err != nil {
		return err
	}
	switch el.tag {
	case tagExplicit0:
		d.pieces = &scope{left: el.length, what: "the encrypted content"}
	case tagImplicit0:
		d.left = el.length
	default:
		return badTag(el.tag, tagExplicit0, "the encrypted content")
	}
	return nil
}

// Read gives out decrypted content.
func (d *reader) Read(p []byte) (int, error) {
	for len(d.ready) == 0 {
		if d.err != nil {
			return 0, d.err
		}
		d.err = d.fill()
	}
	n := copy(p, d.ready)
	d.ready = d.ready[n:]
	return n, nil
}

// fill decrypts the next stretch of ciphertext. All but the last block of what
// is known becomes ready; that one may be the padding. At the end of the
// content it reads the end of the message and then gives out the last block
// without its padding.
func (d *reader) fill() error {
	// The buffer holds, in this order: the block that was held back, the rest of
	// an incomplete block, and what is read now.
	body := d.buf[aes.BlockSize:]
	copy(body, d.rest[:d.partial])
	n, err := d.ciphertext(body[d.partial:])
	if errors.Is(err, io.EOF) {
		return d.finish()
	}
	if err != nil {
		return err
	}
	total := d.partial + n
	full := total - total%aes.BlockSize
	d.partial = copy(d.rest[:], body[full:total])
	if full == 0 {
		return nil
	}
	d.cbc.CryptBlocks(body[:full], body[:full])
	if d.hasHeld {
		copy(d.buf, d.held[:])
		d.ready = d.buf[:full]
	} else {
		d.ready = body[:full-aes.BlockSize]
	}
	copy(d.held[:], body[full-aes.BlockSize:full])
	d.hasHeld = true
	return nil
}

// ciphertext reads a stretch of encrypted content, at most len(p) octets, and
// returns io.EOF at its end.
func (d *reader) ciphertext(p []byte) (int, error) {
	for d.left == 0 {
		if d.pieces == nil {
			return 0, io.EOF
		}
		if err := d.nextPiece(); err != nil {
			return 0, err
		}
	}
	n, err := d.ber.r.Read(p[:min(int64(len(p)), d.left)])
	d.left -= int64(n)
	if n > 0 {
		return n, nil // an error comes again with the next read
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return 0, damaged("the encrypted content", err)
}

// nextPiece reads the head of the next OCTET STRING. Pieces inside of pieces
// are legal BER, but nobody writes them.
func (d *reader) nextPiece() error {
	if d.pieces.left == 0 {
		return io.EOF
	}
	el, size, err := d.ber.head("a piece of content")
	if err != nil {
		return err
	}
	if d.pieces.left < 0 && el.tag == 0 && el.length == 0 {
		d.pieces.left = 0
		return io.EOF
	}
	if el.tag != tagOctetString {
		return fmt.Errorf("%w: a piece of content has tag %#x", ErrDamaged, el.tag)
	}
	if err := d.pieces.take(size, el.length); err != nil {
		return err
	}
	d.left = el.length
	return nil
}

// finish reads the end of the message and gives out the last block.
func (d *reader) finish() error {
	if d.partial != 0 || !d.hasHeld {
		return fmt.Errorf("%w: the encrypted content is not a whole number of blocks", ErrDamaged)
	}
	for i := len(d.open) - 1; i >= 0; i-- {
		if err := d.end(d.open[i]); err != nil {
			return err
		}
	}
	if err := d.nothingAfter(); err != nil {
		return err
	}
	pad, ok := padding(d.held)
	if !ok {
		return fmt.Errorf("%w: the padding is wrong", ErrDamaged)
	}
	d.ready = d.held[:aes.BlockSize-pad]
	d.hasHeld = false
	return io.EOF
}

// end reads the end of a constructed value, past unprotected attributes, which
// may follow EncryptedContentInfo.
func (d *reader) end(s *scope) error {
	if s.what == "EnvelopedData" && s.left != 0 {
		next, err := d.ber.r.Peek(1)
		if err != nil {
			return damaged(s.what, err)
		}
		if next[0] == tagImplicit1 {
			if _, _, err := d.ber.whole(s, "the unprotected attributes"); err != nil {
				return err
			}
		}
	}
	return d.ber.leave(s)
}

// nothingAfter makes sure that the message is followed by nothing. What a mail
// tool may add to the text form, line ends, was dropped before.
func (d *reader) nothingAfter() error {
	_, err := d.ber.r.ReadByte()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return damaged("the end of the message", err)
	}
	return fmt.Errorf("%w: something follows the message", ErrDamaged)
}

// padding returns the number of padding octets of a last block (RFC 5652,
// section 6.3).
func padding(block [aes.BlockSize]byte) (int, bool) {
	n := int(block[aes.BlockSize-1])
	if n < 1 || n > aes.BlockSize {
		return 0, false
	}
	good := 1
	for _, b := range block[aes.BlockSize-n:] {
		good &= subtle.ConstantTimeByteEq(b, byte(n))
	}
	return n, good == 1
}
