package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

// together calls do n times at once and waits for all.
func together(t *testing.T, n int, do func(i int) error) {
	t.Helper()
	var group sync.WaitGroup
	start := make(chan struct{})
	errs := make([]error, n)
	for i := range n {
		group.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	group.Wait()
	noError(t, errors.Join(errs...))
}

func TestOneOfManyClaimsAnOccurrence(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		var winners atomic.Int64
		together(t, 16, func(i int) error {
			var mine bool
			err := w.tryTx(func(ctx context.Context, tx *store.Tx) (err error) {
				mine, err = tx.ClaimOccurrence(ctx, "job-1", job.NextStartsAt, at(5*time.Hour), false, now)
				if err != nil || !mine {
					return err
				}
				run := w.run(job, fmt.Sprintf("run-%d", i), job.NextStartsAt)
				run.Trigger = cdds.TriggerSchedule
				return tx.InsertRun(ctx, run)
			})
			if mine {
				winners.Add(1)
			}
			return err
		})
		equal(t, "winners", winners.Load(), 1)
		equal(t, "runs", got(w.st.ActiveRuns(t.Context(), "job-1"))(t), 1)
	})
}

func TestOneOfManyStartsAnAttempt(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		runs := []cdds.Run{w.addRun(t, w.run(job, "run-1", now)), w.addRun(t, w.run(job, "run-2", now))}
		var winners atomic.Int64
		together(t, 16, func(i int) error {
			run := runs[i%2]
			var mine bool
			err := w.tryTx(func(ctx context.Context, tx *store.Tx) (err error) {
				if _, err := tx.RunByID(ctx, run.ID); err != nil {
					return err
				}
				mine, err = tx.StartAttempt(ctx, store.Start{RunID: run.ID, Attempt: 1, Node: fmt.Sprint("node-", i), Window: run.Window, Now: now})
				return err
			})
			if mine {
				winners.Add(1)
			}
			return err
		})
		equal(t, "winners", winners.Load(), 1)
		equal(t, "attempts", len(got(w.st.Attempts(t.Context(), "run-1"))(t)), 1)
	})
}

// TestAStartSeesTheEndOfTheRunBefore lets the second run of a job start at the
// moment at which the first one ends. Whoever is let to start must have read
// the first one's window as finished; else two windows would overlap.
func TestAStartSeesTheEndOfTheRunBefore(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for i := range 20 {
			job := w.addJob(t, w.job(w.alpha, fmt.Sprint("job-", i)))
			first := w.addRun(t, w.run(job, fmt.Sprint("first-", i), now))
			second := w.addRun(t, w.run(job, fmt.Sprint("second-", i), at(time.Minute)))
			w.start(t, first, 1)
			var mine bool
			var end time.Time
			together(t, 2, func(side int) error {
				return w.tryTx(func(ctx context.Context, tx *store.Tx) (err error) {
					if side == 0 {
						_, err = tx.Finish(ctx, store.Outcome{RunID: first.ID, Attempt: 1, State: cdds.RunFinished, Now: at(time.Minute)})
						return err
					}
					if end, err = tx.LastWindowEnd(ctx, job.ID); err != nil {
						return err
					}
					mine, err = tx.StartAttempt(ctx, store.Start{RunID: second.ID, Attempt: 1, Node: "n", Window: second.Window, Now: at(time.Minute)})
					return err
				})
			})
			if mine && !end.Equal(first.Window.End) {
				t.Fatalf("the second run started, but saw the last window end at %s", end)
			}
		}
	})
}

// TestNoRunIsBornWhileAnotherEnds looks for the next run at the end of one and
// lets a run be born just after: it would be told to wait and then be seen by
// nobody. It has to wait for the end's transaction instead.
func TestNoRunIsBornWhileAnotherEnds(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		for name, end := range map[string]func(context.Context, *store.Tx, string) (bool, error){
			"finish": func(ctx context.Context, tx *store.Tx, id string) (bool, error) {
				return tx.Finish(ctx, store.Outcome{RunID: id, Attempt: 1, State: cdds.RunFinished, Now: now})
			},
			"cancel": func(ctx context.Context, tx *store.Tx, id string) (bool, error) {
				return tx.Cancel(ctx, "tenant-a", id, now)
			},
		} {
			run := w.addRun(t, w.run(job, name, now))
			equal(t, "start", w.start(t, run, 1), true)
			w.tx(t, func(ctx context.Context, tx *store.Tx) error {
				ended, err := end(ctx, tx, name)
				noError(t, err)
				equal(t, "ended", ended, true)
				_, err = tx.NextQueuedRun(ctx, "job-1", now)
				wantCode(t, err, cdds.CodeNotFound)
				short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
				wantCode(t, w.st.InTx(short, func(other *store.Tx) error { return other.InsertRun(short, w.run(job, "late", now)) }), cdds.CodeUnavailable)
				return nil
			})
		}
		w.addRun(t, w.run(job, "late", now))
	})
}

