package store

import (
	"context"
	"time"

	"cdds"
)

const jobColumns = `j.id, j.tenant_id, j.owner_id, j.spec, j.state, j.first_start, j.next_run_at, j.created_at, j.updated_at, j.deleted_at`

// jobTargets are the places that jobColumns are scanned into.
func jobTargets(j *cdds.Job) []any {
	return []any{&j.ID, &j.TenantID, &j.OwnerID, (*spec)(&j.Spec), &j.State, (*instant)(&j.FirstStart), (*instant)(&j.NextStartsAt),
		(*instant)(&j.CreatedAt), (*instant)(&j.UpdatedAt), (*instant)(&j.DeletedAt)}
}

func scanJob(row scanner) (cdds.Job, error) {
	var j cdds.Job
	err := row.Scan(jobTargets(&j)...)
	return j, err
}

// Job returns a job of the tenant. Deleted ones are CodeNotFound.
func (r Reader) Job(ctx context.Context, tenantID, id string) (cdds.Job, error) {
	return one(ctx, r.from, "job", scanJob,
		`SELECT `+jobColumns+` FROM jobs j WHERE j.id = $1 AND j.tenant_id = $2 AND j.deleted_at IS NULL`, id, tenantID)
}

// DueJobs returns at most limit jobs of all tenants whose next occurrence is
// not after now, oldest first. Suspended and deleted jobs are never due.
func (r Reader) DueJobs(ctx context.Context, now time.Time, limit int) ([]cdds.Job, error) {
	return all(ctx, r.from, "look for due jobs", scanJob, `
		SELECT `+jobColumns+` FROM jobs j
		WHERE j.state = 'active' AND j.deleted_at IS NULL AND j.next_run_at <= $1
		ORDER BY j.next_run_at, j.id LIMIT $2`, instant(now), limit)
}

// TakeDueJobs returns what DueJobs does, but the jobs behind the given one only
// and not those that another transaction keeps, and keeps them for this one. So
// nodes that look at the same moment share what is due.
func (t *Tx) TakeDueJobs(ctx context.Context, now time.Time, after cdds.Job, limit int) ([]cdds.Job, error) {
	return all(ctx, t.from, "take due jobs", scanJob, `
		SELECT `+jobColumns+` FROM jobs j
		WHERE j.state = 'active' AND j.deleted_at IS NULL AND j.next_run_at <= $1 AND (j.next_run_at, j.id) > ($3, $4)
		ORDER BY j.next_run_at, j.id LIMIT $2 `+t.dialect.passLocked(""), instant(now), limit, after.NextStartsAt.UnixMicro(), after.ID)
}

// LockJob returns a job and keeps all other transactions from changing it, or
// starting runs of it, until this one ends. It is CodeNotFound for deleted
// jobs too.
func (t *Tx) LockJob(ctx context.Context, tenantID, jobID string) (cdds.Job, error) {
	// An update that changes nothing takes the row's lock on both databases,
	// which have no common word for it.
	_, err := exec(ctx, t.tx, "lock the job", `UPDATE jobs SET updated_at = updated_at WHERE id = $1 AND tenant_id = $2`, jobID, tenantID)
	if err != nil {
		return cdds.Job{}, err
	}
	job, err := t.Job(ctx, tenantID, jobID)
	if err == nil {
		t.lockedJob = jobID
	}
	return job, err
}

// home is where a run belongs; zero where there is no such run.
type home struct{ jobID, tenantID string }

// lockJobOf locks the job of a run, as LockJob does. The starts and ends of a
// job's runs and the births of new ones go through this lock one by one, so
// that a run which was not let start is seen by the end of the run before it.
// What concerns all runs of a tenant meets at its row in turns, which each start
// and end of a run writes: of two at once, one begins again and sees the other.
func (t *Tx) lockJobOf(ctx context.Context, runID string) (home, error) {
	found, err := all(ctx, t.from, "look for the run's job", func(row scanner) (home, error) {
		var h home
		err := row.Scan(&h.jobID, &h.tenantID)
		return h, err
	}, `SELECT job_id, tenant_id FROM runs WHERE id = $1`, runID)
	if err != nil || len(found) == 0 {
		return home{}, err
	}
	return found[0], t.lockJob(ctx, found[0].jobID)
}

// lockJob locks a job. Where this transaction has just done so it does nothing.
func (t *Tx) lockJob(ctx context.Context, jobID string) error {
	if t.lockedJob == jobID {
		return nil
	}
	_, err := exec(ctx, t.tx, "lock the job", `UPDATE jobs SET updated_at = updated_at WHERE id = $1`, jobID)
	if err == nil {
		t.lockedJob = jobID
	}
	return err
}

// InsertJob adds a job.
func (t *Tx) InsertJob(ctx context.Context, j cdds.Job) error {
	spec, err := encodeSpec(j.Spec)
	if err != nil {
		return err
	}
	_, err = exec(ctx, t.tx, "add the job", `
		INSERT INTO jobs (id, tenant_id, owner_id, title, title_lower, source, type, spec, state, first_start, next_run_at, created_at, updated_at, deleted_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		j.ID, j.TenantID, j.OwnerID, j.Spec.Title, lower(j.Spec.Title), string(j.Spec.Source), string(j.Spec.Type), spec, string(j.State),
		instant(j.FirstStart), instant(j.NextStartsAt), instant(j.CreatedAt), instant(j.UpdatedAt), instant(j.DeletedAt))
	return err
}

// UpdateJob saves all of a job but its creation, also that it is deleted.
// CodeNotFound when the tenant has no such job.
func (t *Tx) UpdateJob(ctx context.Context, j cdds.Job) error {
	spec, err := encodeSpec(j.Spec)
	if err != nil {
		return err
	}
	n, err := exec(ctx, t.tx, "save the job", `
		UPDATE jobs SET owner_id = $3, title = $4, title_lower = $5, source = $6, type = $7, spec = $8, state = $9,
			first_start = $10, next_run_at = $11, updated_at = $12, deleted_at = $13
		WHERE id = $1 AND tenant_id = $2`,
		j.ID, j.TenantID, j.OwnerID, j.Spec.Title, lower(j.Spec.Title), string(j.Spec.Source), string(j.Spec.Type), spec, string(j.State),
		instant(j.FirstStart), instant(j.NextStartsAt), instant(j.UpdatedAt), instant(j.DeletedAt))
	if err == nil && n == 0 {
		return cdds.NotFound("job")
	}
	return err
}

// ClaimOccurrence moves a job's next occurrence from one instant to the next
// (zero: there is none) and suspends the job where asked. True means that this
// transaction did it and nobody else will: the caller starts the occurrence.
// False means that another node was faster, or the job was changed, suspended
// or deleted meanwhile.
func (t *Tx) ClaimOccurrence(ctx context.Context, jobID string, from, next time.Time, suspend bool, now time.Time) (bool, error) {
	state := cdds.JobActive
	if suspend {
		state = cdds.JobSuspended
	}
	n, err := exec(ctx, t.tx, "claim the job's occurrence", `
		UPDATE jobs SET next_run_at = $3, state = $4, updated_at = $5
		WHERE id = $1 AND next_run_at = $2 AND state = 'active' AND deleted_at IS NULL`,
		jobID, instant(from), instant(next), string(state), instant(now))
	if n == 1 {
		t.lockedJob = jobID
	}
	return n == 1, err
}
