package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

// cutRun adds a run that is in progress and cut into that many ranges.
func (w *world) cutRun(t testing.TB, job cdds.Job, id string, ranges int) cdds.Run {
	t.Helper()
	run := w.addRun(t, w.run(job, id, now))
	if !w.start(t, run, 1) {
		t.Fatalf("run %s could not be started", id)
	}
	w.tx(t, func(ctx context.Context, tx *store.Tx) error {
		var all []store.Range
		for i := range ranges {
			all = append(all, store.Range{RangeRef: store.RangeRef{Number: i + 1}, Body: fmt.Appendf(nil, "stretch %d", i+1)})
		}
		mine, err := tx.InsertCut(ctx, 1, store.Cut{RunID: id, Recipients: []byte("der"), Encryption: cdds.EncryptionCompatible, Total: 100}, all)
		equal(t, "cut", mine, true)
		return err
	})
	return got(w.st.RunByID(t.Context(), id))(t)
}

// take takes a range of a run and returns it.
func (w *world) take(t testing.TB, runID string, number int, helper bool) store.Range {
	t.Helper()
	var taken store.Range
	w.tx(t, func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.Ranges(ctx, runID)
		if err != nil {
			return err
		}
		var mine bool
		taken, mine, err = tx.TakeRange(ctx, all[number-1], helper, "node-1")
		equal(t, "taken", mine, true)
		return err
	})
	return taken
}

// part keeps a part of a range.
func (w *world) part(t testing.TB, ref store.RangeRef, part int, key string) store.Kept {
	t.Helper()
	var kept store.Kept
	w.tx(t, func(ctx context.Context, tx *store.Tx) (err error) {
		kept, err = tx.AddPart(ctx, ref, store.Checkpoint{Part: part, Key: key, Body: []byte("{}"), Now: now}, int64(10*part), []byte("shorter"), []byte("rest"))
		return err
	})
	return kept
}

// doing runs a write of a range and returns whether it was let.
func (w *world) doing(t testing.TB, do func(ctx context.Context, tx *store.Tx) (bool, error)) (mine bool) {
	t.Helper()
	w.tx(t, func(ctx context.Context, tx *store.Tx) (err error) {
		mine, err = do(ctx, tx)
		return err
	})
	return mine
}

func (w *world) end(t testing.TB, ref store.RangeRef, parts int) bool {
	t.Helper()
	return w.doing(t, func(ctx context.Context, tx *store.Tx) (bool, error) {
		return tx.FinishRange(ctx, ref, parts, cdds.Progress{Records: 5, Bytes: 50}, []byte("said"))
	})
}

func (w *world) release(t testing.TB, r store.Release) bool {
	t.Helper()
	return w.doing(t, func(ctx context.Context, tx *store.Tx) (bool, error) { return tx.ReleaseRange(ctx, r) })
}

func (w *world) rangeOf(t testing.TB, runID string, number int) store.Range {
	t.Helper()
	return got(w.st.Ranges(t.Context(), runID))(t)[number-1]
}

func (w *world) beat(t testing.TB, ref store.RangeRef) bool {
	t.Helper()
	return got(w.st.BeatRange(t.Context(), ref, cdds.Progress{Records: 3, Bytes: 30, Waiting: "for a place"}))(t)
}

