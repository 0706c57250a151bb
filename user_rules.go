package cdds

import "errors"

// ValidateNewUser returns nil, or CodeInvalid with all broken fields. The
// password must not be made of the username, nor of the tenant's name.
func ValidateNewUser(username, password string, role Role, tenant string) error {
	var fields []FieldError
	for _, err := range []error{ValidateUsername(username), ValidateRole(role), ValidatePassword(password, username, tenant)} {
		var e *Error
		if errors.As(err, &e) {
			fields = append(fields, e.Fields...)
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return &Error{Code: CodeInvalid, Message: "The user cannot be made like this.", Fields: fields}
}

// ValidateRole returns nil or says which roles there are.
func ValidateRole(role Role) error {
	switch role {
	case RoleNone, RoleAdministrator, RoleExporter, RoleViewer:
		return nil
	}
	return Invalid("role", "is not a role; allowed are administrator, exporter and viewer.")
}

// Administers reports whether the user is an administrator who can sign in.
func (u User) Administers() bool { return u.Active && u.Role == RoleAdministrator }

// CheckChange returns CodeConflict for a change of a user that would leave the
// tenant without anybody to undo it. administrators counts the tenant's active
// ones before the change.
func (u User) CheckChange(changed User, administrators int64) error {
	if !u.Administers() || changed.Administers() || administrators > 1 {
		return nil
	}
	return Conflict("This is the tenant's last active administrator.", "Make another user an administrator first, or activate one.")
}
