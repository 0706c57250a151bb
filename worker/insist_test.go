package worker_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"cdds"
	"cdds/pgtest"
	"cdds/store"
)

// TestTheMetadataDatabaseRestarts stops the metadata database while a run is
// being exported, or before it has begun, and starts it again: the attempt goes
// on, and its outcome is recorded.
func TestTheMetadataDatabaseRestarts(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	w := newWorldOn(t, store.Postgres, server.Database(t, ""))
	restart := func(started chan<- error) {
		noError(t, server.Stop())
		go func() {
			time.Sleep(time.Second)
			started <- server.Start()
		}()
	}

	run, started := w.everything(t), make(chan error, 1)
	w.source.beforeReads(func(context.Context) error {
		if w.source.readCount() == 1 {
			restart(started)
		}
		return nil
	})
	noError(t, w.Do(t.Context(), run.ID, 1))
	noError(t, await(t, "the start", started))
	w.wantState(t, run.ID, cdds.RunFinished)

	second := w.everything(t)
	restart(started)
	noError(t, w.Do(t.Context(), second.ID, 1))
	noError(t, await(t, "the start", started))
	equal(t, "attempt", w.wantState(t, second.ID, cdds.RunFinished).Attempt, 1)

	parted := w.large(t)
	var once sync.Once
	w.source.beforeReads(func(ctx context.Context) error {
		if kept, err := w.st.Checkpoints(ctx, parted.ID); err == nil && len(kept) >= 2 {
			once.Do(func() { restart(started) })
		}
		return nil
	})
	noError(t, w.Do(t.Context(), parted.ID, 1))
	noError(t, await(t, "the start", started))
	equal(t, "attempt of the run in parts", w.wantState(t, parted.ID, cdds.RunFinished).Attempt, 1)
}