// TestARangeOfTwoAttempts follows a range that is taken back from a silent
// holder, whose late writes change nothing, to the end of its run.
func TestARangeOfTwoAttempts(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		run := w.cutRun(t, w.addJob(t, w.job(w.alpha, "job-1")), "run-1", 2)
		first := w.take(t, "run-1", 1, true)
		equal(t, "part", w.part(t, first.RangeRef, 1, "a"), store.Kept{Mine: true})
		equal(t, "part once more, the answer was lost", w.part(t, first.RangeRef, 1, "a"), store.Kept{Mine: true})
		equal(t, "beat", w.beat(t, first.RangeRef), true)
		seen := w.rangeOf(t, "run-1", 1)
		equal(t, "as it is", []any{seen.State, seen.Attempt, seen.Beat, seen.Records, seen.Bytes, seen.Waiting, seen.Parts, seen.Stored, seen.Helper},
			[]any{store.RangeTaken, 1, int64(2), int64(3), int64(30), "for a place", 1, int64(10), true})
		silent := store.Release{RangeRef: first.RangeRef, Fault: true, Beat: seen.Beat}
		w.beat(t, first.RangeRef)
		equal(t, "taken back though it has beaten", w.release(t, silent), false)
		silent.Beat++
		equal(t, "taken back", w.release(t, silent), true)
		equal(t, "beat of the old holder", w.beat(t, first.RangeRef), false)
		equal(t, "part of the old holder", w.part(t, first.RangeRef, 2, "b"), store.Kept{})
		equal(t, "end by the old holder", w.end(t, first.RangeRef, 1), false)

		second := w.take(t, "run-1", 1, false)
		equal(t, "faults", second.Faults, 1)
		equal(t, "part of the old holder", w.part(t, first.RangeRef, 2, "b"), store.Kept{})
		equal(t, "beat of the old holder", w.beat(t, first.RangeRef), false)
		equal(t, "part", w.part(t, second.RangeRef, 2, "b2"), store.Kept{Mine: true})
		equal(t, "faults of a range that gets on", w.rangeOf(t, "run-1", 1).Faults, 0)
		equal(t, "end with a part that is not kept", w.end(t, second.RangeRef, 3), false)
		equal(t, "end", w.end(t, second.RangeRef, 2), true)
		equal(t, "end once more, the answer was lost", w.end(t, second.RangeRef, 2), true)

		finish := store.Outcome{RunID: "run-1", Attempt: 1, State: cdds.RunFinished, Now: now, Manifest: []byte("{}"),
			Artifacts: []cdds.Artifact{w.artifact(run, 1, 2), w.artifact(run, 2, 2)}}
		early := func() error {
			return w.tryTx(func(ctx context.Context, tx *store.Tx) error { _, err := tx.Finish(ctx, finish); return err })
		}
		wantCode(t, early(), cdds.CodeInternal) // the other range is open
		other := w.take(t, "run-1", 2, false)
		equal(t, "end of a range without records", w.end(t, other.RangeRef, 0), true)
		few := finish
		few.Artifacts = few.Artifacts[:1]
		wantCode(t, w.tryTx(func(ctx context.Context, tx *store.Tx) error { _, err := tx.Finish(ctx, few); return err }), cdds.CodeInternal)
		equal(t, "finish", w.finish(t, finish), true)
		equal(t, "ranges afterwards", len(got(w.st.Ranges(ctx, "run-1"))(t)), 0)
		equal(t, "checkpoints afterwards", len(w.checkpoints(t)), 0)
	})
}

// TestFaultsOfARange: two pass, with a wait, and the third is the run's.
func TestFaultsOfARange(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.cutRun(t, w.addJob(t, w.job(w.alpha, "job-1")), "run-1", 2)
		why := cdds.RunFailure{Code: cdds.CodeUnavailable, Message: "It is away.", Hint: "Wait."}
		for fault := 1; fault <= cdds.MaxAttempts; fault++ {
			g := w.take(t, "run-1", 1, false)
			equal(t, "attempt", g.Attempt, fault)
			equal(t, "given back", w.release(t, store.Release{RangeRef: g.RangeRef, Fault: true, Failure: why, Due: at(time.Minute)}), true)
			if fault < cdds.MaxAttempts {
				equal(t, "open range", got(w.st.OpenRange(ctx, "run-1", now))(t).Number, 2)
				equal(t, "open range a minute later", got(w.st.OpenRange(ctx, "run-1", at(time.Minute)))(t).Number, 1)
			}
		}
		g := w.rangeOf(t, "run-1", 1)
		equal(t, "state", g.State, store.RangeFailed)
		equal(t, "failure", g.Failure, why)
		lasting := w.take(t, "run-1", 2, false)
		equal(t, "a fault that lasts", w.release(t, store.Release{RangeRef: lasting.RangeRef, Fault: true, Final: true, Failure: why}), true)
		equal(t, "state", w.rangeOf(t, "run-1", 2).State, store.RangeFailed)
	})
}

