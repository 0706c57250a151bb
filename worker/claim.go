package worker

import (
	"context"
	"fmt"
	"time"

	"cdds"
	"cdds/store"
)

// claim makes an attempt this worker's own and freezes the window of a
// sinceLast run. A nil run means: there is nothing to begin.
func (w *Worker) claim(ctx context.Context, runID string, attempt int) (*cdds.Run, error) {
	var claimed *cdds.Run
	bounded, cancel := context.WithTimeout(ctx, finishTime)
	defer cancel()
	err := w.insist(bounded, func(tx *store.Tx) error {
		var err error
		claimed, err = w.choose(ctx, tx, runID, attempt)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim attempt %d of run %s: %w", attempt, runID, err)
	}
	return claimed, nil
}

// choose begins the attempt that a task names, or the run whose turn it is. A
// task is a call to work more than an order: where a queued run of another
// tenant goes first, this task begins that one, and the task of that one, which
// finds it taken, begins what is next then. So there are always as many tasks as
// there are runs to begin, and none is spent without one while some may begin.
func (w *Worker) choose(ctx context.Context, tx *store.Tx, runID string, attempt int) (*cdds.Run, error) {
	if attempt > 1 {
		if begun, err := w.goOn(ctx, tx, runID, attempt); begun != nil || err != nil {
			return begun, err
		}
	}
	next, err := tx.NextTurn(ctx, w.cfg.Now())
	if err == nil {
		begun, err := w.begin(ctx, tx, next)
		if begun != nil || err != nil {
			return begun, err
		}
		// It was not let: a node of the version before has changed its line.
		if err := tx.LineUp(ctx, next.ID); err != nil {
			return nil, err
		}
	} else if cdds.CodeOf(err) != cdds.CodeNotFound {
		return nil, err
	}
	own, err := w.named(ctx, tx, runID)
	if err != nil || own.State != cdds.RunQueued {
		return nil, err
	}
	return w.begin(ctx, tx, own)
}

// goOn begins a later attempt of a run that waits for it.
func (w *Worker) goOn(ctx context.Context, tx *store.Tx, runID string, attempt int) (*cdds.Run, error) {
	own, err := w.named(ctx, tx, runID)
	if err != nil || own.State != cdds.RunInProgress || own.Attempt != attempt {
		return nil, err
	}
	return w.begin(ctx, tx, own)
}

// named returns the run that a task names, the zero value where it is gone.
func (w *Worker) named(ctx context.Context, tx *store.Tx, runID string) (cdds.Run, error) {
	own, err := tx.RunByID(ctx, runID)
	if cdds.CodeOf(err) == cdds.CodeNotFound {
		return cdds.Run{}, nil
	}
	return own, err
}

// begin begins the current attempt of a run, and returns nil where it may not.
func (w *Worker) begin(ctx context.Context, tx *store.Tx, run cdds.Run) (*cdds.Run, error) {
	if !run.WindowFrozen {
		last, err := tx.LastWindowEnd(ctx, run.JobID)
		if err != nil {
			return nil, err
		}
		run.Window = run.Spec.Window(run.ScheduledFor, time.Time{}, last)
		run.WindowFrozen = true
	}
	now := w.cfg.Now()
	mine, err := tx.StartAttempt(ctx, store.Start{RunID: run.ID, Attempt: run.Attempt, Node: w.cfg.Node, Window: run.Window, Now: now})
	if err != nil || !mine {
		return nil, err
	}
	run.State = cdds.RunInProgress
	if run.StartedAt.IsZero() {
		run.StartedAt = now
		tx.OnCommit(func() { w.cfg.Probe.RunBegan(now.Sub(run.DueAt())) })
	}
	return &run, nil
}
