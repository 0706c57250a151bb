// Package cms encrypts and decrypts streams as CMS EnvelopedData (RFC 5652,
// section 6) or AuthEnvelopedData (RFC 5083) in constant memory, and gives such
// a message its S/MIME text form (RFC 8551, section 3.2) on the fly.
//
// Messages have the layout that OpenSSL writes when it streams: BER with
// indefinite lengths on the outside and small definite DER values inside, so
// that the length of the content need not be known before its end.
//
//	SEQUENCE { OID envelopedData, [0] { SEQUENCE {
//	  INTEGER 0,
//	  SET { KeyTransRecipientInfo ... },        one for each recipient
//	  SEQUENCE { OID data, AES-256-CBC with IV, [0] { OCTET STRING ... } }
//	} } }
//
// AuthEnvelopedData has its own OID, GCM's parameters, and the tag as an OCTET
// STRING behind the third SEQUENCE.
//
// Encrypt encrypts the content under a fresh key, and that key to each recipient,
// by one of two profiles. Compatible is AES-256-CBC with RSA PKCS #1 v1.5, which
// every S/MIME tool reads; Authenticated is AES-256-GCM with RSA-OAEP. Decrypt
// reads these, what else uses AES-CBC or AES-GCM and RSA (in definite lengths
// too), and the text form of all. It refuses all other algorithms, and structure
// that nobody writes.
//
// CBC does not protect integrity. A message cut short or broken in structure
// gives an error here, and never a content that ends as if it were whole.
// Octets changed inside of the ciphertext change the content unseen: what
// proves the content is the SHA-256 in the manifest of the run. GCM notices each
// change, but only at the end, when the content was given out already; and its
// tag says that the content comes from somebody who has its key, as every
// recipient has, not from whom. That too is proved by the manifest.
package cms

import (
	"encoding/asn1"
	"errors"
	"math/bits"
)

var (
	// ErrDamaged is wrapped by every error about a message that is not whole or
	// not well-formed. Where it ends too early, io.ErrUnexpectedEOF is wrapped
	// as well.
	ErrDamaged = errors.New("the encrypted message is damaged or not complete")
	// ErrNotRecipient is wrapped when the key opens none of the message's
	// recipients.
	ErrNotRecipient = errors.New("the message is not encrypted to this key")
	// ErrUnsupported is wrapped by errors about messages of another kind or with
	// other algorithms, and about recipients without an RSA key.
	ErrUnsupported = errors.New("the message uses something that is not supported")
	// ErrTooLong is wrapped when there is more content than may be encrypted
	// under one key, which is 64 GiB less 32 bytes for AES-GCM.
	ErrTooLong = errors.New("there is more content than one message of AES-GCM may have, which is 64 GiB")
)

// Object identifiers: RFC 5652, RFC 5083, RFC 8017, RFC 3565 and RFC 5084.
var (
	oidData              = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEnvelopedData     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 3}
	oidAuthEnvelopedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 23}
	oidRSAEncryption     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidRSAOAEP           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 7}
	oidMGF1              = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	oidSHA1              = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	oidSHA256            = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384            = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512            = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	oidAES128CBC         = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}
	oidAES192CBC         = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 22}
	oidAES256CBC         = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
	oidAES128GCM         = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 6}
	oidAES192GCM         = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 26}
	oidAES256GCM         = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 46}
)

// Identifier octets (X.690, section 8.1.2) that occur in a message.
const (
	tagInteger     = 0x02
	tagOctetString = 0x04
	tagOID         = 0x06
	tagSequence    = 0x30
	tagSet         = 0x31
	tagPrimitive0  = 0x80 // [0] that holds octets
	tagContext0    = 0xA0 // [0] that holds values
	tagContext1    = 0xA1 // [1] that holds values
	tagContext2    = 0xA2 // [2] that holds values
	constructed    = 0x20 // the bit of a value that holds values
)

// indefinite is the length octet of a value that ends with two zero octets.
const indefinite = 0x80

// maxKept bounds what of a message is kept in memory besides the piece of
// content at hand: the recipients, for the most part. It is room for about 400
// recipients with 4096-bit keys.
const maxKept = 256 << 10

// known is the name of an object identifier, for people, else its numbers.
func known(oid asn1.ObjectIdentifier) string {
	switch numbers := oid.String(); numbers {
	case "1.2.840.113549.1.7.1":
		return "plain data"
	case "1.2.840.113549.1.7.2":
		return "SignedData"
	case "1.2.840.113549.1.7.6":
		return "EncryptedData"
	case "1.2.840.113549.1.9.16.1.9":
		return "CompressedData"
	case "1.2.840.113549.1.7.3":
		return "EnvelopedData"
	case "1.2.840.113549.1.9.16.1.23":
		return "AuthEnvelopedData"
	case "2.16.840.1.101.3.4.1.2", "2.16.840.1.101.3.4.1.22", "2.16.840.1.101.3.4.1.42":
		return "AES-CBC"
	case "1.2.840.113549.1.1.7":
		return "RSA-OAEP"
	case "1.2.840.113549.3.7":
		return "3DES-CBC"
	case "2.16.840.1.101.3.4.1.6", "2.16.840.1.101.3.4.1.26", "2.16.840.1.101.3.4.1.46":
		return "AES-GCM"
	default:
		return numbers
	}
}

// appendHead appends an identifier octet and a definite length (X.690, section
// 8.1.3).
func appendHead(b []byte, tag byte, length int64) []byte {
	b = append(b, tag)
	if length < 0x80 {
		return append(b, byte(length))
	}
	octets := (bits.Len64(uint64(length)) + 7) / 8
	b = append(b, 0x80|byte(octets))
	for i := octets - 1; i >= 0; i-- {
		b = append(b, byte(length>>(8*i)))
	}
	return b
}

// sizeOf is the number of octets of a value whose contents have that length.
func sizeOf(length int64) int64 {
	if length < 0x80 {
		return 2 + length
	}
	return 2 + int64(bits.Len64(uint64(length))+7)/8 + length
}
