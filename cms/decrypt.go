package cms

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"io"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// readSize is how much of a message is read at a time.
const readSize = 64 << 10

// Decrypt returns a reader of the content of an encrypted message: one that
// Encrypt wrote, or another EnvelopedData with AES-CBC or AuthEnvelopedData with
// AES-GCM, and RSA PKCS #1 v1.5 or RSA-OAEP, in BER or DER, or the S/MIME text
// form of any, which is told apart by its first octet. It reads the message's
// header at once. Memory does not grow with the message. The reader is for one
// goroutine at a time.
//
// With a certificate, its owner's recipient is found by issuer and serial
// number or by key identifier, and the key must be the certificate's. Where
// cert is nil, every recipient is tried that fits the key.
//
// The reader gives io.EOF only after the end of the message was found to be
// where it should be, and withholds the last block until then. After an error
// what was read before is a part of the content and must not be taken for all
// of it. That the content is unchanged is proved by its SHA-256 alone where the
// message has CBC. With AES-GCM an io.EOF says so as well; but what was read
// before it is not proved yet, so nobody may act on it.
//
// Errors wrap ErrNotRecipient, ErrUnsupported or ErrDamaged (and
// io.ErrUnexpectedEOF where the message is cut off), or are those of r.
func Decrypt(r io.Reader, cert *x509.Certificate, key *rsa.PrivateKey) (*Reader, error) {
	in := bufio.NewReaderSize(r, readSize)
	first, err := in.Peek(1)
	if err != nil {
		return nil, readError("the message", err)
	}
	if first[0] != tagSequence {
		if in, err = textBody(in); err != nil {
			return nil, err
		}
	}
	d := &Reader{ber: &berReader{r: in}}
	if err := d.readHeader(cert, key); err != nil {
		return nil, err
	}
	return d, nil
}

// readHeader reads all that stands before the content, and opens the content
// key.
func (d *Reader) readHeader(cert *x509.Certificate, key *rsa.PrivateKey) error {
	if err := d.readEnvelope(); err != nil {
		return err
	}
	recipients, otherKind, err := d.readRecipients()
	if err != nil {
		return err
	}
	c, err := d.readContentInfo()
	if err != nil {
		return err
	}
	if len(recipients) == 0 && otherKind != "" {
		return fmt.Errorf("%w: the message is encrypted to %s, not to an RSA key", ErrUnsupported, otherKind)
	}
	secret, err := openKey(recipients, cert, key, c.keyLength)
	if err != nil {
		return err
	}
	if d.profile == Authenticated {
		d.gcm, err = newGCM(secret, c.iv)
		d.buf = make([]byte, pieceSize)
		return err
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return fmt.Errorf("make the cipher: %w", err)
	}
	d.cbc = cipher.NewCBCDecrypter(block, c.iv)
	d.buf = make([]byte, aes.BlockSize+pieceSize)
	return nil
}

// readEnvelope enters ContentInfo and EnvelopedData or AuthEnvelopedData and
// reads the version. That follows from what else is in the message and is not
// looked at.
func (d *Reader) readEnvelope() error {
	var err error
	if d.info, err = d.ber.enter(everything(), tagSequence, "ContentInfo"); err != nil {
		return err
	}
	oid, err := d.readOID(d.info, "the kind of the message")
	if err != nil {
		return err
	}
	switch {
	case oid.Equal(oidEnvelopedData):
	case oid.Equal(oidAuthEnvelopedData):
		d.profile = Authenticated
	default:
		return fmt.Errorf("%w: the message is %s; only EnvelopedData and AuthEnvelopedData can be read", ErrUnsupported, known(oid))
	}
	if d.explicit, err = d.ber.enter(d.info, tagContext0, "the content of ContentInfo"); err != nil {
		return err
	}
	if d.enveloped, err = d.ber.enter(d.explicit, tagSequence, known(oid)); err != nil {
		return err
	}
	_, err = d.ber.exactly(d.enveloped, tagInteger, "the version")
	return err
}

// readRecipients reads the recipients that have an RSA key. The message may be
// for us though others have something else: otherKind names the last of those.
func (d *Reader) readRecipients() (recipients []recipient, otherKind string, err error) {
	tag, length, err := d.ber.head(d.enveloped, "the recipients")
	switch {
	case err != nil:
		return nil, "", err
	case tag == tagContext0:
		return nil, "", fmt.Errorf("%w: the message has originator information", ErrUnsupported)
	case tag != tagSet:
		return nil, "", wrongTag(tag, "the recipients")
	}
	set := d.ber.inside(d.enveloped, length, "the recipients")
	for {
		more, err := d.ber.more(set)
		if err != nil || !more {
			return recipients, otherKind, err
		}
		tag, der, err := d.ber.small(set, "a recipient")
		if err != nil {
			return nil, "", err
		}
		if tag != tagSequence {
			otherKind = recipientKind(tag)
			continue
		}
		r, err := parseRecipient(der)
		if err != nil {
			return nil, "", err
		}
		recipients = append(recipients, r)
	}
}

