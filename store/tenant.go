package store

import (
	"context"

	"cdds"
)

const tenantColumns = `t.id, t.name, t.source_id, t.created_at`

func scanTenant(row scanner) (cdds.Tenant, error) {
	var t cdds.Tenant
	err := row.Scan(&t.ID, &t.Name, &t.SourceID, (*instant)(&t.CreatedAt))
	return t, err
}

// Tenant returns a tenant by its id, or CodeNotFound.
func (r Reader) Tenant(ctx context.Context, id string) (cdds.Tenant, error) {
	return one(ctx, r.from, "tenant", scanTenant, `SELECT `+tenantColumns+` FROM tenants t WHERE t.id = $1`, id)
}

// TenantNamed returns a tenant by its name, or CodeNotFound.
func (r Reader) TenantNamed(ctx context.Context, name string) (cdds.Tenant, error) {
	return one(ctx, r.from, "tenant", scanTenant, `SELECT `+tenantColumns+` FROM tenants t WHERE t.name = $1`, name)
}

// Tenants returns all tenants by name.
func (r Reader) Tenants(ctx context.Context) ([]cdds.Tenant, error) {
	return all(ctx, r.from, "list the tenants", scanTenant, `SELECT `+tenantColumns+` FROM tenants t ORDER BY t.name, t.id`)
}

// InsertTenant adds a tenant. CodeConflict when another one has its name or
// its number in Contact History: two tenants of one number would read each
// other's data.
func (t *Tx) InsertTenant(ctx context.Context, tenant cdds.Tenant) error {
	return insert(ctx, t.tx, "add the tenant",
		cdds.Conflict("There is a tenant of this name, or one with this number in Contact History.", "Give another name and number, or use that tenant."),
		`INSERT INTO tenants (id, name, source_id, created_at) VALUES ($1, $2, $3, $4)`,
		tenant.ID, tenant.Name, tenant.SourceID, instant(tenant.CreatedAt))
}
