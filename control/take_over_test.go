package control_test

import (
	"testing"
	"time"

	"cdds"
	"cdds/control"
)

// leaver is an administrator with three jobs: one with a run of each kind that
// matters, one whose occurrence is due, and one that is deleted.
func (w *world) leaver(t testing.TB) (control.Caller, map[string]cdds.Run, cdds.Job) {
	t.Helper()
	ctx := t.Context()
	leaver := w.member(t, "leaver", cdds.RoleAdministrator)
	_, err := w.ImportCertificate(ctx, leaver, testCertificate(t), now)
	noError(t, err)
	create := func() cdds.Job { return got(w.CreateJob(ctx, leaver, spec(), control.Once{}, now))(t) }
	start := func(job cdds.Job, after time.Duration) cdds.Run {
		return got(w.StartRun(ctx, leaver, job.ID, control.Once{}, at(after)))(t)
	}
	job, due, deleted := create(), create(), create()
	runs := map[string]cdds.Run{"finished": start(job, 0), "failed": start(job, time.Second), "of a deleted job": start(deleted, 0)}
	w.finish(t, runs["finished"])
	for _, name := range []string{"failed", "of a deleted job"} {
		got(w.CancelRun(ctx, leaver, runs[name].ID, now))(t)
	}
	runs["in progress"], runs["queued"] = start(job, 2*time.Second), start(job, 3*time.Second)
	w.begin(t, runs["in progress"], 1)
	noError(t, w.DeleteJob(ctx, leaver, deleted.ID, now))
	return leaver, runs, due
}

func TestTakeOver(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		leaver, runs, due := w.leaver(t)
		_, err := w.TakeOver(ctx, w.ann, leaver.User.ID, now)
		wantCode(t, "of an active user", err, cdds.CodeConflict)
		_, err = w.DeactivateUser(ctx, w.ann, leaver.User.ID, now)
		noError(t, err)
		_, err = w.StartRun(ctx, w.ann, due.ID, control.Once{}, now)
		wantCode(t, "start a run for who is deactivated", err, cdds.CodeConflict)
		_, err = w.RetryRun(ctx, w.ann, runs["failed"].ID, control.Once{}, now)
		wantCode(t, "retry a run for who is deactivated", err, cdds.CodeConflict)
		bare := w.member(t, "bare", cdds.RoleAdministrator)
		_, err = w.TakeOver(ctx, bare, leaver.User.ID, now)
		wantCode(t, "without a certificate", err, cdds.CodeConflict)
		_, err = w.TakeOver(ctx, w.bob, leaver.User.ID, now)
		wantCode(t, "by another tenant", err, cdds.CodeNotFound)

		equal(t, "jobs", got(w.TakeOver(ctx, w.ann, leaver.User.ID, at(time.Hour)))(t), 2)
		for name, owner := range map[string]control.Caller{"finished": leaver, "failed": leaver, "of a deleted job": leaver, "in progress": w.ann, "queued": w.ann} {
			equal(t, "owner of the run that is "+name, got(w.st.RunByID(ctx, runs[name].ID))(t).OwnerID, owner.User.ID)
		}
		equal(t, "owner of the job", got(w.st.Job(ctx, due.TenantID, due.ID))(t).OwnerID, w.ann.User.ID)
		equal(t, "owner of the occurrence that was due", w.oneRun(t, due.ID).OwnerID, w.ann.User.ID)
		equal(t, "audit log", w.auditDetails(t, "user.take_over", leaver.User.ID), []string{"ann: 2 jobs of leaver"})
		equal(t, "audit log of the job", w.auditDetails(t, "job.take_over", due.ID), []string{"ann: "})
		equal(t, "nothing is left", got(w.TakeOver(ctx, w.ann, leaver.User.ID, at(time.Hour)))(t), 0)

		again := got(w.RetryRun(ctx, w.ann, runs["failed"].ID, control.Once{}, at(time.Hour)))(t)
		equal(t, "owner of a retry", again.OwnerID, w.ann.User.ID)
		_, err = w.RetryRun(ctx, w.ann, runs["of a deleted job"].ID, control.Once{}, at(time.Hour))
		wantCode(t, "retry a run of a deleted job", err, cdds.CodeConflict)
	})
}
