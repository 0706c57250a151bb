package store

import (
	"context"
	"strings"
	"time"
)

// AuditResult is what came of what a line of the audit log tells of.
type AuditResult string

// The results.
const (
	AuditDone    AuditResult = "done"
	AuditRefused AuditResult = "refused"
)

// NoTenant is the tenant of audit lines that belong to none: sign-ins by names
// that nobody has, requests without a known caller, and the operator's work on
// the whole deployment.
const NoTenant = ""

// AuditEntry is one line of the audit log. Lines are only ever added.
type AuditEntry struct {
	ID       int64  // given by the database
	TenantID string // also the name of the line's chain; NoTenant for none
	Number   int64  // of the line within its chain, from 1; given when it is added
	UserID   string
	Username string // as it was then
	Token    string // id of the API token that was used; "" for a session or the command line
	Action   string // noun.verb, such as "job.create"
	Object   string // id of what was acted on
	Detail   string
	Result   AuditResult // "" means AuditDone when a line is added
	Times    int64       // how many equal attempts the line stands for; 0 means 1 when it is added
	Address  string      // the client's network address; "" for the command line
	At       time.Time
	Hash     string // over the line and the hash before it; given when it is added
}

// AuditQuery asks for a page of a tenant's audit log. Sort keys: at (default
// "-at"), action, username.
type AuditQuery struct {
	TenantID string
	Text     string    // part of username, object or detail, in any case
	Username string    // "" for all
	Action   string    // "" for all
	Result   string    // "" for both
	From, To time.Time // at or after From and before To; zero for no bound
	Paging
}

const auditColumns = `a.id, a.tenant_id, a.number, a.user_id, a.username, a.token, a.action, a.object, a.detail, a.result, a.times, a.address, a.at, a.hash`

func scanAudit(row scanner) (AuditEntry, error) {
	var e AuditEntry
	err := row.Scan(&e.ID, &e.TenantID, &e.Number, &e.UserID, &e.Username, &e.Token, &e.Action, &e.Object, &e.Detail,
		&e.Result, &e.Times, &e.Address, (*instant)(&e.At), &e.Hash)
	return e, err
}

// filter returns the query's conditions.
func (q AuditQuery) filter() *filter {
	f := &filter{}
	f.and("a.tenant_id = " + f.arg(q.TenantID))
	f.equal("a.username", q.Username)
	f.equal("a.action", q.Action)
	f.equal("a.result", q.Result)
	if !q.From.IsZero() {
		f.and("a.at >= " + f.arg(instant(q.From)))
	}
	if !q.To.IsZero() {
		f.and("a.at < " + f.arg(instant(q.To)))
	}
	f.search(q.Text, "a.object", "a.words")
	return f
}

// Audit returns a page of the audit log.
func (r Reader) Audit(ctx context.Context, q AuditQuery) (Page[AuditEntry], error) {
	return page(ctx, r.from, listing[AuditEntry]{
		what:    "audit log",
		columns: auditColumns,
		from:    `audit a`,
		counted: `audit a`,
		filter:  q.filter(),
		keys:    []sortKey{{"at", "a.at", true}, {"action", "a.action", false}, {"username", "a.username", false}},
		sort:    "-at",
		id:      sortKey{"id", "a.id", true},
		scan:    scanAudit,
	}, q.Paging)
}

// AuditAfter returns at most limit lines of the query, in the order of their
// chain, with numbers above after and up to last. The query's paging is not
// used. It is for those who read a log of any length in pieces.
func (r Reader) AuditAfter(ctx context.Context, q AuditQuery, after, last int64, limit int) ([]AuditEntry, error) {
	f := q.filter()
	f.and("a.number > " + f.arg(after))
	f.and("a.number <= " + f.arg(last))
	return all(ctx, r.from, "read the audit log", scanAudit,
		`SELECT `+auditColumns+` FROM audit a`+f.where()+` ORDER BY a.number LIMIT `+f.arg(limit), f.args...)
}

// InsertAudit adds a line to the end of its chain. Its ID, Number and Hash are
// not used. Transactions that add to one chain wait for each other from here to
// their ends, so a line is best added last.
func (t *Tx) InsertAudit(ctx context.Context, e AuditEntry) error {
	if e.Result == "" {
		e.Result = AuditDone
	}
	e.Times = max(e.Times, 1)
	head, err := t.takeHead(ctx, e.TenantID)
	if err != nil {
		return err
	}
	e.Number = head.Number + 1
	e.Hash = e.link(head.Hash)
	if _, err := exec(ctx, t.tx, "write the audit log", insertAudit, e.row()...); err != nil {
		return err
	}
	t.setHead(AuditHead{TenantID: e.TenantID, Number: e.Number, Hash: e.Hash})
	return nil
}

const insertAudit = `
	INSERT INTO audit (tenant_id, number, user_id, username, token, action, object, detail, result, times, address, words, at, hash)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`

// row returns the arguments of insertAudit.
func (e AuditEntry) row() []any {
	return []any{e.TenantID, e.Number, e.UserID, e.Username, e.Token, e.Action, e.Object, e.Detail, string(e.Result), e.Times, e.Address, e.words(), instant(e.At), e.Hash}
}

// words is what a search looks into.
func (e AuditEntry) words() string {
	return lower(strings.Join([]string{e.Username, e.Object, e.Detail}, "\n"))
}
