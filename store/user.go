package store

import (
	"context"

	"cdds"
)

const (
	userColumns = `u.id, u.tenant_id, t.name, u.username, u.password_hash, u.role, u.active, u.created_at`
	userFrom    = ` FROM users u JOIN tenants t ON t.id = u.tenant_id `
)

func scanUser(row scanner) (cdds.User, error) {
	var u cdds.User
	err := row.Scan(&u.ID, &u.TenantID, &u.TenantName, &u.Username, &u.PasswordHash, &u.Role, &u.Active, (*instant)(&u.CreatedAt))
	return u, err
}

// User returns a user by the id, or CodeNotFound.
func (r Reader) User(ctx context.Context, id string) (cdds.User, error) {
	return one(ctx, r.from, "user", scanUser, `SELECT `+userColumns+userFrom+`WHERE u.id = $1`, id)
}

// UsersNamed returns the users of that name in the named tenant, or in all
// tenants where the tenant's name is "". There may be none.
func (r Reader) UsersNamed(ctx context.Context, username, tenantName string) ([]cdds.User, error) {
	var f filter
	f.and("u.username = " + f.arg(username))
	f.equal("t.name", tenantName)
	return all(ctx, r.from, "look for the user", scanUser, `SELECT `+userColumns+userFrom+f.where()+` ORDER BY t.name, u.id`, f.args...)
}

// Users returns the users of a tenant, or of all tenants for "", by tenant and
// name.
func (r Reader) Users(ctx context.Context, tenantID string) ([]cdds.User, error) {
	return all(ctx, r.from, "list the users", scanUser,
		`SELECT `+userColumns+userFrom+`WHERE u.tenant_id = $1 OR $1 = '' ORDER BY t.name, u.username, u.id`, tenantID)
}

// InsertUser adds a user. CodeConflict when the tenant has one of that name.
func (t *Tx) InsertUser(ctx context.Context, u cdds.User) error {
	return insert(ctx, t.tx, "add the user", userExists(),
		`INSERT INTO users (id, tenant_id, username, username_lower, password_hash, role, active, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		u.ID, u.TenantID, u.Username, lower(u.Username), u.PasswordHash, string(u.Role), u.Active, instant(u.CreatedAt))
}

// UpdateUser saves name, password hash, role and whether the user is active.
// CodeNotFound when there is no such user in the tenant, CodeConflict when
// another one has the name.
func (t *Tx) UpdateUser(ctx context.Context, u cdds.User) error {
	n, err := exec(ctx, t.tx, "save the user",
		`UPDATE users SET username = $3, username_lower = $4, password_hash = $5, role = $6, active = $7 WHERE id = $1 AND tenant_id = $2`,
		u.ID, u.TenantID, u.Username, lower(u.Username), u.PasswordHash, string(u.Role), u.Active)
	switch {
	case uniqueViolation(err):
		return userExists()
	case err == nil && n == 0:
		return cdds.NotFound("user")
	}
	return err
}

// RenewPassword saves another password hash, or the same, of an active user who
// has the given one still. False means that the password was changed, or the
// user deactivated, since the hash was read.
func (t *Tx) RenewPassword(ctx context.Context, userID, from, to string) (bool, error) {
	n, err := exec(ctx, t.tx, "save the password", `UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2 AND active`, userID, from, to)
	return n == 1, err
}

// LockUsers keeps all other transactions from changing roles and activity in
// the tenant until this one ends: of two administrators who demote each other at
// the same time, one comes second and finds what the first has done.
func (t *Tx) LockUsers(ctx context.Context, tenantID string) error {
	_, err := exec(ctx, t.tx, "lock the tenant's users", `UPDATE tenants SET created_at = created_at WHERE id = $1`, tenantID)
	return err
}

func userExists() *cdds.Error {
	return cdds.Conflict("The tenant has a user of this name.", "Give another name, or change that user.")
}