// TestARangeThatEndsEarly: the part at which it ends and its rest appear in one
// transaction.
func TestARangeThatEndsEarly(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.cutRun(t, w.addJob(t, w.job(w.alpha, "job-1")), "run-1", 2)
		g := w.take(t, "run-1", 1, true)
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.EndRangeEarly(ctx, g.RangeRef) })
		equal(t, "part", w.part(t, g.RangeRef, 1, "a"), store.Kept{Mine: true, Last: true})
		equal(t, "part once more, the answer was lost", w.part(t, g.RangeRef, 1, "a"), store.Kept{Mine: true, Last: true})
		equal(t, "next part", w.part(t, g.RangeRef, 2, "b"), store.Kept{})
		equal(t, "beat", w.beat(t, g.RangeRef), false)
		done, rest := w.rangeOf(t, "run-1", 1), w.rangeOf(t, "run-1", 3)
		equal(t, "the range", []any{done.State, string(done.Body), done.Parts}, []any{store.RangeDone, "shorter", 1})
		equal(t, "its rest", []any{rest.State, string(rest.Body), rest.Uncut}, []any{store.RangeOpen, "rest", true})

		rest = w.take(t, "run-1", 3, false)
		equal(t, "cut", w.doing(t, func(ctx context.Context, tx *store.Tx) (bool, error) {
			return tx.SplitRange(ctx, rest.RangeRef, []byte("its first half"), [][]byte{[]byte("its second half")})
		}), true)
		rest = w.rangeOf(t, "run-1", 3)
		equal(t, "the first half", []any{string(rest.Body), rest.Uncut}, []any{"its first half", false})
		equal(t, "the second half", string(w.rangeOf(t, "run-1", 4).Body), "its second half")
		equal(t, "use", got(w.st.RangeUse(ctx, "tenant-a", "run-1"))(t), store.RangeUse{Done: 1, Total: 4})
	})
}

// TestRangesMadeAnew are those of a run whose recipients have changed, and one
// whose stored parts have gone.
func TestRangesMadeAnew(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.cutRun(t, w.addJob(t, w.job(w.alpha, "job-1")), "run-1", 2)
		done, held := w.take(t, "run-1", 1, true), w.take(t, "run-1", 2, true)
		w.part(t, done.RangeRef, 1, "a")
		w.part(t, done.RangeRef, 2, "b")
		w.end(t, done.RangeRef, 2)
		w.part(t, held.RangeRef, 1, "c")
		reopen := func(attempt int) bool {
			return w.doing(t, func(ctx context.Context, tx *store.Tx) (bool, error) {
				return tx.ReopenRange(ctx, attempt, done.RangeRef, 2)
			})
		}
		equal(t, "opened again by another attempt of the run", reopen(2), false)
		equal(t, "opened again", reopen(1), true)
		equal(t, "kept", w.checkpoints(t), []string{"a", "c"})
		done = w.take(t, "run-1", 1, true)
		equal(t, "drop", w.doing(t, func(ctx context.Context, tx *store.Tx) (bool, error) { return tx.DropParts(ctx, done.RangeRef, 1, 0) }), true)
		equal(t, "kept", w.checkpoints(t), []string{"c"})

		anew := store.Cut{RunID: "run-1", Recipients: []byte("other"), Encryption: cdds.EncryptionAuthenticated}
		restart := func(attempt int) bool {
			return w.doing(t, func(ctx context.Context, tx *store.Tx) (bool, error) { return tx.RestartRanges(ctx, attempt, anew) })
		}
		equal(t, "anew by another attempt of the run", restart(2), false)
		equal(t, "anew", restart(1), true)
		equal(t, "kept", w.checkpoints(t), nil)
		equal(t, "part of who held it", w.part(t, held.RangeRef, 2, "d"), store.Kept{})
		g := w.take(t, "run-1", 2, true)
		equal(t, "attempt", g.Attempt, 2)
		cut := got(w.st.Cut(ctx, "run-1"))(t)
		equal(t, "cut", []any{string(cut.Recipients), cut.Encryption, cut.Total}, []any{"other", cdds.EncryptionAuthenticated, int64(100)})
	})
}

