package worker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/control"
	"cdds/queue"
	"cdds/store"
)

// limit changes what Ann's tenant may use, or where its data come from.
func (w *world) limit(t testing.TB, change func(*cdds.Tenant)) {
	t.Helper()
	noError(t, w.st.InTx(t.Context(), func(tx *store.Tx) error {
		tenant, err := tx.Tenant(t.Context(), w.ann.User.TenantID)
		if err != nil {
			return err
		}
		change(&tenant)
		return tx.UpdateTenant(t.Context(), tenant)
	}))
}

// work lets the queue of the world work until the test ends.
func (w *world) work(t testing.TB) {
	t.Helper()
	noError(t, w.queue.Start(t.Context()))
	t.Cleanup(func() { w.rest(t) })
}

// rest stops the queue, as a stop of the service does.
func (w *world) rest(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	noError(t, w.queue.Stop(ctx))
}

// idle waits until no task waits for a worker.
func (w *world) idle(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		tasks, _, err := w.queue.Waiting(t.Context())
		noError(t, err)
		if len(tasks) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("tasks still wait: %v", tasks)
		}
	}
}

// wantFailure checks that a run has failed at its first attempt, for a reason.
func (w *world) wantFailure(t testing.TB, id string, code cdds.Code, reason string) {
	t.Helper()
	run := w.wantState(t, id, cdds.RunFailed)
	if run.Failure.Code != code || !strings.Contains(run.Failure.Message, reason) || run.Failure.Hint == "" {
		t.Fatalf("the run says %+v", *run.Failure)
	}
	attempts, err := w.st.Attempts(t.Context(), id)
	noError(t, err)
	equal(t, "attempts", len(attempts), 1)
}

// TestRunsBeyondTheLimitWaitForAPlace lets four workers have the runs of three
// jobs of a tenant that may have one in progress. The others wait without a
// worker and without a task, and each follows when the one before it ends, also
// when the service was stopped in between.
func TestRunsBeyondTheLimitWaitForAPlace(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.limit(t, func(tenant *cdds.Tenant) { tenant.Limits.Runs = 1 })
		reading, free := w.source.blocking()
		defer free()
		runs := []cdds.Run{w.everything(t), w.everything(t), w.everything(t)}
		noError(t, w.queue.Start(t.Context()))
		await(t, "the read", reading)
		w.idle(t)
		states := map[cdds.RunState]int{}
		for _, run := range runs {
			states[w.run(t, run.ID).State]++
		}
		equal(t, "states", states, map[cdds.RunState]int{cdds.RunInProgress: 1, cdds.RunQueued: 2})
		w.rest(t)
		var err error
		w.queue, err = queue.Open(queue.Config{DB: w.st.DB(), Postgres: w.st.Dialect() == store.Postgres, Workers: 4, Log: quiet()},
			func(ctx context.Context, task queue.Task) error { return w.Do(ctx, task.RunID, task.Attempt) })
		noError(t, err)
		free()
		w.work(t)
		for _, run := range runs {
			w.awaitState(t, run.ID, cdds.RunFinished)
		}
	})
}

// TestManyRunsOfATenantDoNotHoldAnotherBack gives one worker the tasks of five
// runs of a tenant and then that of one of another tenant, which goes second.
func TestManyRunsOfATenantDoNotHoldAnotherBack(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ann := w.ann
		user, err := w.ctl.AddUser(t.Context(), control.NewUser{Username: "bob", Password: "correct horse battery", Role: cdds.RoleAdministrator, Tenant: "Beta", TenantSourceID: 202}, now)
		noError(t, err)
		var tasks []string
		for range 5 {
			tasks = append(tasks, w.everything(t).ID)
		}
		w.ann = control.Caller{User: user}
		w.certificate(t, 2099)
		bobs := w.everything(t).ID
		tasks = append(tasks, bobs)
		w.ann = ann
		finished := func() (n int) {
			for _, id := range tasks {
				if w.run(t, id).State == cdds.RunFinished {
					n++
				}
			}
			return n
		}
		for i, id := range tasks {
			noError(t, w.Do(t.Context(), id, 1))
			equal(t, "finished", finished(), i+1) // no task is spent in vain
			if i == 1 {
				w.wantState(t, bobs, cdds.RunFinished)
			}
		}
	})
}

