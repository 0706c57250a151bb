package cms

import (
	"encoding/asn1"

	"cdds"
)

// Profile is a way to encrypt: how the content, and how its key.
type Profile int

// The profiles.
const (
	// Compatible is EnvelopedData with AES-256-CBC, and RSA PKCS #1 v1.5 for the
	// content key. Every S/MIME tool opens it.
	Compatible Profile = iota
	// Authenticated is AuthEnvelopedData (RFC 5083) with AES-256-GCM (RFC 5084),
	// and RSA-OAEP with SHA-256 (RFC 4055). Each change of the content is seen.
	Authenticated
)

// ProfileOf returns the profile of what a user has chosen; without a choice that
// is Compatible.
func ProfileOf(e cdds.Encryption) Profile {
	if e == cdds.EncryptionAuthenticated {
		return Authenticated
	}
	return Compatible
}

// Names returns what the profile encrypts the content and its key with.
func (p Profile) Names() (content, key string) {
	if p == Authenticated {
		return "AES-256-GCM", "RSA-OAEP with SHA-256"
	}
	return "AES-256-CBC", "RSA PKCS #1 v1.5"
}

// oid is the kind of the message.
func (p Profile) oid() asn1.ObjectIdentifier {
	if p == Authenticated {
		return oidAuthEnvelopedData
	}
	return oidEnvelopedData
}

// smimeType is the kind of the message in its text form (RFC 8551, section
// 3.2.2).
func (p Profile) smimeType() string {
	if p == Authenticated {
		return "authEnveloped-data"
	}
	return "enveloped-data"
}

// MediaType is the MIME type of a message (RFC 8551, section 3.2).
func (p Profile) MediaType() string {
	return "application/pkcs7-mime; smime-type=" + p.smimeType()
}

// keyTransport is the AlgorithmIdentifier of what encrypts the content key, in
// DER.
func (p Profile) keyTransport() string {
	const (
		// rsaEncryption with NULL (RFC 8017, appendix A.1).
		pkcs1 = "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"
		// sha256Identifier of RFC 4055, section 2.1, where NULL must be present.
		sha256 = "\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00"
		// mgf1SHA256Identifier: id-mgf1 with that.
		mgf1 = "\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08" + sha256
		// id-RSAES-OAEP with RSAES-OAEP-params (RFC 4055, section 4.1). The empty
		// label is the default, which DER leaves out.
		oaep = "\x30\x3c\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07\x30\x2f\xa0\x0f" + sha256 + "\xa1\x1c" + mgf1
	)
	if p == Authenticated {
		return oaep
	}
	return pkcs1
}
