package cms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

const keySize = 32 // bytes of an AES-256 key

// writer encrypts what is written to it.
type writer struct {
	w      io.Writer
	cbc    cipher.BlockMode
	buf    []byte // header of the next piece, then plaintext until it is full
	n      int    // plaintext bytes in buf
	closed bool
	err    error // sticky
}

// pieceHeader is the room for tag and length of an OCTET STRING of pieceSize
// octets: 04 83 01 00 00.
const pieceHeader = 5

// Encrypt writes the beginning of a message to w and returns a writer for its
// content. Close writes the padding and the end; without it the message is not
// whole. Close does not close w, and a second Close returns an error, as any
// use after a failed write does. Each recipient needs an RSA key.
func Encrypt(w io.Writer, recipients []*x509.Certificate) (io.WriteCloser, error) {
	secret := make([]byte, keySize+aes.BlockSize)
	if _, err := rand.Read(secret); err != nil {
		return nil, fmt.Errorf("make a content key: %w", err)
	}
	key, iv := secret[:keySize], secret[keySize:]
	header, err := messageHeader(recipients, iv, func(pub *rsa.PublicKey) ([]byte, error) {
		return rsa.EncryptPKCS1v15(rand.Reader, pub, key)
	})
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make the cipher: %w", err)
	}
	if _, err := w.Write(header); err != nil {
		return nil, fmt.Errorf("write the message header: %w", err)
	}
	return &writer{w: w, cbc: cipher.NewCBCEncrypter(block, iv), buf: make([]byte, pieceHeader+pieceSize)}, nil
}

// Write encrypts p.
func (e *writer) Write(p []byte) (int, error) {
	if e.closed {
		return 0, errors.New("cms: write after Close")
	}
	written := 0
	for len(p) > 0 && e.err == nil {
		n := copy(e.buf[pieceHeader+e.n:], p)
		e.n += n
		written += n
		p = p[n:]
		if e.n == pieceSize {
			e.flush()
		}
	}
	return written, e.err
}

// flush encrypts the buffered plaintext, a whole number of blocks, and writes
// it as one OCTET STRING.
func (e *writer) flush() {
	body := e.buf[pieceHeader : pieceHeader+e.n]
	e.cbc.CryptBlocks(body, body)
	length := lengthOctets(int64(e.n))
	start := pieceHeader - 1 - len(length)
	e.buf[start] = tagOctetString
	copy(e.buf[start+1:], length)
	if _, err := e.w.Write(e.buf[start : pieceHeader+e.n]); err != nil {
		e.err = fmt.Errorf("write encrypted content: %w", err)
	}
	e.n = 0
}

// Close pads (RFC 5652, section 6.3), and ends all that is open.
func (e *writer) Close() error {
	if e.closed {
		return errors.New("cms: Close called twice")
	}
	e.closed = true
	if e.err != nil {
		return e.err
	}
	pad := aes.BlockSize - e.n%aes.BlockSize
	for range pad {
		e.buf[pieceHeader+e.n] = byte(pad)
		e.n++
	}
	if e.flush(); e.err != nil {
		return e.err
	}
	if _, err := e.w.Write(make([]byte, trailerSize)); err != nil {
		e.err = fmt.Errorf("write the message end: %w", err)
	}
	return e.err
}

// trailerSize is five ends of contents, two zero octets each: those of the
// content [0], EncryptedContentInfo, EnvelopedData, [0] and ContentInfo.
const trailerSize = 5 * 2

// Size returns how many bytes Encrypt writes for that many bytes of content to
// these recipients, exactly.
func Size(content int64, recipients []*x509.Certificate) (int64, error) {
	header, err := messageHeader(recipients, make([]byte, aes.BlockSize), func(pub *rsa.PublicKey) ([]byte, error) {
		return make([]byte, pub.Size()), nil
	})
	if err != nil {
		return 0, err
	}
	padded := content + aes.BlockSize - content%aes.BlockSize
	pieces := padded / pieceSize
	size := int64(len(header)) + padded + pieces*pieceHeader + trailerSize
	if rest := padded % pieceSize; rest > 0 {
		size += 1 + int64(len(lengthOctets(rest)))
	}
	return size, nil
}

// messageHeader returns all that stands before the first piece of content.
func messageHeader(recipients []*x509.Certificate, iv []byte, encryptKey func(*rsa.PublicKey) ([]byte, error)) ([]byte, error) {
	if len(recipients) == 0 {
		return nil, errors.New("cms: a message needs at least one recipient")
	}
	infos, err := recipientInfos(recipients, encryptKey)
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	open := func(tag byte) { b.AddBytes([]byte{tag, indefinite}) }
	open(tagSequence)
	b.AddASN1ObjectIdentifier(oidEnvelopedData)
	open(tagExplicit0)
	open(tagSequence)
	b.AddASN1Int64(0)
	b.AddBytes(infos)
	open(tagSequence)
	b.AddASN1ObjectIdentifier(oidData)
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidAES256CBC)
		b.AddASN1OctetString(iv)
	})
	open(tagExplicit0)
	return b.Bytes()
}

// recipientInfos returns the SET of KeyTransRecipientInfo (RFC 5652, section
// 6.2.1): version 0, so each recipient is named by issuer and serial number.
func recipientInfos(recipients []*x509.Certificate, encryptKey func(*rsa.PublicKey) ([]byte, error)) ([]byte, error) {
	type keyTransRecipientInfo struct {
		Version      int
		RID          issuerAndSerial
		Algorithm    algorithmIdentifier
		EncryptedKey []byte
	}
	infos := make([]keyTransRecipientInfo, 0, len(recipients))
	for _, cert := range recipients {
		pub, ok := cert.PublicKey.(*rsa.PublicKey)
		if !ok {
			return nil, fmt.Errorf("%w: a recipient's key is %s, not RSA", ErrUnsupported, cert.PublicKeyAlgorithm)
		}
		encrypted, err := encryptKey(pub)
		if err != nil {
			return nil, fmt.Errorf("encrypt the content key: %w", err)
		}
		infos = append(infos, keyTransRecipientInfo{
			RID:          issuerAndSerial{Issuer: asn1.RawValue{FullBytes: cert.RawIssuer}, Serial: cert.SerialNumber},
			Algorithm:    algorithmIdentifier{Algorithm: oidRSAEncryption, Parameters: asn1.NullRawValue},
			EncryptedKey: encrypted,
		})
	}
	return asn1.MarshalWithParams(infos, "set")
}

// issuerAndSerial is IssuerAndSerialNumber of RFC 5652, section 10.2.4.
type issuerAndSerial struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

// algorithmIdentifier is AlgorithmIdentifier of RFC 5280, section 4.1.1.2.
type algorithmIdentifier struct {
	Algorithm  asn1.ObjectIdentifier
	Parameters asn1.RawValue `asn1:"optional"`
}

// lengthOctets returns the definite form of a length (X.690, section 8.1.3).
func lengthOctets(n int64) []byte {
	if n < 0x80 {
		return []byte{byte(n)}
	}
	var octets []byte
	for ; n > 0; n >>= 8 {
		octets = append([]byte{byte(n)}, octets...)
	}
	return append([]byte{0x80 | byte(len(octets))}, octets...)
}