func TestLockJobSerialises(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.addJob(t, w.job(w.alpha, "job-1"))
		const each, many = 5, 8
		together(t, many, func(int) error {
			for range each {
				err := w.tryTx(func(ctx context.Context, tx *store.Tx) error {
					job, err := tx.LockJob(ctx, "tenant-a", "job-1")
					if err != nil {
						return err
					}
					job.Spec.SettlingMinutes++ // read, then written: lost without the lock
					return tx.UpdateJob(ctx, job)
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		equal(t, "increments", got(w.st.Job(t.Context(), "tenant-a", "job-1"))(t).Spec.SettlingMinutes, each*many)
	})
}

// TestDeleteAndStartMeet lets a job be deleted while a run of it is started by
// hand, as control does both.
func TestDeleteAndStartMeet(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for i := range 20 {
			job := w.addJob(t, w.job(w.alpha, fmt.Sprint("job-", i)))
			var deleted, started bool
			together(t, 2, func(side int) error {
				if side == 0 {
					return w.tryTx(func(ctx context.Context, tx *store.Tx) (err error) {
						deleted, err = deleteJob(ctx, tx, job.ID)
						return err
					})
				}
				return w.tryTx(func(ctx context.Context, tx *store.Tx) error {
					_, err := tx.LockJob(ctx, "tenant-a", job.ID)
					if started = err == nil; !started {
						return ignoreMissing(err)
					}
					return tx.InsertRun(ctx, w.run(job, fmt.Sprint("run-", i), now))
				})
			})
			if deleted == started {
				t.Fatalf("deleted is %t and started is %t", deleted, started)
			}
		}
	})
}

// deleteJob marks a job as deleted unless a run of it is active.
func deleteJob(ctx context.Context, tx *store.Tx, id string) (bool, error) {
	job, err := tx.LockJob(ctx, "tenant-a", id)
	if err != nil {
		return false, err
	}
	active, err := tx.ActiveRuns(ctx, id)
	if err != nil || active > 0 {
		return false, err
	}
	job.DeletedAt = now
	return true, tx.UpdateJob(ctx, job)
}

// ignoreMissing lets "not found" pass.
func ignoreMissing(err error) error {
	if cdds.CodeOf(err) == cdds.CodeNotFound {
		return nil
	}
	return err
}

// TestManyWritersAndReaders mixes transactions that read first and write later
// with heartbeats and lists: nobody may meet "database is locked".
func TestManyWritersAndReaders(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		const many, each = 8, 10
		var runs []cdds.Run
		for i := range many {
			run := w.addRun(t, w.run(w.addJob(t, w.job(w.alpha, fmt.Sprint("job-", i))), fmt.Sprint("run-", i), now))
			w.start(t, run, 1)
			runs = append(runs, run)
		}
		together(t, 3*many, func(i int) error {
			run := runs[i%many]
			for n := range each {
				var err error
				switch i / many {
				case 0:
					_, err = w.st.Heartbeat(t.Context(), run.ID, 1, cdds.Progress{Records: int64(n)}, at(time.Duration(n)))
				case 1:
					err = w.tryTx(func(ctx context.Context, tx *store.Tx) error {
						job, err := tx.Job(ctx, "tenant-a", run.JobID)
						if err != nil {
							return err
						}
						return tx.UpdateJob(ctx, job)
					})
				default:
					_, err = w.st.Jobs(t.Context(), store.JobQuery{TenantID: "tenant-a"})
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// TestTwoProcessesOnOneFile opens one SQLite file twice, as "cdds user add"
// does beside the service.
func TestTwoProcessesOnOneFile(t *testing.T) {
	t.Parallel()
	dsn := newDSN(t, store.SQLite)
	first := openStore(t, dsn)
	noError(t, first.Migrate(t.Context()))
	w := newWorld(t, first)
	second := &world{st: openStore(t, dsn), alpha: w.alpha, beta: w.beta}
	held, err := first.DB().Begin()
	noError(t, err)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = second.st.InTx(short, func(*store.Tx) error { return nil })
	wantCode(t, err, cdds.CodeUnavailable) // a transaction takes the write lock when it begins, or it may lose it later
	noError(t, held.Rollback())
	together(t, 8, func(i int) error {
		for n := range 10 {
			side := []*world{w, second}[i%2]
			err := side.tryTx(func(ctx context.Context, tx *store.Tx) error {
				if _, err := tx.Users(ctx, ""); err != nil {
					return err
				}
				return tx.InsertUser(ctx, cdds.User{ID: fmt.Sprint(i, "-", n), TenantID: "tenant-a", Username: fmt.Sprint(i, "-", n), CreatedAt: now})
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	equal(t, "users", len(got(second.st.Users(t.Context(), "tenant-a"))(t)), 81)
}
