package cdds

import "time"

// Certificate is a recipient: an X.509 certificate that was found fit to
// encrypt artifacts to.
type Certificate struct {
	DER         []byte
	Subject     string
	Issuer      string
	Serial      string // hex
	NotBefore   time.Time
	NotAfter    time.Time
	Fingerprint string // SHA-256 of the DER, lower-case hex
	KeyBits     int
}