// TestTheEndOfARunEndsItsRanges cancels a run, and loses and hands on the ranges
// of another one.
func TestTheEndOfARunEndsItsRanges(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.cutRun(t, w.addJob(t, w.job(w.alpha, "job-1")), "run-1", 2)
		g := w.take(t, "run-1", 1, true)
		w.part(t, g.RangeRef, 1, "a")
		equal(t, "cancel", w.cancel(t, "tenant-a", "run-1"), true)
		equal(t, "beat", w.beat(t, g.RangeRef), false)
		equal(t, "part", w.part(t, g.RangeRef, 2, "b"), store.Kept{})
		equal(t, "kept", w.checkpoints(t), nil)
		wantCode(t, func() error { _, err := w.st.Cut(ctx, "run-1"); return err }(), cdds.CodeNotFound)

		w.cutRun(t, w.addJob(t, w.job(w.alpha, "job-2")), "run-2", 2)
		for fault := 1; fault <= cdds.MaxAttempts; fault++ {
			w.take(t, "run-2", 1, true)
			w.tx(t, func(ctx context.Context, tx *store.Tx) error {
				return tx.LoseRanges(ctx, true, cdds.RunFailure{Code: cdds.CodeUnavailable, Message: "It stopped."})
			})
		}
		equal(t, "lost too often", w.rangeOf(t, "run-2", 1).State, store.RangeFailed)
		w.take(t, "run-2", 2, true)
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.LoseRanges(ctx, false, cdds.RunFailure{}) })
		handed := w.rangeOf(t, "run-2", 2)
		equal(t, "handed on", []any{handed.State, handed.Faults}, []any{store.RangeOpen, 0})
	})
}

// TestWhoseRangeIsNext: a helper counts as a run of its tenant, and goes to the
// tenant that has less at work; a tenant at its limit gets none.
func TestWhoseRangeIsNext(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		next := func() string {
			g, err := w.st.NextHelp(ctx, now)
			if cdds.CodeOf(err) == cdds.CodeNotFound {
				return ""
			}
			noError(t, err)
			return fmt.Sprintf("%s/%d", g.RunID, g.Number)
		}
		equal(t, "without ranges", next(), "")
		w.cutRun(t, w.addJob(t, w.job(w.alpha, "job-1")), "run-1", 3)
		w.cutRun(t, w.addJob(t, w.job(w.beta, "job-2")), "run-2", 3)
		w.take(t, "run-1", 1, false) // by who carries it out
		equal(t, "of two tenants that have as much at work", next(), "run-1/2")
		w.take(t, "run-1", 2, true)
		equal(t, "of the one with less", next(), "run-2/1")
		w.take(t, "run-2", 1, true)
		w.take(t, "run-2", 2, true)
		equal(t, "of the one with less", next(), "run-1/3")
		equal(t, "use", got(w.st.RunUse(ctx, "tenant-b", now))(t).InProgress, 3)

		limit := func(tenant string, runs int) {
			w.tx(t, func(ctx context.Context, tx *store.Tx) error {
				of, err := tx.Tenant(ctx, tenant)
				if err != nil {
					return err
				}
				of.Limits.Runs = runs
				return tx.UpdateTenant(ctx, of)
			})
		}
		limit("tenant-a", 2)
		equal(t, "beside a tenant at its limit", next(), "run-2/3")
		limit("tenant-a", 3)
		equal(t, "below the limit", next(), "run-1/3")
		waiting := w.addRun(t, w.run(w.addJob(t, w.job(w.alpha, "job-3")), "run-3", now))
		equal(t, "beside a run that may begin", next(), "run-2/3")
		limit("tenant-a", 2)
		equal(t, "the run may begin at the limit", w.start(t, waiting, 1), false)
		limit("tenant-a", 3)
		equal(t, "the run may begin", w.start(t, waiting, 1), true)
	})
}
