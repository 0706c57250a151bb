package store_test

import (
	"context"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

// next ends an attempt and reports whether it was let.
func (w *world) next(t testing.TB, r store.Retry) bool {
	t.Helper()
	var mine bool
	w.tx(t, func(ctx context.Context, tx *store.Tx) (err error) {
		mine, err = tx.NextAttempt(ctx, r)
		return err
	})
	return mine
}

func (w *world) cancel(t testing.TB, tenantID, runID string) bool {
	t.Helper()
	var mine bool
	w.tx(t, func(ctx context.Context, tx *store.Tx) (err error) {
		mine, err = tx.Cancel(ctx, tenantID, runID, at(time.Minute))
		return err
	})
	return mine
}

func TestFinishWritesAllAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		run := w.addRun(t, w.run(w.addJob(t, w.job(w.alpha, "job-1")), "run-1", now))
		start := store.Start{RunID: "run-1", Attempt: 1, Node: "node-1", Window: cdds.Window{End: at(time.Hour)}, Now: at(time.Second)}
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.StartAttempt(ctx, start)
			return err
		})
		run.State, run.StartedAt, run.UpdatedAt, run.Window = cdds.RunInProgress, at(time.Second), at(time.Second), start.Window
		equal(t, "started run", got(w.st.RunByID(ctx, "run-1"))(t), run)
		equal(t, "attempts", got(w.st.Attempts(ctx, "run-1"))(t), []cdds.Attempt{{Number: 1, Node: "node-1", StartedAt: at(time.Second)}})

		files := []cdds.Artifact{w.artifact(run, 2, 2), w.artifact(run, 1, 2)}
		progress := cdds.Progress{Records: 10, TotalRecords: 10, Bytes: 4000, RecordsPerSecond: 1.5}
		equal(t, "finish", w.finish(t, store.Outcome{RunID: "run-1", Attempt: 1, State: cdds.RunFinished, Now: at(time.Minute),
			Manifest: []byte(`{"a":  1}`), Artifacts: files, Progress: progress}), true)
		run.State, run.FinishedAt, run.UpdatedAt = cdds.RunFinished, at(time.Minute), at(time.Minute)
		run.Progress, run.Artifacts, run.Bytes = progress, 2, 3000
		equal(t, "finished run", got(w.st.RunByID(ctx, "run-1"))(t), run)
		equal(t, "attempts", got(w.st.Attempts(ctx, "run-1"))(t),
			[]cdds.Attempt{{Number: 1, Node: "node-1", StartedAt: at(time.Second), FinishedAt: at(time.Minute)}})
		equal(t, "artifacts", got(w.st.ArtifactsOfRun(ctx, "run-1"))(t), []cdds.Artifact{files[1], files[0]})
		equal(t, "manifest", string(got(w.st.Manifest(ctx, "tenant-a", "run-1"))(t)), `{"a":  1}`)
		equal(t, "finish again", w.finish(t, store.Outcome{RunID: "run-1", Attempt: 1, State: cdds.RunFailed, Now: now}), false)
		equal(t, "cancel afterwards", w.cancel(t, "tenant-a", "run-1"), false)
	})
}

func TestFailedAndEmptyRuns(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		failed := cdds.RunFailure{Code: cdds.CodeInvalid, Message: "no certificate", Hint: "import one"}
		run := w.addRun(t, w.run(job, "failing", now))
		w.start(t, run, 1)
		equal(t, "fail", w.finish(t, store.Outcome{RunID: "failing", Attempt: 1, State: cdds.RunFailed, Now: at(time.Minute), Failure: &failed}), true)
		run = got(w.st.RunByID(ctx, "failing"))(t)
		equal(t, "failure", *run.Failure, failed)
		equal(t, "attempt's error", got(w.st.Attempts(ctx, "failing"))(t)[0].Error, "no certificate")
		_, err := w.st.Manifest(ctx, "tenant-a", "failing")
		wantCode(t, err, cdds.CodeNotFound)

		w.start(t, w.addRun(t, w.run(job, "empty", now)), 1)
		equal(t, "finish", w.finish(t, store.Outcome{RunID: "empty", Attempt: 1, State: cdds.RunFinished, Now: now, NoData: true, Manifest: []byte("{}")}), true)
		equal(t, "no data", got(w.st.RunByID(ctx, "empty"))(t).NoData, true)

		w.addRun(t, w.run(job, "queued", now))
		equal(t, "finish of a queued run", w.finish(t, store.Outcome{RunID: "queued", Attempt: 1, State: cdds.RunFinished, Now: now}), false)
		equal(t, "failure of a queued run", w.finish(t, store.Outcome{RunID: "queued", Attempt: 1, State: cdds.RunFailed, Now: now, Failure: &failed}), true)
	})
}