// TestAFullStorageIsRefused follows a tenant from an empty storage over one
// that is too small for a run to one that is full.
func TestAFullStorageIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		room := func(bytes int64) { w.limit(t, func(tenant *cdds.Tenant) { tenant.Limits.Storage = bytes }) }
		do := func() string {
			run := w.everything(t)
			noError(t, w.Do(t.Context(), run.ID, 1))
			return run.ID
		}
		room(10_000)
		w.wantFailure(t, do(), cdds.CodeConflict, "storage of 9.8 KiB is used up")
		equal(t, "stored after a run that did not fit", len(w.objects(t)), 0)

		room(1 << 30)
		first := w.wantState(t, do(), cdds.RunFinished)
		kept := w.objects(t)
		room(first.Bytes + 10_000)
		w.wantFailure(t, do(), cdds.CodeConflict, "is used up")
		equal(t, "stored after a second that did not fit", w.objects(t), kept)

		room(first.Bytes)
		reads := w.source.readCount()
		w.wantFailure(t, do(), cdds.CodeConflict, "is used up")
		equal(t, "reads for a storage that is full", w.source.readCount()-reads, 0)

		room(2 * first.Bytes)
		w.wantState(t, do(), cdds.RunFinished)
	})
}

// TestTwoRunsDoNotShareOneRoom has two runs of a tenant at work, each of which
// fits: the second to end does not fit any more, and leaves nothing behind.
func TestTwoRunsDoNotShareOneRoom(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		one := w.everything(t)
		noError(t, w.Do(t.Context(), one.ID, 1))
		size := w.wantState(t, one.ID, cdds.RunFinished).Bytes
		w.limit(t, func(tenant *cdds.Tenant) { tenant.Limits.Storage = 2*size + size/2 })

		both := make(chan struct{}, 2)
		gate := make(chan struct{})
		w.source.beforeReads(func(ctx context.Context) error {
			select {
			case both <- struct{}{}:
			default:
			}
			<-gate
			return nil
		})
		runs := []cdds.Run{w.everything(t), w.everything(t)}
		done := make(chan error, len(runs))
		for _, run := range runs {
			go func() { done <- w.Do(context.WithoutCancel(t.Context()), run.ID, 1) }()
		}
		for range runs {
			await(t, "both read", both)
		}
		close(gate)
		for range runs {
			noError(t, await(t, "the end of both", done))
		}
		states := map[cdds.RunState]int{}
		for _, run := range runs {
			state := w.run(t, run.ID).State
			states[state]++
			if state == cdds.RunFailed {
				w.wantFailure(t, run.ID, cdds.CodeConflict, "is used up")
			}
		}
		equal(t, "states", states, map[cdds.RunState]int{cdds.RunFinished: 1, cdds.RunFailed: 1})
		equal(t, "stored files", len(w.objects(t)), 2)
	})
}

// TestATenantKeepsItsOwnTime gives new artifacts the tenant's retention.
func TestATenantKeepsItsOwnTime(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for days, want := range map[int]time.Duration{0: 24 * time.Hour, 7: 7 * 24 * time.Hour} {
			w.limit(t, func(tenant *cdds.Tenant) { tenant.Limits.RetentionDays = days })
			run := w.everything(t)
			noError(t, w.Do(t.Context(), run.ID, 1))
			files, err := w.st.ArtifactsOfRun(t.Context(), run.ID)
			noError(t, err)
			equal(t, "kept until", files[0].ExpiresAt, at(want))
		}
	})
}

// TestASourceThatIsNotSetFailsAtOnce names a source that the settings lack.
func TestASourceThatIsNotSetFailsAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.limit(t, func(tenant *cdds.Tenant) { tenant.Source = "acme-history" })
		run := w.everything(t)
		noError(t, w.Do(t.Context(), run.ID, 1))
		w.wantFailure(t, run.ID, cdds.CodeInvalid, `no source named "acme-history"`)
		equal(t, "reads", w.source.readCount(), 0)
	})
}

// TestStoredPartsTakeRoom counts the parts that an earlier attempt has stored:
// the next one has no more room than is left, and nothing stays in the end.
func TestStoredPartsTakeRoom(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		run := w.large(t)
		w.limit(t, func(tenant *cdds.Tenant) { tenant.Limits.Storage = 5 * 64 << 10 / 2 }) // two parts and a half
		w.failWhenKept(run.ID, 2, errGone)
		noError(t, w.Do(t.Context(), run.ID, 1))
		w.wantState(t, run.ID, cdds.RunInProgress)
		equal(t, "kept parts", len(w.kept(t, run.ID)), 2)
		w.source.beforeReads(nil)
		noError(t, w.Do(t.Context(), run.ID, 2))
		failed := w.wantState(t, run.ID, cdds.RunFailed)
		equal(t, "reason", failed.Failure.Message, "The tenant's storage of 160 KiB is used up.")
		equal(t, "stored", len(w.objects(t)), 0)
	})
}
