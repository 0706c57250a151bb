package store

import (
	"context"
	"time"

	"cdds"
)

// Whose turn it is. A worker that is free takes a run of the tenant that has the
// fewest in progress and, among these, of the one that has not started a run for
// the longest. So however many runs of one tenant wait, those of another one
// wait for no more than one of them at each worker.

// atLimit is the condition that the tenant of a run has as many runs in
// progress as it may have, those who help with them included.
func atLimit(run string) string {
	return `EXISTS (SELECT 1 FROM tenants b WHERE b.id = ` + run + `.tenant_id AND b.max_runs > 0
		AND b.max_runs <= (SELECT count(*) FROM runs p WHERE p.tenant_id = b.id AND p.state = 'in_progress')
			+ (SELECT count(*) FROM run_ranges h WHERE h.tenant_id = b.id AND h.state = 'taken' AND h.helper))`
}

// ready is the condition that a queued run may start at an instant as far as
// its own job is concerned.
func ready(run, now string) string {
	return run + `.state = 'queued' AND ` + run + `.due_at <= ` + now + ` AND NOT ` + goesBefore(run, now)
}

// atWorkOf counts what is at work of the tenant t: its runs in progress, and the
// workers who help with ranges of these.
const atWorkOf = `((SELECT count(*) FROM runs p WHERE p.tenant_id = t.id AND p.state = 'in_progress')
	+ (SELECT count(*) FROM run_ranges h WHERE h.tenant_id = t.id AND h.state = 'taken' AND h.helper))`

// NextTurn returns the queued run that is to start next among those of all
// tenants: the oldest one that may start of the tenant whose turn it is.
// CodeNotFound when none may start at now.
func (r Reader) NextTurn(ctx context.Context, now time.Time) (cdds.Run, error) {
	return one(ctx, r.from, "run to start next", scanRun, `
		SELECT `+runColumns+` FROM `+runFrom+` WHERE r.id = (
			SELECT (SELECT w.id FROM runs w WHERE w.tenant_id = t.id AND `+ready("w", "$1")+` ORDER BY w.due_at, w.id LIMIT 1)
			FROM tenants t
			WHERE (t.max_runs = 0 OR t.max_runs > `+atWorkOf+`) AND EXISTS (SELECT 1 FROM runs w WHERE w.tenant_id = t.id AND `+ready("w", "$1")+`)
			ORDER BY `+atWorkOf+`, t.turn, t.id LIMIT 1)`, instant(now))
}

// NextAfter returns the run that the end of one of a job and a tenant lets
// start: the job's next one or, where the tenant has a limit on its runs, the
// oldest that may start of all of its jobs. CodeNotFound when there is none.
func (r Reader) NextAfter(ctx context.Context, tenantID, jobID string, now time.Time) (cdds.Run, error) {
	tenant, err := r.Tenant(ctx, tenantID)
	if err != nil {
		return cdds.Run{}, err
	}
	if tenant.Limits.Runs == 0 {
		return r.NextQueuedRun(ctx, jobID, now)
	}
	return one(ctx, r.from, "queued run", scanRun, `
		SELECT `+runColumns+` FROM `+runFrom+`
		WHERE r.tenant_id = $1 AND `+ready("r", "$2")+` ORDER BY r.due_at, r.id LIMIT 1`, tenantID, instant(now))
}

// takeTurn puts the tenant of a run behind all others.
func (t *Tx) takeTurn(ctx context.Context, runID string) error {
	_, err := exec(ctx, t.tx, "take the tenant's turn", `
		UPDATE tenants SET turn = (SELECT max(m.turn) + 1 FROM tenants m) WHERE id = (SELECT tenant_id FROM runs WHERE id = $1)`, runID)
	return err
}
