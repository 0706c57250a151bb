package cms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
)

// Reader decrypts the content of a message while it is read. Decrypt makes one.
type Reader struct {
	ber     *berReader
	profile Profile
	// The values around the encrypted content, outermost first.
	info, explicit, enveloped, content span

	cbc    cipher.BlockMode // of EnvelopedData
	gcm    *gcm             // of AuthEnvelopedData
	pieces *span            // the [0] that holds OCTET STRINGs; nil where it holds octets
	left   int64            // octets left of the present OCTET STRING
	ended  bool             // all ciphertext has been read

	buf   []byte // the block held back, then ciphertext that becomes plaintext in place
	held  []byte // the last block known, in buf: it may be padding
	ready []byte // plaintext in buf that may be given out
	err   error  // how reading ended
}

// Authenticated reports whether the end of the content proves that it is
// unchanged: until then nothing that was read is proved.
func (d *Reader) Authenticated() bool { return d.profile == Authenticated }

// enterContent reads the head of the encrypted content.
func (d *Reader) enterContent() error {
	const what = "the encrypted content"
	tag, length, err := d.ber.head(d.content, what)
	switch {
	case err != nil:
		return err
	case tag == tagContext0:
		pieces := d.ber.inside(d.content, length, what)
		d.pieces = &pieces
	case tag == tagPrimitive0 && length >= 0:
		d.left = length
	default:
		return wrongTag(tag, what)
	}
	return nil
}

// Read gives out decrypted content.
func (d *Reader) Read(p []byte) (int, error) {
	for len(d.ready) == 0 {
		if d.err != nil {
			return 0, d.err
		}
		if d.gcm != nil {
			d.err = d.fillGCM()
		} else {
			d.err = d.fill()
		}
	}
	n := copy(p, d.ready)
	d.ready = d.ready[n:]
	return n, nil
}

// fill decrypts until the buffer is full or the content ends. In a full buffer
// the last block is held back, since it may be the padding. At the end of the
// content nothing becomes ready before the rest of the message was read.
func (d *Reader) fill() error {
	begin := copy(d.buf, d.held)
	n := begin
	for n < len(d.buf) && !d.ended {
		read, err := d.ciphertext(d.buf[n:])
		if err != nil {
			return err
		}
		n += read
	}
	if n == 0 || n%aes.BlockSize != 0 {
		return fmt.Errorf("%w: the encrypted content is not a whole number of blocks", ErrDamaged)
	}
	d.cbc.CryptBlocks(d.buf[begin:n], d.buf[begin:n])
	last := n - aes.BlockSize
	if !d.ended {
		d.ready, d.held = d.buf[:last], d.buf[last:n]
		return nil
	}
	if err := d.leaveAll(); err != nil {
		return err
	}
	pad, err := padding(d.buf[last:n])
	if err != nil {
		return err
	}
	d.ready = d.buf[:n-pad]
	return io.EOF
}

// fillGCM decrypts until the buffer is full or the content ends. At the end
// nothing becomes ready before the tag was compared.
func (d *Reader) fillGCM() error {
	n := 0
	for n < len(d.buf) && !d.ended {
		read, err := d.ciphertext(d.buf[n:])
		if err != nil {
			return err
		}
		n += read
	}
	if d.gcm.length+int64(n) > maxGCM {
		return fmt.Errorf("%w: %w", ErrDamaged, ErrTooLong)
	}
	d.gcm.decrypt(d.buf[:n])
	if d.ended {
		if err := d.leaveAll(); err != nil {
			return err
		}
	}
	d.ready = d.buf[:n]
	if d.ended {
		return io.EOF
	}
	return nil
}

// checkTag reads the tag and compares it. Attributes that are authenticated too
// would change it; nobody writes them beside plain data.
func (d *Reader) checkTag() error {
	const what = "the authentication tag"
	tag, length, err := d.ber.head(d.enveloped, what)
	switch {
	case err != nil:
		return err
	case tag == tagContext1:
		return fmt.Errorf("%w: the message has authenticated attributes", ErrUnsupported)
	case tag != tagOctetString:
		return wrongTag(tag, what)
	}
	der, err := d.ber.keep(tag, length, what)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(der[sizeOf(length)-length:], d.gcm.tag()) != 1 {
		return fmt.Errorf("%w: it was changed after it was encrypted, as its authentication tag is wrong", ErrDamaged)
	}
	return nil
}

// ciphertext reads up to len(p) octets of encrypted content. At its end it
// reads none and sets ended.
func (d *Reader) ciphertext(p []byte) (int, error) {
	const what = "the encrypted content"
	if d.left == 0 {
		return 0, d.nextPiece()
	}
	n, err := io.ReadFull(d.ber.r, p[:min(int64(len(p)), d.left)])
	if err != nil {
		return 0, readError(what, err)
	}
	d.ber.at += int64(n)
	d.left -= int64(n)
	return n, nil
}

// nextPiece reads the head of the next OCTET STRING, or the end of the content.
func (d *Reader) nextPiece() error {
	const what = "a piece of the encrypted content"
	if d.pieces == nil {
		d.ended = true
		return nil
	}
	more, err := d.ber.more(*d.pieces)
	if err != nil || !more {
		d.ended = !more
		return err
	}
	tag, length, err := d.ber.head(*d.pieces, what)
	switch {
	case err != nil:
		return err
	case tag == tagOctetString|constructed:
		// Legal BER, but nobody writes it.
		return fmt.Errorf("%w: %s is itself in pieces", ErrUnsupported, what)
	case tag != tagOctetString || length < 0:
		return wrongTag(tag, what)
	}
	d.left = length
	return nil
}

// leaveAll reads the ends of the values around the content, and makes sure that
// nothing follows the message. The tag of GCM is among them. Attributes that are
// not encrypted may stand at the end; they are of no use here.
func (d *Reader) leaveAll() error {
	if err := d.ber.leave(d.content); err != nil {
		return err
	}
	attributes := byte(tagContext1)
	if d.gcm != nil {
		attributes = tagContext2
		if err := d.checkTag(); err != nil {
			return err
		}
	}
	more, err := d.ber.more(d.enveloped)
	if err == nil && more {
		if _, err = d.ber.exactly(d.enveloped, attributes, "the unprotected attributes"); err == nil {
			err = d.ber.leave(d.enveloped)
		}
	}
	if err != nil {
		return err
	}
	if err := d.ber.leave(d.explicit); err != nil {
		return err
	}
	if err := d.ber.leave(d.info); err != nil {
		return err
	}
	_, err = d.ber.r.ReadByte()
	switch {
	case err == nil:
		return fmt.Errorf("%w: something follows the message", ErrDamaged)
	case errors.Is(err, io.EOF):
		return nil
	}
	return readError("what follows the message", err)
}

// padding returns how many octets of the last block are padding (RFC 5652,
// section 6.3). It need not hide its steps, for the reason given at openKey.
func padding(block []byte) (int, error) {
	n := int(block[len(block)-1])
	good := n >= 1 && n <= len(block)
	for i := 0; good && i < n; i++ {
		good = block[len(block)-1-i] == byte(n)
	}
	if !good {
		return 0, fmt.Errorf("%w: the padding is wrong", ErrDamaged)
	}
	return n, nil
}
