package control_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"cdds"
	"cdds/control"
	"cdds/store"
)

func TestCancelRetryDeleteRun(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		job := w.create(t, spec())
		first := got(w.StartRun(ctx, w.ann, job.ID, control.Once{}, now))(t)
		second := got(w.StartRun(ctx, w.ann, job.ID, control.Once{}, at(time.Second)))(t)
		w.begin(t, first, 1)
		wantCode(t, "delete a run in progress", w.DeleteRun(ctx, w.ann, first.ID, now), cdds.CodeConflict)
		_, err := w.RetryRun(ctx, w.ann, first.ID, control.Once{}, now)
		wantCode(t, "retry a run in progress", err, cdds.CodeConflict)
		canceled := got(w.CancelRun(ctx, w.ann, first.ID, at(time.Second)))(t)
		equal(t, "state", canceled.State, cdds.RunCanceled)
		equal(t, "tasks of the run that waited", w.tasks(t, second.ID, 1), 2)
		_, err = w.CancelRun(ctx, w.ann, first.ID, now)
		wantCode(t, "cancel twice", err, cdds.CodeConflict)

		again := got(w.RetryRun(ctx, w.ann, first.ID, control.Once{Key: "k", Request: "r"}, at(time.Hour)))(t)
		equal(t, "linked", again.RetryOf, first.ID)
		equal(t, "window", again.Window, first.Window)
		equal(t, "trigger", again.Trigger, cdds.TriggerRetry)
		equal(t, "tasks", w.tasks(t, again.ID, 1), 1)
		equal(t, "repeated", got(w.RetryRun(ctx, w.ann, first.ID, control.Once{Key: "k", Request: "r"}, at(time.Hour)))(t).ID, again.ID)
		wantCode(t, "delete a queued run", w.DeleteRun(ctx, w.ann, again.ID, now), cdds.CodeConflict)

		a := w.finish(t, again)
		_, err = w.RetryRun(ctx, w.ann, again.ID, control.Once{}, now)
		wantCode(t, "retry a finished run", err, cdds.CodeConflict)
		noError(t, w.DeleteRun(ctx, w.ann, again.ID, now))
		equal(t, "its bytes are there", w.has(t, a.Key), false)
		_, err = w.st.Run(ctx, job.TenantID, again.ID)
		wantCode(t, "look at a deleted run", err, cdds.CodeNotFound)
	})
}

// TestTheEndOfARunLooksAhead ends a run a moment before the next one is due.
// The task of that one may have been dropped already, by a clock that is ahead.
func TestTheEndOfARunLooksAhead(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.create(t, spec())
		first := got(w.StartRun(t.Context(), w.ann, job.ID, control.Once{}, now))(t)
		soon := got(w.StartRun(t.Context(), w.ann, job.ID, control.Once{}, at(2*time.Millisecond)))(t)
		w.begin(t, first, 1)
		got(w.CancelRun(t.Context(), w.ann, first.ID, at(time.Millisecond)))(t)
		equal(t, "tasks of the next run", w.tasks(t, soon.ID, 1), 2)

		settling := spec()
		settling.SettlingMinutes = 60
		slow := w.create(t, settling)
		one := got(w.StartRun(t.Context(), w.ann, slow.ID, control.Once{}, now))(t)
		two := got(w.StartRun(t.Context(), w.ann, slow.ID, control.Once{}, at(time.Second)))(t)
		got(w.CancelRun(t.Context(), w.ann, one.ID, at(time.Minute)))(t)
		equal(t, "tasks of a run that still settles", w.tasks(t, two.ID, 1), 1)
	})
}

// TestManySchedulers starts the same occurrences from several nodes at once.
func TestManySchedulers(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.create(t, spec())
		for hour := 1; hour <= 3; hour++ {
			due := got(w.st.Job(t.Context(), job.TenantID, job.ID))(t)
			var group sync.WaitGroup
			mine, errs := make([]bool, 4), make([]error, 4)
			for i := range mine {
				group.Go(func() { mine[i], errs[i] = w.StartDue(t.Context(), due, at(time.Duration(hour)*time.Hour)) })
			}
			group.Wait()
			started := 0
			for i := range mine {
				noError(t, errs[i])
				if mine[i] {
					started++
				}
			}
			equal(t, "nodes that started the occurrence", started, 1)
			equal(t, "runs", len(w.runs(t, job.ID)), hour)
		}
	})
}

