package store

import (
	"context"
	"time"

	"cdds"
)

const tenantColumns = `t.id, t.name, t.source_id, t.source_name, t.max_runs, t.max_bytes, t.retention_days, t.created_at`

func scanTenant(row scanner) (cdds.Tenant, error) {
	var t cdds.Tenant
	err := row.Scan(&t.ID, &t.Name, &t.SourceID, &t.Source, &t.Limits.Runs, &t.Limits.Storage, &t.Limits.RetentionDays, (*instant)(&t.CreatedAt))
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

// HasRuns reports whether a tenant has a run in any state.
func (r Reader) HasRuns(ctx context.Context, tenantID string) (bool, error) {
	return one(ctx, r.from, "runs of the tenant", value[bool], `SELECT EXISTS (SELECT 1 FROM runs r WHERE r.tenant_id = $1)`, tenantID)
}

// RunUse is what counts against a tenant's limit of runs, and how many wait to
// be begun.
type RunUse struct {
	InProgress int64 // and those who help with them
	Queued     int64 // those that are due
}

// RunUse returns how many runs of a tenant are in progress and queued.
func (r Reader) RunUse(ctx context.Context, tenantID string, now time.Time) (RunUse, error) {
	return one(ctx, r.from, "runs of the tenant", func(row scanner) (RunUse, error) {
		var u RunUse
		err := row.Scan(&u.InProgress, &u.Queued)
		return u, err
	}, `SELECT (SELECT count(*) FROM runs r WHERE r.tenant_id = $1 AND r.state = 'in_progress')
			+ (SELECT count(*) FROM run_ranges h WHERE h.tenant_id = $1 AND h.state = 'taken' AND h.helper),
		(SELECT count(*) FROM runs r WHERE r.tenant_id = $1 AND r.state = 'queued' AND r.due_at <= $2)`, tenantID, instant(now))
}

// InsertTenant adds a tenant. CodeConflict when another one has its name or
// its number in its source: two tenants of one number would read each other's
// data.
func (t *Tx) InsertTenant(ctx context.Context, tenant cdds.Tenant) error {
	t.owe(tenant.ID)
	return insert(ctx, t.tx, "add the tenant", tenantExists(), `
		INSERT INTO tenants (id, name, source_id, source_name, max_runs, max_bytes, retention_days, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		tenant.ID, tenant.Name, tenant.SourceID, tenant.Source, tenant.Limits.Runs, tenant.Limits.Storage, tenant.Limits.RetentionDays, instant(tenant.CreatedAt))
}

// UpdateTenant saves all of a tenant but its creation. CodeNotFound when there
// is none of that id, CodeConflict as for InsertTenant.
func (t *Tx) UpdateTenant(ctx context.Context, tenant cdds.Tenant) error {
	n, err := exec(ctx, t.tx, "save the tenant", `
		UPDATE tenants SET name = $2, source_id = $3, source_name = $4, max_runs = $5, max_bytes = $6, retention_days = $7 WHERE id = $1`,
		tenant.ID, tenant.Name, tenant.SourceID, tenant.Source, tenant.Limits.Runs, tenant.Limits.Storage, tenant.Limits.RetentionDays)
	switch {
	case uniqueViolation(err):
		return tenantExists()
	case err == nil && n == 0:
		return cdds.NotFound("tenant")
	}
	t.owe(tenant.ID) // it may be at its limit now, or no more
	return err
}

func tenantExists() *cdds.Error {
	return cdds.Conflict("There is a tenant of this name, or one with this number in the same source.", "Give another name and number, or use that tenant.")
}
