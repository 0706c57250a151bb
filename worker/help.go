package worker

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"cdds"
	"cdds/store"
)

// callHelp calls so many workers, within bounds, to help with the ranges of a run.
func (w *Worker) callHelp(ctx context.Context, tx *store.Tx, runID string, calls int, at time.Time) error {
	for range min(calls, mostCalls) {
		if err := w.cfg.CallHelp(ctx, tx.SQL(), runID, at); err != nil {
			return err
		}
	}
	return nil
}

// Help exports one range of a run that others carry out. As a task for a run it is
// a call to work more than an order: the range is of the tenant that has the least
// at work. It then calls for the next helper, where another range is open, so that
// what others want of the worker gets in between. Nil where there is nothing to do.
func (w *Worker) Help(ctx context.Context) error {
	var run cdds.Run
	var cut store.Cut
	var row store.Range
	var mine bool
	bounded, cancel := context.WithTimeout(ctx, finishTime)
	defer cancel()
	err := w.insist(bounded, func(tx *store.Tx) error {
		open, err := tx.NextHelp(ctx, w.cfg.Now())
		if err != nil {
			return err
		}
		if run, err = tx.RunByID(ctx, open.RunID); err != nil {
			return err
		}
		if cut, err = tx.Cut(ctx, open.RunID); err != nil {
			return err
		}
		row, mine, err = tx.TakeRange(ctx, open, true, w.cfg.Node)
		return err
	})
	switch {
	case cdds.CodeOf(err) == cdds.CodeNotFound:
		return nil
	case err != nil:
		return fmt.Errorf("take a range: %w", err)
	case !mine:
		return nil
	}
	spanned, end := w.cfg.Probe.Attempt(ctx, run.ID, run.TenantID, run.Attempt)
	err = w.exportRange(spanned, run, cut, row, func(tx *store.Tx) error { return w.leave(context.WithoutCancel(ctx), tx, run) })
	end(err, slog.Int("cdds.range", row.Number))
	return err
}

// leave lets others have the place of a helper: the run of the tenant that waited
// for it, and whoever helps with the next range.
func (w *Worker) leave(ctx context.Context, tx *store.Tx, run cdds.Run) error {
	now := w.cfg.Now()
	tenant, err := tx.Tenant(ctx, run.TenantID)
	if err != nil {
		return err
	}
	if tenant.Limits.Runs > 0 {
		if err := w.promote(ctx, tx, run, now); err != nil {
			return err
		}
	}
	if _, err := tx.NextHelp(ctx, now); err != nil {
		if cdds.CodeOf(err) == cdds.CodeNotFound {
			return nil
		}
		return err
	}
	return w.callHelp(ctx, tx, run.ID, 1, now)
}
