package control

import (
	"context"
	"time"

	"cdds"
	"cdds/queue"
	"cdds/store"
)

// SettleRestore makes metadata that was restored from a backup fit to go on:
//   - Runs that were in progress go to their next attempt, without a fault, and so
//     do their ranges. The queue's tasks of the old one carry its number and find
//     nothing to do.
//   - Everybody signs in again: a session that was ended since the backup must
//     not come back.
//   - All stored files are verified anew, since some may have gone since.
//   - Stored files that the metadata does not know are kept until keptUntil;
//     the zero time keeps none.
//
// Occurrences that were missed since are the scheduler's, as after any downtime.
func (c *Control) SettleRestore(ctx context.Context, keptUntil, now time.Time) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error {
		if err := c.handOnRuns(ctx, tx, "The service's metadata was restored from a backup that was made while the run was in progress.", now); err != nil {
			return err
		}
		if err := tx.ForgetTheMoment(ctx); err != nil {
			return err
		}
		if !keptUntil.IsZero() {
			if err := tx.InsertRestore(ctx, now, keptUntil); err != nil {
				return err
			}
		}
		tenants, err := tx.Tenants(ctx)
		if err != nil {
			return err
		}
		for _, t := range tenants {
			if err := audit(ctx, tx, Operator(t.ID), "metadata.restore", t.ID, "from a backup", now); err != nil {
				return err
			}
		}
		return nil
	})
}

// handOnRuns gives the runs that were in progress, and the ranges of runs that
// somebody held, to their next attempts, without a fault; why is for people.
func (c *Control) handOnRuns(ctx context.Context, tx *store.Tx, why string, now time.Time) error {
	if err := tx.LoseRanges(ctx, false, cdds.RunFailure{}); err != nil {
		return err
	}
	const batch = 100
	for {
		runs, err := tx.RunsInProgress(ctx, batch)
		if err != nil || len(runs) == 0 {
			return err
		}
		for _, run := range runs {
			_, err := tx.NextAttempt(ctx, store.Retry{RunID: run.ID, Attempt: run.Attempt, Now: now, LeaseUntil: now.Add(cdds.BeginWithin), Error: why})
			if err != nil {
				return err
			}
			if err := c.queue.Enqueue(ctx, tx.SQL(), queue.Task{RunID: run.ID, Attempt: run.Attempt + 1}, now); err != nil {
				return err
			}
		}
	}
}
