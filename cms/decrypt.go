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

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// readSize is how much of a message is read at a time.
const readSize = 64 << 10

// Decrypt returns a reader of the content of an encrypted message: one that
// Encrypt wrote, or another EnvelopedData with AES-CBC and RSA PKCS #1 v1.5, in
// BER or DER, or the S/MIME text form of either, which is told apart by its
// first octet. It reads the message's header at once. Memory does not grow with
// the message. The reader is for one goroutine at a time.
//
// With a certificate, its owner's recipient is found by issuer and serial
// number or by key identifier, and the key must be the certificate's. Where
// cert is nil, every recipient is tried that fits the key.
//
// The reader gives io.EOF only after the end of the message was found to be
// where it should be, and withholds the last block until then. After an error
// what was read before is a part of the content and must not be taken for all
// of it. That the content is unchanged is proved by its SHA-256 alone, since CBC
// does not.
//
// Errors wrap ErrNotRecipient, ErrUnsupported or ErrDamaged (and
// io.ErrUnexpectedEOF where the message is cut off), or are those of r.
func Decrypt(r io.Reader, cert *x509.Certificate, key *rsa.PrivateKey) (io.Reader, error) {
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
	d := &reader{ber: &berReader{r: in}}
	if err := d.readHeader(cert, key); err != nil {
		return nil, err
	}
	return d, nil
}

// readHeader reads all that stands before the content, and opens the content
// key.
func (d *reader) readHeader(cert *x509.Certificate, key *rsa.PrivateKey) error {
	if err := d.readEnvelope(); err != nil {
		return err
	}
	recipients, otherKind, err := d.readRecipients()
	if err != nil {
		return err
	}
	length, iv, err := d.readContentInfo()
	if err != nil {
		return err
	}
	if len(recipients) == 0 && otherKind != "" {
		return fmt.Errorf("%w: the message is encrypted to %s, not to an RSA key", ErrUnsupported, otherKind)
	}
	secret, err := openKey(recipients, cert, key, length)
	if err != nil {
		return err
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return fmt.Errorf("make the cipher: %w", err)
	}
	d.cbc = cipher.NewCBCDecrypter(block, iv)
	d.buf = make([]byte, aes.BlockSize+pieceSize)
	return nil
}

// readEnvelope enters ContentInfo and EnvelopedData and reads the version. That
// follows from what else is in the message and is not looked at.
func (d *reader) readEnvelope() error {
	var err error
	if d.info, err = d.ber.enter(everything(), tagSequence, "ContentInfo"); err != nil {
		return err
	}
	oid, err := d.readOID(d.info, "the kind of the message")
	if err != nil {
		return err
	}
	if !oid.Equal(oidEnvelopedData) {
		return fmt.Errorf("%w: the message is %s; only EnvelopedData can be read", ErrUnsupported, known(oid))
	}
	if d.explicit, err = d.ber.enter(d.info, tagContext0, "the content of ContentInfo"); err != nil {
		return err
	}
	if d.enveloped, err = d.ber.enter(d.explicit, tagSequence, "EnvelopedData"); err != nil {
		return err
	}
	_, err = d.ber.exactly(d.enveloped, tagInteger, "the version")
	return err
}

// readRecipients reads the recipients that have an RSA key. The message may be
// for us though others have something else: otherKind names the last of those.
func (d *reader) readRecipients() (recipients []recipient, otherKind string, err error) {
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

// readContentInfo enters EncryptedContentInfo and the encrypted content, and
// returns the IV and the length of the key.
func (d *reader) readContentInfo() (keyLength int, iv []byte, err error) {
	if d.content, err = d.ber.enter(d.enveloped, tagSequence, "EncryptedContentInfo"); err != nil {
		return 0, nil, err
	}
	oid, err := d.readOID(d.content, "the kind of the content")
	if err != nil {
		return 0, nil, err
	}
	if !oid.Equal(oidData) {
		return 0, nil, fmt.Errorf("%w: the content is %s; only plain data can be read", ErrUnsupported, known(oid))
	}
	der, err := d.ber.exactly(d.content, tagSequence, "the encryption algorithm")
	if err != nil {
		return 0, nil, err
	}
	if keyLength, iv, err = parseCipher(der); err != nil {
		return 0, nil, err
	}
	return keyLength, iv, d.enterContent()
}

// readOID reads an object identifier.
func (d *reader) readOID(in span, what string) (oid asn1.ObjectIdentifier, err error) {
	der, err := d.ber.exactly(in, tagOID, what)
	if err == nil && !der.ReadASN1ObjectIdentifier(&oid) {
		err = fmt.Errorf("%w: %s cannot be read", ErrDamaged, what)
	}
	return oid, err
}

// parseCipher reads the AlgorithmIdentifier of AES-CBC (RFC 3565, section 4.1):
// the length of the key, and the IV.
func parseCipher(der cryptobyte.String) (keyLength int, iv []byte, err error) {
	var (
		algorithm, octets cryptobyte.String
		oid               asn1.ObjectIdentifier
	)
	if !der.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) {
		return 0, nil, fmt.Errorf("%w: the encryption algorithm cannot be read", ErrDamaged)
	}
	switch {
	case oid.Equal(oidAES128CBC):
		keyLength = 16
	case oid.Equal(oidAES192CBC):
		keyLength = 24
	case oid.Equal(oidAES256CBC):
		keyLength = 32
	default:
		return 0, nil, fmt.Errorf("%w: the content is encrypted with %s, not with AES-CBC", ErrUnsupported, known(oid))
	}
	if !algorithm.ReadASN1(&octets, cbasn1.OCTET_STRING) || !algorithm.Empty() || len(octets) != aes.BlockSize {
		return 0, nil, fmt.Errorf("%w: the initialisation vector cannot be read", ErrDamaged)
	}
	return keyLength, octets, nil
}
