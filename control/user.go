package control

import (
	"context"
	"time"

	"cdds"
	"cdds/store"
)

// NewUser is what it takes to add a user. The tenant is made when there is
// none of that name and TenantSourceID says which number it has in Contact
// History.
type NewUser struct {
	Username       string
	Password       string
	Role           cdds.Role
	Tenant         string
	TenantSourceID int64 // 0: the tenant must exist
}

// AddUser creates an active user and, where needed, its tenant. CodeConflict
// when the tenant has a user of that name, or another number than the given.
func (c *Control) AddUser(ctx context.Context, nu NewUser, now time.Time) (cdds.User, error) {
	if err := nu.validate(); err != nil {
		return cdds.User{}, err
	}
	hash, err := c.passwords.hash(ctx, nu.Password)
	if err != nil {
		return cdds.User{}, err
	}
	id, err := newID()
	if err != nil {
		return cdds.User{}, err
	}
	var user cdds.User
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		tenant, err := ensureTenant(ctx, tx, nu, now)
		if err != nil {
			return err
		}
		user = cdds.User{ID: id, TenantID: tenant.ID, TenantName: tenant.Name, Username: nu.Username,
			PasswordHash: hash, Role: nu.Role, Active: true, CreatedAt: now}
		if err := tx.InsertUser(ctx, user); err != nil {
			return err
		}
		return audit(ctx, tx, Operator(tenant.ID), "user.create", user.ID, user.Username+" ("+roleName(nu.Role)+")", now)
	})
	return user, err
}

func (nu NewUser) validate() error {
	if err := cdds.ValidateNewUser(nu.Username, nu.Password, nu.Role, nu.Tenant); err != nil {
		return err
	}
	return cdds.ValidateTenantName(nu.Tenant)
}

// roleName is a role in an audit line.
func roleName(r cdds.Role) string {
	if r == cdds.RoleNone {
		return "no role"
	}
	return string(r)
}

// ensureTenant returns the named tenant, made if it is new.
func ensureTenant(ctx context.Context, tx *store.Tx, nu NewUser, now time.Time) (cdds.Tenant, error) {
	tenant, err := tx.TenantNamed(ctx, nu.Tenant)
	if err == nil {
		if nu.TenantSourceID != 0 && nu.TenantSourceID != tenant.SourceID {
			return tenant, cdds.Conflict("The tenant exists with another number in Contact History.", "Leave the number out, or give another tenant name.")
		}
		return tenant, nil
	}
	if cdds.CodeOf(err) != cdds.CodeNotFound {
		return tenant, err
	}
	if nu.TenantSourceID == 0 {
		return tenant, cdds.Invalid("tenant-id", "is needed for a new tenant: its number (tenantId) in Contact History.")
	}
	id, err := newID()
	if err != nil {
		return tenant, err
	}
	tenant = cdds.Tenant{ID: id, Name: nu.Tenant, SourceID: nu.TenantSourceID, CreatedAt: now}
	if err := tx.InsertTenant(ctx, tenant); err != nil {
		return tenant, err
	}
	return tenant, audit(ctx, tx, Operator(tenant.ID), "tenant.create", tenant.ID, tenant.Name, now)
}

// UserNamed returns the one user of that name in the named tenant, or in any
// where the tenant's name is "". CodeInvalid when several tenants have one.
func (c *Control) UserNamed(ctx context.Context, username, tenant string) (cdds.User, error) {
	users, err := c.store.UsersNamed(ctx, username, tenant)
	switch {
	case err != nil:
		return cdds.User{}, err
	case len(users) == 0:
		return cdds.User{}, cdds.NotFound("user")
	case len(users) > 1:
		return cdds.User{}, cdds.Invalid("tenant", "is needed: several tenants have a user of that name.")
	}
	return users[0], nil
}

// ImportCertificate makes data (PEM or DER) the caller's certificate.
// CodeInvalid says which rule it breaks.
func (c *Control) ImportCertificate(ctx context.Context, by Caller, data []byte, now time.Time) (cdds.Certificate, error) {
	cert, err := cdds.ParseCertificate(data, now)
	if err != nil {
		return cdds.Certificate{}, err
	}
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.PutCertificate(ctx, by.User.TenantID, by.User.ID, cert, now); err != nil {
			return err
		}
		return audit(ctx, tx, by, "certificate.import", cert.Fingerprint, "", now)
	})
	return cert, err
}

// RemoveCertificate forgets the caller's certificate. Artifacts that were made
// for it stay readable with its key; runs to come fail until a new one is
// imported.
func (c *Control) RemoveCertificate(ctx context.Context, by Caller, now time.Time) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.DeleteCertificate(ctx, by.User.ID); err != nil {
			return err
		}
		return audit(ctx, tx, by, "certificate.delete", by.User.ID, "", now)
	})
}