func TestMissedOccurrences(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.create(t, spec())
		equal(t, "started", got(w.StartDue(t.Context(), job, at(40*time.Hour)))(t), true)
		runs := w.runs(t, job.ID)
		equal(t, "runs", len(runs), 40)
		for i, run := range runs {
			want, tasks := cdds.RunQueued, 1
			if i < 9 {
				want, tasks = cdds.RunFailed, 0
			}
			equal(t, "state", run.State, want)
			equal(t, "tasks", w.tasks(t, run.ID, 1), tasks)
			equal(t, "window", run.Window, cdds.Window{Start: at(time.Duration(i) * time.Hour), End: at(time.Duration(i+1) * time.Hour)})
		}
		equal(t, "reason", runs[0].Failure.Message, "This occurrence was missed while the service was down.")
		again := got(w.RetryRun(t.Context(), w.ann, runs[0].ID, control.Once{}, at(41*time.Hour)))(t)
		equal(t, "window of the retry", again.Window, runs[0].Window)

		since := spec()
		since.Timeframe = cdds.Timeframe{Kind: cdds.FrameSinceLast}
		merged := w.create(t, since)
		got(w.StartDue(t.Context(), merged, at(40*time.Hour)))(t)
		equal(t, "the one run's instant", w.oneRun(t, merged.ID).ScheduledFor, at(40*time.Hour))
	})
}

// TestAClockThatIsBehind edits a job, with the clock of another node, just
// after its occurrence was started: it is due again, and does not run twice.
func TestAClockThatIsBehind(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.create(t, spec())
		got(w.StartDue(t.Context(), job, at(time.Hour)))(t)
		job = got(w.EditJob(t.Context(), w.ann, job.ID, spec(), at(time.Hour-time.Millisecond)))(t)
		equal(t, "due again", job.NextStartsAt, at(time.Hour))
		equal(t, "started", got(w.StartDue(t.Context(), job, at(2*time.Hour)))(t), true)
		var starts []time.Time
		for _, run := range w.runs(t, job.ID) {
			starts = append(starts, run.ScheduledFor)
		}
		equal(t, "occurrences", starts, []time.Time{at(time.Hour), at(2 * time.Hour)})
		equal(t, "next start", got(w.st.Job(t.Context(), job.TenantID, job.ID))(t).NextStartsAt, at(3*time.Hour))
	})
}

// TestAChangeDropsNoOccurrence edits and suspends jobs after an instant at which
// they were due and before the scheduler has looked.
func TestAChangeDropsNoOccurrence(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		edited, suspended := w.create(t, spec()), w.create(t, spec())
		changed := spec()
		changed.Title = "Changed"
		after := got(w.EditJob(t.Context(), w.ann, edited.ID, changed, at(61*time.Minute)))(t)
		equal(t, "next start", after.NextStartsAt, at(2*time.Hour))
		got(w.SuspendJob(t.Context(), w.ann, suspended.ID, at(61*time.Minute)))(t)
		for _, id := range []string{edited.ID, suspended.ID} {
			run := w.oneRun(t, id)
			equal(t, "the run's instant", run.ScheduledFor, at(time.Hour))
			equal(t, "the run's job", run.Spec.Title, spec().Title)
		}
	})
}

func TestAOneTimeJobIsSuspendedByItsStart(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.create(t, onceSpec(at(time.Hour)))
		equal(t, "due too early", got(w.StartDue(t.Context(), job, at(59*time.Minute)))(t), false)
		equal(t, "due", got(w.StartDue(t.Context(), job, at(61*time.Minute)))(t), true)
		equal(t, "the run's instant", w.oneRun(t, job.ID).ScheduledFor, at(time.Hour))
		after := got(w.st.Job(t.Context(), job.TenantID, job.ID))(t)
		equal(t, "state", after.State, cdds.JobSuspended)
		equal(t, "due again", got(w.StartDue(t.Context(), after, at(2*time.Hour)))(t), false)
	})
}

