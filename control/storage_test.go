package control_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"gocloud.dev/blob/fileblob"

	"cdds"
	"cdds/control"
	"cdds/store"
)

// TestSweep removes what lost attempts left behind and nothing else.
func TestSweep(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		job := w.create(t, spec())
		done := got(w.StartRun(ctx, w.ann, job.ID, control.Once{}, now))(t)
		living := w.finish(t, done)
		working := got(w.StartRun(ctx, w.ann, job.ID, control.Once{}, now))(t)
		w.begin(t, working, 1)
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.NextAttempt(ctx, store.Retry{RunID: working.ID, Attempt: 1, Fault: true, Now: now, LeaseUntil: at(time.Hour)})
			return err
		})
		w.begin(t, working, 2)
		canceled := got(w.StartRun(ctx, w.ann, job.ID, control.Once{}, at(time.Hour)))(t)
		got(w.CancelRun(ctx, w.ann, canceled.ID, now))(t)
		key := func(run cdds.Run, attempt int) string {
			return cdds.ArtifactPrefix(run.TenantID, run.ID, attempt) + "part.zip.p7m"
		}
		keep := map[string]bool{
			living.Key: true, key(working, 2): true, "somebody/elses": true, cdds.ArtifactRoot + "of another form": true,
			key(done, 1): false, key(done, 2): false, key(working, 1): false, key(canceled, 1): false,
			key(cdds.Run{ID: "unknown", TenantID: job.TenantID}, 1): false,
		}
		for k := range keep {
			w.put(t, k)
		}
		equal(t, "removed", got(w.Sweep(ctx))(t), 5)
		for k, want := range keep {
			equal(t, k, w.has(t, k), want)
		}
		equal(t, "removed by the next sweep", got(w.Sweep(ctx))(t), 0)
	})
}

func TestExpireArtifacts(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		var all []cdds.Artifact
		for range 3 {
			all = append(all, w.finish(t, w.oneRun(t, w.create(t, onceSpec(time.Time{})).ID)))
		}
		equal(t, "expired early", got(w.ExpireArtifacts(ctx, at(24*time.Hour-1*time.Microsecond), 10))(t), 0)
		noError(t, w.bucket.Delete(ctx, all[0].Key)) // a crash came between bytes and row
		equal(t, "expired, two at most", got(w.ExpireArtifacts(ctx, at(24*time.Hour), 2))(t), 2)
		equal(t, "expired, the rest", got(w.ExpireArtifacts(ctx, at(24*time.Hour), 2))(t), 1)
		equal(t, "expired twice", got(w.ExpireArtifacts(ctx, at(25*time.Hour), 2))(t), 0)
		for _, a := range all {
			equal(t, "bytes", w.has(t, a.Key), false)
			row := got(w.st.Artifact(ctx, a.TenantID, a.ID))(t)
			equal(t, "expired at", row.ExpiredAt, at(24*time.Hour))
			equal(t, "files in History", got(w.st.RunByID(ctx, a.RunID))(t).Artifacts, 1)
		}
	})
}

// TestTheBytesGoFirst has a storage that fails: the row stays unmarked, and so
// does the run.
func TestTheBytesGoFirst(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		a := w.finish(t, w.oneRun(t, w.create(t, onceSpec(time.Time{})).ID))
		closed, err := fileblob.OpenBucket(t.TempDir(), nil)
		noError(t, err)
		noError(t, closed.Close())
		broken := control.New(control.Config{Store: w.st, Queue: w.queue, Bucket: closed, Log: slog.New(slog.DiscardHandler)})
		_, err = broken.ExpireArtifacts(ctx, at(48*time.Hour), 10)
		wantCode(t, "expire", err, cdds.CodeUnavailable)
		wantCode(t, "delete the artifact", broken.DeleteArtifact(ctx, w.ann, a.ID, now), cdds.CodeUnavailable)
		wantCode(t, "delete the run", broken.DeleteRun(ctx, w.ann, a.RunID, now), cdds.CodeUnavailable)
		equal(t, "marked", got(w.st.Artifact(ctx, a.TenantID, a.ID))(t).ExpiredAt, time.Time{})
	})
}

func TestDeleteArtifact(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		a := w.finish(t, w.oneRun(t, w.create(t, onceSpec(time.Time{})).ID))
		noError(t, w.RecordDownload(ctx, w.ann, a, "binary", now))
		noError(t, w.DeleteArtifact(ctx, w.ann, a.ID, at(time.Hour)))
		equal(t, "bytes", w.has(t, a.Key), false)
		equal(t, "expired at", got(w.st.Artifact(ctx, a.TenantID, a.ID))(t).ExpiredAt, at(time.Hour))
		page := got(w.st.Audit(ctx, store.AuditQuery{TenantID: a.TenantID, Text: a.ID}))(t)
		var actions []string
		for _, line := range page.Items {
			actions = append(actions, line.Action)
		}
		equal(t, "audit log", actions, []string{"artifact.delete", "artifact.download"})
	})
}
