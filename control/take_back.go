package control

import (
	"context"
	"slices"
	"time"

	"cdds"
	"cdds/queue"
	"cdds/store"
)

// TakeBack ends the attempt of a run whose worker has fallen silent, and
// enqueues the next one, or fails the run when its attempts are used up, and
// removes what it has stored. An attempt that nobody has begun, because the service was down for
// instance, is enqueued anew and counts as no fault. The dead worker's later
// writes carry the old attempt number and are refused. It reports whether this
// call took the run.
func (c *Control) TakeBack(ctx context.Context, run cdds.Run, reason string, now time.Time) (bool, error) {
	var mine, failed bool
	err := c.store.InTx(ctx, func(tx *store.Tx) error {
		mine, failed = false, false
		begun, err := hasBegun(ctx, tx, run)
		if err != nil {
			return err
		}
		if begun && run.Faults+1 >= cdds.MaxAttempts {
			mine, err = tx.Finish(ctx, store.Outcome{
				RunID: run.ID, Attempt: run.Attempt, State: cdds.RunFailed, Now: now, Progress: run.Progress,
				Failure: &cdds.RunFailure{Code: cdds.CodeUnavailable, Message: reason, Hint: lostHint},
			})
			if err != nil || !mine {
				return err
			}
			failed = true
			tx.OnCommit(func() { c.probe.RunFailed(now.Sub(run.StartedAt)) })
			return c.promote(ctx, tx, run.TenantID, run.JobID, now)
		}
		mine, err = tx.NextAttempt(ctx, store.Retry{RunID: run.ID, Attempt: run.Attempt, Fault: begun, Error: reason, Now: now, LeaseUntil: now.Add(cdds.BeginWithin)})
		if err != nil || !mine {
			return err
		}
		return c.queue.Enqueue(ctx, tx.SQL(), queue.Task{RunID: run.ID, Attempt: run.Attempt + 1}, now)
	})
	if err == nil && failed {
		c.removeStored(ctx, run.TenantID, run.ID)
	}
	return mine, err
}

// LoseRanges opens all ranges of runs that somebody holds, where it is known that
// whoever did is dead: the only node of an embedded database begins.
func (c *Control) LoseRanges(ctx context.Context, reason string) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error {
		return tx.LoseRanges(ctx, true, cdds.RunFailure{Code: cdds.CodeUnavailable, Message: reason, Hint: lostHint})
	})
}

// lostHint says what to do about workers that vanish again and again.
const lostHint = "Retry the run. If it fails again, look at the service's log and memory."

// hasBegun reports whether a worker has begun the run's current attempt.
func hasBegun(ctx context.Context, tx *store.Tx, run cdds.Run) (bool, error) {
	attempts, err := tx.Attempts(ctx, run.ID)
	return slices.ContainsFunc(attempts, func(a cdds.Attempt) bool { return a.Number == run.Attempt }), err
}

// TakeUnbegun gives the runs whose next attempt nobody has begun in time to
// others, at most limit of them. Those whose task waits in the queue, behind
// longer exports, only wait longer. It returns how many it took.
func (c *Control) TakeUnbegun(ctx context.Context, now time.Time, limit int) (int, error) {
	runs, err := c.store.UnbegunRuns(ctx, now, limit)
	if err != nil || len(runs) == 0 {
		return 0, err
	}
	tasks, all, err := c.queue.Waiting(ctx)
	if err != nil {
		return 0, err
	}
	taken := 0
	for _, run := range runs {
		if !all || tasks[queue.Task{RunID: run.ID, Attempt: run.Attempt}] {
			err = c.store.InTx(ctx, func(tx *store.Tx) error { return tx.PutOff(ctx, run.ID, run.Attempt, now.Add(cdds.BeginWithin)) })
		} else {
			var mine bool
			if mine, err = c.TakeBack(ctx, run, "Nobody has begun the attempt.", now); mine {
				taken++
			}
		}
		if err != nil {
			return taken, err
		}
	}
	return taken, nil
}

// Nudge enqueues again the runs that have been due for a while, that nobody has
// started, and whose task is not in the queue any more, at most limit of them,
// A task can be lost when the database fails at the moment a worker takes it;
// the run's row is the truth.
func (c *Control) Nudge(ctx context.Context, now time.Time, limit int) (Nudged, error) {
	var nudged Nudged
	runs, err := c.store.StuckRuns(ctx, now, now.Add(-cdds.BeginWithin), limit)
	if err != nil || len(runs) == 0 {
		return nudged, err
	}
	tasks, all, err := c.queue.Waiting(ctx)
	if err != nil {
		return nudged, err
	}
	for _, run := range runs {
		task := queue.Task{RunID: run.ID, Attempt: run.Attempt}
		waits := !all || tasks[task] // behind longer exports
		err := c.store.InTx(ctx, func(tx *store.Tx) error {
			mine, err := tx.MarkNudged(ctx, run.ID, now)
			if err != nil || !mine || waits {
				return err
			}
			return c.queue.Enqueue(ctx, tx.SQL(), task, now)
		})
		if err != nil {
			return nudged, err
		}
		if waits {
			nudged.Waiting++
		} else {
			nudged.Enqueued++
		}
	}
	return nudged, nil
}

// Nudged is what Nudge has found.
type Nudged struct {
	Enqueued int // runs whose task was lost
	Waiting  int // runs whose task waits behind others
}
