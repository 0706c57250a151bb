package store

import (
	"context"
	"time"

	"cdds"
)

const (
	runColumns = `r.id, r.tenant_id, r.job_id, r.owner_id, r.spec, r.state, r.triggered_by, r.scheduled_for,
		r.window_start, r.window_end, r.window_frozen, r.attempt, r.faults, r.created_at, r.started_at, r.finished_at, r.updated_at,
		r.records, r.total_records, r.encoded_bytes, r.records_per_second, ` + waits + `, r.no_data, r.retry_of,
		r.failure_code, r.failure_message, r.failure_hint, r.artifacts, r.bytes, j.deleted_at,
		(SELECT count(*) FROM artifacts d WHERE d.run_id = r.id AND d.damaged_at IS NOT NULL AND d.expired_at IS NULL)`
	runFrom = `runs r JOIN jobs j ON j.id = r.job_id`
	// waits is what a run waits for, in a sentence for people.
	waits = `CASE WHEN r.state = 'queued' AND r.first_of_job AND EXISTS (
			SELECT 1 FROM tenants b JOIN turns l ON l.tenant_id = b.id WHERE b.id = r.tenant_id AND b.max_runs > 0 AND b.max_runs <= l.running)
		THEN 'The tenant has as many runs in progress as it may have.' ELSE r.waiting END`
)

func scanRun(row scanner) (cdds.Run, error) {
	var r cdds.Run
	var code, message, hint text
	var jobDeleted instant
	err := row.Scan(&r.ID, &r.TenantID, &r.JobID, &r.OwnerID, (*spec)(&r.Spec), &r.State, &r.Trigger, (*instant)(&r.ScheduledFor),
		(*instant)(&r.Window.Start), (*instant)(&r.Window.End), &r.WindowFrozen, &r.Attempt, &r.Faults,
		(*instant)(&r.CreatedAt), (*instant)(&r.StartedAt), (*instant)(&r.FinishedAt), (*instant)(&r.UpdatedAt),
		&r.Progress.Records, &r.Progress.TotalRecords, &r.Progress.Bytes, &r.Progress.RecordsPerSecond, &r.Progress.Waiting, &r.NoData, (*text)(&r.RetryOf),
		&code, &message, &hint, &r.Artifacts, &r.Bytes, &jobDeleted, &r.Damaged)
	if code != "" {
		r.Failure = &cdds.RunFailure{Code: cdds.Code(code), Message: string(message), Hint: string(hint)}
	}
	r.JobDeleted = !time.Time(jobDeleted).IsZero()
	return r, err
}

// Run returns a run of the tenant, or CodeNotFound.
func (r Reader) Run(ctx context.Context, tenantID, id string) (cdds.Run, error) {
	return one(ctx, r.from, "run", scanRun, `SELECT `+runColumns+` FROM `+runFrom+` WHERE r.id = $1 AND r.tenant_id = $2`, id, tenantID)
}

// RunByID returns a run of any tenant, for workers and sweeps, or CodeNotFound.
func (r Reader) RunByID(ctx context.Context, id string) (cdds.Run, error) {
	return one(ctx, r.from, "run", scanRun, `SELECT `+runColumns+` FROM `+runFrom+` WHERE r.id = $1`, id)
}

// ActiveRuns returns how many runs of a job are queued or in progress.
func (r Reader) ActiveRuns(ctx context.Context, jobID string) (int, error) {
	return one(ctx, r.from, "number of the job's runs", value[int],
		`SELECT count(*) FROM runs r WHERE r.job_id = $1 AND r.state IN ('queued', 'in_progress')`, jobID)
}

// LastWindowEnd returns the end of the latest window of a job that was
// finished, and the zero time when none was.
func (r Reader) LastWindowEnd(ctx context.Context, jobID string) (time.Time, error) {
	end, err := one(ctx, r.from, "job's last window", value[instant],
		`SELECT max(r.window_end) FROM runs r WHERE r.job_id = $1 AND r.state = 'finished'`, jobID)
	return time.Time(end), err
}

