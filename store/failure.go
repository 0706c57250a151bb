package store

import (
	"errors"

	"cdds"
)

// failure turns a driver's error into a *cdds.Error; what completes "could not
// …". Errors that are one already and nil pass.
func failure(what string, err error) error {
	var known *cdds.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case uniqueViolation(err):
		return &cdds.Error{Code: cdds.CodeConflict, Message: "This exists already.", Err: err}
	case unstorable(err):
		return &cdds.Error{Code: cdds.CodeInvalid, Message: "A text holds a character that cannot be stored.",
			Hint: "Leave out NUL characters and text that is not UTF-8.", Err: err}
	case unreachable(err):
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The metadata database does not answer: could not " + what + ".",
			Hint: "Look whether the database that --database names is up, and has free space and connections; then try again.", Err: err}
	}
	return &cdds.Error{Code: cdds.CodeInternal, Message: "The metadata database refused to work: could not " + what + ".",
		Hint: "Look into the service's log.", Err: err}
}
