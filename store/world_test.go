package store_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

// now is the moment at which the tests happen.
var now = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func at(d time.Duration) time.Time { return now.Add(d) }

// world is a store with two tenants, alpha and beta, that have a user each.
type world struct {
	st    *store.Store
	alpha cdds.User
	beta  cdds.User
}

func newWorld(t testing.TB, st *store.Store) *world {
	t.Helper()
	w := &world{
		st:    st,
		alpha: cdds.User{ID: "user-a", TenantID: "tenant-a", TenantName: "Alpha", Username: "ann", PasswordHash: "h1", Role: cdds.RoleAdministrator, Active: true, CreatedAt: now},
		beta:  cdds.User{ID: "user-b", TenantID: "tenant-b", TenantName: "Beta", Username: "ann", PasswordHash: "h2", Role: cdds.RoleViewer, Active: true, CreatedAt: now},
	}
	w.tx(t, func(ctx context.Context, tx *store.Tx) error {
		for i, u := range []cdds.User{w.alpha, w.beta} {
			err := tx.InsertTenant(ctx, cdds.Tenant{ID: u.TenantID, Name: u.TenantName, SourceID: int64(101 + i), CreatedAt: now})
			if err != nil {
				return err
			}
			if err := tx.InsertUser(ctx, u); err != nil {
				return err
			}
		}
		return nil
	})
	return w
}

// job is an hourly job of a user, not saved.
func (w *world) job(owner cdds.User, id string) cdds.Job {
	return cdds.Job{
		ID: id, TenantID: owner.TenantID, OwnerID: owner.ID, State: cdds.JobActive,
		Spec: cdds.JobSpec{
			Title: "Export " + id, Source: cdds.SourceContactHistory, Type: cdds.TypeInteraction, MediaTypes: []string{"chat", "email"},
			Schedule: cdds.Schedule{Kind: cdds.Hourly, Every: 4}, Timeframe: cdds.Timeframe{Kind: cdds.FrameHour}, Compression: cdds.CompressionDefault,
		},
		FirstStart: at(time.Hour), NextStartsAt: at(time.Hour), CreatedAt: now, UpdatedAt: now,
	}
}

// run is a queued run of a job, not saved.
func (w *world) run(job cdds.Job, id string, scheduledFor time.Time) cdds.Run {
	return cdds.Run{
		ID: id, TenantID: job.TenantID, JobID: job.ID, OwnerID: job.OwnerID, Spec: job.Spec,
		State: cdds.RunQueued, Trigger: cdds.TriggerManual, ScheduledFor: scheduledFor,
		Window: cdds.Window{Start: scheduledFor.Add(-time.Hour), End: scheduledFor}, WindowFrozen: true,
		Attempt: 1, CreatedAt: now, UpdatedAt: now, Progress: cdds.Progress{TotalRecords: -1},
	}
}

// artifact is one of a run's artifacts, not saved.
func (w *world) artifact(run cdds.Run, part, parts int) cdds.Artifact {
	id := run.ID + "-" + strconv.Itoa(part)
	return cdds.Artifact{
		ID: id, TenantID: run.TenantID, RunID: run.ID, JobID: run.JobID, Title: run.Spec.Title, Type: run.Spec.Type,
		Name: "export-" + id + ".zip.p7m", Key: "tenants/" + run.TenantID + "/runs/" + id, Part: part, Parts: parts,
		Size: 1000 * int64(part), SHA256: strings.Repeat("ab", 32), Recipients: []string{"f1", "f2"}, Encryption: cdds.EncryptionCompatible,
		CreatedAt: at(time.Minute), ExpiresAt: at(30 * 24 * time.Hour),
	}
}

func (w *world) addJob(t testing.TB, job cdds.Job) cdds.Job {
	t.Helper()
	w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertJob(ctx, job) })
	return job
}

func (w *world) addRun(t testing.TB, run cdds.Run) cdds.Run {
	t.Helper()
	w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertRun(ctx, run) })
	return run
}

// start begins an attempt of a run and reports whether it was let.
func (w *world) start(t testing.TB, run cdds.Run, attempt int) bool {
	t.Helper()
	var mine bool
	w.tx(t, func(ctx context.Context, tx *store.Tx) (err error) {
		mine, err = tx.StartAttempt(ctx, store.Start{
			RunID: run.ID, Attempt: attempt, Node: "node-1", Window: run.Window, Now: now,
		})
		return err
	})
	return mine
}

// finish ends a run and reports whether it was let.
func (w *world) finish(t testing.TB, o store.Outcome) bool {
	t.Helper()
	var mine bool
	w.tx(t, func(ctx context.Context, tx *store.Tx) (err error) {
		mine, err = tx.Finish(ctx, o)
		return err
	})
	return mine
}

// finishedRun adds a run and brings it to its end with an artifact.
func (w *world) finishedRun(t testing.TB, job cdds.Job, id string) cdds.Run {
	t.Helper()
	run := w.addRun(t, w.run(job, id, now))
	if !w.start(t, run, 1) {
		t.Fatalf("run %s could not be started", id)
	}
	done := w.finish(t, store.Outcome{
		RunID: run.ID, Attempt: 1, State: cdds.RunFinished, Now: at(time.Minute),
		Manifest: []byte(`{"run": "` + id + `"}`), Artifacts: []cdds.Artifact{w.artifact(run, 1, 1)},
	})
	if !done {
		t.Fatalf("run %s could not be finished", id)
	}
	return got(w.st.RunByID(t.Context(), run.ID))(t)
}

// exec runs a statement past the store, as a mistake of a program would.
func (w *world) exec(query string, args ...any) error {
	_, err := w.st.DB().Exec(query, args...)
	return err
}