// Occurrences returns the scheduled instants of a job, from the given one on,
// that have their run.
func (r Reader) Occurrences(ctx context.Context, jobID string, from time.Time) ([]time.Time, error) {
	found, err := all(ctx, r.from, "look for the job's occurrences", value[instant],
		`SELECT r.scheduled_for FROM runs r WHERE r.job_id = $1 AND r.triggered_by = 'schedule' AND r.scheduled_for >= $2`, jobID, instant(from))
	times := make([]time.Time, len(found))
	for i, at := range found {
		times[i] = time.Time(at)
	}
	return times, err
}

// InsertRun adds a run and makes it its job's latest. A run that was missed is
// born failed, with its end and its failure. CodeConflict when the schedule
// has made a run for this occurrence already.
func (t *Tx) InsertRun(ctx context.Context, r cdds.Run) error {
	spec, err := encodeSpec(r.Spec)
	if err != nil {
		return err
	}
	var failed cdds.RunFailure
	if r.Failure != nil {
		failed = *r.Failure
	}
	if err := t.lockJob(ctx, r.JobID); err != nil {
		return err
	}
	if r.State == cdds.RunQueued {
		if err := t.stepBack(ctx, r.JobID, instant(r.ScheduledFor), instant(r.CreatedAt), r.ID); err != nil {
			return err
		}
	}
	first, err := all(ctx, t.from, "add the run", value[bool], `
		INSERT INTO runs (id, tenant_id, job_id, owner_id, title, title_lower, source, type, spec, state, triggered_by, scheduled_for, due_at,
			window_start, window_end, window_frozen, attempt, faults, created_at, started_at, finished_at, updated_at,
			records, total_records, encoded_bytes, records_per_second, no_data, retry_of,
			failure_code, failure_message, failure_hint, artifacts, bytes, first_of_job)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
			$23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33,
			CASE WHEN $10 = 'queued' THEN NOT `+comesBefore("$3", "$12", "$19", "$1")+` END)
		RETURNING COALESCE(first_of_job, FALSE)`,
		r.ID, r.TenantID, r.JobID, r.OwnerID, r.Spec.Title, lower(r.Spec.Title), string(r.Spec.Source), string(r.Spec.Type), spec,
		string(r.State), string(r.Trigger), instant(r.ScheduledFor), instant(r.DueAt()),
		instant(r.Window.Start), instant(r.Window.End), r.WindowFrozen, r.Attempt, r.Faults,
		instant(r.CreatedAt), instant(r.StartedAt), instant(r.FinishedAt), instant(r.UpdatedAt),
		r.Progress.Records, r.Progress.TotalRecords, r.Progress.Bytes, r.Progress.RecordsPerSecond, r.NoData, text(r.RetryOf),
		text(failed.Code), text(failed.Message), text(failed.Hint), r.Artifacts, r.Bytes)
	if uniqueViolation(err) {
		conflict := cdds.Conflict("This occurrence of the job has its run already.", "")
		conflict.Err = err
		return conflict
	}
	if err != nil {
		return err
	}
	if first[0] {
		t.oweQueue(r.TenantID, r.DueAt())
	}
	_, err = exec(ctx, t.tx, "make the run its job's latest", `UPDATE jobs SET latest_run_id = $1 WHERE id = $2`, r.ID, r.JobID)
	return err
}

// DeleteRun removes a run that has ended, with its attempts, its manifest and
// the rows of its artifacts, whose bytes the caller has removed. CodeConflict
// while it is queued or in progress, CodeNotFound when the tenant has no such
// run.
func (t *Tx) DeleteRun(ctx context.Context, tenantID, runID string) error {
	run, err := t.Run(ctx, tenantID, runID)
	if err != nil {
		return err
	}
	_, err = exec(ctx, t.tx, "take the run from its job", `
		UPDATE jobs SET latest_run_id = (
			SELECT r.id FROM runs r WHERE r.job_id = $2 AND r.id <> $1 ORDER BY r.created_at DESC, r.id DESC LIMIT 1)
		WHERE id = $2 AND latest_run_id = $1`, runID, run.JobID)
	if err != nil {
		return err
	}
	n, err := exec(ctx, t.tx, "delete the run",
		`DELETE FROM runs WHERE id = $1 AND tenant_id = $2 AND state IN ('finished', 'failed', 'canceled')`, runID, tenantID)
	if err == nil && n == 0 {
		return cdds.Conflict("The run is queued or in progress.", "Cancel it first.")
	}
	return err
}
