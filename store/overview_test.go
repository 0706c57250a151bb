package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

// TestRunDays lays runs of known lengths over two days: counts, sums, and the
// nearest ranks of their durations.
func TestRunDays(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		midnight := now.Truncate(24 * time.Hour)
		end := func(id string, state cdds.RunState, ends time.Time) {
			run := w.addRun(t, w.run(job, id, now))
			w.start(t, run, 1)
			o := store.Outcome{RunID: id, Attempt: 1, State: state, Now: ends, Progress: cdds.Progress{Records: 10}}
			if state == cdds.RunFinished {
				o.Artifacts = []cdds.Artifact{w.artifact(run, 1, 1)}
			} else {
				o.Failure = &cdds.RunFailure{Code: cdds.CodeInternal, Message: "broken"}
			}
			if !w.finish(t, o) {
				t.Fatalf("run %s did not end", id)
			}
		}
		for i := 1; i <= 20; i++ { // 1 to 20 minutes, on the first day
			end(fmt.Sprintf("run-%d", i), cdds.RunFinished, at(time.Duration(i)*time.Minute))
		}
		end("bad", cdds.RunFailed, at(time.Hour))
		end("next-day", cdds.RunFinished, at(24*time.Hour))
		w.addRun(t, w.run(job, "waits", now))

		days := got(w.st.RunDays(t.Context(), "tenant-a", midnight))(t)
		equal(t, "days", days, []store.RunDay{
			{Day: midnight, Finished: 20, Failed: 1, Records: 200, Bytes: 20_000, MedianRun: 10 * time.Minute, P95Run: 19 * time.Minute},
			{Day: midnight.AddDate(0, 0, 1), Finished: 1, Records: 10, Bytes: 1000, MedianRun: 24 * time.Hour, P95Run: 24 * time.Hour},
		})
		equal(t, "later days", len(got(w.st.RunDays(t.Context(), "tenant-a", midnight.AddDate(0, 0, 1)))(t)), 1)
		equal(t, "storage", got(w.st.StorageUse(t.Context(), "tenant-a"))(t), store.StorageUse{Artifacts: 21, Bytes: 21_000})
	})
}

func TestDownloadsOfARun(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		run, other := w.finishedRun(t, job, "run-1"), w.finishedRun(t, job, "run-2")
		line := func(action, object string, after time.Duration) {
			w.tx(t, func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertAudit(ctx, store.AuditEntry{TenantID: "tenant-a", UserID: "user-a", Username: "ann", Address: "192.0.2.1", Action: action, Object: object, At: at(after)})
			})
		}
		file := w.artifact(run, 1, 1)
		line("artifact.download", file.ID, time.Hour)
		line("artifact.download", file.ID, 2*time.Hour)
		line("artifact.delete", file.ID, 3*time.Hour)
		line("artifact.download", w.artifact(other, 1, 1).ID, time.Hour)
		equal(t, "downloads", got(w.st.Downloads(t.Context(), "tenant-a", run.ID, 10))(t), []store.Download{
			{ArtifactID: file.ID, Name: file.Name, Username: "ann", Address: "192.0.2.1", At: at(2 * time.Hour)},
			{ArtifactID: file.ID, Name: file.Name, Username: "ann", Address: "192.0.2.1", At: at(time.Hour)},
		})
		equal(t, "bounded", len(got(w.st.Downloads(t.Context(), "tenant-a", run.ID, 1))(t)), 1)
	})
}

// TestAJobKnowsItsLatestRun holds the columns that triggers keep to the run
// that they are copied from, along a run's whole life.
func TestAJobKnowsItsLatestRun(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		check := func(when string, state string, started bool) {
			t.Helper()
			var stored string
			var at *int64
			noError(t, w.st.DB().QueryRow(`SELECT latest_state, latest_started_at FROM jobs WHERE id = 'job-1'`).Scan(&stored, &at))
			equal(t, when, stored, state)
			equal(t, when+", started", at != nil, started)
		}
		check("no run", "none", false)
		run := w.addRun(t, w.run(job, "run-1", now))
		check("queued", "queued", false)
		w.start(t, run, 1)
		check("in progress", "in_progress", true)
		w.finish(t, store.Outcome{RunID: run.ID, Attempt: 1, State: cdds.RunFinished, Now: at(time.Minute)})
		check("finished", "finished", true)
		w.addRun(t, w.run(job, "run-2", now))
		check("another one waits", "queued", false)
		equal(t, "canceled", w.cancel(t, "tenant-a", "run-2"), true)
		check("canceled", "canceled", false)
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteRun(ctx, "tenant-a", "run-2") })
		check("the one before again", "finished", true)
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteRun(ctx, "tenant-a", "run-1") })
		check("none again", "none", false)
	})
}

// TestLongListsAreCountedUpToABound goes past the bound by one.
func TestLongListsAreCountedUpToABound(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.addJob(t, w.job(w.alpha, "job-0"))
		const bound = 10_000
		add := `WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			INSERT INTO jobs (id, tenant_id, owner_id, title, title_lower, source, type, spec, state, created_at, updated_at)
			SELECT 'job-' || i, j.tenant_id, j.owner_id, 'Title ' || i, 'title ' || i, j.source, j.type, j.spec, 'active', i, i FROM n, jobs j WHERE j.id = 'job-0'`
		noError(t, w.exec(fmt.Sprintf(add, 1, bound-1)))
		page := got(w.st.Jobs(t.Context(), store.JobQuery{TenantID: "tenant-a"}))(t)
		equal(t, "at the bound", []any{page.Total, page.AtLeast}, []any{int64(bound), false})
		noError(t, w.exec(fmt.Sprintf(add, bound, bound)))
		page = got(w.st.Jobs(t.Context(), store.JobQuery{TenantID: "tenant-a"}))(t)
		equal(t, "past it", []any{page.Total, page.AtLeast}, []any{int64(bound), true})
		page = got(w.st.Jobs(t.Context(), store.JobQuery{TenantID: "tenant-a", Text: "title 77"}))(t)
		equal(t, "what a search finds is counted", []any{page.Total, page.AtLeast}, []any{int64(111), false})
		page = got(w.st.Jobs(t.Context(), store.JobQuery{TenantID: "tenant-a", States: []string{"suspended"}}))(t)
		equal(t, "a short part of it is counted", []any{page.Total, page.AtLeast}, []any{int64(0), false})
	})
}
