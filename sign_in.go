package cdds

import "time"

// SignInSubject is what failed sign-ins are counted by.
type SignInSubject string

// The subjects. One person who mistypes is slowed down alone; an attack from
// many places on one account, or from one place on many, is slowed down too.
const (
	SubjectAccountAtAddress SignInSubject = "account_at_address"
	SubjectAccount          SignInSubject = "account"
	SubjectAddress          SignInSubject = "address"
)

const (
	// longestSignInWait bounds the wait, and so what somebody can do to another's
	// account by failing on purpose.
	longestSignInWait = 15 * time.Minute
	// failuresForgotten is how long after the last one failures count no more.
	failuresForgotten = 24 * time.Hour
)

// freeFailures is how many failures of a subject cost nothing. An account can be
// written with its tenant and without, which counts as two; together they have
// fewer than a hundred guesses within an hour (ASVS 4.0, 2.2.1).
func freeFailures(s SignInSubject) int {
	switch s {
	case SubjectAccountAtAddress:
		return 5
	case SubjectAccount:
		return 35
	}
	return 100
}

// SignInWait returns how long the next sign-in of a subject has to wait that
// failed so often, the last time at that instant: nothing at first, then a
// second, doubled with each failure up to 15 minutes (NIST SP 800-63B, 5.2.2).
func SignInWait(s SignInSubject, failures int, last, now time.Time) time.Duration {
	over := failures - freeFailures(s)
	if over < 0 || now.Sub(last) >= failuresForgotten {
		return 0
	}
	wait := longestSignInWait
	if over < 10 {
		wait = min(wait, time.Second<<over)
	}
	return max(0, last.Add(wait).Sub(now))
}

// SignInsForgotten is the instant before which failures count no more.
func SignInsForgotten(now time.Time) time.Time { return now.Add(-failuresForgotten) }