func TestStaleAttemptsAreFencedOff(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		run := w.addRun(t, w.run(w.addJob(t, w.job(w.alpha, "job-1")), "run-1", now))
		equal(t, "start of an attempt to come", w.start(t, run, 2), false)
		equal(t, "heartbeat before the start", got(w.st.Heartbeat(ctx, "run-1", 1, cdds.Progress{}, now))(t), false)
		equal(t, "next attempt before the start", w.next(t, store.Retry{RunID: "run-1", Attempt: 1, Now: now, LeaseUntil: now}), false)
		w.start(t, run, 1)
		equal(t, "take-back", w.next(t, store.Retry{RunID: "run-1", Attempt: 1, Fault: true, Error: "lost", Now: at(time.Minute), LeaseUntil: at(2 * time.Minute)}), true)
		taken := got(w.st.RunByID(ctx, "run-1"))(t)
		equal(t, "state, attempt, faults", []any{taken.State, taken.Attempt, taken.Faults}, []any{cdds.RunInProgress, 2, 1})

		equal(t, "held by a worker", len(got(w.st.RunsInProgress(ctx, 10))(t)), 0)

		stale := func(when string) {
			before := got(w.st.RunByID(ctx, "run-1"))(t)
			equal(t, "stale heartbeat "+when, got(w.st.Heartbeat(ctx, "run-1", 1, cdds.Progress{Records: 99}, at(time.Hour)))(t), false)
			equal(t, "stale start "+when, w.start(t, run, 1), false)
			equal(t, "stale next "+when, w.next(t, store.Retry{RunID: "run-1", Attempt: 1, Now: now}), false)
			equal(t, "stale finish "+when, w.finish(t, store.Outcome{RunID: "run-1", Attempt: 1, State: cdds.RunFinished, Now: now,
				Manifest: []byte("{}"), Artifacts: []cdds.Artifact{w.artifact(run, 1, 1)}}), false)
			equal(t, "run "+when, got(w.st.RunByID(ctx, "run-1"))(t), before)
			equal(t, "artifacts "+when, len(got(w.st.ArtifactsOfRun(ctx, "run-1"))(t)), 0)
		}
		stale("while the next one waits")
		equal(t, "heartbeat before the second start", got(w.st.Heartbeat(ctx, "run-1", 2, cdds.Progress{}, now))(t), false)
		equal(t, "another run meanwhile", w.start(t, w.addRun(t, w.run(got(w.st.Job(ctx, "tenant-a", "job-1"))(t), "run-2", at(-time.Hour))), 1), false)
		equal(t, "second start", w.start(t, run, 2), true)
		stale("while the next one works")
		equal(t, "stop", w.next(t, store.Retry{RunID: "run-1", Attempt: 2, Error: "stopped", Now: at(2 * time.Minute), LeaseUntil: at(3 * time.Minute)}), true)
		equal(t, "faults after a stop", got(w.st.RunByID(ctx, "run-1"))(t).Faults, 1)
		equal(t, "third start", w.start(t, run, 3), true)
		equal(t, "started at", got(w.st.RunByID(ctx, "run-1"))(t).StartedAt, now)
		equal(t, "attempts", got(w.st.Attempts(ctx, "run-1"))(t), []cdds.Attempt{
			{Number: 1, Node: "node-1", StartedAt: now, FinishedAt: at(time.Minute), Error: "lost"},
			{Number: 2, Node: "node-1", StartedAt: now, FinishedAt: at(2 * time.Minute), Error: "stopped"},
			{Number: 3, Node: "node-1", StartedAt: now},
		})
		equal(t, "cancel", w.cancel(t, "tenant-a", "run-1"), true)
		stale("after the cancel")
		equal(t, "heartbeat after the cancel", got(w.st.Heartbeat(ctx, "run-1", 3, cdds.Progress{}, now))(t), false)
		equal(t, "finish after the cancel", w.finish(t, store.Outcome{RunID: "run-1", Attempt: 3, State: cdds.RunFinished, Now: now}), false)
		equal(t, "next after the cancel", w.next(t, store.Retry{RunID: "run-1", Attempt: 3, Now: now}), false)
	})
}

