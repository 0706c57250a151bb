package worker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/control"
	"cdds/queue"
)

func TestARunEndToEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		run := w.everything(t)
		noError(t, w.Do(t.Context(), run.ID, 1))
		done := w.wantState(t, run.ID, cdds.RunFinished)
		if done.Progress.Records < 500 || done.Progress.TotalRecords != done.Progress.Records || done.NoData {
			t.Fatalf("progress %+v, no data %t", done.Progress, done.NoData)
		}
		artifacts, err := w.st.ArtifactsOfRun(t.Context(), run.ID)
		noError(t, err)
		equal(t, "artifacts", len(artifacts), 1)
		equal(t, "kept until", artifacts[0].ExpiresAt, at(24*time.Hour))
		equal(t, "stored", w.objects(t), []string{artifacts[0].Key})
		body, err := w.st.Manifest(t.Context(), run.TenantID, run.ID)
		noError(t, err)
		if !json.Valid(body) || !bytes.Contains(body, []byte(artifacts[0].SHA256)) {
			t.Fatalf("the manifest does not name the file: %s", body)
		}
		reads := w.source.readCount()
		noError(t, w.Do(t.Context(), run.ID, 1)) // a second task for the same attempt
		noError(t, w.Do(t.Context(), run.ID, 2)) // and one that is not due
		noError(t, w.Do(t.Context(), "unknown", 1))
		equal(t, "reads of stale tasks", w.source.readCount(), reads)
	})
}

func TestARunWithoutData(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		empty := cdds.Timeframe{Kind: cdds.FrameFixed, Start: at(-100 * 365 * 24 * time.Hour), End: at(-99 * 365 * 24 * time.Hour)}
		run := w.start(t, w.job(t, empty), now)
		noError(t, w.Do(t.Context(), run.ID, 1))
		done := w.wantState(t, run.ID, cdds.RunFinished)
		equal(t, "no data", done.NoData, true)
		equal(t, "artifacts", done.Artifacts, 0)
		equal(t, "stored", len(w.objects(t)), 0)
		_, err := w.st.Manifest(t.Context(), run.TenantID, run.ID)
		noError(t, err)
	})
}

// TestTheCertificateComesFirst: without a valid one nothing is read.
func TestTheCertificateComesFirst(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		expired, missing := w.everything(t), w.everything(t)
		w.certificate(t, 2018)
		noError(t, w.Do(t.Context(), expired.ID, 1))
		noError(t, w.ctl.RemoveCertificate(t.Context(), w.ann, now))
		noError(t, w.Do(t.Context(), missing.ID, 1))
		for _, c := range []struct{ id, message string }{
			{expired.ID, "The certificate of the job's owner cannot be used."}, {missing.ID, "The job's owner has no certificate."},
		} {
			failed := w.wantState(t, c.id, cdds.RunFailed)
			equal(t, "code", failed.Failure.Code, cdds.CodeInvalid)
			if !strings.HasPrefix(failed.Failure.Message, c.message) {
				t.Fatalf("the run says %q, want %q", failed.Failure.Message, c.message)
			}
			equal(t, "attempts", failed.Attempt, 1)
		}
		equal(t, "reads", w.source.readCount(), 0)
	})
}

// TestADeactivatedOwner: nothing is read for who is gone, and the job's runs go
// on for who takes it over.
func TestADeactivatedOwner(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		user, _, err := w.ctl.CreateUser(t.Context(), w.ann, control.NewUser{Username: "bea", Password: "correct horse battery", Role: cdds.RoleAdministrator}, control.Once{}, now)
		noError(t, err)
		bea := control.Caller{User: user}
		run := w.everything(t)
		_, err = w.ctl.DeactivateUser(t.Context(), bea, w.ann.User.ID, now)
		noError(t, err)
		noError(t, w.Do(t.Context(), run.ID, 1))
		failed := w.wantState(t, run.ID, cdds.RunFailed)
		equal(t, "why", failed.Failure.Message, "The job's owner is deactivated.")
		equal(t, "reads", w.source.readCount(), 0)

		w.ann, bea = bea, w.ann
		w.certificate(t, 2099)
		_, err = w.ctl.TakeOver(t.Context(), w.ann, bea.User.ID, now)
		noError(t, err)
		next, err := w.st.NextQueuedRun(t.Context(), run.JobID, now) // of an occurrence that was due
		noError(t, err)
		noError(t, w.Do(t.Context(), next.ID, 1))
		w.wantState(t, next.ID, cdds.RunFinished)
	})
}

