package store_test

import (
	"context"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

// TestQueueStateAndStock counts runs of both tenants in all states, and what is
// stored.
func TestQueueStateAndStock(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		empty, err := w.st.QueueState(ctx, now)
		noError(t, err)
		equal(t, "an empty queue", empty, store.QueueState{})
		stock, err := w.st.StorageStock(ctx)
		noError(t, err)
		equal(t, "an empty storage", stock, store.StorageStock{})

		job := w.addJob(t, w.job(w.alpha, "job-1"))
		finished := w.finishedRun(t, job, "run-1")
		early := w.run(job, "run-2", now)
		w.addRun(t, early)
		w.addRun(t, w.run(w.addJob(t, w.job(w.beta, "job-2")), "run-3", at(2*time.Hour)))
		state, err := w.st.QueueState(ctx, at(time.Hour))
		noError(t, err)
		equal(t, "the queue", state, store.QueueState{Queued: 2, Due: 1, OldestDue: early.DueAt()})

		end := at(100 * time.Hour)
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			return tx.PutCertificate(ctx, "tenant-a", "user-a", cdds.Certificate{DER: []byte{1}, NotAfter: end, NotBefore: now}, now)
		})
		escrow := w.addRecipient(t, w.alpha, "recipient-1")
		stock, err = w.st.StorageStock(ctx)
		noError(t, err)
		files, err := w.st.ArtifactsOfRun(ctx, finished.ID)
		noError(t, err)
		want := store.StorageStock{Artifacts: int64(len(files)), OwnersEnd: end, RecipientsEnd: escrow.Certificate.NotAfter}
		for _, a := range files {
			want.Bytes += a.Size
		}
		equal(t, "the stock", stock, want)
		if want.Bytes == 0 {
			t.Error("nothing is stored")
		}
	})
}

// TestOnCommit holds that what a transaction leaves for its end happens once,
// when it is committed, and not where it is rolled back.
func TestOnCommit(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		done := 0
		refused := cdds.Conflict("No.", "")
		err := w.tryTx(func(_ context.Context, tx *store.Tx) error {
			tx.OnCommit(func() { done++ })
			return refused
		})
		if cdds.CodeOf(err) != cdds.CodeConflict || done != 0 {
			t.Errorf("a transaction that was rolled back: %v, and %d calls", err, done)
		}
		w.tx(t, func(_ context.Context, tx *store.Tx) error {
			tx.OnCommit(func() { done++ })
			return nil
		})
		equal(t, "calls", done, 1)
	})
}

// TestClock asks the database for its time, which is this machine's.
func TestClock(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		noError(t, w.st.Ping(t.Context()))
		got, err := w.st.Clock(t.Context())
		noError(t, err)
		if off := time.Since(got).Abs(); off > time.Minute {
			t.Errorf("the database's clock is off by %s", off)
		}
	})
}

// TestQueueStateReadsSmallIndexes asks the database how it would count what has
// not ended, among many runs that have.
func TestQueueStateReadsSmallIndexes(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.fillUp(t)
		read := w.st.Recorded(func(query string, args []any) {
			for _, index := range []string{"runs_waiting", "runs_one_in_progress"} {
				checkPlan(t, w, "the state of the queue", index, query, args)
			}
		})
		state, err := read.QueueState(t.Context(), at(1000*time.Hour))
		noError(t, err)
		if state.Queued == 0 || state.Due != state.Queued {
			t.Errorf("the queue is %+v", state)
		}
	})
}