func TestCancel(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		w.addRun(t, w.run(job, "queued", at(time.Hour)))
		w.start(t, w.addRun(t, w.run(job, "working", now)), 1)
		equal(t, "by another tenant", w.cancel(t, "tenant-b", "working"), false)
		for _, id := range []string{"queued", "working"} {
			equal(t, "cancel "+id, w.cancel(t, "tenant-a", id), true)
			equal(t, "cancel again "+id, w.cancel(t, "tenant-a", id), false)
			run := got(w.st.RunByID(ctx, id))(t)
			equal(t, "state and end", []any{run.State, run.FinishedAt}, []any{cdds.RunCanceled, at(time.Minute)})
		}
		attempts := got(w.st.Attempts(ctx, "working"))(t)
		equal(t, "end of the attempt", attempts[0].FinishedAt, at(time.Minute))
		equal(t, "active runs", got(w.st.ActiveRuns(ctx, "job-1"))(t), 0)
		equal(t, "start after the cancel", w.start(t, got(w.st.RunByID(ctx, "queued"))(t), 1), false)
	})
}

func TestArtifacts(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		first, second := w.finishedRun(t, job, "run-1"), w.finishedRun(t, job, "run-2")
		one, two := w.artifact(first, 1, 1), w.artifact(second, 1, 1)
		equal(t, "artifact", got(w.st.Artifact(ctx, "tenant-a", one.ID))(t), one)
		end := one.ExpiresAt
		equal(t, "due before the end", len(got(w.st.ExpiredArtifacts(ctx, end.Add(-time.Microsecond), 10))(t)), 0)
		equal(t, "due at the end", len(got(w.st.ExpiredArtifacts(ctx, end, 10))(t)), 2)
		equal(t, "due at the end, at most one", got(w.st.ExpiredArtifacts(ctx, end, 1))(t), []cdds.Artifact{one})
		for _, want := range []bool{true, false} {
			w.tx(t, func(ctx context.Context, tx *store.Tx) error {
				mine, err := tx.MarkExpired(ctx, one.ID, end)
				equal(t, "marked", mine, want)
				return err
			})
		}
		one.ExpiredAt = end
		equal(t, "expired artifact", got(w.st.Artifact(ctx, "tenant-a", one.ID))(t), one)
		equal(t, "of the run", got(w.st.ArtifactsOfRun(ctx, "run-1"))(t), []cdds.Artifact{one})
		equal(t, "due", got(w.st.ExpiredArtifacts(ctx, end, 10))(t), []cdds.Artifact{two})
		for _, c := range []struct {
			query store.ArtifactQuery
			want  int
		}{
			{store.ArtifactQuery{}, 1}, {store.ArtifactQuery{RunID: "run-1"}, 0}, {store.ArtifactQuery{RunID: "run-2"}, 1},
			{store.ArtifactQuery{JobID: "job-1"}, 1}, {store.ArtifactQuery{JobID: "job-2"}, 0}, {store.ArtifactQuery{Types: []string{"contact"}}, 0},
			{store.ArtifactQuery{Text: "EXPORT JOB"}, 1}, {store.ArtifactQuery{Text: "export-run-2"}, 1}, {store.ArtifactQuery{Text: "run-2"}, 1}, {store.ArtifactQuery{Text: "xyz"}, 0},
		} {
			c.query.TenantID = "tenant-a"
			equal(t, "listed", got(w.st.Artifacts(ctx, c.query))(t).Total, int64(c.want))
		}
	})
}
