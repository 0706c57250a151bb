package control

import (
	"context"
	"time"

	"cdds"
	"cdds/store"
)

// CancelRun ends a queued or running run and removes what it has stored. The
// worker that carries it out notices at its next heartbeat, within a second,
// stops and removes what it stored since. CodeConflict when the run has ended
// already.
func (c *Control) CancelRun(ctx context.Context, by Caller, runID string, now time.Time) (cdds.Run, error) {
	err := c.store.InTx(ctx, func(tx *store.Tx) error {
		run, err := tx.Run(ctx, by.User.TenantID, runID)
		if err != nil {
			return err
		}
		done, err := tx.Cancel(ctx, by.User.TenantID, runID, now)
		if err != nil {
			return err
		}
		if !done {
			return cdds.Conflict("The run has already ended.", "")
		}
		tx.OnCommit(c.probe.RunCanceled)
		if err := c.promote(ctx, tx, run.TenantID, run.JobID, now); err != nil {
			return err
		}
		return audit(ctx, tx, by, "run.cancel", runID, "", now)
	})
	if err != nil {
		return cdds.Run{}, err
	}
	c.removeStored(ctx, by.User.TenantID, runID)
	return c.store.Run(ctx, by.User.TenantID, runID)
}

// DeleteRun removes a run that has ended, with its artifacts: the bytes first,
// so that a crash in between leaves a row to try again with, never bytes that
// nobody knows of.
func (c *Control) DeleteRun(ctx context.Context, by Caller, runID string, now time.Time) error {
	run, err := c.store.Run(ctx, by.User.TenantID, runID)
	if err != nil {
		return err
	}
	if run.State.Active() {
		return cdds.Conflict("The run is still "+run.State.Title()+".", "Cancel it first.")
	}
	files, err := c.store.ArtifactsOfRun(ctx, runID)
	if err != nil {
		return err
	}
	for _, a := range files {
		if err := c.removeBytes(ctx, a.Key); err != nil {
			return err
		}
	}
	return c.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.DeleteRun(ctx, by.User.TenantID, runID); err != nil {
			return err
		}
		return audit(ctx, tx, by, "run.delete", runID, "", now)
	})
}
