package control

import (
	"context"
	"time"

	"cdds"
	"cdds/store"
)

// EditJob changes the future runs of a recurring job. Runs that exist keep
// their frozen copy. One-time jobs give CodeConflict: they are cloned instead.
func (c *Control) EditJob(ctx context.Context, by Caller, id string, spec cdds.JobSpec, now time.Time) (cdds.Job, error) {
	return c.changeJob(ctx, by, id, "job.edit", now, func(tx *store.Tx, job cdds.Job) (cdds.Job, error) {
		edited, err := job.Edit(spec, now)
		if err != nil {
			return job, err
		}
		if edited.State == cdds.JobActive || spec.Schedule.RunNow {
			if err := requireCertificate(ctx, tx, job.OwnerID, now); err != nil {
				return job, err
			}
		}
		if spec.Schedule.RunNow {
			if _, err := c.addRun(ctx, tx, edited, cdds.TriggerManual, now, now); err != nil {
				return job, err
			}
		}
		return edited, nil
	})
}

// SuspendJob makes no occurrence of the job due until it is resumed.
func (c *Control) SuspendJob(ctx context.Context, by Caller, id string, now time.Time) (cdds.Job, error) {
	return c.changeJob(ctx, by, id, "job.suspend", now, func(_ *store.Tx, job cdds.Job) (cdds.Job, error) {
		return job.Suspend(now)
	})
}

// ResumeJob makes the job's occurrences due again, from the next one on.
func (c *Control) ResumeJob(ctx context.Context, by Caller, id string, now time.Time) (cdds.Job, error) {
	return c.changeJob(ctx, by, id, "job.resume", now, func(tx *store.Tx, job cdds.Job) (cdds.Job, error) {
		resumed, err := job.Resume(now)
		if err != nil {
			return job, err
		}
		return resumed, requireCertificate(ctx, tx, job.OwnerID, now)
	})
}

// DeleteJob removes the job. Its runs stay in History, marked, and its
// artifacts stay until they expire. CodeConflict while a run is queued or in
// progress.
func (c *Control) DeleteJob(ctx context.Context, by Caller, id string, now time.Time) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error {
		job, err := tx.LockJob(ctx, by.User.TenantID, id)
		if err != nil {
			return err
		}
		active, err := tx.ActiveRuns(ctx, id)
		if err != nil {
			return err
		}
		deleted, err := job.Delete(active, now)
		if err != nil {
			return err
		}
		if err := tx.UpdateJob(ctx, deleted); err != nil {
			return err
		}
		return audit(ctx, tx, by, "job.delete", id, "", now)
	})
}

// changeJob applies a rule to a locked job and saves the result. What was due
// before is started first, as it was defined then: an edit or a suspension that
// comes between the instant and the scheduler's look at it drops no occurrence.
func (c *Control) changeJob(ctx context.Context, by Caller, id, action string, now time.Time,
	rule func(*store.Tx, cdds.Job) (cdds.Job, error),
) (cdds.Job, error) {
	var changed cdds.Job
	err := c.store.InTx(ctx, func(tx *store.Tx) error {
		var err error
		changed, err = c.changeJobWithin(ctx, tx, by, id, action, now, rule)
		return err
	})
	return changed, err
}

// changeJobWithin does the work of changeJob within a transaction.
func (c *Control) changeJobWithin(ctx context.Context, tx *store.Tx, by Caller, id, action string, now time.Time,
	rule func(*store.Tx, cdds.Job) (cdds.Job, error),
) (cdds.Job, error) {
	job, err := tx.LockJob(ctx, by.User.TenantID, id)
	if err != nil {
		return job, err
	}
	if _, err := c.startDue(ctx, tx, job, now); err != nil {
		return job, err
	}
	if job, err = tx.Job(ctx, by.User.TenantID, id); err != nil {
		return job, err
	}
	changed, err := rule(tx, job)
	if err != nil {
		return job, err
	}
	if err := tx.UpdateJob(ctx, changed); err != nil {
		return job, err
	}
	return changed, audit(ctx, tx, by, action, id, "", now)
}
