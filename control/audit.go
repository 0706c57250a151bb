package control

import (
	"context"
	"time"

	"cdds"
	"cdds/store"
)

// Operator is who works at the command line on a tenant, or with store.NoTenant
// on the whole deployment. It has no user: whoever may run cdds on the machine
// is the operator.
func Operator(tenantID string) Caller {
	return Caller{User: cdds.User{TenantID: tenantID, Username: "(operator)"}}
}

// service is the service itself, for what it does by the clock.
func service(tenantID string) Caller {
	return Caller{User: cdds.User{TenantID: tenantID, Username: "(service)"}}
}

// line begins an audit line of the caller's.
func (c Caller) line(action, object string) store.AuditEntry {
	e := store.AuditEntry{
		TenantID: c.User.TenantID, UserID: c.User.ID, Username: c.User.Username, Action: action, Object: object, Address: c.Address,
	}
	if c.Token != nil {
		e.Token = c.Token.ID
	}
	return e
}

// RecordAuditExport writes the audit line of an export of the log itself, which
// is about to begin, and returns the number of the last line that the export
// shall have: its own. detail says which lines were asked for.
func (c *Control) RecordAuditExport(ctx context.Context, by Caller, detail string, now time.Time) (int64, error) {
	var last int64
	err := c.store.InTx(ctx, func(tx *store.Tx) error {
		if err := audit(ctx, tx, by, "audit.export", "", detail, now); err != nil {
			return err
		}
		head, err := tx.AuditHead(ctx, by.User.TenantID)
		last = head.Number
		return err
	})
	return last, err
}
