// Package cms encrypts and decrypts streams as CMS EnvelopedData (RFC 5652,
// section 6) in constant memory, and gives such a message its S/MIME text form
// (RFC 8551, section 3.2) on the fly.
//
// Messages have the layout that OpenSSL writes when it streams: BER with
// indefinite lengths on the outside and small definite DER values inside, so
// that nothing needs to be known of the content's length before it was read.
//
//	SEQUENCE { OID envelopedData, [0] { SEQUENCE {
//	  INTEGER 0,
//	  SET { KeyTransRecipientInfo ... },        one for each recipient
//	  SEQUENCE { OID data, AES-256-CBC with IV, [0] { OCTET STRING ... } }
//	} } }
//
// Content is encrypted with AES-256-CBC under a fresh key, and that key with
// RSA PKCS #1 v1.5 to each recipient: the profile that every S/MIME tool reads.
// CBC does not protect integrity. A message cut short or broken in structure
// gives an error here; a change inside of the ciphertext is what the manifest's
// SHA-256 is for.
package cms

import (
	"encoding/asn1"
	"errors"
)

var (
	// ErrDamaged is wrapped by every error about a message that is not whole or
	// not well-formed.
	ErrDamaged = errors.New("the encrypted message is damaged or not complete")
	// ErrNotRecipient means that the key opens none of the message's recipients.
	ErrNotRecipient = errors.New("the message is not encrypted to this key")
	// ErrUnsupported is wrapped by errors about well-formed messages of another
	// kind or with other algorithms.
	ErrUnsupported = errors.New("the message uses something that is not supported")
)

// Object identifiers: RFC 5652, RFC 8017 and RFC 3565.
var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEnvelopedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 3}
	oidRSAEncryption = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidAES128CBC     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}
	oidAES192CBC     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 22}
	oidAES256CBC     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
)

// ASN.1 identifier octets.
const (
	tagInteger     = 0x02
	tagOctetString = 0x04
	tagOID         = 0x06
	tagSequence    = 0x30
	tagSet         = 0x31
	tagImplicit0   = 0x80 // [0], primitive
	tagExplicit0   = 0xA0 // [0], constructed
	tagImplicit1   = 0xA1 // [1], constructed
	indefinite     = 0x80 // the length octet of an indefinite length
)

// pieceSize is the ciphertext in one OCTET STRING: large, since each costs a
// write and five octets, and a multiple of the cipher's block.
const pieceSize = 64 << 10
