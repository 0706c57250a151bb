package worker_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"cdds"
	"cdds/queue"
	"cdds/source"
	"cdds/store"
)

// TestThreeWorkersShareARun holds the first reads until three ranges are read at
// the same time, by the three nodes.
func TestThreeWorkersShareARun(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.inRanges()
		run := w.large(t)
		var together sync.WaitGroup
		var readers atomic.Int32
		together.Add(3)
		w.source.beforeRanges(func(_ context.Context, r source.Range) error {
			if readers.Add(1) <= 3 {
				together.Done()
				together.Wait()
			}
			return nil
		})
		var stops []func()
		for _, name := range []string{"one", "two", "three"} {
			stops = append(stops, w.node(t, name).works(t))
		}
		w.awaitState(t, run.ID, cdds.RunFinished)
		for _, stop := range stops {
			stop()
		}
		w.wantAll(t, run)
		attempts, err := w.st.Attempts(t.Context(), run.ID)
		noError(t, err)
		equal(t, "attempts", len(attempts), 1)
		for number, of := range w.attempts(t, run.ID) {
			equal(t, "attempts of a range", of, []int{1})
			if number > mostOfTests {
				t.Errorf("there is a range %d", number)
			}
		}
		equal(t, "ranges with artifacts", len(w.attempts(t, run.ID)) >= 8, true)
		equal(t, "ranges afterwards", len(w.ranges(t, run.ID)), 0)
	})
}

// TestAWorkerAloneExportsAllRanges is a service with one place.
func TestAWorkerAloneExportsAllRanges(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.inRanges()
		run := w.large(t)
		noError(t, w.Do(t.Context(), run.ID, 1))
		w.wantAll(t, run)
	})
}

// holding blocks all reads once the given range of a run has kept a part, and
// tells that it does.
func (w *world) holding(runID string, number int) (blocked <-chan struct{}, free func()) {
	pass, blocked, free := newGate()
	w.source.beforeRanges(func(ctx context.Context, _ source.Range) error {
		all, err := w.st.Ranges(ctx, runID)
		if err != nil || len(all) == 0 || all[number-1].Parts == 0 {
			return err
		}
		return pass(ctx)
	})
	return blocked, free
}

// wantAgain fails unless one range of a run has had a second attempt, and all
// others one.
func (w *world) wantAgain(t *testing.T, runID string, again int) {
	t.Helper()
	for number, of := range w.attempts(t, runID) {
		want := []int{1}
		if number == again {
			want = []int{1, 2}
		}
		equal(t, "attempts of the range", of, want)
	}
}

// TestALostHelperCostsOnlyItsRange cuts a helper off from the database in the
// middle of a range: that one alone is made again, from behind its last part.
func TestALostHelperCostsOnlyItsRange(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.inRanges()
		run := w.large(t)
		lost := w.node(t, "lost")
		// The coordinator begins with range 1 and waits until the helper is lost.
		begun, gone := make(chan struct{}), make(chan struct{})
		var once sync.Once
		w.source.beforeRanges(func(context.Context, source.Range) error {
			once.Do(func() { close(begun) })
			<-gone
			return nil
		})
		ended := do(w.Worker, run.ID)
		await(t, "the coordinator's read", begun)
		blocked, free := w.holding(run.ID, 2)
		defer free()
		helping := help(lost.Worker)
		await(t, "a part of the helper", blocked)
		lost.shut()
		w.source.beforeRanges(nil)
		close(gone)
		free()
		if err := await(t, "the end of the lost helper", helping); err == nil {
			t.Fatal("the lost helper has recorded something")
		}
		noError(t, await(t, "the end of the run", ended))
		w.wantAgain(t, run.ID, 2)
		w.wantAll(t, run)
	})
}

// TestALostCoordinatorCostsOnlyItsRange cuts the node off that carries the run
// out. Its helper goes on, and the next attempt keeps what is done.
func TestALostCoordinatorCostsOnlyItsRange(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.inRanges()
		run := w.large(t)
		lost := w.node(t, "lost")
		blocked, free := w.holding(run.ID, 1)
		defer free()
		ended := do(lost.Worker, run.ID)
		await(t, "a part of the coordinator", blocked)
		lost.shut()
		w.source.beforeRanges(nil)
		noError(t, await(t, "the end of the helper", help(w.Worker)))
		equal(t, "the helper's range", w.ranges(t, run.ID)[1].State, store.RangeDone)
		free()
		if err := await(t, "the end of the lost coordinator", ended); err == nil {
			t.Fatal("the lost coordinator has recorded something")
		}
		mine, err := w.ctl.TakeBack(t.Context(), w.run(t, run.ID), "The worker is gone.", now)
		noError(t, err)
		equal(t, "taken back", mine, true)
		noError(t, w.Do(t.Context(), run.ID, 2))
		w.wantAgain(t, run.ID, 1)
		w.wantAll(t, run)
	})
}

