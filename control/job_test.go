package control_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"cdds"
	"cdds/control"
	"cdds/store"
)

func TestCreateJob(t *testing.T) {
	runNow := spec()
	runNow.Schedule.RunNow = true
	late := onceSpec(at(time.Hour))
	late.SettlingMinutes = 5
	cases := map[string]struct {
		spec  cdds.JobSpec
		state cdds.JobState
		next  time.Time
		runs  int
	}{
		"once, at once":      {onceSpec(time.Time{}), cdds.JobSuspended, time.Time{}, 1},
		"once, later":        {late, cdds.JobActive, at(time.Hour), 0},
		"recurring":          {spec(), cdds.JobActive, at(time.Hour), 0},
		"recurring, run now": {runNow, cdds.JobActive, at(time.Hour), 1},
	}
	onBoth(t, func(t *testing.T, w *world) {
		for name, c := range cases {
			job := w.create(t, c.spec)
			equal(t, name+": state", job.State, c.state)
			equal(t, name+": next start", job.NextStartsAt, c.next)
			equal(t, name+": run now is kept", job.Spec.Schedule.RunNow, false)
			runs := w.runs(t, job.ID)
			equal(t, name+": runs", len(runs), c.runs)
			for _, run := range runs {
				equal(t, name+": trigger", run.Trigger, cdds.TriggerManual)
				equal(t, name+": window", run.Window, cdds.Window{Start: at(-time.Hour), End: now})
				equal(t, name+": tasks", w.tasks(t, run.ID, 1), 1)
			}
		}
		broken := spec()
		broken.Title = ""
		_, err := w.CreateJob(t.Context(), w.ann, broken, control.Once{}, now)
		wantCode(t, "a job without a title", err, cdds.CodeInvalid)
		_, err = w.ResumeJob(t.Context(), w.ann, w.create(t, onceSpec(time.Time{})).ID, now)
		wantCode(t, "resume a one-time job that has run", err, cdds.CodeConflict)
	})
}

// TestAJobNeedsACertificate lets a certificate be missing and be over.
func TestAJobNeedsACertificate(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		refused := func(what string, by control.Caller, now time.Time) {
			t.Helper()
			_, err := w.CreateJob(t.Context(), by, spec(), control.Once{}, now)
			wantCode(t, what, err, cdds.CodeConflict)
		}
		refused("no certificate", w.bob, now)
		got(w.ImportCertificate(t.Context(), w.bob, certificate(t, 2015, 2021), now))(t)
		refused("an expired one", w.bob, now.AddDate(3, 0, 0))
		job := got(w.CreateJob(t.Context(), w.bob, spec(), control.Once{}, now))(t)
		noError(t, w.RemoveCertificate(t.Context(), w.bob, now))
		refused("a removed one", w.bob, now)
		_, err := w.StartRun(t.Context(), w.bob, job.ID, control.Once{}, now)
		wantCode(t, "start a run without one", err, cdds.CodeConflict)
		got(w.SuspendJob(t.Context(), w.bob, job.ID, now))(t)
		_, err = w.ResumeJob(t.Context(), w.bob, job.ID, now)
		wantCode(t, "resume without one", err, cdds.CodeConflict)
		wantCode(t, "remove it twice", w.RemoveCertificate(t.Context(), w.bob, now), cdds.CodeNotFound)
	})
}

func TestIdempotencyKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		once := control.Once{Key: "k", Request: "body 1"}
		first := got(w.CreateJob(t.Context(), w.ann, onceSpec(time.Time{}), once, now))(t)
		again := got(w.CreateJob(t.Context(), w.ann, onceSpec(time.Time{}), once, at(time.Minute)))(t)
		equal(t, "the second answer", again.ID, first.ID)
		w.oneRun(t, first.ID)
		_, err := w.CreateJob(t.Context(), w.ann, spec(), control.Once{Key: "k", Request: "body 2"}, now)
		wantCode(t, "the same key for another body", err, cdds.CodeConflict)
		carl := w.user(t, "carl", "Alpha", 0)
		got(w.ImportCertificate(t.Context(), carl, testCertificate(t), now))(t)
		if other := got(w.CreateJob(t.Context(), carl, spec(), once, now))(t); other.ID == first.ID {
			t.Fatal("a key of one user found the job of another")
		}
		job := w.create(t, spec())
		run := got(w.StartRun(t.Context(), w.ann, job.ID, control.Once{Key: "run", Request: "r"}, now))(t)
		equal(t, "the run", got(w.StartRun(t.Context(), w.ann, job.ID, control.Once{Key: "run", Request: "r"}, now))(t).ID, run.ID)
		noError(t, w.ForgetOld(t.Context(), at(25*time.Hour)))
		if later := got(w.CreateJob(t.Context(), w.ann, spec(), once, at(25*time.Hour)))(t); later.ID == first.ID {
			t.Fatal("the key is known after a day")
		}
	})
}

// TestTwoCreatesAtOnce sends the same create several times at the same moment.
func TestTwoCreatesAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for round := range 5 {
			var group sync.WaitGroup
			ids, errs := make([]string, 4), make([]error, 4)
			for i := range ids {
				group.Go(func() {
					job, err := w.CreateJob(t.Context(), w.ann, onceSpec(time.Time{}), control.Once{Key: fmt.Sprint(round), Request: "r"}, now)
					ids[i], errs[i] = job.ID, err
				})
			}
			group.Wait()
			for i := range ids {
				noError(t, errs[i])
				equal(t, "the job of the same key", ids[i], ids[0])
			}
			w.oneRun(t, ids[0])
		}
	})
}

// TestACloneIsSavedByCreateOnly opens the editor on a copy of a one-time job
// whose start is over by then.
func TestACloneIsSavedByCreateOnly(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.create(t, onceSpec(at(time.Hour)))
		clone := got(w.st.Job(t.Context(), job.TenantID, job.ID))(t).Spec.Clone()
		equal(t, "title", clone.Title, "Copy of "+job.Spec.Title)
		jobs := func() int64 {
			return got(w.st.Jobs(t.Context(), store.JobQuery{TenantID: job.TenantID}))(t).Total
		}
		equal(t, "jobs before the copy is saved", jobs(), 1)
		copied := got(w.CreateJob(t.Context(), w.ann, clone, control.Once{}, at(48*time.Hour)))(t)
		equal(t, "jobs after", jobs(), 2)
		equal(t, "the copy's run", w.oneRun(t, copied.ID).State, cdds.RunQueued)
		equal(t, "runs of the first", len(w.runs(t, job.ID)), 0)
	})
}

func TestEditSuspendResume(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.create(t, spec())
		run := got(w.StartRun(t.Context(), w.ann, job.ID, control.Once{}, now))(t)
		changed := spec()
		changed.Title, changed.Schedule.Every = "Changed", 6
		edited := got(w.EditJob(t.Context(), w.ann, job.ID, changed, now))(t)
		equal(t, "next start", edited.NextStartsAt, at(6*time.Hour))
		equal(t, "what is saved", got(w.st.Job(t.Context(), job.TenantID, job.ID))(t).Spec.Title, "Changed")
		equal(t, "the run's frozen title", w.oneRun(t, job.ID).Spec.Title, run.Spec.Title)
		changed.Schedule.RunNow = true
		got(w.EditJob(t.Context(), w.ann, job.ID, changed, now))(t)
		equal(t, "runs after run now", len(w.runs(t, job.ID)), 2)

		suspended := got(w.SuspendJob(t.Context(), w.ann, job.ID, now))(t)
		equal(t, "suspended", suspended.NextStartsAt, time.Time{})
		mine := got(w.StartDue(t.Context(), suspended, at(24*time.Hour)))(t)
		equal(t, "a suspended job is due", mine, false)
		got(w.StartDue(t.Context(), edited, at(24*time.Hour)))(t)
		equal(t, "runs of a job that was suspended meanwhile", len(w.runs(t, job.ID)), 2)
		resumed := got(w.ResumeJob(t.Context(), w.ann, job.ID, at(24*time.Hour)))(t)
		equal(t, "resumed", resumed.NextStartsAt, at(30*time.Hour))

		one := w.create(t, onceSpec(at(time.Hour)))
		_, err := w.EditJob(t.Context(), w.ann, one.ID, spec(), now)
		wantCode(t, "edit a one-time job", err, cdds.CodeConflict)
		_, err = w.StartRun(t.Context(), w.ann, one.ID, control.Once{}, now)
		wantCode(t, "start a one-time job", err, cdds.CodeConflict)
		_, err = w.EditJob(t.Context(), w.ann, job.ID, onceSpec(time.Time{}), now)
		wantCode(t, "make a recurring job a one-time one", err, cdds.CodeInvalid)
	})
}

