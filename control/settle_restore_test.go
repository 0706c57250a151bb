package control_test

import (
	"testing"
	"time"

	"cdds"
	"cdds/control"
	"cdds/store"
)

// TestSettleRestore hands runs in progress on, once and without a fault, and
// ends what must not come back.
func TestSettleRestore(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		job := w.create(t, spec())
		working := got(w.StartRun(ctx, w.ann, job.ID, control.Once{}, now))(t)
		waiting := got(w.StartRun(ctx, w.ann, job.ID, control.Once{}, at(time.Second)))(t)
		w.begin(t, working, 1)
		in := w.signIn(t, annSigns(true))

		noError(t, w.SettleRestore(ctx, at(24*time.Hour), at(time.Hour)))

		run := got(w.st.RunByID(ctx, working.ID))(t)
		equal(t, "attempt", run.Attempt, 2)
		equal(t, "faults", run.Faults, 0)
		equal(t, "state", run.State, cdds.RunInProgress)
		equal(t, "tasks of the old attempt", w.tasks(t, working.ID, 1), 1)
		equal(t, "tasks of the next attempt", w.tasks(t, working.ID, 2), 1)
		equal(t, "tasks of the run that waits", w.tasks(t, waiting.ID, 1), 1)
		equal(t, "attempt of the run that waits", got(w.st.RunByID(ctx, waiting.ID))(t).Attempt, 1)
		equal(t, "why the attempt ended", got(w.st.Attempts(ctx, working.ID))(t)[0].Error,
			"The service's metadata was restored from a backup that was made while the run was in progress.")
		w.signedIn(t, "an old session", in.Secret, now, false)
		_, err := w.Resume(ctx, remembered(in), now)
		wantCode(t, "an old browser", err, cdds.CodeUnauthenticated)
		for _, tenant := range []string{w.ann.User.TenantID, w.bob.User.TenantID} {
			equal(t, "audit lines", len(got(w.st.Audit(ctx, store.AuditQuery{TenantID: tenant, Action: "metadata.restore"}))(t).Items), 1)
		}
		// The task of the old attempt comes up: it has nothing to do.
		mine := false
		noError(t, w.st.InTx(ctx, func(tx *store.Tx) (err error) {
			mine, err = tx.StartAttempt(ctx, store.Start{RunID: working.ID, Attempt: 1, Node: "node", Window: run.Window, Now: at(time.Hour)})
			return err
		}))
		equal(t, "the old attempt begins again", mine, false)
		w.begin(t, working, 2)
	})
}

// TestSweepKeepsWhatARestoreDoesNotKnow: files from before a restore are kept
// as long as artifacts are, or until a person lets them go; what lost attempts
// leave behind later is removed as ever.
func TestSweepKeepsWhatARestoreDoesNotKnow(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		since := cdds.ArtifactPrefix(w.ann.User.TenantID, "run-since-the-backup", 1) + "export.zip.p7m"
		strange := cdds.ArtifactPrefix("a-tenant-of-another-database", "run", 1) + "export.zip.p7m"
		sweep := func(removed int, kept bool) {
			t.Helper()
			equal(t, "removed", got(w.Sweep(ctx))(t), removed)
			equal(t, "kept", w.has(t, since), kept)
			equal(t, "another database's file is kept", w.has(t, strange), true)
		}
		w.put(t, strange)
		w.put(t, since)
		restored := time.Now() // files bear the machine's time
		noError(t, w.SettleRestore(ctx, restored.Add(720*time.Hour), restored))
		sweep(0, true)
		noError(t, w.ForgetOld(ctx, restored.Add(719*time.Hour)))
		sweep(0, true)
		noError(t, w.ForgetOld(ctx, restored.Add(720*time.Hour)))
		sweep(1, false)

		w.put(t, since)
		noError(t, w.SettleRestore(ctx, restored.Add(720*time.Hour), restored.Add(time.Second)))
		sweep(0, true)
		equal(t, "discarded", got(w.DiscardUnknown(ctx, now))(t), true)
		equal(t, "discarded twice", got(w.DiscardUnknown(ctx, now))(t), false)
		sweep(1, false)

		w.put(t, since)
		noError(t, w.SettleRestore(ctx, time.Time{}, restored))
		sweep(1, false)

		w.put(t, since)
		noError(t, w.SettleRestore(ctx, restored.Add(720*time.Hour), restored.Add(-time.Hour)))
		sweep(1, false) // it was stored after the restore
	})
}