// TestCancelEndsAllRanges cancels a run that three workers are at.
func TestCancelEndsAllRanges(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.inRanges()
		run := w.large(t)
		reading := make(chan struct{}, 100)
		w.source.beforeRanges(func(ctx context.Context, r source.Range) error {
			all, err := w.st.Ranges(ctx, run.ID)
			if err != nil || len(all) > 0 && all[0].Parts == 0 {
				return err // something is to be stored
			}
			reading <- struct{}{}
			<-ctx.Done()
			return context.Cause(ctx)
		})
		ends := []<-chan error{do(w.Worker, run.ID)}
		await(t, "a read", reading)
		ends = append(ends, help(w.node(t, "two").Worker), help(w.node(t, "three").Worker))
		await(t, "another read", reading)
		await(t, "a third read", reading)
		_, err := w.ctl.CancelRun(t.Context(), w.ann, run.ID, now)
		noError(t, err)
		for _, end := range ends {
			noError(t, await(t, "the end of a worker", end))
		}
		w.wantState(t, run.ID, cdds.RunCanceled)
		equal(t, "stored", len(w.objects(t)), 0)
		equal(t, "ranges", len(w.ranges(t, run.ID)), 0)
	})
}

// TestAStopHandsRangesOver stops the service that carries a run out, and starts it
// again: nothing is counted, and what is kept stays.
func TestAStopHandsRangesOver(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.inRanges()
		run := w.large(t)
		blocked, free := w.holding(run.ID, 2)
		defer free()
		ctx, stop := context.WithCancelCause(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- w.Do(ctx, run.ID, 1) }()
		await(t, "a part of the second range", blocked)
		stop(queue.ErrStopping)
		noError(t, await(t, "the end of the worker", ended))
		waiting := w.wantState(t, run.ID, cdds.RunInProgress)
		equal(t, "the run", []int{waiting.Attempt, waiting.Faults}, []int{2, 0})
		second := w.ranges(t, run.ID)[1]
		equal(t, "the range", []any{second.State, second.Faults}, []any{store.RangeOpen, 0})
		w.source.beforeRanges(nil)
		noError(t, w.Do(t.Context(), run.ID, 2))
		equal(t, "attempts of the second range", w.attempts(t, run.ID)[2], []int{1, 2})
		w.wantAll(t, run)
	})
}

// TestOtherRecipientsMakeRangesAnew changes the owner's certificate between two
// attempts of a run: no range of the first becomes an artifact.
func TestOtherRecipientsMakeRangesAnew(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.inRanges()
		run := w.large(t)
		ctx, stop := context.WithCancelCause(context.Background())
		w.source.beforeRanges(func(ctx context.Context, _ source.Range) error {
			if all, err := w.st.Ranges(ctx, run.ID); err == nil && len(all) > 0 && all[0].State == store.RangeDone {
				stop(queue.ErrStopping)
				<-ctx.Done()
				return context.Cause(ctx)
			}
			return nil
		})
		noError(t, w.Do(ctx, run.ID, 1))
		before := w.objects(t)
		w.certificate(t, 2098)
		w.source.beforeRanges(nil)
		noError(t, w.Do(t.Context(), run.ID, 2))
		w.wantAll(t, run)
		now := map[string]bool{}
		for _, key := range w.objects(t) {
			now[key] = true
		}
		for _, key := range before {
			if now[key] {
				t.Errorf("%s, for the old certificate, is still there", key)
			}
		}
	})
}

// TestARunWithPartsOfItsOwnGoesOn: one that began before runs were cut, or too
// small to be, is not cut later.
func TestARunWithPartsOfItsOwnGoesOn(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		run := w.large(t)
		w.failWhenKept(run.ID, 2, errGone)
		noError(t, w.Do(t.Context(), run.ID, 1))
		kept := w.kept(t, run.ID)
		w.source.beforeReads(nil)
		w.inRanges()
		noError(t, w.Do(t.Context(), run.ID, 2))
		w.wantState(t, run.ID, cdds.RunFinished)
		files, err := w.st.ArtifactsOfRun(t.Context(), run.ID)
		noError(t, err)
		equal(t, "the first part", files[0].Key, kept[0].Key)
		w.wantAll(t, run)
	})
}

// errInvalid does not pass.
var errInvalid = &cdds.Error{Code: cdds.CodeInvalid, Message: "A column is missing.", Hint: "Look at the mapping."}

// failingAt makes the reads of a range fail, as often as given.
func (w *world) failingAt(runID string, number, times int, fault error) *atomic.Int32 {
	var failed atomic.Int32
	w.source.beforeRanges(func(ctx context.Context, r source.Range) error {
		all, err := w.st.Ranges(ctx, runID)
		if err != nil || len(all) < number || all[number-1].State != store.RangeTaken || int(failed.Load()) >= times {
			return err
		}
		for _, other := range all {
			if other.Number != number && other.State == store.RangeTaken {
				return nil
			}
		}
		failed.Add(1)
		return fault
	})
	return &failed
}

