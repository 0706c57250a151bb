package store

import "context"

// The line of a job: its queued runs, oldest first. The first of them is marked
// while none of the job is in progress, in the transactions that add, start and
// end runs, all of which lock the job. So whose turn it is can be asked of an
// index, and not of all that waits.

// comesBefore is the condition that a run of a job is in progress, or is queued
// and older than what the given three places hold.
func comesBefore(job, scheduled, created, id string) string {
	return `(EXISTS (SELECT 1 FROM runs o WHERE o.job_id = ` + job + ` AND o.state = 'in_progress')
		OR EXISTS (SELECT 1 FROM runs o WHERE o.job_id = ` + job + ` AND o.state = 'queued'
			AND (o.scheduled_for, o.created_at, o.id) < (` + scheduled + `, ` + created + `, ` + id + `)))`
}

// stepBack takes the mark from the first of a job's line where a run that is
// about to be added goes before it.
func (t *Tx) stepBack(ctx context.Context, jobID string, scheduled, created instant, id string) error {
	_, err := exec(ctx, t.tx, "put a run behind an older one", `
		UPDATE runs SET first_of_job = FALSE
		WHERE job_id = $1 AND state = 'queued' AND first_of_job AND (scheduled_for, created_at, id) > ($2, $3, $4)`, jobID, scheduled, created, id)
	return err
}

// moveUp marks the first of a job's line after a run of the job has ended.
func (t *Tx) moveUp(ctx context.Context, jobID string) error {
	_, err := exec(ctx, t.tx, "let the job's next run move up", `
		UPDATE runs SET first_of_job = TRUE
		WHERE id = (SELECT o.id FROM runs o WHERE o.job_id = $1 AND o.state = 'queued' ORDER BY o.scheduled_for, o.created_at, o.id LIMIT 1)
			AND first_of_job IS NOT TRUE AND NOT EXISTS (SELECT 1 FROM runs o WHERE o.job_id = $1 AND o.state = 'in_progress')`, jobID)
	return err
}

// LineUp sets the line of a run's job, and the turn of its tenant, by the rows of
// the runs: a node of the version before has added or ended some without them.
func (t *Tx) LineUp(ctx context.Context, runID string) error {
	home, err := t.lockJobOf(ctx, runID)
	if err != nil || home.jobID == "" {
		return err
	}
	_, err = exec(ctx, t.tx, "line the job's runs up", `
		UPDATE runs SET first_of_job = FALSE
		WHERE job_id = $1 AND state = 'queued' AND first_of_job IS NOT FALSE AND `+comesBefore("$1", "runs.scheduled_for", "runs.created_at", "runs.id"), home.jobID)
	if err != nil {
		return err
	}
	t.owe(home.tenantID)
	return t.moveUp(ctx, home.jobID)
}
