package control

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"cdds"
	"cdds/store"
)

// SetPassword changes a user's password and signs the user out everywhere.
func (c *Control) SetPassword(ctx context.Context, username, tenant, password string, now time.Time) error {
	user, err := c.UserNamed(ctx, username, tenant)
	if err != nil {
		return err
	}
	return c.replacePassword(ctx, Operator(user.TenantID), user.ID, password, now)
}

// ResetPassword gives another user of the caller's tenant a new password, and
// ends all that user's sessions. An empty one is made here and returned. For
// the caller's own it is CodeConflict: that one is changed by who knows it.
func (c *Control) ResetPassword(ctx context.Context, by Caller, id, password string, now time.Time) (made string, err error) {
	if id == by.User.ID {
		return "", cdds.Conflict("This is your own password.", "Change it under User preferences, where the present one is asked for.")
	}
	if password == "" {
		if made, err = newPassword(); err != nil {
			return "", err
		}
		password = made
	}
	return made, c.replacePassword(ctx, by, id, password, now)
}

// replacePassword sets the password of a user of by's tenant.
func (c *Control) replacePassword(ctx context.Context, by Caller, id, password string, now time.Time) error {
	user, err := c.store.UserRow(ctx, by.User.TenantID, id)
	if err != nil {
		return err
	}
	if err := cdds.ValidatePassword(password, user.Username, user.TenantName); err != nil {
		return err
	}
	hash, err := c.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	return c.store.InTx(ctx, func(tx *store.Tx) error {
		row, err := tx.UserRow(ctx, by.User.TenantID, id)
		if err != nil {
			return err
		}
		if row.PasswordHash == "" {
			return noPassword()
		}
		row.PasswordHash = hash
		if err := tx.UpdateUser(ctx, row.User); err != nil {
			return err
		}
		if err := tx.DeleteSessionsOf(ctx, id); err != nil {
			return err
		}
		return audit(ctx, tx, by, "user.password", id, row.Username, now)
	})
}

// ChangePassword lets the caller, who knows the present password, choose
// another, and signs the caller out everywhere else.
// Wrong ones count as failed sign-ins do: who guesses has to wait.
func (c *Control) ChangePassword(ctx context.Context, by Caller, present, password string, now time.Time) error {
	if err := cdds.ValidatePassword(password, by.User.Username, by.User.TenantName); err != nil {
		return err
	}
	if by.User.PasswordHash == "" {
		return noPassword()
	}
	wrong := cdds.Invalid("current", "is not your present password.")
	user, _, err := c.verify(ctx, Credentials{Username: by.User.Username, Tenant: by.User.TenantName, Password: present}, by.Address, now)
	if cdds.CodeOf(err) == cdds.CodeUnauthenticated {
		return wrong
	}
	if err != nil {
		return err
	}
	hash, err := c.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	return c.store.InTx(ctx, func(tx *store.Tx) error {
		held, err := tx.RenewPassword(ctx, user.ID, user.PasswordHash, hash)
		if err != nil {
			return err
		}
		if !held {
			return wrong
		}
		keep, err := tx.SessionByID(ctx, by.SessionID)
		if err != nil {
			return err
		}
		if _, err := tx.EndOtherSessions(ctx, keep); err != nil {
			return err
		}
		return audit(ctx, tx, by, "user.password", user.ID, "", now)
	})
}

// noPassword refuses a password for a user of single sign-on: it would be a
// second way in that the identity provider knows nothing of.
func noPassword() error {
	return cdds.Conflict("This user signs in by single sign-on and has no password.", "Change the password at the identity provider.")
}

// newPassword returns a password of 120 random bits, in groups that can be read
// out: capital letters and the digits 2 to 7.
func newPassword() (string, error) {
	const groups, size = 6, 4
	text := rand.Text()
	if len(text) < groups*size {
		return "", &cdds.Error{Code: cdds.CodeInternal, Message: "No random text for a password."}
	}
	parts := make([]string, groups)
	for i := range parts {
		parts[i] = text[i*size : (i+1)*size]
	}
	return strings.Join(parts, "-"), nil
}
