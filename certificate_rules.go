package cdds

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"
	"time"
)

// Limits of a certificate.
const (
	MaxCertificateSize = 64 << 10 // bytes of the file
	minKeyBits         = 2048
	maxKeyBits         = 16384
)

// certificateHint shows how to make a certificate that is accepted.
const certificateHint = `Make one with: openssl req -x509 -newkey rsa:3072 -nodes -keyout cdds-key.pem -out cdds-cert.pem -days 730 -subj "/CN=your name" -addext keyUsage=keyEncipherment`

// refuseCertificate returns the refusal that names the broken rule.
func refuseCertificate(rule string) error {
	return &Error{
		Code: CodeInvalid, Message: "The certificate was refused.", Hint: certificateHint,
		Fields: []FieldError{{Field: "certificate", Message: rule}},
	}
}

// ParseCertificate reads one X.509 certificate, PEM or DER (RFC 5280), and
// refuses what artifacts cannot or should not be encrypted to: anything but
// RSA of 2048 bits or more, a certificate that is not valid now, and one whose
// key usage forbids key encipherment. A private key is refused unread.
func ParseCertificate(data []byte, now time.Time) (Certificate, error) {
	if len(data) == 0 {
		return Certificate{}, refuseCertificate("The file is empty.")
	}
	if len(data) > MaxCertificateSize {
		return Certificate{}, refuseCertificate("The file is larger than 64 KiB, so it is no certificate.")
	}
	der, err := certificateDER(data)
	if err != nil {
		return Certificate{}, err
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		if isPrivateKey(der) {
			return Certificate{}, errPrivateKey()
		}
		return Certificate{}, refuseCertificate("The file is no X.509 certificate in PEM or DER form.")
	}
	cert, err := newCertificate(parsed)
	if err != nil {
		return Certificate{}, err
	}
	return cert, cert.Check(now)
}

// errPrivateKey is the answer to a private key that was sent by mistake.
func errPrivateKey() error {
	return refuseCertificate("The file holds a private key. It was not stored. Send the certificate, and keep the key to yourself.")
}

// certificateDER finds the one certificate in a file.
func certificateDER(data []byte) ([]byte, error) {
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		return data, nil
	}
	var found []byte
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case strings.Contains(block.Type, "PRIVATE KEY"):
			return nil, errPrivateKey()
		case block.Type != "CERTIFICATE" && block.Type != "X509 CERTIFICATE" && block.Type != "TRUSTED CERTIFICATE":
			return nil, refuseCertificate("The file holds a " + otherKind(block.Type) + ", not a certificate.")
		case found != nil:
			return nil, refuseCertificate("The file holds several certificates. Send your own one, without those of its issuers.")
		}
		found = block.Bytes
	}
	if bytes.Contains(data, []byte("PRIVATE KEY-----")) {
		return nil, errPrivateKey() // a key whose PEM form is damaged is a key still
	}
	if found == nil {
		return nil, refuseCertificate("The file's PEM form is damaged.")
	}
	return found, nil
}

// otherKind names what a PEM block holds. Names that are not known are not
// repeated: they may hold anything.
func otherKind(label string) string {
	switch label {
	case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST", "PUBLIC KEY", "RSA PUBLIC KEY", "PKCS7":
		return strings.ToLower(label)
	}
	return "PEM block of another kind"
}

// isPrivateKey reports whether DER has the outer form of a private key. The key
// itself is not read: its numbers may be so long that checking them would keep
// the service busy.
func isPrivateKey(der []byte) bool {
	var outer asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 || outer.Tag != asn1.TagSequence {
		return false
	}
	const all = 9 // as many fields as an RSAPrivateKey has
	var tags []int
	for rest := outer.Bytes; len(rest) > 0 && len(tags) < all; {
		var field asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &field); err != nil {
			return false
		}
		tags = append(tags, field.Tag)
	}
	begins := func(with ...int) bool { return len(tags) >= len(with) && slices.Equal(tags[:len(with)], with) }
	return begins(slices.Repeat([]int{asn1.TagInteger}, all)...) || // RSAPrivateKey of RFC 8017, appendix A.1.2
		begins(asn1.TagInteger, asn1.TagSequence, asn1.TagOctetString) || // PrivateKeyInfo of RFC 5208, section 5
		begins(asn1.TagInteger, asn1.TagOctetString) || // ECPrivateKey of RFC 5915, section 3
		begins(asn1.TagSequence, asn1.TagOctetString) // EncryptedPrivateKeyInfo of RFC 5958, section 3
}

// newCertificate checks what does not change with time.
func newCertificate(c *x509.Certificate) (Certificate, error) {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return Certificate{}, refuseCertificate("Its key is " + c.PublicKeyAlgorithm.String() + "; only RSA keys can be used.")
	}
	if bits := key.N.BitLen(); bits < minKeyBits || bits > maxKeyBits {
		return Certificate{}, refuseCertificate("Its RSA key is too short or too long; allowed are 2048 to 16384 bits.")
	}
	if c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageKeyEncipherment == 0 {
		return Certificate{}, refuseCertificate("Its key usage does not allow key encipherment.")
	}
	return Certificate{
		DER: c.Raw, Subject: c.Subject.String(), Issuer: c.Issuer.String(), Serial: c.SerialNumber.Text(16),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), Fingerprint: Fingerprint(c), KeyBits: key.N.BitLen(),
	}, nil
}

// Fingerprint is the SHA-256 of a certificate's DER form in lower-case hex.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// Check returns nil when the certificate is valid now.
func (c Certificate) Check(now time.Time) error {
	const date = "2006-01-02 15:04:05 UTC"
	if now.Before(c.NotBefore) {
		return refuseCertificate("It is not valid before " + c.NotBefore.UTC().Format(date) + ".")
	}
	if now.After(c.NotAfter) {
		return refuseCertificate("It expired on " + c.NotAfter.UTC().Format(date) + ".")
	}
	return nil
}

// ExpiryWarning returns 30, 7 or 1 when the certificate expires within that
// many days, and 0 before that. An expired one gives 1.
func (c Certificate) ExpiryWarning(now time.Time) int {
	left := c.NotAfter.Sub(now)
	for _, days := range []int{1, 7, 30} {
		if left <= time.Duration(days)*24*time.Hour {
			return days
		}
	}
	return 0
}

// X509 returns the parsed certificate.
func (c Certificate) X509() (*x509.Certificate, error) {
	parsed, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return nil, &Error{Code: CodeInternal, Message: "A stored certificate cannot be read.", Hint: "Import the certificate again.", Err: err}
	}
	return parsed, nil
}
