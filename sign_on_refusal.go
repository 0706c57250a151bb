package cdds

import "fmt"

// SignOnRefusal says why single sign-on did not let somebody in. The list is closed:
// the browser comes back with the reason alone, so that nobody can put words of
// their own onto the sign-in page.
type SignOnRefusal string

// The reasons.
const (
	RefusedAttempt     SignOnRefusal = "attempt"     // not begun in this browser, too late, or used already
	RefusedByProvider  SignOnRefusal = "denied"      // the provider or the person said no
	RefusedToken       SignOnRefusal = "token"       // what the provider sent does not hold
	RefusedUsername    SignOnRefusal = "username"    // no name in the claims
	RefusedTenant      SignOnRefusal = "tenant"      // no tenant, several, or one that is not here
	RefusedMoved       SignOnRefusal = "moved"       // the user is of another tenant
	RefusedName        SignOnRefusal = "name"        // somebody else has the name
	RefusedInactive    SignOnRefusal = "inactive"    // an administrator deactivated the user
	RefusedUnavailable SignOnRefusal = "unavailable" // the provider does not answer
	RefusedFault       SignOnRefusal = "fault"       // a defect of ours
)

// Error makes a reason part of an error's chain.
func (r SignOnRefusal) Error() string { return "single sign-on refused: " + string(r) }

// Text returns the reason for people and what to do next, or "" for a reason
// that does not exist.
func (r SignOnRefusal) Text() (message, hint string) {
	const again, administrator = "Begin it again.", "Ask an administrator of your tenant."
	switch r {
	case RefusedAttempt:
		return "This sign-in was not begun in this browser, took longer than ten minutes, or was used already.", again
	case RefusedByProvider:
		return "The identity provider did not sign you in, or you went back.", again
	case RefusedToken:
		return "What the identity provider sent is not valid for this service.", "Begin it again. If that does not help, tell your operator: the service's log has the reason."
	case RefusedUsername:
		return "The identity provider does not say what your username is.", "Ask your operator to look at the username claim."
	case RefusedTenant:
		return "Your account belongs to no tenant of this service.", "Ask your operator to set your tenant up."
	case RefusedMoved:
		return "Your account belongs to another tenant now than your user of this service.", "Ask your operator."
	case RefusedName:
		return "Your tenant has another user of your name, who does not sign in this way.", administrator
	case RefusedInactive:
		return "Your user was deactivated.", administrator
	case RefusedUnavailable:
		return "The identity provider cannot be reached.", "Try again in a moment, or sign in with a password if you have one."
	case RefusedFault:
		return "Something went wrong inside CDDS.", "Try again. The service's log has the cause."
	}
	return "", ""
}

// RefuseSignOn returns the error for a reason, with its cause for the log.
func RefuseSignOn(r SignOnRefusal, cause error) *Error {
	code := CodeForbidden
	switch r {
	case RefusedUnavailable:
		code = CodeUnavailable
	case RefusedAttempt, RefusedByProvider, RefusedToken:
		code = CodeUnauthenticated
	}
	message, hint := r.Text()
	err := error(r)
	if cause != nil {
		err = fmt.Errorf("%w: %w", r, cause)
	}
	return &Error{Code: code, Message: message, Hint: hint, Err: err}
}
