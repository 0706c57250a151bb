package worker_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"cdds"
	"cdds/queue"
	"cdds/source"
	"cdds/source/sample"
	"cdds/source/sqlite"
	"cdds/store"
)

// large gives the world a Contact History of some parts, and returns a run that
// exports all of it. Its parts are smaller than a job's may be, which keeps the
// test short.
func (w *world) large(t testing.TB) cdds.Run {
	t.Helper()
	path := filepath.Join(t.TempDir(), "large.db")
	_, err := sample.Write(t.Context(), path, sample.Options{Interactions: 4000, Contacts: 100, End: now})
	noError(t, err)
	real, err := sqlite.Open(path, sqlite.Options{})
	noError(t, err)
	t.Cleanup(func() { noError(t, real.Close()) })
	w.source.Source = real
	return w.parted(t, w.job(t, cdds.Timeframe{Kind: cdds.FrameAll}))
}

// parted starts a run that is split into parts of 64 KiB.
func (w *world) parted(t testing.TB, job cdds.Job) cdds.Run {
	t.Helper()
	run := w.start(t, job, now)
	_, err := w.st.DB().Exec(`UPDATE runs SET spec = replace(spec, '"title"', '"splitSize":65536,"title"') WHERE id = $1`, run.ID)
	noError(t, err)
	if run = w.run(t, run.ID); run.Spec.SplitSize != 64<<10 {
		t.Fatalf("the run's parts have %d bytes", run.Spec.SplitSize)
	}
	return run
}

// failWhenKept makes the reads of an attempt fail, with a code, once the run
// has at least that many checkpoints.
func (w *world) failWhenKept(runID string, parts int, fault error) {
	w.source.beforeReads(func(ctx context.Context) error {
		kept, err := w.st.Checkpoints(ctx, runID)
		if err == nil && len(kept) >= parts {
			return fault
		}
		return err
	})
}

func (w *world) kept(t testing.TB, runID string) []store.Checkpoint {
	t.Helper()
	kept, err := w.st.Checkpoints(t.Context(), runID)
	noError(t, err)
	return kept
}

var errGone = &cdds.Error{Code: cdds.CodeUnavailable, Message: "Contact History is gone."}

// TestGoOnBehindStoredParts lets attempt after attempt fail, each with more
// parts than the one before, which is more often than a run may fail that does
// not get on.
func TestGoOnBehindStoredParts(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		run := w.large(t)
		attempt := 1
		for ; attempt <= 4; attempt++ {
			w.failWhenKept(run.ID, attempt, errGone)
			noError(t, w.Do(t.Context(), run.ID, attempt))
			waiting := w.wantState(t, run.ID, cdds.RunInProgress)
			equal(t, "attempt", waiting.Attempt, attempt+1)
			equal(t, "faults of a run that gets on", waiting.Faults, 1)
		}
		kept := w.kept(t, run.ID)
		equal(t, "stored", len(w.objects(t)), len(kept))
		reads := w.source.readCount()
		w.source.beforeReads(nil)
		noError(t, w.Do(t.Context(), run.ID, attempt))
		done := w.wantState(t, run.ID, cdds.RunFinished)
		t.Logf("%d parts were kept; the last attempt made %d reads", len(kept), w.source.readCount()-reads)
		files, err := w.st.ArtifactsOfRun(t.Context(), run.ID)
		noError(t, err)
		keys := map[string]bool{}
		for i, f := range files {
			keys[f.Key] = true
			equal(t, "part", f.Part, i+1)
			if i < len(kept) {
				equal(t, "the kept part", f.Key, kept[i].Key)
			}
		}
		for _, key := range w.objects(t) {
			if !keys[key] {
				t.Errorf("%s is stored and no artifact", key)
			}
		}
		equal(t, "stored", len(w.objects(t)), len(files))
		again := w.parted(t, cdds.Job{ID: run.JobID}) // in one go, to compare with
		noError(t, w.Do(t.Context(), again.ID, 1))
		equal(t, "records", done.Progress.Records, w.wantState(t, again.ID, cdds.RunFinished).Progress.Records)
		equal(t, "bytes", done.Progress.Bytes, w.run(t, again.ID).Progress.Bytes)
	})
}

// TestStartOver has reasons not to go on behind a part: it has gone from the
// storage, or the recipients are others now.
func TestStartOver(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		run := w.large(t)
		w.failWhenKept(run.ID, 3, errGone)
		noError(t, w.Do(t.Context(), run.ID, 1))
		kept := w.kept(t, run.ID)
		noError(t, w.bucket.Delete(t.Context(), kept[1].Key))
		w.source.beforeReads(func(context.Context) error { return errGone })
		noError(t, w.Do(t.Context(), run.ID, 2))
		equal(t, "kept before the gap", len(w.kept(t, run.ID)), 1)

		w.certificate(t, 2098)
		w.source.beforeReads(nil)
		noError(t, w.Do(t.Context(), run.ID, 3))
		w.wantState(t, run.ID, cdds.RunFinished)
		files, err := w.st.ArtifactsOfRun(t.Context(), run.ID)
		noError(t, err)
		for _, f := range files {
			equal(t, "recipients", f.Recipients, files[0].Recipients)
			if f.Key == kept[0].Key {
				t.Error("a part for the old certificate became an artifact")
			}
		}
		equal(t, "stored", len(w.objects(t)), len(files))
	})
}

