package cms

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
)

const readSize = 256 << 10

// Decrypt returns a reader of the content of an encrypted message: one that
// Encrypt wrote, or another EnvelopedData with AES-CBC and RSA PKCS #1 v1.5,
// in BER or DER, or the S/MIME text form of either, which is told apart by its
// first octet. It holds a piece of the message in memory, never the whole.
//
// With a certificate the recipient is found by issuer and serial number;
// without one every recipient is tried. The reader gives io.EOF only after the
// end of the message was seen to be where it should be, and withholds the last
// block until then. Content that came before an error is not to be trusted.
//
// Errors wrap ErrNotRecipient, ErrUnsupported or ErrDamaged, or are those of r.
func Decrypt(r io.Reader, cert *x509.Certificate, key *rsa.PrivateKey) (io.Reader, error) {
	in := bufio.NewReaderSize(r, readSize)
	first, err := in.Peek(1)
	if err != nil {
		return nil, damaged("the message", err)
	}
	if first[0] != tagSequence {
		if in, err = textBody(in); err != nil {
			return nil, err
		}
	}
	d := &reader{ber: berReader{r: in}}
	if err := d.readHeader(cert, key); err != nil {
		return nil, err
	}
	return d, nil
}

// reader decrypts the content of a message as it is read.
type reader struct {
	ber    berReader
	open   []*scope // constructed values around the content, outermost first
	cbc    cipher.BlockMode
	pieces *scope // the [0] around the content when it is in pieces; nil: one primitive value
	left   int64  // octets left in the present OCTET STRING or primitive value

	buf     []byte              // ciphertext, then plaintext in place
	ready   []byte              // plaintext that may be given out
	held    [aes.BlockSize]byte // the last plaintext block so far, perhaps the padding
	hasHeld bool
	rest    [aes.BlockSize]byte // octets of an incomplete block
	partial int                 // how many
	err     error
}

// readHeader reads all that stands before the content.
func (d *reader) readHeader(cert *x509.Certificate, key *rsa.PrivateKey) error {
	whole := &scope{left: -1, what: "the message"}
	info, err := d.ber.enter(whole, tagSequence, "ContentInfo")
	if err != nil {
		return err
	}
	if err := d.expectOID(info, oidEnvelopedData, "the content type"); err != nil {
		return err
	}
	explicit, err := d.ber.enter(info, tagExplicit0, "the content")
	if err != nil {
		return err
	}
	enveloped, err := d.ber.enter(explicit, tagSequence, "EnvelopedData")
	if err != nil {
		return err
	}
	recipients, err := d.readRecipients(enveloped)
	if err != nil {
		return err
	}
	content, err := d.ber.enter(enveloped, tagSequence, "EncryptedContentInfo")
	if err != nil {
		return err
	}
	if err := d.expectOID(content, oidData, "the type of the content"); err != nil {
		return err
	}
	keyLength, iv, err := d.readAlgorithm(content)
	if err != nil {
		return err
	}
	secret, err := openKey(recipients, cert, key, keyLength)
	if err != nil {
		return err
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return fmt.Errorf("make the cipher: %w", err)
	}
	d.cbc = cipher.NewCBCDecrypter(block, iv)
	d.buf = make([]byte, aes.BlockSize+pieceSize)
	d.open = []*scope{info, explicit, enveloped, content}
	return d.beginContent(content)
}

// readRecipients reads the version and the recipients. Originator information,
// which may stand between them, is skipped.
func (d *reader) readRecipients(in *scope) ([]recipient, error) {
	if tag, _, err := d.ber.whole(in, "the version"); err != nil || tag != tagInteger {
		return nil, errors.Join(err, badTag(tag, tagInteger, "the version"))
	}
	tag, set, err := d.ber.whole(in, "the recipients")
	if err == nil && tag == tagExplicit0 {
		tag, set, err = d.ber.whole(in, "the recipients")
	}
	if err != nil {
		return nil, err
	}
	if tag != tagSet {
		return nil, badTag(tag, tagSet, "the recipients")
	}
	return parseRecipients(set)
}

// badTag returns nil for the wanted tag.
func badTag(tag, wanted byte, what string) error {
	if tag == wanted || tag == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s has tag %#x in place of %#x", ErrDamaged, what, tag, wanted)
}

// recipient is what is needed of a KeyTransRecipientInfo.
type recipient struct {
	id           []byte // DER of IssuerAndSerialNumber or of [0] SubjectKeyIdentifier
	algorithm    asn1.ObjectIdentifier
	encryptedKey []byte
}

