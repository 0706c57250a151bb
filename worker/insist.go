package worker

import (
	"context"
	"time"

	"cdds"
	"cdds/store"
)

// insistEvery is how long a transaction waits that the database did not answer.
const insistEvery = 500 * time.Millisecond

// insist carries out a transaction and repeats it, until ctx ends, while the
// metadata database does not answer: a restart of it that takes some seconds
// must not cost an attempt that has done all its work. Fencing keeps this safe,
// however long it takes. The answer to a commit can get lost, so do must also
// work where it was carried out before.
func (w *Worker) insist(ctx context.Context, do func(tx *store.Tx) error) error {
	for {
		err := w.cfg.Store.InTx(ctx, do)
		if cdds.CodeOf(err) != cdds.CodeUnavailable {
			return err
		}
		timer := time.NewTimer(insistEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
			w.cfg.Log.Warn("the metadata database did not answer, trying again", "error", err)
		}
	}
}

// isRecorded reports whether the outcome of this very attempt stands in the
// database already: it was committed, and the answer got lost. Nobody else can
// have ended the run under the attempt's number in the same state.
func isRecorded(ctx context.Context, tx *store.Tx, o store.Outcome) (bool, error) {
	run, err := tx.RunByID(ctx, o.RunID)
	if cdds.CodeOf(err) == cdds.CodeNotFound {
		return false, nil
	}
	return err == nil && run.Attempt == o.Attempt && run.State == o.State, err
}