// TestNothingIsLeft ends runs that have stored parts in the ways that come to
// nothing.
func TestNothingIsLeft(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for name, end := range map[string]func(run cdds.Run){
			"a fault that lasts": func(run cdds.Run) {
				w.failWhenKept(run.ID, 2, &cdds.Error{Code: cdds.CodeInvalid, Message: "A column is missing."})
				noError(t, w.Do(t.Context(), run.ID, 1))
				w.wantState(t, run.ID, cdds.RunFailed)
			},
			"canceled while it waits for its next attempt": func(run cdds.Run) {
				w.failWhenKept(run.ID, 2, errGone)
				noError(t, w.Do(t.Context(), run.ID, 1))
				_, err := w.ctl.CancelRun(t.Context(), w.ann, run.ID, now)
				noError(t, err)
			},
			"canceled while it works": func(run cdds.Run) {
				reading := make(chan struct{}, 1)
				w.source.beforeReads(func(ctx context.Context) error {
					if len(w.kept(t, run.ID)) < 2 {
						return nil
					}
					reading <- struct{}{}
					<-ctx.Done()
					return context.Cause(ctx)
				})
				ended := make(chan error, 1)
				go func() { ended <- w.Do(t.Context(), run.ID, 1) }()
				await(t, "the read", reading)
				_, err := w.ctl.CancelRun(t.Context(), w.ann, run.ID, now)
				noError(t, err)
				noError(t, await(t, "the end of the worker", ended))
			},
			"lost too often": func(run cdds.Run) {
				ctx, stop := context.WithCancelCause(t.Context())
				w.source.beforeReads(func(ctx context.Context) error {
					if len(w.kept(t, run.ID)) < 2 {
						return nil
					}
					stop(queue.ErrStopping)
					<-ctx.Done()
					return context.Cause(ctx)
				})
				noError(t, w.Do(ctx, run.ID, 1))
				for attempt := 2; w.run(t, run.ID).State == cdds.RunInProgress; attempt++ {
					noError(t, w.st.InTx(t.Context(), func(tx *store.Tx) error {
						_, err := tx.StartAttempt(t.Context(), store.Start{RunID: run.ID, Attempt: attempt, Node: "dead", Window: run.Window, Now: now})
						return err
					}))
					_, err := w.ctl.TakeBack(t.Context(), w.run(t, run.ID), "The worker is gone.", now)
					noError(t, err)
				}
				w.wantState(t, run.ID, cdds.RunFailed)
			},
		} {
			end(w.large(t))
			equal(t, "stored after: "+name, len(w.objects(t)), 0)
		}
	})
}

// TestTheSweepKeepsCheckpoints sweeps while a run waits for its next attempt.
func TestTheSweepKeepsCheckpoints(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		run := w.large(t)
		w.failWhenKept(run.ID, 2, errGone)
		noError(t, w.Do(t.Context(), run.ID, 1))
		orphan := cdds.ArtifactPrefix(run.TenantID, run.ID, 1) + "orphan"
		noError(t, w.bucket.WriteAll(t.Context(), orphan, []byte("x"), nil))
		n, err := w.ctl.Sweep(t.Context())
		noError(t, err)
		equal(t, "swept", n, 1)
		equal(t, "stored", len(w.objects(t)), len(w.kept(t, run.ID)))
	})
}

// behind is a Contact History whose clock is behind ours.
type behind struct {
	source.Source
	by time.Duration
}

func (b *behind) Snapshot(ctx context.Context) (source.Snapshot, error) {
	snapshot, err := b.Source.Snapshot(ctx)
	return earlier{snapshot, b}, err
}

type earlier struct {
	source.Snapshot
	of *behind
}

func (e earlier) Time() time.Time { return now.Add(-e.of.by) }

// TestTheWindowMustBeOver: records are stamped by the clock of Contact History,
// so the run waits until that has reached the end of the window.
func TestTheWindowMustBeOver(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		clock := &behind{w.source.Source, time.Hour}
		w.source.Source = clock
		run := w.everything(t)
		for attempt := 1; attempt <= cdds.MaxAttempts+1; attempt++ {
			noError(t, w.Do(t.Context(), run.ID, attempt))
			waiting := w.wantState(t, run.ID, cdds.RunInProgress)
			equal(t, "faults", waiting.Faults, 0)
		}
		attempts, err := w.st.Attempts(t.Context(), run.ID)
		noError(t, err)
		equal(t, "what the attempt says", attempts[0].Error, "By the clock of Contact History the window ends in 1h0m0s. The run waits, so that no record of the window is missed.")
		clock.by = 0
		noError(t, w.Do(t.Context(), run.ID, cdds.MaxAttempts+2))
		w.wantState(t, run.ID, cdds.RunFinished)

		clock.by = time.Hour // a fixed window is what the person wants, also before its end
		fixed := w.start(t, w.job(t, cdds.Timeframe{Kind: cdds.FrameFixed, Start: at(-time.Hour), End: at(time.Hour)}), now)
		noError(t, w.Do(t.Context(), fixed.ID, 1))
		w.wantState(t, fixed.ID, cdds.RunFinished)
	})
}
