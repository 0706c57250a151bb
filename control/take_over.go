package control

import (
	"context"
	"strconv"
	"time"

	"cdds"
	"cdds/store"
)

// TakeOver makes the caller the owner of a deactivated user's jobs and of their
// runs that have not ended, and returns how many jobs it were. Their runs are
// encrypted to the caller's certificate from then on, so the caller needs one;
// an attempt that is under way ends as it began. CodeConflict while the user is
// active.
func (c *Control) TakeOver(ctx context.Context, by Caller, userID string, now time.Time) (int, error) {
	taken := 0
	err := c.store.InTx(ctx, func(tx *store.Tx) error {
		taken = 0
		if err := tx.LockUsers(ctx, by.User.TenantID); err != nil {
			return err
		}
		from, err := tx.UserRow(ctx, by.User.TenantID, userID)
		if err != nil {
			return err
		}
		if from.Active {
			return cdds.Conflict("The user is active, so the jobs stay theirs.", "Deactivate the user first.")
		}
		jobs, err := tx.JobsOf(ctx, by.User.TenantID, userID)
		if err != nil || len(jobs) == 0 {
			return err
		}
		if err := mayOwn(ctx, tx, by, now); err != nil {
			return err
		}
		for _, job := range jobs {
			if err := c.takeOver(ctx, tx, by, job.ID, now); err != nil {
				return err
			}
		}
		taken = len(jobs)
		return audit(ctx, tx, by, "user.take_over", userID, strconv.Itoa(taken)+" jobs of "+from.Username, now)
	})
	return taken, err
}

// takeOver makes the caller the owner of one job. Occurrences that are due get
// their runs before, which change hands with the job: none is born later with
// the owner from before.
func (c *Control) takeOver(ctx context.Context, tx *store.Tx, by Caller, jobID string, now time.Time) error {
	_, err := c.changeJobWithin(ctx, tx, by, jobID, "job.take_over", now, func(_ *store.Tx, job cdds.Job) (cdds.Job, error) {
		job.OwnerID, job.UpdatedAt = by.User.ID, now
		return job, nil
	})
	if err != nil {
		return err
	}
	return tx.GiveRuns(ctx, jobID, by.User.ID)
}

// mayOwn refuses a new owner whose runs would fail.
func mayOwn(ctx context.Context, tx *store.Tx, by Caller, now time.Time) error {
	err := requireCertificate(ctx, tx, by.User.ID, now)
	if cdds.CodeOf(err) != cdds.CodeConflict {
		return err
	}
	return &cdds.Error{
		Code: cdds.CodeConflict, Message: "You have no certificate that is valid now, and what runs from then on is encrypted to yours.",
		Hint: "Import one under User preferences first, then take the jobs over.",
	}
}
