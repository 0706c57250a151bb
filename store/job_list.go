package store

import (
	"context"

	"cdds"
)

// JobRow is a job as lists show it.
type JobRow struct {
	cdds.Job
	OwnerName string
	LatestRun *cdds.Run // nil: it never ran
}

// NeverRan stands in JobQuery.RunStates for jobs that have no run.
const NeverRan = "none"

// JobQuery asks for a page of a tenant's jobs. Empty filters let all pass.
// Sort keys: createdAt (default "-createdAt"), updatedAt, title, source, type,
// state, owner, nextStartsAt, latestState, latestStartedAt. A job without such
// an instant sorts after all that have one.
type JobQuery struct {
	TenantID  string
	Text      string // part of the title, in any case, or the beginning of an id
	Source    string
	Types     []string
	States    []string // states of the job
	RunStates []string // states of the latest run, and NeverRan
	Paging
}

const jobRowFrom = `jobs j JOIN users u ON u.id = j.owner_id`

// foundJob is a job's row before its latest run is added.
type foundJob struct {
	job       cdds.Job
	ownerName string
	runID     text
}

func scanFoundJob(row scanner) (foundJob, error) {
	var f foundJob
	err := row.Scan(append(jobTargets(&f.job), &f.ownerName, &f.runID)...)
	return f, err
}

// JobRow returns a job of the tenant with its latest run. Deleted ones are
// CodeNotFound.
func (r Reader) JobRow(ctx context.Context, tenantID, id string) (JobRow, error) {
	found, err := one(ctx, r.from, "job", scanFoundJob,
		`SELECT `+jobColumns+`, u.username, j.latest_run_id FROM `+jobRowFrom+` WHERE j.id = $1 AND j.tenant_id = $2 AND j.deleted_at IS NULL`, id, tenantID)
	if err != nil {
		return JobRow{}, err
	}
	rows, err := r.withRuns(ctx, []foundJob{found})
	if err != nil {
		return JobRow{}, err
	}
	return rows[0], nil
}

// Jobs returns a page of a tenant's jobs, without deleted ones.
func (r Reader) Jobs(ctx context.Context, q JobQuery) (Page[JobRow], error) {
	f := &filter{}
	f.and("j.tenant_id = " + f.arg(q.TenantID))
	f.and("j.deleted_at IS NULL")
	f.equal("j.source", q.Source)
	f.in("j.type", q.Types)
	f.in("j.state", q.States)
	f.search(q.Text, "j.id", "j.title_lower")
	f.in("j.latest_state", q.RunStates)
	found, err := page(ctx, r.from, listing[foundJob]{
		what:    "jobs",
		columns: jobColumns + `, u.username, j.latest_run_id`,
		from:    jobRowFrom,
		counted: `jobs j`,
		filter:  f,
		keys: []sortKey{
			{"createdAt", "j.created_at", true}, {"updatedAt", "j.updated_at", true}, {"title", "j.title_lower", false},
			{"source", "j.source", false}, {"type", "j.type", false}, {"state", "j.state", false}, {"owner", "u.username", false},
			{"nextStartsAt", "COALESCE(j.next_run_at, " + never + ")", true},
			{"latestState", "j.latest_state", false},
			{"latestStartedAt", "COALESCE(j.latest_started_at, " + never + ")", true},
		},
		sort: "-createdAt",
		id:   sortKey{"id", "j.id", false},
		scan: scanFoundJob,
	}, q.Paging)
	if err != nil {
		return Page[JobRow]{}, err
	}
	rows, err := r.withRuns(ctx, found.Items)
	return Page[JobRow]{Items: rows, Total: found.Total, AtLeast: found.AtLeast, NextCursor: found.NextCursor}, err
}

// withRuns adds the latest runs to at most a page of jobs, in one query.
func (r Reader) withRuns(ctx context.Context, found []foundJob) ([]JobRow, error) {
	rows := make([]JobRow, len(found))
	byRun := map[string]*JobRow{}
	var ids []string
	for i, f := range found {
		rows[i] = JobRow{Job: f.job, OwnerName: f.ownerName}
		if id := string(f.runID); id != "" {
			byRun[id] = &rows[i]
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return rows, nil
	}
	var f filter
	f.and("r.id IN (" + f.list(ids) + ")")
	runs, err := all(ctx, r.from, "read the jobs' latest runs", scanRun, `SELECT `+runColumns+` FROM `+runFrom+f.where(), f.args...)
	for i := range runs {
		byRun[runs[i].ID].LatestRun = &runs[i]
	}
	return rows, err
}
