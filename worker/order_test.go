package worker_test

import (
	"context"
	"testing"
	"time"

	"cdds"
)

// TestOneRunOfAJobAtATime lets the queue work three runs of a job on four
// workers: they go one by one, oldest first, and none is forgotten, not even
// the last one, which by the worker's clock is due a moment after the others
// have ended.
func TestOneRunOfAJobAtATime(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		reading, free := w.source.blocking()
		defer free()
		job := w.job(t, cdds.Timeframe{Kind: cdds.FrameAll})
		runs := []cdds.Run{w.start(t, job, at(-2*time.Hour)), w.start(t, job, at(-time.Hour)), w.start(t, job, at(2*time.Millisecond))}
		noError(t, w.queue.Start(t.Context()))
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			noError(t, w.queue.Stop(ctx))
		})
		await(t, "the read", reading)
		w.wantState(t, runs[0].ID, cdds.RunInProgress)
		noError(t, w.Do(t.Context(), runs[2].ID, 1)) // it is not let
		w.wantState(t, runs[2].ID, cdds.RunQueued)
		free()
		w.awaitState(t, runs[2].ID, cdds.RunFinished)
		for i := range runs {
			runs[i] = w.wantState(t, runs[i].ID, cdds.RunFinished)
			attempts, err := w.st.Attempts(t.Context(), runs[i].ID)
			noError(t, err)
			equal(t, "attempts", len(attempts), 1)
		}
	})
}

// awaitState waits until a run has a state.
func (w *world) awaitState(t testing.TB, id string, want cdds.RunState) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for w.run(t, id).State != want {
		select {
		case <-ctx.Done():
			t.Fatalf("the run is %s after a minute, want %s", w.run(t, id).State, want)
		case <-tick.C:
		}
	}
}

// TestSinceLastTiles fails some runs of a job: the windows of those that
// finish follow each other without gap or overlap all the same.
func TestSinceLastTiles(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.job(t, cdds.Timeframe{Kind: cdds.FrameSinceLast, Start: at(-240 * time.Hour)})
		last := at(-240 * time.Hour)
		for i, works := range []bool{true, false, false, true, true, false, true} {
			w.source.beforeReads(nil)
			if !works {
				w.source.failing(cdds.CodeInvalid)
			}
			end := at(time.Duration(i-10) * time.Hour)
			run := w.start(t, job, end)
			noError(t, w.Do(t.Context(), run.ID, 1))
			run = w.run(t, run.ID)
			equal(t, "window", run.Window, cdds.Window{Start: last, End: end})
			equal(t, "finished", run.State == cdds.RunFinished, works)
			if works {
				last = end
			}
		}
	})
}

// TestSinceLastIsFrozenAtItsStart keeps the window of a run over its attempts.
func TestSinceLastIsFrozenAtItsStart(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.job(t, cdds.Timeframe{Kind: cdds.FrameSinceLast})
		first, second := w.start(t, job, at(-2*time.Hour)), w.start(t, job, at(-time.Hour))
		equal(t, "frozen while queued", second.WindowFrozen, false)
		noError(t, w.Do(t.Context(), first.ID, 1))
		equal(t, "the first window", w.run(t, first.ID).Window, cdds.Window{End: at(-2 * time.Hour)})
		w.source.failing(cdds.CodeUnavailable)
		noError(t, w.Do(t.Context(), second.ID, 1))
		want := cdds.Window{Start: at(-2 * time.Hour), End: at(-time.Hour)}
		equal(t, "after a fault", w.run(t, second.ID).Window, want)
		w.source.beforeReads(nil)
		noError(t, w.Do(t.Context(), second.ID, 2))
		equal(t, "the second window", w.wantState(t, second.ID, cdds.RunFinished).Window, want)
	})
}
