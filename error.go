package cdds

import (
	"errors"
	"strings"
	"time"
)

// Code says what kind of failure an Error is. The list is closed: programs act
// on the code, people read the message.
type Code string

// The codes, each mapped exactly once to an HTTP status (api), an exit code
// (cmd/cdds) and to "try again or not" (Code.Retryable).
const (
	CodeInvalid         Code = "invalid"         // the request or its data break a rule
	CodeNotFound        Code = "not_found"       // nothing of that id in the caller's tenant
	CodeConflict        Code = "conflict"        // right in itself, not in the present state
	CodeForbidden       Code = "forbidden"       // known caller, missing right
	CodeUnauthenticated Code = "unauthenticated" // unknown caller
	CodeLimited         Code = "limited"         // too often; right again after Error.RetryAfter
	CodeUnavailable     Code = "unavailable"     // a database or a store does not answer; may pass
	CodeInternal        Code = "internal"        // a defect of ours
)

// Retryable reports whether the same attempt may succeed later unchanged.
// Internal errors count as retryable: an unknown fault is more often a passing
// one than a rule that was broken, and the number of attempts is bounded.
func (c Code) Retryable() bool {
	return c == CodeUnavailable || c == CodeInternal
}

// FieldError is one broken rule at one place of a request.
type FieldError struct {
	Field   string // path in the request body, such as "schedule.every"
	Message string // what is wrong and which values are allowed
}

// Error is the one error type that crosses package borders on purpose. Message
// and Hint are for people: they say what failed and what to do next, and hold
// neither secrets nor customer data. Err is the cause for the log.
type Error struct {
	Code    Code
	Message string
	Hint    string
	Fields  []FieldError
	// RetryAfter is how long a caller of a limited operation has to wait.
	RetryAfter time.Duration
	Err        error
}

// Error returns the message, the broken fields and the cause on one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	for _, f := range e.Fields {
		b.WriteString("; " + f.Field + ": " + f.Message)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first Error in err's chain, CodeInternal for
// any other error and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// Invalid returns the error for one broken field.
func Invalid(field, message string) *Error {
	return &Error{
		Code: CodeInvalid, Message: "The request has an invalid field.",
		Fields: []FieldError{{Field: field, Message: message}},
	}
}

// NotFound returns the error for a missing object; what is its noun, such as
// "job". Objects of other tenants give the same error.
func NotFound(what string) *Error {
	return &Error{Code: CodeNotFound, Message: "There is no such " + what + "."}
}

// Conflict returns the error for a request that the present state refuses.
func Conflict(message, hint string) *Error {
	return &Error{Code: CodeConflict, Message: message, Hint: hint}
}
