package store

import (
	"context"
	"strings"
	"time"
)

// AuditEntry is one line of the audit log. Lines are only ever added.
type AuditEntry struct {
	ID       int64 // given by the database
	TenantID string
	UserID   string
	Username string // as it was then
	Action   string // noun.verb, such as "job.create"
	Object   string // id of what was acted on
	Detail   string
	Address  string // the client's network address; "" for the command line
	At       time.Time
}

// AuditQuery asks for a page of a tenant's audit log. Sort keys: at (default
// "-at"), action, username.
type AuditQuery struct {
	TenantID string
	Text     string // part of username, object or detail, in any case
	Action   string // "" for all
	Paging
}

func scanAudit(row scanner) (AuditEntry, error) {
	var e AuditEntry
	err := row.Scan(&e.ID, &e.TenantID, &e.UserID, &e.Username, &e.Action, &e.Object, &e.Detail, &e.Address, (*instant)(&e.At))
	return e, err
}

// Audit returns a page of the audit log.
func (r Reader) Audit(ctx context.Context, q AuditQuery) (Page[AuditEntry], error) {
	f := &filter{}
	f.and("a.tenant_id = " + f.arg(q.TenantID))
	f.equal("a.action", q.Action)
	f.search(q.Text, "a.object", "a.words")
	return page(ctx, r.from, listing[AuditEntry]{
		what:    "audit log",
		columns: `a.id, a.tenant_id, a.user_id, a.username, a.action, a.object, a.detail, a.address, a.at`,
		from:    `audit a`,
		counted: `audit a`,
		filter:  f,
		keys:    []sortKey{{"at", "a.at", true}, {"action", "a.action", false}, {"username", "a.username", false}},
		sort:    "-at",
		id:      sortKey{"id", "a.id", true},
		scan:    scanAudit,
	}, q.Paging)
}

// InsertAudit adds a line; its ID is not used.
func (t *Tx) InsertAudit(ctx context.Context, e AuditEntry) error {
	_, err := exec(ctx, t.tx, "write the audit log", `
		INSERT INTO audit (tenant_id, user_id, username, action, object, detail, address, words, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		e.TenantID, e.UserID, e.Username, e.Action, e.Object, e.Detail, e.Address,
		lower(strings.Join([]string{e.Username, e.Object, e.Detail}, "\n")), instant(e.At))
	return err
}
