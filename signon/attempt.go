package signon

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// Attempt is the secret of one sign-in, which only the browser that began it
// holds. What goes over the address bar and what the provider checks are made
// from it, one way, so nothing else has to be kept secret between the two
// halves of the flow.
type Attempt string

// State ties the provider's answer to the browser (RFC 6749, section 10.12).
func (a Attempt) State() string { return a.derive("state") }

// Returned reports whether state is the one of this attempt.
func (a Attempt) Returned(state string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(state), []byte(a.State())) == 1
}

// nonce ties the ID token to the attempt (OpenID Connect Core 1.0, 15.5.2).
func (a Attempt) nonce() string { return a.derive("nonce") }

// verifier ties the code to us (RFC 7636): 43 characters, as its section 4.1 asks.
func (a Attempt) verifier() string { return a.derive("verifier") }

func (a Attempt) derive(purpose string) string {
	mac := hmac.New(sha256.New, []byte(a))
	mac.Write([]byte(purpose)) // a hash never fails to write
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
