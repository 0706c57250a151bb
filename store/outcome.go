package store

import (
	"context"
	"time"

	"cdds"
)

// Outcome is how a run ended.
type Outcome struct {
	RunID     string
	Attempt   int
	State     cdds.RunState // finished or failed
	Now       time.Time
	Failure   *cdds.RunFailure // of a failed run
	NoData    bool
	Manifest  []byte // JSON
	Artifacts []cdds.Artifact
	Progress  cdds.Progress
}

// Finish ends a run: its state, its counts, its manifest and all its artifacts
// appear together. A queued run can only fail. False means that the attempt
// was fenced off (another one has begun, or the run has ended), and that
// nothing was written.
func (t *Tx) Finish(ctx context.Context, o Outcome) (bool, error) {
	home, err := t.lockJobOf(ctx, o.RunID)
	if err != nil {
		return false, err
	}
	var failed cdds.RunFailure
	if o.Failure != nil {
		failed = *o.Failure
	}
	var bytes int64
	for _, a := range o.Artifacts {
		bytes += a.Size
	}
	n, err := exec(ctx, t.tx, "end the run", `
		UPDATE runs SET state = $3, finished_at = $4, updated_at = $4, lease_owner = NULL, lease_until = NULL, waiting = '',
			failure_code = $5, failure_message = $6, failure_hint = $7, no_data = $8, artifacts = $9, bytes = $10,
			records = $11, total_records = $12, encoded_bytes = $13, records_per_second = $14
		WHERE id = $1 AND attempt = $2 AND (state = 'in_progress' OR (state = 'queued' AND $3 = 'failed'))`,
		o.RunID, o.Attempt, string(o.State), instant(o.Now), text(failed.Code), text(failed.Message), text(failed.Hint),
		o.NoData, len(o.Artifacts), bytes, o.Progress.Records, o.Progress.TotalRecords, o.Progress.Bytes, o.Progress.RecordsPerSecond)
	if err != nil || n == 0 {
		return false, err
	}
	if err := t.leave(ctx, home); err != nil {
		return false, err
	}
	if err := t.endAttempt(ctx, o.RunID, failed.Message, o.Now); err != nil {
		return false, err
	}
	if o.State == cdds.RunFinished {
		if err := t.checkRanges(ctx, o.RunID, len(o.Artifacts)); err != nil {
			return false, err
		}
	}
	if err := t.endRanges(ctx, o.RunID); err != nil {
		return false, err
	}
	if err := t.endCheckpoints(ctx, o.RunID); err != nil {
		return false, err
	}
	if err := t.insertManifest(ctx, o.RunID, o.Manifest); err != nil {
		return false, err
	}
	for _, a := range o.Artifacts {
		if err := t.insertArtifact(ctx, a); err != nil {
			return false, err
		}
	}
	return true, nil
}

// Cancel ends a run that is queued or in progress. False means that it has
// ended already, or that the tenant has no such run.
func (t *Tx) Cancel(ctx context.Context, tenantID, runID string, now time.Time) (bool, error) {
	home, err := t.lockJobOf(ctx, runID)
	if err != nil {
		return false, err
	}
	n, err := exec(ctx, t.tx, "cancel the run", `
		UPDATE runs SET state = 'canceled', finished_at = $3, updated_at = $3, lease_owner = NULL, lease_until = NULL, waiting = ''
		WHERE id = $1 AND tenant_id = $2 AND state IN ('queued', 'in_progress')`, runID, tenantID, instant(now))
	if err != nil || n == 0 {
		return false, err
	}
	if err := t.endRanges(ctx, runID); err != nil {
		return false, err
	}
	if err := t.leave(ctx, home); err != nil {
		return false, err
	}
	if err := t.endCheckpoints(ctx, runID); err != nil {
		return false, err
	}
	return true, t.endAttempt(ctx, runID, "The run was canceled.", now)
}

// leave gives what a run has held to those that wait: its job to the next in
// line, its tenant's place to the tenant.
func (t *Tx) leave(ctx context.Context, h home) error {
	t.owe(h.tenantID)
	return t.moveUp(ctx, h.jobID)
}

// Manifest returns the manifest of a run, as it was written, or CodeNotFound.
func (r Reader) Manifest(ctx context.Context, tenantID, runID string) ([]byte, error) {
	return one(ctx, r.from, "manifest", value[[]byte], `SELECT body FROM manifests WHERE run_id = $1 AND tenant_id = $2`, runID, tenantID)
}

func (t *Tx) insertManifest(ctx context.Context, runID string, body []byte) error {
	if len(body) == 0 {
		return nil
	}
	_, err := exec(ctx, t.tx, "keep the manifest",
		`INSERT INTO manifests (run_id, tenant_id, body) VALUES ($1, (SELECT tenant_id FROM runs WHERE id = $1), $2)`, runID, body)
	return err
}
