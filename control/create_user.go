package control

import (
	"context"
	"time"

	"cdds"
	"cdds/store"
)

// CreateUser adds an active user to the caller's tenant, whatever tenant nu
// names, and returns it with its password where that was made here, because nu
// has none. A repeated call under the same key returns no password: it is not
// kept. CodeConflict when the tenant has a user of that name.
func (c *Control) CreateUser(ctx context.Context, by Caller, nu NewUser, once Once, now time.Time) (user cdds.User, made string, err error) {
	if nu.Password == "" {
		if made, err = newPassword(); err != nil {
			return user, "", err
		}
		nu.Password = made
	}
	if err := cdds.ValidateNewUser(nu.Username, nu.Password, nu.Role, by.User.TenantName); err != nil {
		return user, "", err
	}
	hash, err := c.passwords.hash(ctx, nu.Password)
	if err != nil {
		return user, "", err
	}
	id, err := newID()
	if err != nil {
		return user, "", err
	}
	user = cdds.User{ID: id, TenantID: by.User.TenantID, Username: nu.Username, PasswordHash: hash, Role: nu.Role, Active: true, CreatedAt: now}
	madeID, err := c.created(ctx, by, once, func(tx *store.Tx) (string, error) {
		if err := tx.InsertUser(ctx, user); err != nil {
			return "", err
		}
		if err := remember(ctx, tx, by, once, id, now); err != nil {
			return "", err
		}
		return id, audit(ctx, tx, by, "user.create", id, string(nu.Role), now)
	})
	if err != nil {
		return cdds.User{}, "", err
	}
	if madeID != id {
		made = ""
	}
	row, err := c.store.UserRow(ctx, by.User.TenantID, madeID)
	return row.User, made, err
}
