package cms

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // which parseOAEP names
	"crypto/sha256"
	_ "crypto/sha512" // which parseOAEP names
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// recipientInfos encrypts the content key to each recipient and returns the SET
// of KeyTransRecipientInfo, in the order that DER asks of a SET OF.
func recipientInfos(recipients []*x509.Certificate, how Profile, key []byte) ([]byte, error) {
	infos := make([][]byte, 0, len(recipients))
	for _, cert := range recipients {
		pub, err := rsaKey(cert)
		if err != nil {
			return nil, err
		}
		encrypted, err := encryptKey(pub, how, key)
		if err != nil {
			return nil, fmt.Errorf("encrypt the content key: %w", err)
		}
		info, err := recipientInfo(cert, how, encrypted)
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	slices.SortFunc(infos, bytes.Compare)
	all := bytes.Join(infos, nil)
	return append(appendHead(nil, tagSet, int64(len(all))), all...), nil
}

// encryptKey encrypts the content key.
func encryptKey(pub *rsa.PublicKey, how Profile, key []byte) ([]byte, error) {
	if how == Authenticated {
		return rsa.EncryptOAEP(sha256.New(), rand.Reader, pub, key, nil)
	}
	return rsa.EncryptPKCS1v15(rand.Reader, pub, key)
}

// rsaKey is the key of a certificate that can be encrypted to.
func rsaKey(cert *x509.Certificate) (*rsa.PublicKey, error) {
	pub, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: a recipient's key is %s, not RSA", ErrUnsupported, cert.PublicKeyAlgorithm)
	}
	return pub, nil
}

// recipientInfo returns a KeyTransRecipientInfo (RFC 5652, section 6.2.1) of
// version 0, which names its recipient by issuer and serial number.
func recipientInfo(cert *x509.Certificate, how Profile, encryptedKey []byte) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		addIssuerAndSerial(b, cert)
		b.AddBytes([]byte(how.keyTransport()))
		b.AddASN1OctetString(encryptedKey)
	})
	info, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("build a recipient: %w", err)
	}
	return info, nil
}

// addIssuerAndSerial adds IssuerAndSerialNumber (RFC 5652, section 10.2.4).
func addIssuerAndSerial(b *cryptobyte.Builder, cert *x509.Certificate) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(cert.RawIssuer)
		b.AddASN1BigInt(cert.SerialNumber)
	})
}

// recipientInfoSize is the length of what recipientInfo returns.
func recipientInfoSize(cert *x509.Certificate, pub *rsa.PublicKey, how Profile) int64 {
	const version = 3
	algorithm := int64(len(how.keyTransport()))
	serial := sizeOf(int64(cert.SerialNumber.BitLen()/8 + 1))
	name := sizeOf(int64(len(cert.RawIssuer)) + serial)
	return sizeOf(version + name + algorithm + sizeOf(int64(pub.Size())))
}

// recipient is what is needed of a KeyTransRecipientInfo that was read.
type recipient struct {
	id           []byte // IssuerAndSerialNumber or [0] SubjectKeyIdentifier
	algorithm    asn1.ObjectIdentifier
	parameters   cryptobyte.String // of the algorithm
	encryptedKey []byte
}

// parseRecipient reads a KeyTransRecipientInfo. Its version is not looked at:
// it says only which of the two ways to name a recipient is used.
func parseRecipient(der cryptobyte.String) (recipient, error) {
	var (
		r                           recipient
		info, id, algorithm, octets cryptobyte.String
		idTag                       cbasn1.Tag
	)
	if !der.ReadASN1(&info, cbasn1.SEQUENCE) ||
		!info.SkipASN1(cbasn1.INTEGER) ||
		!info.ReadAnyASN1Element(&id, &idTag) ||
		!info.ReadASN1(&algorithm, cbasn1.SEQUENCE) ||
		!algorithm.ReadASN1ObjectIdentifier(&r.algorithm) ||
		!info.ReadASN1(&octets, cbasn1.OCTET_STRING) ||
		!info.Empty() {
		return r, fmt.Errorf("%w: a recipient cannot be read", ErrDamaged)
	}
	r.id, r.parameters, r.encryptedKey = id, algorithm, octets
	return r, nil
}

// openKey decrypts the content key, which has the given length. With a
// certificate only its owner's recipients are tried, without one all that fit
// the key.
//
// Another's encrypted key, opened with ours, is noise. Less than once in twenty
// million times it looks like a padded key of the right length, so that two
// recipients which open with different keys are not guessed between.
//
// The padding of PKCS #1 v1.5 is checked openly here. Telling right from wrong
// is an oracle only where somebody else may send messages and see the answers;
// this is the owner of a key who opens files, and wants to hear that the key is
// the wrong one.
func openKey(recipients []recipient, cert *x509.Certificate, key *rsa.PrivateKey, length int) ([]byte, error) {
	ours, err := addressed(recipients, cert, key)
	if err != nil {
		return nil, err
	}
	var secret []byte
	other := ""
	for _, r := range ours {
		found, why, err := r.decryptKey(key)
		if why != "" {
			other = why
			continue
		}
		if err != nil || len(found) != length {
			continue // the next recipient may be the one
		}
		if secret != nil && !bytes.Equal(secret, found) {
			return nil, fmt.Errorf("%w beyond doubt, as it opens two recipients: give the certificate too", ErrNotRecipient)
		}
		secret = found
	}
	switch {
	case secret != nil:
		return secret, nil
	case other != "":
		return nil, fmt.Errorf("%w: the content key is encrypted with %s, which cannot be read", ErrUnsupported, other)
	case cert != nil:
		return nil, fmt.Errorf("%w: the content key cannot be decrypted", ErrDamaged)
	}
	return nil, ErrNotRecipient
}

