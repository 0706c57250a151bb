package store

import (
	"context"
	"time"

	"cdds"
)

// Every write in this file carries the attempt's number and changes nothing
// once another attempt has begun: a worker that was thought lost and comes back
// cannot disturb its successor.

func scanAttempt(row scanner) (cdds.Attempt, error) {
	var a cdds.Attempt
	err := row.Scan(&a.Number, &a.Node, (*instant)(&a.StartedAt), (*instant)(&a.FinishedAt), &a.Error)
	return a, err
}

// Attempts returns the attempts of a run, first one first.
func (r Reader) Attempts(ctx context.Context, runID string) ([]cdds.Attempt, error) {
	return all(ctx, r.from, "read the run's attempts", scanAttempt,
		`SELECT number, node, started_at, finished_at, error FROM attempts WHERE run_id = $1 ORDER BY number`, runID)
}

// Start is an attempt that a worker wants to begin.
type Start struct {
	RunID   string
	Attempt int
	Node    string // names the worker's process
	Window  cdds.Window
	Now     time.Time
}

// StartAttempt makes an attempt the caller's own: the run is in progress, its
// window is frozen, and it is the node's. False means that there is
// nothing to do for the caller: the attempt is stale or taken, the run has
// ended, or it has to wait for another run of its job or of its tenant.
func (t *Tx) StartAttempt(ctx context.Context, s Start) (bool, error) {
	home, err := t.lockJobOf(ctx, s.RunID)
	if err != nil {
		return false, err
	}
	n, err := exec(ctx, t.tx, "start the attempt", `
		UPDATE runs SET state = 'in_progress', lease_owner = $3, lease_until = NULL, window_start = $4, window_end = $5, window_frozen = TRUE,
			started_at = COALESCE(started_at, $6), updated_at = $6
		WHERE id = $1 AND attempt = $2 AND state IN ('queued', 'in_progress') AND lease_owner IS NULL AND NOT `+goesBefore("runs", "$6")+`
			AND (state = 'in_progress' OR NOT `+atLimit("runs")+`)`,
		s.RunID, s.Attempt, s.Node, instant(s.Window.Start), instant(s.Window.End), instant(s.Now))
	if err != nil || n == 0 {
		return false, err
	}
	if err := t.takeTurn(ctx, home.tenantID, s.RunID); err != nil {
		return false, err
	}
	_, err = exec(ctx, t.tx, "record the attempt", `
		INSERT INTO attempts (run_id, number, tenant_id, node, started_at, error)
		VALUES ($1, $2, (SELECT tenant_id FROM runs WHERE id = $1), $3, $4, '')`,
		s.RunID, s.Attempt, s.Node, instant(s.Now))
	return err == nil, err
}

// Heartbeat reports the progress of an attempt and, by the change of the run's
// updated_at, that its worker is alive. False means: stop working, the attempt
// is no longer wanted. It is one statement and a transaction by itself.
func (s *Store) Heartbeat(ctx context.Context, runID string, attempt int, p cdds.Progress, now time.Time) (bool, error) {
	n, err := exec(ctx, s.write, "report the progress", `
		UPDATE runs SET records = $3, total_records = $4, encoded_bytes = $5, records_per_second = $6, updated_at = $7, waiting = $8
		WHERE id = $1 AND attempt = $2 AND state = 'in_progress' AND lease_owner IS NOT NULL`,
		runID, attempt, p.Records, p.TotalRecords, p.Bytes, p.RecordsPerSecond, instant(now), p.Waiting)
	return n == 1, err
}

// Retry is the end of an attempt that another one follows.
type Retry struct {
	RunID      string
	Attempt    int    // the attempt that ends
	Fault      bool   // it counts against MaxAttempts; a stop of the service does not
	Error      string // for people
	Now        time.Time
	LeaseUntil time.Time // until when the next attempt must have begun
}

// NextAttempt ends an attempt and lets the next one wait for a worker; its
// queue task is the caller's. False means that the attempt was over already.
func (t *Tx) NextAttempt(ctx context.Context, r Retry) (bool, error) {
	faults := 0
	if r.Fault {
		faults = 1
	}
	n, err := exec(ctx, t.tx, "end the attempt", `
		UPDATE runs SET attempt = attempt + 1, faults = faults + $3, waiting = '', lease_owner = NULL, lease_until = $4, updated_at = $5
		WHERE id = $1 AND attempt = $2 AND state = 'in_progress'`,
		r.RunID, r.Attempt, faults, instant(r.LeaseUntil), instant(r.Now))
	if err != nil || n == 0 {
		return false, err
	}
	return true, t.endAttempt(ctx, r.RunID, r.Error, r.Now)
}

// endAttempt ends a run's open attempt, if there is one.
func (t *Tx) endAttempt(ctx context.Context, runID, message string, now time.Time) error {
	_, err := exec(ctx, t.tx, "end the attempt",
		`UPDATE attempts SET finished_at = $2, error = $3 WHERE run_id = $1 AND finished_at IS NULL`, runID, instant(now), message)
	return err
}

// PutOff lets a run wait longer for its next attempt.
func (t *Tx) PutOff(ctx context.Context, runID string, attempt int, until time.Time) error {
	_, err := exec(ctx, t.tx, "let a run wait longer",
		`UPDATE runs SET lease_until = $3 WHERE id = $1 AND attempt = $2 AND state = 'in_progress' AND lease_owner IS NULL`, runID, attempt, instant(until))
	return err
}

// nudgePause is the time within which a second nudge of a run is none of its
// own, but that of another node at the same moment.
const nudgePause = time.Minute

// MarkNudged records that a queued run is enqueued once more. False means that
// another node has just done so, or the run is no longer queued.
func (t *Tx) MarkNudged(ctx context.Context, runID string, now time.Time) (bool, error) {
	if err := t.LineUp(ctx, runID); err != nil {
		return false, err
	}
	n, err := exec(ctx, t.tx, "mark the run as nudged",
		`UPDATE runs SET nudged_at = $2 WHERE id = $1 AND state = 'queued' AND (nudged_at IS NULL OR nudged_at < $3)`,
		runID, instant(now), instant(now.Add(-nudgePause)))
	return n == 1, err
}
