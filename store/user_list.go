package store

import (
	"context"

	"cdds"
)

// UserRow is a user as lists show it.
type UserRow struct {
	cdds.User
	Jobs int64 // how many the user owns, without deleted ones
}

// The words that UserQuery.States takes.
const (
	UserActive      = "active"
	UserDeactivated = "deactivated"
)

// UserQuery asks for a page of a tenant's users. Empty filters let all pass.
// Sort keys: username (default), role, state, createdAt.
type UserQuery struct {
	TenantID string
	Text     string // part of the username, in any case, or the beginning of an id
	Roles    []cdds.Role
	States   []string
	Paging
}

const (
	userState      = `CASE WHEN u.active THEN '` + UserActive + `' ELSE '` + UserDeactivated + `' END`
	userRowColumns = userColumns + `, (SELECT count(*) FROM jobs j WHERE j.tenant_id = u.tenant_id AND j.owner_id = u.id AND j.deleted_at IS NULL)`
	userRowFrom    = `users u JOIN tenants t ON t.id = u.tenant_id`
)

func scanUserRow(row scanner) (UserRow, error) {
	var u UserRow
	var err error
	u.User, err = scanUser(longerRow{row, []any{&u.Jobs}})
	return u, err
}

// UserRow returns a user of the tenant, or CodeNotFound.
func (r Reader) UserRow(ctx context.Context, tenantID, id string) (UserRow, error) {
	return one(ctx, r.from, "user", scanUserRow, `SELECT `+userRowColumns+` FROM `+userRowFrom+` WHERE u.id = $1 AND u.tenant_id = $2`, id, tenantID)
}

// UserRows returns a page of a tenant's users.
func (r Reader) UserRows(ctx context.Context, q UserQuery) (Page[UserRow], error) {
	f := &filter{}
	f.and("u.tenant_id = " + f.arg(q.TenantID))
	roles := make([]string, len(q.Roles))
	for i, role := range q.Roles {
		roles[i] = string(role)
	}
	f.in("u.role", roles)
	f.in(userState, q.States)
	f.search(q.Text, "u.id", "u.username_lower")
	return page(ctx, r.from, listing[UserRow]{
		what:    "users",
		columns: userRowColumns,
		from:    userRowFrom,
		counted: `users u`,
		filter:  f,
		keys:    []sortKey{{"username", "u.username_lower", false}, {"role", "u.role", false}, {"state", userState, false}, {"createdAt", "u.created_at", true}},
		sort:    "username",
		id:      sortKey{"id", "u.id", false},
		scan:    scanUserRow,
	}, q.Paging)
}

// Administrators returns how many active administrators the tenant has.
func (r Reader) Administrators(ctx context.Context, tenantID string) (int64, error) {
	return one(ctx, r.from, "number of administrators", value[int64],
		`SELECT count(*) FROM users WHERE tenant_id = $1 AND role = $2 AND active`, tenantID, string(cdds.RoleAdministrator))
}

// JobsOf returns the jobs that a user of the tenant owns, without deleted ones,
// oldest first.
func (r Reader) JobsOf(ctx context.Context, tenantID, ownerID string) ([]cdds.Job, error) {
	return all(ctx, r.from, "list the user's jobs", scanJob, `
		SELECT `+jobColumns+` FROM jobs j
		WHERE j.tenant_id = $1 AND j.owner_id = $2 AND j.deleted_at IS NULL ORDER BY j.created_at, j.id`, tenantID, ownerID)
}

// GiveRuns makes another user the owner of the runs of a job that have not
// ended. An attempt that is under way keeps the recipients it began with.
func (t *Tx) GiveRuns(ctx context.Context, jobID, ownerID string) error {
	_, err := exec(ctx, t.tx, "give the job's runs to another owner",
		`UPDATE runs SET owner_id = $2 WHERE job_id = $1 AND state IN ('queued', 'in_progress')`, jobID, ownerID)
	return err
}
