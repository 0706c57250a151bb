package cdds

import (
	"errors"
	"slices"
	"time"
)

// Scope is a part of its user's rights that an API token has.
type Scope string

// The scopes.
const (
	// ScopeRead sees jobs, runs, manifests and artifacts, and an administrator's
	// token the audit log: what collects that needs no right to change anything.
	ScopeRead Scope = "read"
	// ScopeRun starts, retries and cancels runs.
	ScopeRun Scope = "run"
	// ScopeDownload downloads artifacts.
	ScopeDownload Scope = "download"
	// ScopeAdminister changes jobs and users, and deletes.
	ScopeAdminister Scope = "administer"
)

// Scopes lists all scopes.
func Scopes() []Scope { return []Scope{ScopeRead, ScopeRun, ScopeDownload, ScopeAdminister} }

// Covers reports whether a token of this scope has the right, if its user has
// it. What is not listed is refused: certificates, recipients, sessions and
// tokens are for the person alone, so that a stolen token cannot outlive itself.
func (s Scope) Covers(a Action) bool {
	switch s {
	case ScopeRead:
		return a == ActionSeeJobs || a == ActionSeeRuns || a == ActionSeeArtifacts || a == ActionSeeAudit || a == ActionSeeRecipients
	case ScopeRun:
		return a == ActionStartRuns || a == ActionCancelRuns
	case ScopeDownload:
		return a == ActionDownload
	case ScopeAdminister:
		return a == ActionManageJobs || a == ActionDeleteRuns || a == ActionDeleteArtifacts || a == ActionManageUsers || a == ActionSeeTenant ||
			a == ActionSeeNodes
	}
	return false
}

// Token is an API token: a named key of a user for scripts. Its secret is shown
// once and never kept.
type Token struct {
	ID         string
	TenantID   string
	UserID     string
	Name       string
	Scopes     []Scope
	CreatedAt  time.Time
	ExpiresAt  time.Time
	LastUsedAt time.Time // zero: never
}

// maxTokenLife bounds how long a token works without being made anew.
const maxTokenLife = 366 * 24 * time.Hour

// Validate returns nil or CodeInvalid with the broken fields of a new token.
func (t Token) Validate(now time.Time) error {
	var fields []FieldError
	var name *Error
	if errors.As(validateName("name", t.Name), &name) {
		fields = append(fields, name.Fields...)
	}
	known := func(s Scope) bool { return slices.Contains(Scopes(), s) }
	if len(t.Scopes) == 0 || slices.ContainsFunc(t.Scopes, func(s Scope) bool { return !known(s) }) {
		fields = append(fields, FieldError{"scopes", "must be one or more of read, run, download, administer."})
	}
	if !t.ExpiresAt.After(now) || t.ExpiresAt.Sub(now) > maxTokenLife {
		fields = append(fields, FieldError{"expiresAt", "must be in the future, and within 366 days."})
	}
	if len(fields) == 0 {
		return nil
	}
	return &Error{Code: CodeInvalid, Message: "The token cannot be made like this.", Fields: fields}
}

// Can reports whether one of the token's scopes covers the right. Whose it is may
// be asked with every token.
func (t Token) Can(a Action) bool {
	return a == ActionSignedIn || slices.ContainsFunc(t.Scopes, func(s Scope) bool { return s.Covers(a) })
}