// recipientKind names the other kinds of RecipientInfo (RFC 5652, section 6.2).
func recipientKind(tag byte) string {
	switch tag {
	case tagContext1:
		return "a key agreement"
	case tagContext1 + 1:
		return "a shared key"
	case tagContext1 + 2:
		return "a password"
	default:
		return "an unknown kind of recipient"
	}
}

// contentCipher is what the AlgorithmIdentifier of the content says.
type contentCipher struct {
	keyLength int
	iv        []byte // or nonce
}

// readContentInfo enters EncryptedContentInfo and the encrypted content, and
// returns what the content is encrypted with.
func (d *Reader) readContentInfo() (contentCipher, error) {
	var c contentCipher
	var err error
	if d.content, err = d.ber.enter(d.enveloped, tagSequence, "EncryptedContentInfo"); err != nil {
		return c, err
	}
	oid, err := d.readOID(d.content, "the kind of the content")
	if err != nil {
		return c, err
	}
	if !oid.Equal(oidData) {
		return c, fmt.Errorf("%w: the content is %s; only plain data can be read", ErrUnsupported, known(oid))
	}
	der, err := d.ber.exactly(d.content, tagSequence, "the encryption algorithm")
	if err != nil {
		return c, err
	}
	if c, err = parseCipher(der, d.profile); err != nil {
		return c, err
	}
	return c, d.enterContent()
}

// readOID reads an object identifier.
func (d *Reader) readOID(in span, what string) (oid asn1.ObjectIdentifier, err error) {
	der, err := d.ber.exactly(in, tagOID, what)
	if err == nil && !der.ReadASN1ObjectIdentifier(&oid) {
		err = fmt.Errorf("%w: %s cannot be read", ErrDamaged, what)
	}
	return oid, err
}

// parseCipher reads the AlgorithmIdentifier of the content's cipher: AES-CBC
// (RFC 3565, section 4.1), or in AuthEnvelopedData AES-GCM (RFC 5084, section
// 3.2).
func parseCipher(der cryptobyte.String, how Profile) (contentCipher, error) {
	var (
		c         contentCipher
		algorithm cryptobyte.String
		oid       asn1.ObjectIdentifier
	)
	if !der.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) {
		return c, fmt.Errorf("%w: the encryption algorithm cannot be read", ErrDamaged)
	}
	sizes, want := []asn1.ObjectIdentifier{oidAES128CBC, oidAES192CBC, oidAES256CBC}, "AES-CBC"
	if how == Authenticated {
		sizes, want = []asn1.ObjectIdentifier{oidAES128GCM, oidAES192GCM, oidAES256GCM}, "AES-GCM"
	}
	i := slices.IndexFunc(sizes, oid.Equal)
	if i < 0 {
		return c, fmt.Errorf("%w: the content is encrypted with %s, not with %s", ErrUnsupported, known(oid), want)
	}
	c.keyLength = 16 + 8*i
	if how == Authenticated {
		err := parseGCM(algorithm, &c)
		return c, err
	}
	var iv cryptobyte.String
	if !algorithm.ReadASN1(&iv, cbasn1.OCTET_STRING) || !algorithm.Empty() || len(iv) != aes.BlockSize {
		return c, fmt.Errorf("%w: the initialisation vector cannot be read", ErrDamaged)
	}
	c.iv = iv
	return c, nil
}

// parseGCM reads GCMParameters. Other nonces than those of twelve octets would
// be legal, and shorter tags too; nobody writes the ones, and the others are
// easier to guess.
func parseGCM(der cryptobyte.String, c *contentCipher) error {
	var params, nonce cryptobyte.String
	tag := 12 // the default of the RFC
	if !der.ReadASN1(&params, cbasn1.SEQUENCE) || !der.Empty() || !params.ReadASN1(&nonce, cbasn1.OCTET_STRING) ||
		!params.Empty() && !params.ReadASN1Integer(&tag) || !params.Empty() {
		return fmt.Errorf("%w: the parameters of AES-GCM cannot be read", ErrDamaged)
	}
	if len(nonce) != nonceSize || tag != tagSize {
		return fmt.Errorf("%w: AES-GCM has a nonce of %d octets and a tag of %d, not of %d and %d", ErrUnsupported, len(nonce), tag, nonceSize, tagSize)
	}
	c.iv = nonce
	return nil
}
