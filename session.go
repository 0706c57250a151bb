package cdds

import "time"

// SessionLimits bound how long a sign-in holds.
type SessionLimits struct {
	Idle     time.Duration // without a request
	Absolute time.Duration // since the sign-in, however busy
	Remember time.Duration // how long a browser is remembered; 0: none is
}

// DefaultSessionLimits are the limits where nobody has set others. ASVS 4.0,
// 3.3.2, asks for half an hour and half a day at level 2.
func DefaultSessionLimits() SessionLimits {
	return SessionLimits{Idle: 30 * time.Minute, Absolute: 12 * time.Hour, Remember: 30 * 24 * time.Hour}
}

// Bounds of the limits. The idle limit is well above RememberGrace, so that a
// session that was just made from a remembered browser outlives that.
const (
	shortestIdle    = time.Minute
	longestSession  = 7 * 24 * time.Hour
	longestRemember = 366 * 24 * time.Hour
)

// Validate returns nil or CodeInvalid with the limits that make no sense.
func (l SessionLimits) Validate() error {
	var fields []FieldError
	if l.Idle < shortestIdle || l.Idle > l.Absolute {
		fields = append(fields, FieldError{"session-idle", "must be at least 1m, and no more than session-max."})
	}
	if l.Absolute < shortestIdle || l.Absolute > longestSession {
		fields = append(fields, FieldError{"session-max", "must be between 1m and 168h."})
	}
	if l.Remember != 0 && (l.Remember < l.Absolute || l.Remember > longestRemember) {
		fields = append(fields, FieldError{"session-remember", "must be 0, or between session-max and 8784h."})
	}
	if len(fields) == 0 {
		return nil
	}
	return &Error{Code: CodeInvalid, Message: "The limits of sessions make no sense together.", Fields: fields}
}

// Ends returns the instant at which a session ends that began and was last used
// at the given ones.
func (l SessionLimits) Ends(began, seen time.Time) time.Time {
	idle, absolute := seen.Add(l.Idle), began.Add(l.Absolute)
	if idle.Before(absolute) {
		return idle
	}
	return absolute
}

// SecretUse is what it means that a remembered browser shows a secret.
type SecretUse string

// The uses.
const (
	// SecretFresh is the first use: the secret is exchanged for a new one.
	SecretFresh SecretUse = "fresh"
	// SecretRepeated is another request of the same moment, or one whose first
	// answer was lost: it gets the same answer again.
	SecretRepeated SecretUse = "repeated"
	// SecretStolen is a use long after the exchange: two hold the secret, and
	// nobody can tell which of them is the owner.
	SecretStolen SecretUse = "stolen"
)

// RememberGrace is how long after its exchange a secret may be shown again. A
// browser sends several requests at once, and people reload a page before its
// answer has come.
const RememberGrace = 30 * time.Second

// UseOfSecret judges a secret that was exchanged at the given instant, or never
// for the zero time.
func UseOfSecret(exchanged, now time.Time) SecretUse {
	switch {
	case exchanged.IsZero():
		return SecretFresh
	case now.Sub(exchanged) < RememberGrace:
		return SecretRepeated
	}
	return SecretStolen
}
