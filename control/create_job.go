package control

import (
	"context"
	"time"

	"cdds"
	"cdds/store"
)

// CreateJob saves a new job of the caller and starts what is to start at once:
// the run of a one-time job without a start, or the extra run of "run now".
// It returns CodeInvalid with the broken fields, and CodeConflict when the
// caller has no valid certificate although a run is to come.
func (c *Control) CreateJob(ctx context.Context, by Caller, spec cdds.JobSpec, once Once, now time.Time) (cdds.Job, error) {
	id, err := newID()
	if err != nil {
		return cdds.Job{}, err
	}
	job, err := cdds.NewJob(id, by.User.TenantID, by.User.ID, spec, now)
	if err != nil {
		return cdds.Job{}, err
	}
	madeID, err := c.created(ctx, by, once, func(tx *store.Tx) (string, error) {
		if err := requireCertificate(ctx, tx, job.OwnerID, now); err != nil {
			return "", err
		}
		if err := tx.InsertJob(ctx, job); err != nil {
			return "", err
		}
		if startsAtOnce(spec) {
			if _, err := c.addRun(ctx, tx, job, cdds.TriggerManual, now, now); err != nil {
				return "", err
			}
		}
		if err := remember(ctx, tx, by, once, job.ID, now); err != nil {
			return "", err
		}
		return job.ID, audit(ctx, tx, by, "job.create", job.ID, "", now)
	})
	if err != nil {
		return cdds.Job{}, err
	}
	return c.store.Job(ctx, by.User.TenantID, madeID)
}

// startsAtOnce reports whether saving the job starts a run by itself.
func startsAtOnce(spec cdds.JobSpec) bool {
	if spec.Schedule.Kind == cdds.Once {
		return spec.Schedule.StartAt.IsZero()
	}
	return spec.Schedule.RunNow
}

// requireCertificate refuses to go on when the user, the owner of a job, has no
// usable certificate, or is deactivated: then each run of the job would fail.
func requireCertificate(ctx context.Context, r certificateReader, userID string, now time.Time) error {
	owner, err := r.User(ctx, userID)
	if err != nil {
		return err
	}
	if !owner.Active {
		return cdds.Conflict("The owner of the job is deactivated, so its runs fail.", "An administrator takes over the user's jobs under Administration > Users; the runs of a deleted job can be cloned.")
	}
	const hint = "Import an X.509 certificate (RSA, 2048 bits or more) under User preferences first."
	cert, err := r.Certificate(ctx, userID)
	if cdds.CodeOf(err) == cdds.CodeNotFound {
		return cdds.Conflict("The job's owner has no certificate, so nobody could read what it exports.", hint)
	}
	if err != nil {
		return err
	}
	if err := cert.Check(now); err != nil {
		return &cdds.Error{Code: cdds.CodeConflict, Message: "The certificate of the job's owner cannot be used.", Hint: hint, Err: err}
	}
	return nil
}

// certificateReader is the part of store.Reader that requireCertificate needs;
// both *store.Store and *store.Tx have it.
type certificateReader interface {
	User(ctx context.Context, id string) (cdds.User, error)
	Certificate(ctx context.Context, userID string) (cdds.Certificate, error)
}