// TestTakeBack loses the worker of each attempt.
func TestTakeBack(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		job := w.create(t, spec())
		run := got(w.StartRun(ctx, w.ann, job.ID, control.Once{}, now))(t)
		waiting := got(w.StartRun(ctx, w.ann, job.ID, control.Once{}, at(time.Second)))(t)
		for attempt := 1; attempt <= cdds.MaxAttempts; attempt++ {
			w.begin(t, run, attempt)
			lost := got(w.st.RunByID(ctx, run.ID))(t)
			equal(t, "taken", got(w.TakeBack(ctx, lost, "The worker is gone.", at(time.Minute)))(t), true)
			equal(t, "taken twice", got(w.TakeBack(ctx, lost, "The worker is gone.", at(time.Minute)))(t), false)
			next := 1
			if attempt == cdds.MaxAttempts {
				next = 0
			}
			equal(t, "tasks of the next attempt", w.tasks(t, run.ID, attempt+1), next)
		}
		failed := got(w.st.RunByID(ctx, run.ID))(t)
		equal(t, "state", failed.State, cdds.RunFailed)
		equal(t, "failure", failed.Failure.Message, "The worker is gone.")
		attempts := got(w.st.Attempts(ctx, run.ID))(t)
		equal(t, "attempts", len(attempts), cdds.MaxAttempts)
		for _, a := range attempts {
			equal(t, "error of the attempt", a.Error, "The worker is gone.")
		}
		equal(t, "tasks of the run that waited", w.tasks(t, waiting.ID, 1), 2)
	})
}

// TestAnAttemptThatNobodyBeganIsNoFault takes a run back that waited for its
// next attempt while the service was down for long.
func TestAnAttemptThatNobodyBeganIsNoFault(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		run := got(w.StartRun(ctx, w.ann, w.create(t, spec()).ID, control.Once{}, now))(t)
		w.begin(t, run, 1)
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.NextAttempt(ctx, store.Retry{RunID: run.ID, Attempt: 1, Error: "The service was stopped.", Now: now, LeaseUntil: at(time.Minute)})
			return err
		})
		for attempt := 2; attempt <= 6; attempt++ {
			lost := got(w.st.UnbegunRuns(ctx, at(time.Duration(attempt)*time.Hour), 10))(t)
			equal(t, "lost runs", len(lost), 1)
			equal(t, "taken", got(w.TakeBack(ctx, lost[0], "The worker is gone.", at(time.Duration(attempt)*time.Hour)))(t), true)
			equal(t, "tasks", w.tasks(t, run.ID, attempt+1), 1)
		}
		equal(t, "faults", got(w.st.RunByID(ctx, run.ID))(t).Faults, 0)
	})
}

// loseTasks empties the queue, as a database does that fails at the moment a
// worker takes a task.
func (w *world) loseTasks(t testing.TB) {
	t.Helper()
	_, err := w.st.DB().Exec(`DELETE FROM river_job`)
	noError(t, err)
}

// TestTakeUnbegun: a run whose next attempt waits in the queue waits on, and one
// whose task was lost is enqueued again.
func TestTakeUnbegun(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		run := got(w.StartRun(ctx, w.ann, w.create(t, spec()).ID, control.Once{}, now))(t)
		w.begin(t, run, 1)
		got(w.TakeBack(ctx, got(w.st.RunByID(ctx, run.ID))(t), "The worker is gone.", now))(t)
		take := func(when time.Duration) int { return got(w.TakeUnbegun(ctx, at(when), 10))(t) }
		equal(t, "in time", take(time.Minute), 0)
		equal(t, "behind others in the queue", take(2*time.Minute), 0)
		w.loseTasks(t)
		equal(t, "soon after it was put off", take(150*time.Second), 0)
		equal(t, "its task was lost", take(4*time.Minute), 1)
		equal(t, "tasks", w.tasks(t, run.ID, 3), 1)
		equal(t, "faults", got(w.st.RunByID(ctx, run.ID))(t).Faults, 1)
	})
}

func TestNudge(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.create(t, spec())
		first := got(w.StartRun(t.Context(), w.ann, job.ID, control.Once{}, now))(t)
		second := got(w.StartRun(t.Context(), w.ann, job.ID, control.Once{}, at(time.Second)))(t)
		equal(t, "nudged while its task waits", got(w.Nudge(t.Context(), at(time.Hour), 10))(t).Enqueued, 0)
		w.loseTasks(t)
		equal(t, "nudged early", got(w.Nudge(t.Context(), at(time.Hour+59*time.Second), 10))(t).Enqueued, 0)
		equal(t, "nudged", got(w.Nudge(t.Context(), at(time.Hour+61*time.Second), 10))(t).Enqueued, 1)
		equal(t, "nudged twice", got(w.Nudge(t.Context(), at(time.Hour+61*time.Second), 10))(t).Enqueued, 0)
		equal(t, "tasks", w.tasks(t, first.ID, 1), 1)
		w.begin(t, first, 1)
		w.loseTasks(t)
		equal(t, "nudged behind a run in progress", got(w.Nudge(t.Context(), at(3*time.Hour), 10))(t).Enqueued, 0)
		equal(t, "tasks of the run that waits", w.tasks(t, second.ID, 1), 0)
	})
}