func TestDeleteJob(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.create(t, onceSpec(time.Time{}))
		run := w.oneRun(t, job.ID)
		wantCode(t, "delete with a queued run", w.DeleteJob(t.Context(), w.ann, job.ID, now), cdds.CodeConflict)
		a := w.finish(t, run)
		noError(t, w.DeleteJob(t.Context(), w.ann, job.ID, now))
		_, err := w.st.Job(t.Context(), job.TenantID, job.ID)
		wantCode(t, "look at a deleted job", err, cdds.CodeNotFound)
		wantCode(t, "delete it twice", w.DeleteJob(t.Context(), w.ann, job.ID, now), cdds.CodeNotFound)
		equal(t, "marked in History", w.oneRun(t, job.ID).JobDeleted, true)
		equal(t, "the artifact is there", w.has(t, a.Key), true)

		busy := w.create(t, onceSpec(time.Time{}))
		w.begin(t, w.oneRun(t, busy.ID), 1)
		wantCode(t, "delete with a run in progress", w.DeleteJob(t.Context(), w.ann, busy.ID, now), cdds.CodeConflict)
	})
}

// TestAnotherTenant tries every verb on what belongs to another tenant.
func TestAnotherTenant(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		got(w.ImportCertificate(t.Context(), w.bob, testCertificate(t), now))(t)
		job := w.create(t, spec())
		run := got(w.StartRun(t.Context(), w.ann, job.ID, control.Once{}, now))(t)
		old := w.create(t, onceSpec(time.Time{}))
		a := w.finish(t, w.oneRun(t, old.ID))
		ctx := t.Context()
		for verb, try := range map[string]func() error{
			"edit":            func() error { _, err := w.EditJob(ctx, w.bob, job.ID, spec(), now); return err },
			"suspend":         func() error { _, err := w.SuspendJob(ctx, w.bob, job.ID, now); return err },
			"resume":          func() error { _, err := w.ResumeJob(ctx, w.bob, job.ID, now); return err },
			"delete":          func() error { return w.DeleteJob(ctx, w.bob, old.ID, now) },
			"start":           func() error { _, err := w.StartRun(ctx, w.bob, job.ID, control.Once{}, now); return err },
			"cancel":          func() error { _, err := w.CancelRun(ctx, w.bob, run.ID, now); return err },
			"retry":           func() error { _, err := w.RetryRun(ctx, w.bob, a.RunID, control.Once{}, now); return err },
			"delete run":      func() error { return w.DeleteRun(ctx, w.bob, a.RunID, now) },
			"delete artifact": func() error { return w.DeleteArtifact(ctx, w.bob, a.ID, now) },
		} {
			wantCode(t, verb, try(), cdds.CodeNotFound)
		}
		equal(t, "the artifact is there", w.has(t, a.Key), true)
		equal(t, "the job", got(w.st.Job(ctx, job.TenantID, job.ID))(t), job)
		equal(t, "the run", w.oneRun(t, job.ID).State, cdds.RunQueued)
	})
}
