package control

import (
	"context"
	"strconv"
	"strings"
	"time"

	"cdds"
	"cdds/store"
)

// AddTenant adds a tenant with its number, its source and its limits. It and
// EditTenant are for the operator: whoever administers a tenant must not raise
// what it may use. CodeConflict when another tenant has the name, or the number
// in the same source.
func (c *Control) AddTenant(ctx context.Context, tenant cdds.Tenant, now time.Time) (cdds.Tenant, error) {
	if err := tenant.Validate(); err != nil {
		return cdds.Tenant{}, err
	}
	var err error
	if tenant.ID, err = newID(); err != nil {
		return cdds.Tenant{}, err
	}
	tenant.CreatedAt = now
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.InsertTenant(ctx, tenant); err != nil {
			return err
		}
		return audit(ctx, tx, Operator(tenant.ID), "tenant.create", tenant.ID, tenantDetail(tenant), now)
	})
	return tenant, err
}

// TenantChange is what EditTenant changes; nil leaves a field as it is.
type TenantChange struct {
	Name          *string
	SourceID      *int64
	Source        *string // "" is the deployment's own
	Runs          *int
	Storage       *int64
	RetentionDays *int
}

// Apply returns the tenant with the change.
func (ch TenantChange) Apply(t cdds.Tenant) cdds.Tenant {
	set(&t.Name, ch.Name)
	set(&t.SourceID, ch.SourceID)
	set(&t.Source, ch.Source)
	set(&t.Limits.Runs, ch.Runs)
	set(&t.Limits.Storage, ch.Storage)
	set(&t.Limits.RetentionDays, ch.RetentionDays)
	return t
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// EditTenant changes the named tenant. Runs that begin from then on keep to its
// new limits. The number stays once the tenant has exported under it: its jobs
// would go on with the data of another one. CodeNotFound, or CodeConflict as
// for AddTenant.
func (c *Control) EditTenant(ctx context.Context, name string, change TenantChange, now time.Time) (cdds.Tenant, error) {
	var tenant cdds.Tenant
	err := c.store.InTx(ctx, func(tx *store.Tx) error {
		old, err := tx.TenantNamed(ctx, name)
		if err != nil {
			return err
		}
		tenant = change.Apply(old)
		if err := tenant.Validate(); err != nil {
			return err
		}
		if tenant.SourceID != old.SourceID {
			if err := requireNoRuns(ctx, tx, old); err != nil {
				return err
			}
		}
		if err := tx.UpdateTenant(ctx, tenant); err != nil {
			return err
		}
		return audit(ctx, tx, Operator(tenant.ID), "tenant.edit", tenant.ID, tenantDetail(tenant), now)
	})
	return tenant, err
}

func requireNoRuns(ctx context.Context, tx *store.Tx, t cdds.Tenant) error {
	has, err := tx.HasRuns(ctx, t.ID)
	if err == nil && has {
		return cdds.Conflict("The tenant has runs under its number in Contact History, which therefore stays.", "Add another tenant for the other number.")
	}
	return err
}

// tenantDetail is what the audit log says of a tenant.
func tenantDetail(t cdds.Tenant) string {
	return strings.Join([]string{
		"by the operator", "name " + t.Name, "number " + strconv.FormatInt(t.SourceID, 10), "source " + t.SourceName(),
		"runs " + strconv.Itoa(t.Limits.Runs), "storage " + strconv.FormatInt(t.Limits.Storage, 10), "retention days " + strconv.Itoa(t.Limits.RetentionDays),
	}, ", ")
}
