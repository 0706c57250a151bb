package control

import (
	"context"
	"time"

	"cdds"
	"cdds/store"
)

// StartDue starts the due occurrences of a job: each gets a run with its own
// window, oldest first, up to the last 31; older ones are recorded as failed.
// Several nodes may try at once: the one whose conditional update of the job's
// next occurrence changes a row has them all, in one transaction, and the
// others return false.
func (c *Control) StartDue(ctx context.Context, job cdds.Job, now time.Time) (bool, error) {
	if len(job.Due(now).Run) == 0 {
		return false, nil
	}
	var mine bool
	err := c.store.InTx(ctx, func(tx *store.Tx) error {
		var err error
		mine, err = c.startDue(ctx, tx, job, now)
		return err
	})
	return mine, err
}

// startDue does the work of StartDue within a transaction.
func (c *Control) startDue(ctx context.Context, tx *store.Tx, job cdds.Job, now time.Time) (bool, error) {
	due := job.Due(now)
	if len(due.Run) == 0 {
		return false, nil
	}
	mine, err := tx.ClaimOccurrence(ctx, job.ID, job.NextStartsAt, due.Next, due.Suspend, now)
	if err != nil || !mine {
		return false, err
	}
	done, err := startedSince(ctx, tx, job)
	if err != nil {
		return false, err
	}
	for _, at := range due.Missed {
		if done[at.UnixMicro()] {
			continue
		}
		if err := c.addMissed(ctx, tx, job, at, now); err != nil {
			return false, err
		}
	}
	for _, at := range due.Run {
		if done[at.UnixMicro()] {
			continue
		}
		if _, err := c.addRun(ctx, tx, job, cdds.TriggerSchedule, at, now); err != nil {
			return false, err
		}
	}
	return true, nil
}

// maxStarted bounds how many runs are looked at for occurrences that were
// started before: those of a clock that was wrong by hours.
const maxStarted = 100

// startedSince returns the instants, in microseconds since 1970, of the job's
// latest occurrences that have their run already. There are such ones when a
// clock was set back, or a node whose clock is behind edited the job just after
// its start: the occurrence is due again then, and is not to run twice.
func startedSince(ctx context.Context, tx *store.Tx, job cdds.Job) (map[int64]bool, error) {
	page, err := tx.Runs(ctx, store.RunQuery{TenantID: job.TenantID, JobID: job.ID, Paging: store.Paging{Sort: "-scheduledFor", Limit: maxStarted}})
	if err != nil {
		return nil, err
	}
	done := map[int64]bool{}
	for _, run := range page.Items {
		if run.Trigger == cdds.TriggerSchedule {
			done[run.ScheduledFor.UnixMicro()] = true
		}
	}
	return done, nil
}

// addMissed records an occurrence that is too old to be caught up with.
func (c *Control) addMissed(ctx context.Context, tx *store.Tx, job cdds.Job, at, now time.Time) error {
	run, err := newRun(job, cdds.TriggerSchedule, at, now)
	if err != nil {
		return err
	}
	run.State, run.FinishedAt = cdds.RunFailed, now
	run.Failure = &cdds.RunFailure{
		Code: cdds.CodeUnavailable, Message: "This occurrence was missed while the service was down.",
		Hint: "Retry the run to export its window now.",
	}
	tx.OnCommit(func() { c.probe.RunFailed(0) })
	return tx.InsertRun(ctx, run)
}
