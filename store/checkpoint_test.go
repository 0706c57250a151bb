package store_test

import (
	"context"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

// keep keeps a part and reports whether it was let.
func (w *world) keep(t testing.TB, attempt, part int, key string) bool {
	t.Helper()
	var mine bool
	w.tx(t, func(ctx context.Context, tx *store.Tx) (err error) {
		mine, err = tx.AddCheckpoint(ctx, store.Checkpoint{RunID: "run-1", Attempt: attempt, Part: part, Key: key, Body: []byte("body of " + key), Now: now})
		return err
	})
	return mine
}

// checkpoints returns the keys of the run's checkpoints.
func (w *world) checkpoints(t testing.TB) []string {
	t.Helper()
	var keys []string
	for _, c := range got(w.st.Checkpoints(t.Context(), "run-1"))(t) {
		keys = append(keys, c.Key)
	}
	return keys
}

func TestCheckpoints(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		run := w.addRun(t, w.run(w.addJob(t, w.job(w.alpha, "job-1")), "run-1", now))
		equal(t, "keep before the start", w.keep(t, 1, 1, "a"), false)
		w.start(t, run, 1)
		equal(t, "keep", w.keep(t, 1, 1, "a"), true)
		equal(t, "keep once more, the answer was lost", w.keep(t, 1, 1, "a"), true)
		equal(t, "keep the second", w.keep(t, 1, 2, "b"), true)
		equal(t, "as it was", got(w.st.Checkpoints(ctx, "run-1"))(t)[0],
			store.Checkpoint{RunID: "run-1", Attempt: 1, Part: 1, Key: "a", Body: []byte("body of a"), Now: now})
		w.next(t, store.Retry{RunID: "run-1", Attempt: 1, Fault: true, Now: now, LeaseUntil: at(time.Hour)})
		equal(t, "keep of an attempt that is over", w.keep(t, 1, 3, "c"), false)
		equal(t, "keep before the next one has begun", w.keep(t, 2, 3, "c"), false)
		equal(t, "faults", got(w.st.RunByID(ctx, "run-1"))(t).Faults, 1)
		w.start(t, run, 2)
		drop := func(attempt, from int) (mine bool) {
			w.tx(t, func(ctx context.Context, tx *store.Tx) (err error) {
				mine, err = tx.DropCheckpoints(ctx, "run-1", attempt, from)
				return err
			})
			return mine
		}
		equal(t, "drop by an attempt that is over", drop(1, 1), false)
		equal(t, "kept", w.checkpoints(t), []string{"a", "b"})
		equal(t, "drop the second", drop(2, 2), true)
		equal(t, "kept", w.checkpoints(t), []string{"a"})
		equal(t, "keep it anew", w.keep(t, 2, 2, "b2"), true)
		equal(t, "faults of a run that gets on", got(w.st.RunByID(ctx, "run-1"))(t).Faults, 0)
		equal(t, "kept", w.checkpoints(t), []string{"a", "b2"})
		equal(t, "finish", w.finish(t, store.Outcome{RunID: "run-1", Attempt: 2, State: cdds.RunFinished, Now: now, Manifest: []byte("{}"),
			Artifacts: []cdds.Artifact{w.artifact(run, 1, 1)}}), true)
		equal(t, "kept after the end", w.checkpoints(t), nil)
	})
}

func TestCanceledRunsKeepNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		run := w.addRun(t, w.run(w.addJob(t, w.job(w.alpha, "job-1")), "run-1", now))
		w.start(t, run, 1)
		w.keep(t, 1, 1, "a")
		equal(t, "cancel", w.cancel(t, "tenant-a", "run-1"), true)
		equal(t, "kept", w.checkpoints(t), nil)
		equal(t, "keep afterwards", w.keep(t, 1, 2, "b"), false)
	})
}