// TestFaultsInOneRange: what passes is tried again, what lasts ends the run.
func TestFaultsInOneRange(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.inRanges()
		w.hurry(t)
		passing := w.large(t)
		failed := w.failingAt(passing.ID, 3, cdds.MaxAttempts-1, errGone)
		noError(t, w.Do(t.Context(), passing.ID, 1))
		equal(t, "faults", failed.Load(), int32(cdds.MaxAttempts-1))
		equal(t, "attempts of the range", w.attempts(t, passing.ID)[3], []int{cdds.MaxAttempts})
		w.wantAll(t, passing)
		noError(t, w.ctl.DeleteRun(t.Context(), w.ann, passing.ID, now))

		for _, c := range []struct {
			times int
			fault *cdds.Error
		}{{cdds.MaxAttempts, errGone}, {1, errInvalid}} {
			lasting := w.parted(t, cdds.Job{ID: passing.JobID})
			failed := w.failingAt(lasting.ID, 3, c.times, c.fault)
			noError(t, w.Do(t.Context(), lasting.ID, 1))
			equal(t, "faults", failed.Load(), int32(c.times))
			run := w.wantState(t, lasting.ID, cdds.RunFailed)
			equal(t, "failure", *run.Failure, cdds.RunFailure{Code: c.fault.Code, Message: c.fault.Message, Hint: c.fault.Hint})
			for _, key := range w.objects(t) {
				if runID, _, _, ok := cdds.ParseRangeKey(key); ok && runID == lasting.ID {
					t.Errorf("%s is left", key)
				}
			}
		}
	})
}

// TestALostPartOfADoneRange is noticed before the run finishes, and made again.
func TestALostPartOfADoneRange(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.inRanges()
		run := w.large(t)
		var once sync.Once
		w.source.beforeRanges(func(ctx context.Context, _ source.Range) (err error) {
			all, err := w.st.Ranges(ctx, run.ID)
			if err != nil || len(all) == 0 || all[0].State != store.RangeDone {
				return err
			}
			once.Do(func() {
				kept, listed := w.st.Checkpoints(ctx, run.ID)
				err = errors.Join(listed, w.bucket.Delete(ctx, kept[0].Key))
			})
			return err
		})
		noError(t, w.Do(t.Context(), run.ID, 1))
		equal(t, "attempts of the range", w.attempts(t, run.ID)[1], []int{2})
		w.wantAll(t, run)
	})
}

// TestRangesShareTheRoom of their tenant: what is stored by all of them counts.
func TestRangesShareTheRoom(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.inRanges()
		run := w.large(t)
		w.limit(t, func(tenant *cdds.Tenant) { tenant.Limits.Storage = 5 * 64 << 10 / 2 }) // two parts and a half
		noError(t, w.Do(t.Context(), run.ID, 1))
		failed := w.wantState(t, run.ID, cdds.RunFailed)
		equal(t, "reason", failed.Failure.Message, "The tenant's storage of 160 KiB is used up.")
		equal(t, "stored", len(w.objects(t)), 0)
	})
}

// TestALargeRangeIsCutAgain gives one range nearly all records: when the others
// are done it ends at a part, and its rest becomes ranges.
func TestALargeRangeIsCutAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.inRanges()
		run := w.large(t)
		var large source.Key // its last one
		w.source.cuts = func(keys []source.Key, most int) (ends []source.Key) {
			if large == (source.Key{}) {
				large = keys[len(keys)-20]
				return []source.Key{keys[len(keys)-20], keys[len(keys)-10], keys[len(keys)-5]}
			}
			for i := 1; i < most; i++ {
				ends = append(ends, keys[len(keys)*i/most-1])
			}
			return ends
		}
		var reads atomic.Int32
		w.source.beforeRanges(func(ctx context.Context, r source.Range) error {
			all, err := w.st.Ranges(ctx, run.ID)
			if err != nil || len(all) == 0 || r.Upto == nil || *r.Upto != large || reads.Add(1) < 28 {
				return err
			}
			until(t, "the first range is to end early", func() bool {
				all := w.ranges(t, run.ID)
				return all[0].State != store.RangeTaken || all[0].EndsEarly
			})
			return nil
		})
		other := w.node(t, "two")
		ended := do(w.Worker, run.ID)
		until(t, "the run is cut", func() bool { return len(w.ranges(t, run.ID)) > 0 })
		stop := other.works(t)
		noError(t, await(t, "the end of the run", ended))
		stop()
		numbers := w.attempts(t, run.ID)
		t.Logf("ranges with artifacts: %v", numbers)
		if len(numbers) < 6 {
			t.Fatalf("there are artifacts of %d ranges: the rest was not cut", len(numbers))
		}
		w.wantAll(t, run)
	})
}
