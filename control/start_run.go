package control

import (
	"context"
	"time"

	"cdds"
	"cdds/queue"
	"cdds/store"
)

// StartRun runs a recurring job once, now, beside its schedule. A one-time job
// gives CodeConflict: it runs once, and a clone of it runs again.
func (c *Control) StartRun(ctx context.Context, by Caller, jobID string, once Once, now time.Time) (cdds.Run, error) {
	madeID, err := c.created(ctx, by, once, func(tx *store.Tx) (string, error) {
		job, err := tx.LockJob(ctx, by.User.TenantID, jobID)
		if err != nil {
			return "", err
		}
		if job.Spec.Schedule.Kind == cdds.Once {
			return "", cdds.Conflict("This job runs once and cannot be started again.", "Clone the job, or retry its run if that failed.")
		}
		if err := requireCertificate(ctx, tx, job.OwnerID, now); err != nil {
			return "", err
		}
		run, err := c.addRun(ctx, tx, job, cdds.TriggerManual, now, now)
		if err != nil {
			return "", err
		}
		if err := remember(ctx, tx, by, once, run.ID, now); err != nil {
			return "", err
		}
		return run.ID, audit(ctx, tx, by, "run.start", run.ID, "job "+jobID, now)
	})
	if err != nil {
		return cdds.Run{}, err
	}
	return c.store.Run(ctx, by.User.TenantID, madeID)
}

// RetryRun repeats a failed or canceled run, or a finished one with damaged
// artifacts: a new run of the same frozen job and window, linked to the first. It
// is for the owner that the job has now.
func (c *Control) RetryRun(ctx context.Context, by Caller, runID string, once Once, now time.Time) (cdds.Run, error) {
	id, err := newID()
	if err != nil {
		return cdds.Run{}, err
	}
	madeID, err := c.created(ctx, by, once, func(tx *store.Tx) (string, error) {
		old, err := tx.Run(ctx, by.User.TenantID, runID)
		if err != nil {
			return "", err
		}
		run, err := old.Retry(id, now)
		if err != nil {
			return "", err
		}
		if run.OwnerID, err = currentOwner(ctx, tx, old); err != nil {
			return "", err
		}
		if err := requireCertificate(ctx, tx, run.OwnerID, now); err != nil {
			return "", err
		}
		if err := c.enqueueRun(ctx, tx, run); err != nil {
			return "", err
		}
		if err := remember(ctx, tx, by, once, run.ID, now); err != nil {
			return "", err
		}
		return run.ID, audit(ctx, tx, by, "run.retry", run.ID, "of "+runID, now)
	})
	if err != nil {
		return cdds.Run{}, err
	}
	return c.store.Run(ctx, by.User.TenantID, madeID)
}

// currentOwner is who owns the run's job now, after a take-over another one than
// the run had. A deleted job keeps the owner of the run.
func currentOwner(ctx context.Context, tx *store.Tx, run cdds.Run) (string, error) {
	job, err := tx.Job(ctx, run.TenantID, run.JobID)
	if cdds.CodeOf(err) == cdds.CodeNotFound {
		return run.OwnerID, nil
	}
	return job.OwnerID, err
}

// addRun makes a run of job for the given scheduled instant, with its queue
// task, inside tx.
func (c *Control) addRun(ctx context.Context, tx *store.Tx, job cdds.Job, trigger cdds.RunTrigger, scheduledFor, now time.Time) (cdds.Run, error) {
	run, err := newRun(job, trigger, scheduledFor, now)
	if err != nil {
		return cdds.Run{}, err
	}
	return run, c.enqueueRun(ctx, tx, run)
}

// newRun returns a queued run of job. Its window is frozen here, but for
// sinceLast: that one starts where the last finished run ended, which is known
// only when this run starts.
func newRun(job cdds.Job, trigger cdds.RunTrigger, scheduledFor, now time.Time) (cdds.Run, error) {
	id, err := newID()
	if err != nil {
		return cdds.Run{}, err
	}
	return cdds.Run{
		ID: id, TenantID: job.TenantID, JobID: job.ID, OwnerID: job.OwnerID, Spec: job.Spec,
		State: cdds.RunQueued, Trigger: trigger, ScheduledFor: scheduledFor,
		Window:       job.Spec.Window(scheduledFor, job.FirstStart, time.Time{}),
		WindowFrozen: job.Spec.Timeframe.Kind != cdds.FrameSinceLast,
		Attempt:      1, CreatedAt: now, UpdatedAt: now,
		Progress: cdds.Progress{TotalRecords: -1},
	}, nil
}

// enqueueRun inserts the run's row and its queue task, which are born together
// or not at all. The task waits for the settling delay. If another run of the
// job is in progress when the task comes up, or the tenant is at its limit, the
// task is dropped, and the end of that other run enqueues this one again.
func (c *Control) enqueueRun(ctx context.Context, tx *store.Tx, run cdds.Run) error {
	if err := c.insertQueued(ctx, tx, run); err != nil {
		return err
	}
	return c.queue.EnqueueAll(ctx, tx.SQL(), firstTasks([]cdds.Run{run}))
}

// insertQueued inserts a run's row, whose task is the caller's.
func (c *Control) insertQueued(ctx context.Context, tx *store.Tx, run cdds.Run) error {
	tx.OnCommit(c.probe.RunQueued)
	return tx.InsertRun(ctx, run)
}

// promoteAhead is how far ahead of its clock the end of a run looks for the
// next one. A task that came up while the run was in progress was dropped, and
// clocks differ and an end takes time to record: a run that is due only moments
// after now may have lost its task already.
const promoteAhead = 30 * time.Second

// promote enqueues the run that the end of another one, of a tenant and a job,
// lets start, if there is one. A second task for the same attempt does no harm:
// only one worker can start an attempt.
func (c *Control) promote(ctx context.Context, tx *store.Tx, tenantID, jobID string, now time.Time) error {
	run, err := tx.NextAfter(ctx, tenantID, jobID, now.Add(promoteAhead))
	if cdds.CodeOf(err) == cdds.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return c.queue.Enqueue(ctx, tx.SQL(), queue.Task{RunID: run.ID, Attempt: run.Attempt}, run.DueAt())
}