// parseRecipients reads the SET of RecipientInfo. Other kinds than key
// transport are passed over: the message may still be for us.
func parseRecipients(set []byte) ([]recipient, error) {
	var infos []asn1.RawValue
	if rest, err := asn1.UnmarshalWithParams(set, &infos, "set"); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("%w: the recipients cannot be read", ErrDamaged)
	}
	var found []recipient
	for _, info := range infos {
		if info.Class != asn1.ClassUniversal || info.Tag != asn1.TagSequence {
			continue
		}
		var k struct {
			Version      int
			ID           asn1.RawValue
			Algorithm    pkix.AlgorithmIdentifier
			EncryptedKey []byte
		}
		if rest, err := asn1.Unmarshal(info.FullBytes, &k); err != nil || len(rest) > 0 {
			return nil, fmt.Errorf("%w: a recipient cannot be read", ErrDamaged)
		}
		found = append(found, recipient{id: k.ID.FullBytes, algorithm: k.Algorithm.Algorithm, encryptedKey: k.EncryptedKey})
	}
	return found, nil
}

// openKey decrypts the content key.
func openKey(recipients []recipient, cert *x509.Certificate, key *rsa.PrivateKey, length int) ([]byte, error) {
	unsupported := false
	for _, r := range recipients {
		if cert != nil && !r.names(cert) {
			continue
		}
		if !r.algorithm.Equal(oidRSAEncryption) {
			unsupported = true
			continue
		}
		if len(r.encryptedKey) != key.Size() {
			continue
		}
		// DecryptPKCS1v15 tells right from wrong padding. That is an oracle only
		// where somebody else chooses messages and sees our answers; here the
		// owner of the key opens files of their own.
		secret, err := rsa.DecryptPKCS1v15(rand.Reader, key, r.encryptedKey)
		if err == nil && len(secret) == length {
			return secret, nil
		}
	}
	if unsupported {
		return nil, fmt.Errorf("%w: the key is encrypted with another algorithm than RSA PKCS #1 v1.5", ErrUnsupported)
	}
	return nil, ErrNotRecipient
}

// names reports whether the recipient is the certificate's owner.
func (r recipient) names(cert *x509.Certificate) bool {
	if len(cert.SubjectKeyId) > 0 && len(r.id) > 0 && r.id[0] == tagImplicit0 {
		var id asn1.RawValue
		_, err := asn1.Unmarshal(r.id, &id)
		return err == nil && bytes.Equal(id.Bytes, cert.SubjectKeyId)
	}
	var id issuerAndSerial
	if _, err := asn1.Unmarshal(r.id, &id); err != nil {
		return false
	}
	return bytes.Equal(id.Issuer.FullBytes, cert.RawIssuer) && id.Serial.Cmp(cert.SerialNumber) == 0
}

// expectOID reads an object identifier and compares it.
func (d *reader) expectOID(in *scope, want asn1.ObjectIdentifier, what string) error {
	tag, der, err := d.ber.whole(in, what)
	if err != nil {
		return err
	}
	var got asn1.ObjectIdentifier
	if tag != tagOID {
		return badTag(tag, tagOID, what)
	}
	if _, err := asn1.Unmarshal(der, &got); err != nil {
		return fmt.Errorf("%w: %s cannot be read", ErrDamaged, what)
	}
	if !got.Equal(want) {
		return fmt.Errorf("%w: %s is %s", ErrUnsupported, what, got)
	}
	return nil
}

// readAlgorithm reads the cipher and returns its key's length and the IV.
func (d *reader) readAlgorithm(in *scope) (int, []byte, error) {
	_, der, err := d.ber.whole(in, "the content encryption algorithm")
	if err != nil {
		return 0, nil, err
	}
	var alg struct {
		Algorithm asn1.ObjectIdentifier
		IV        []byte
	}
	var named pkix.AlgorithmIdentifier
	if rest, err := asn1.Unmarshal(der, &named); err != nil || len(rest) > 0 {
		return 0, nil, fmt.Errorf("%w: the content encryption algorithm cannot be read", ErrDamaged)
	}
	length := 0
	switch {
	case named.Algorithm.Equal(oidAES128CBC):
		length = 16
	case named.Algorithm.Equal(oidAES192CBC):
		length = 24
	case named.Algorithm.Equal(oidAES256CBC):
		length = 32
	default:
		return 0, nil, fmt.Errorf("%w: the content is encrypted with %s, not with AES-CBC", ErrUnsupported, named.Algorithm)
	}
	if _, err := asn1.Unmarshal(der, &alg); err != nil || len(alg.IV) != aes.BlockSize {
		return 0, nil, fmt.Errorf("%w: the initialisation vector cannot be read", ErrDamaged)
	}
	return length, alg.IV, nil
}