func TestFaults(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.source.failing(cdds.CodeUnavailable)
		passing := w.everything(t)
		for attempt := 1; attempt < cdds.MaxAttempts; attempt++ {
			noError(t, w.Do(t.Context(), passing.ID, attempt))
			waiting := w.wantState(t, passing.ID, cdds.RunInProgress)
			equal(t, "next attempt", waiting.Attempt, attempt+1)
			equal(t, "faults", waiting.Faults, attempt)
		}
		noError(t, w.Do(t.Context(), passing.ID, cdds.MaxAttempts))
		failed := w.wantState(t, passing.ID, cdds.RunFailed)
		equal(t, "failure", *failed.Failure, cdds.RunFailure{Code: cdds.CodeUnavailable, Message: "Contact History does not work."})
		attempts, err := w.st.Attempts(t.Context(), passing.ID)
		noError(t, err)
		equal(t, "attempts", len(attempts), cdds.MaxAttempts)

		w.source.failing(cdds.CodeInvalid)
		lasting := w.everything(t)
		noError(t, w.Do(t.Context(), lasting.ID, 1))
		equal(t, "attempts", w.wantState(t, lasting.ID, cdds.RunFailed).Attempt, 1)
		equal(t, "stored", len(w.objects(t)), 0)

		w.source.beforeReads(nil)
		again, err := w.ctl.RetryRun(t.Context(), w.ann, lasting.ID, control.Once{}, now)
		noError(t, err)
		noError(t, w.Do(t.Context(), again.ID, 1))
		w.wantState(t, again.ID, cdds.RunFinished)
	})
}

// TestCancelMidway cancels a run that is reading: the worker notices by itself
// and leaves nothing behind.
func TestCancelMidway(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		reading, free := w.source.blocking()
		defer free()
		run := w.everything(t)
		ended := make(chan error, 1)
		go func() { ended <- w.Do(t.Context(), run.ID, 1) }()
		await(t, "the read", reading)
		_, err := w.ctl.CancelRun(t.Context(), w.ann, run.ID, now)
		noError(t, err)
		noError(t, await(t, "the end of the worker", ended))
		w.wantState(t, run.ID, cdds.RunCanceled)
		equal(t, "stored", len(w.objects(t)), 0)
	})
}

// TestAFencedOffAttempt takes a run back from a worker that is alive.
func TestAFencedOffAttempt(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		reading, free := w.source.blocking()
		defer free()
		run := w.everything(t)
		ended := make(chan error, 1)
		go func() { ended <- w.Do(t.Context(), run.ID, 1) }()
		await(t, "the read", reading)
		mine, err := w.ctl.TakeBack(t.Context(), w.run(t, run.ID), "The worker is gone.", now)
		noError(t, err)
		equal(t, "taken back", mine, true)
		free() // the old attempt may end its work or notice before that
		noError(t, await(t, "the end of the old worker", ended))
		waiting := w.wantState(t, run.ID, cdds.RunInProgress)
		equal(t, "attempt", waiting.Attempt, 2)
		equal(t, "stored by the old attempt", len(w.objects(t)), 0)
		noError(t, w.Do(t.Context(), run.ID, 2))
		w.wantState(t, run.ID, cdds.RunFinished)
		artifacts, err := w.st.ArtifactsOfRun(t.Context(), run.ID)
		noError(t, err)
		equal(t, "artifacts", len(artifacts), 1)
		equal(t, "stored", w.objects(t), []string{artifacts[0].Key})
	})
}

// TestStopHandsOver ends the service while a run is in progress.
func TestStopHandsOver(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		reading, free := w.source.blocking()
		defer free()
		run := w.everything(t)
		ctx, stop := context.WithCancelCause(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Do(ctx, run.ID, 1) }()
		await(t, "the read", reading)
		stop(queue.ErrStopping)
		noError(t, await(t, "the end of the worker", ended))
		waiting := w.wantState(t, run.ID, cdds.RunInProgress)
		equal(t, "faults", waiting.Faults, 0)
		equal(t, "next attempt", waiting.Attempt, 2)
		equal(t, "stored", len(w.objects(t)), 0)
		free()
		noError(t, w.Do(t.Context(), run.ID, 2))
		w.wantState(t, run.ID, cdds.RunFinished)
	})
}

// TestAllArtifactsAppearAtOnce looks at a run from outside, again and again,
// while it ends with several files.
func TestAllArtifactsAppearAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		spec := w.job(t, cdds.Timeframe{Kind: cdds.FrameAll}).Spec
		spec.SplitSize = cdds.MinSplitSize
		job, err := w.ctl.CreateJob(t.Context(), w.ann, spec, control.Once{}, now)
		noError(t, err)
		run := w.start(t, job, now)
		ended := make(chan error, 1)
		go func() { ended <- w.Do(t.Context(), run.ID, 1) }()
		for looking := true; looking; {
			select {
			case err := <-ended:
				noError(t, err)
				looking = false
			default:
			}
			w.lookAt(t, run.ID)
		}
		done := w.wantState(t, run.ID, cdds.RunFinished)
		if done.Artifacts < 2 {
			t.Fatalf("the run made %d files; the test needs several", done.Artifacts)
		}
	})
}

// lookAt checks that a run shows all of its files or none.
func (w *world) lookAt(t testing.TB, runID string) {
	t.Helper()
	files, err := w.st.ArtifactsOfRun(t.Context(), runID)
	noError(t, err)
	if len(files) == 0 {
		return
	}
	run := w.wantState(t, runID, cdds.RunFinished)
	equal(t, "files that a reader saw", len(files), run.Artifacts)
	for _, file := range files {
		equal(t, "parts", file.Parts, len(files))
	}
}
