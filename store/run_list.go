package store

import (
	"context"
	"time"

	"cdds"
)

// RunQuery asks for a page of a tenant's runs. Empty filters let all pass.
// Sort keys: createdAt (default "-createdAt"), updatedAt, scheduledFor,
// startedAt, finishedAt, title, source, type, state, records, bytes. A run
// without such an instant sorts after all that have one.
type RunQuery struct {
	TenantID string
	Text     string // part of the title, in any case, or the beginning of an id
	JobID    string
	Source   string
	Types    []string
	States   []string
	Paging
}

// Runs returns a page of a tenant's runs, also those of deleted jobs.
func (r Reader) Runs(ctx context.Context, q RunQuery) (Page[cdds.Run], error) {
	f := &filter{}
	f.and("r.tenant_id = " + f.arg(q.TenantID))
	f.equal("r.job_id", q.JobID)
	f.equal("r.source", q.Source)
	f.in("r.type", q.Types)
	f.in("r.state", q.States)
	f.search(q.Text, "r.id", "r.title_lower")
	return page(ctx, r.from, listing[cdds.Run]{
		what:    "runs",
		columns: runColumns,
		from:    runFrom,
		counted: `runs r`,
		filter:  f,
		keys: []sortKey{
			{"createdAt", "r.created_at", true}, {"updatedAt", "r.updated_at", true}, {"scheduledFor", "r.scheduled_for", true},
			{"startedAt", "COALESCE(r.started_at, " + never + ")", true}, {"finishedAt", "COALESCE(r.finished_at, " + never + ")", true},
			{"title", "r.title_lower", false}, {"source", "r.source", false}, {"type", "r.type", false}, {"state", "r.state", false},
			{"records", "r.records", true}, {"bytes", "r.bytes", true},
		},
		sort: "-createdAt",
		id:   sortKey{"id", "r.id", false},
		scan: scanRun,
	}, q.Paging)
}

// RunsChanged returns at most limit runs of a tenant that were made or changed
// after the given instant, oldest change first.
func (r Reader) RunsChanged(ctx context.Context, tenantID string, after time.Time, limit int) ([]cdds.Run, error) {
	return all(ctx, r.from, "look for changed runs", scanRun, `
		SELECT `+runColumns+` FROM `+runFrom+`
		WHERE r.tenant_id = $1 AND r.updated_at > $2 ORDER BY r.updated_at, r.id LIMIT $3`, tenantID, after.UnixMicro(), limit)
}

// NextQueuedRun returns the run of a job that is to start next: the queued one
// with the oldest scheduled instant among those that are due at now.
// CodeNotFound when there is none.
func (r Reader) NextQueuedRun(ctx context.Context, jobID string, now time.Time) (cdds.Run, error) {
	return one(ctx, r.from, "queued run", scanRun, `
		SELECT `+runColumns+` FROM `+runFrom+`
		WHERE r.job_id = $1 AND r.state = 'queued' AND r.due_at <= $2
		ORDER BY r.scheduled_for, r.created_at, r.id LIMIT 1`, jobID, instant(now))
}

// UnbegunRuns returns at most limit runs of all tenants whose next attempt no
// worker has begun in time.
func (r Reader) UnbegunRuns(ctx context.Context, now time.Time, limit int) ([]cdds.Run, error) {
	return all(ctx, r.from, "look for attempts that were not begun", scanRun, `
		SELECT `+runColumns+` FROM `+runFrom+`
		WHERE r.state = 'in_progress' AND r.lease_owner IS NULL AND r.lease_until < $1 ORDER BY r.lease_until, r.id LIMIT $2`, instant(now), limit)
}

// RunsInProgress returns at most limit runs of all tenants that a worker holds
// or held when its process died. Runs that wait for their next attempt are not
// among them.
func (r Reader) RunsInProgress(ctx context.Context, limit int) ([]cdds.Run, error) {
	return all(ctx, r.from, "list the runs in progress", scanRun, `
		SELECT `+runColumns+` FROM `+runFrom+`
		WHERE r.state = 'in_progress' AND r.lease_owner IS NOT NULL ORDER BY r.updated_at, r.id LIMIT $1`, limit)
}

// UnfinishedRuns returns at most limit runs of all tenants that are queued or in
// progress, by id, beginning after the given one; "" is the first.
func (r Reader) UnfinishedRuns(ctx context.Context, id string, limit int) ([]cdds.Run, error) {
	return all(ctx, r.from, "list the runs that have not ended", scanRun, `
		SELECT `+runColumns+` FROM `+runFrom+`
		WHERE r.id > $1 AND r.state IN ('queued', 'in_progress') ORDER BY r.id LIMIT $2`, id, limit)
}

// WaitingRuns returns those of UnfinishedRuns that no worker holds: each of them
// has a task in the queue, or should have.
func (r Reader) WaitingRuns(ctx context.Context, id string, limit int) ([]cdds.Run, error) {
	return all(ctx, r.from, "list the runs that wait", scanRun, `
		SELECT `+runColumns+` FROM `+runFrom+`
		WHERE r.id > $1 AND r.state IN ('queued', 'in_progress') AND r.lease_owner IS NULL ORDER BY r.id LIMIT $2`, id, limit)
}

// goesBefore is the condition that a run has to wait for another one of its
// job: one in progress, or one that is due at the given instant and scheduled
// for an earlier one. It lets a job's runs go one by one, oldest first.
func goesBefore(run, now string) string {
	return `(EXISTS (SELECT 1 FROM runs o WHERE o.job_id = ` + run + `.job_id AND o.id <> ` + run + `.id AND o.state = 'in_progress')
		OR (` + run + `.state = 'queued' AND EXISTS (SELECT 1 FROM runs o WHERE o.job_id = ` + run + `.job_id AND o.id <> ` + run + `.id AND o.state = 'queued' AND o.due_at <= ` + now + `
			AND (o.scheduled_for, o.created_at, o.id) < (` + run + `.scheduled_for, ` + run + `.created_at, ` + run + `.id))))`
}