// decryptKey decrypts the recipient's content key, or says what else than we can
// read it is encrypted with.
func (r recipient) decryptKey(key *rsa.PrivateKey) (secret []byte, other string, err error) {
	options, usual := parseOAEP(r.parameters)
	oaep := r.algorithm.Equal(oidRSAOAEP)
	switch {
	case oaep && !usual:
		return nil, "RSA-OAEP of an unusual kind", nil
	case !oaep && !r.algorithm.Equal(oidRSAEncryption):
		return nil, known(r.algorithm), nil
	case len(r.encryptedKey) != key.Size():
		return nil, "", ErrNotRecipient
	case oaep:
		secret, err = key.Decrypt(nil, r.encryptedKey, options)
	default:
		secret, err = rsa.DecryptPKCS1v15(nil, key, r.encryptedKey)
	}
	return secret, "", err
}

// parseOAEP reads RSAES-OAEP-params (RFC 4055, section 4.1). What is left out is
// SHA-1, as the RFC says, and openssl does by default; OAEP does not suffer from
// what SHA-1 suffers from. A label is refused: CMS has no use for one.
func parseOAEP(der cryptobyte.String) (*rsa.OAEPOptions, bool) {
	var (
		params, field, mgf cryptobyte.String
		present            bool
		oid                asn1.ObjectIdentifier
	)
	options := &rsa.OAEPOptions{Hash: crypto.SHA1, MGFHash: crypto.SHA1}
	if !der.ReadASN1(&params, cbasn1.SEQUENCE) || !der.Empty() {
		return nil, false
	}
	if !params.ReadOptionalASN1(&field, &present, cbasn1.Tag(0).ContextSpecific().Constructed()) {
		return nil, false
	}
	if present && (!readHash(&field, &options.Hash) || !field.Empty()) {
		return nil, false
	}
	if !params.ReadOptionalASN1(&field, &present, cbasn1.Tag(1).ContextSpecific().Constructed()) {
		return nil, false
	}
	if present && (!field.ReadASN1(&mgf, cbasn1.SEQUENCE) || !field.Empty() || !mgf.ReadASN1ObjectIdentifier(&oid) ||
		!oid.Equal(oidMGF1) || !readHash(&mgf, &options.MGFHash) || !mgf.Empty()) {
		return nil, false
	}
	return options, params.Empty()
}

// readHash reads the AlgorithmIdentifier of a hash, with NULL or without, which
// are the same (RFC 4055, section 2.1).
func readHash(der *cryptobyte.String, hash *crypto.Hash) bool {
	var (
		algorithm, null cryptobyte.String
		present         bool
		oid             asn1.ObjectIdentifier
	)
	if !der.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) ||
		!algorithm.ReadOptionalASN1(&null, &present, cbasn1.NULL) || !null.Empty() || !algorithm.Empty() {
		return false
	}
	switch {
	case oid.Equal(oidSHA1):
		*hash = crypto.SHA1
	case oid.Equal(oidSHA256):
		*hash = crypto.SHA256
	case oid.Equal(oidSHA384):
		*hash = crypto.SHA384
	case oid.Equal(oidSHA512):
		*hash = crypto.SHA512
	default:
		return false
	}
	return true
}

// addressed returns the recipients that the certificate's owner is, at least
// one; without a certificate it returns all.
func addressed(recipients []recipient, cert *x509.Certificate, key *rsa.PrivateKey) ([]recipient, error) {
	if cert == nil {
		return recipients, nil
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("%w: the key does not belong to the certificate", ErrNotRecipient)
	}
	var b cryptobyte.Builder
	addIssuerAndSerial(&b, cert)
	name, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("name the recipient: %w", err)
	}
	keyID := append(appendHead(nil, tagPrimitive0, int64(len(cert.SubjectKeyId))), cert.SubjectKeyId...)
	var ours []recipient
	for _, r := range recipients {
		if bytes.Equal(r.id, name) || len(cert.SubjectKeyId) > 0 && bytes.Equal(r.id, keyID) {
			ours = append(ours, r)
		}
	}
	if len(ours) == 0 {
		return nil, fmt.Errorf("%w: none of its recipients has the certificate's issuer and serial number", ErrNotRecipient)
	}
	return ours, nil
}
