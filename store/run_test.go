package store_test

import (
	"context"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

func TestRunIsKeptAsItIs(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		run := w.addRun(t, w.run(job, "run-1", now))
		equal(t, "run", got(w.st.Run(ctx, "tenant-a", "run-1"))(t), run)
		equal(t, "run by id", got(w.st.RunByID(ctx, "run-1"))(t), run)
		equal(t, "latest run", *got(w.st.JobRow(ctx, "tenant-a", "job-1"))(t).LatestRun, run)

		missed := w.run(job, "run-2", at(-time.Hour))
		missed.Window, missed.WindowFrozen = cdds.Window{}, false
		missed.State, missed.FinishedAt, missed.Trigger, missed.RetryOf = cdds.RunFailed, now, cdds.TriggerSchedule, "run-1"
		missed.Failure = &cdds.RunFailure{Code: cdds.CodeUnavailable, Message: "missed", Hint: "retry"}
		w.addRun(t, missed)
		equal(t, "missed run", got(w.st.Run(ctx, "tenant-a", "run-2"))(t), missed)

		job.DeletedAt = now
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateJob(ctx, job) })
		equal(t, "run of a deleted job", got(w.st.RunByID(ctx, "run-1"))(t).JobDeleted, true)
		_, err := w.st.RunByID(ctx, "nothing")
		wantCode(t, err, cdds.CodeNotFound)
	})
}

func TestOneScheduledRunPerOccurrence(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		run := w.run(job, "run-1", now)
		run.Trigger = cdds.TriggerSchedule
		w.addRun(t, run)
		run.ID = "run-2"
		wantCode(t, w.tryTx(func(ctx context.Context, tx *store.Tx) error { return tx.InsertRun(ctx, run) }), cdds.CodeConflict)
		run.Trigger = cdds.TriggerManual
		w.addRun(t, run)
		run.ID, run.Trigger, run.ScheduledFor = "run-3", cdds.TriggerSchedule, at(time.Microsecond)
		w.addRun(t, run)
		equal(t, "active runs", got(w.st.ActiveRuns(t.Context(), "job-1"))(t), 3)
	})
}

func TestRunsOfAJobGoOneByOneOldestFirst(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		settling := w.job(w.alpha, "job-1")
		settling.Spec.SettlingMinutes = 10
		job := w.addJob(t, settling)
		young := w.addRun(t, w.run(job, "young", at(-15*time.Minute)))
		old := w.addRun(t, w.run(job, "old", at(-time.Hour)))
		waiting := w.addRun(t, w.run(job, "waiting", at(-5*time.Minute)))
		other := w.addJob(t, w.job(w.alpha, "job-2"))
		w.addRun(t, w.run(other, "other", at(-2*time.Hour)))

		equal(t, "next", got(w.st.NextQueuedRun(ctx, "job-1", now))(t), old)
		_, err := w.st.NextQueuedRun(ctx, "job-1", at(-51*time.Minute))
		wantCode(t, err, cdds.CodeNotFound)
		equal(t, "the young one before its elder", w.start(t, young, 1), false)
		equal(t, "the old one", w.start(t, old, 1), true)
		equal(t, "the young one beside it", w.start(t, young, 1), false)
		equal(t, "the old one once more", w.start(t, old, 1), false)
		w.finish(t, store.Outcome{RunID: "old", Attempt: 1, State: cdds.RunFinished, Now: now})
		equal(t, "next after that", got(w.st.NextQueuedRun(ctx, "job-1", now))(t), young)
		equal(t, "the young one at last", w.start(t, young, 1), true)
		w.finish(t, store.Outcome{RunID: "young", Attempt: 1, State: cdds.RunFinished, Now: now})
		_, err = w.st.NextQueuedRun(ctx, "job-1", now)
		wantCode(t, err, cdds.CodeNotFound)
		equal(t, "the settled one", got(w.st.NextQueuedRun(ctx, "job-1", at(5*time.Minute)))(t), waiting)
	})
}

func TestLastWindowEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		end := func() time.Time { return got(w.st.LastWindowEnd(t.Context(), "job-1"))(t) }
		equal(t, "at first", end(), time.Time{})
		for _, c := range []struct {
			id    string
			hours time.Duration
			state cdds.RunState
			want  time.Time
		}{
			{"run-1", 2, cdds.RunFinished, at(2 * time.Hour)},
			{"run-2", 3, cdds.RunFailed, at(2 * time.Hour)},
			{"run-3", 1, cdds.RunFinished, at(2 * time.Hour)},
			{"run-4", 4, cdds.RunFinished, at(4 * time.Hour)},
		} {
			run := w.addRun(t, w.run(job, c.id, at(c.hours*time.Hour)))
			equal(t, "start of "+c.id, w.start(t, run, 1), true)
			equal(t, "end of "+c.id, w.finish(t, store.Outcome{RunID: c.id, Attempt: 1, State: c.state, Now: now}), true)
			equal(t, "last window after "+c.id, end(), c.want)
		}
	})
}

func TestRunsChanged(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		for i, id := range []string{"run-1", "run-2", "run-3"} {
			run := w.run(job, id, now)
			run.UpdatedAt = at(time.Duration(i) * time.Second)
			w.addRun(t, run)
		}
		changed := func(after time.Time, limit int) []string {
			var ids []string
			for _, r := range got(w.st.RunsChanged(t.Context(), "tenant-a", after, limit))(t) {
				ids = append(ids, r.ID)
			}
			return ids
		}
		equal(t, "since ever", changed(time.Time{}, 10), []string{"run-1", "run-2", "run-3"})
		equal(t, "after the first", changed(now, 10), []string{"run-2", "run-3"})
		equal(t, "one after the first", changed(now, 1), []string{"run-2"})
		equal(t, "after the last", changed(at(2*time.Second), 10), nil)
	})
}

func TestUnbegunRuns(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		for _, id := range []string{"1", "2"} {
			run := w.addRun(t, w.run(w.addJob(t, w.job(w.alpha, "job-"+id)), "run-"+id, now))
			w.start(t, run, 1)
		}
		w.addRun(t, w.run(w.addJob(t, w.job(w.alpha, "job-3")), "queued", now))
		beat := got(w.st.Heartbeat(ctx, "run-2", 1, cdds.Progress{Records: 5, TotalRecords: 10, Bytes: 7, RecordsPerSecond: 2.5, Waiting: "For better times."}, at(time.Second)))
		equal(t, "heartbeat", beat(t), true)
		equal(t, "progress", got(w.st.RunByID(ctx, "run-2"))(t).Progress, cdds.Progress{Records: 5, TotalRecords: 10, Bytes: 7, RecordsPerSecond: 2.5, Waiting: "For better times."})
		equal(t, "alive", got(w.st.RunByID(ctx, "run-2"))(t).UpdatedAt, at(time.Second))
		w.next(t, store.Retry{RunID: "run-1", Attempt: 1, Now: now, LeaseUntil: at(time.Minute)})
		unbegun := func(when time.Time) int { return len(got(w.st.UnbegunRuns(ctx, when, 10))(t)) }
		equal(t, "not begun, in time", unbegun(at(time.Minute)), 0)
		equal(t, "not begun, late", unbegun(at(time.Minute+time.Second)), 1)
		equal(t, "held", len(got(w.st.RunsInProgress(ctx, 10))(t)), 1)
		equal(t, "begin", w.start(t, got(w.st.RunByID(ctx, "run-1"))(t), 2), true)
		equal(t, "not begun, though begun", unbegun(at(time.Hour)), 0)
		equal(t, "in progress", len(got(w.st.RunsInProgress(ctx, 10))(t)), 2)
		equal(t, "in progress, at most one", len(got(w.st.RunsInProgress(ctx, 1))(t)), 1)
		equal(t, "next attempt", w.next(t, store.Retry{RunID: "run-2", Attempt: 1, Now: at(2 * time.Second), LeaseUntil: at(time.Minute)}), true)
		equal(t, "waits for after the attempt", got(w.st.RunByID(ctx, "run-2"))(t).Progress.Waiting, "")
	})
}

func TestStuckRuns(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		w.addRun(t, w.run(job, "first", at(-time.Hour)))
		w.addRun(t, w.run(job, "second", at(-50*time.Minute)))
		busy := w.addJob(t, w.job(w.alpha, "job-2"))
		w.start(t, w.addRun(t, w.run(busy, "works", at(-time.Hour))), 1)
		w.addRun(t, w.run(busy, "waits", at(-50*time.Minute)))
		w.addRun(t, w.run(w.addJob(t, w.job(w.alpha, "job-3")), "fresh", at(-time.Minute)))
		stuck := func(when time.Time) []string {
			var ids []string
			for _, r := range got(w.st.StuckRuns(ctx, when, when.Add(-10*time.Minute), 10))(t) {
				ids = append(ids, r.ID)
			}
			return ids
		}
		nudge := func(id string, when time.Time) bool {
			var mine bool
			w.tx(t, func(ctx context.Context, tx *store.Tx) (err error) {
				mine, err = tx.MarkNudged(ctx, id, when)
				return err
			})
			return mine
		}
		equal(t, "stuck", stuck(now), []string{"first"})
		equal(t, "first nudge", nudge("first", now), true)
		equal(t, "nudge of another node", nudge("first", at(time.Second)), false)
		equal(t, "stuck just after", stuck(at(time.Minute)), nil)
		equal(t, "stuck after ten minutes more", stuck(at(11*time.Minute)), []string{"first", "fresh"})
		equal(t, "second nudge", nudge("first", at(11*time.Minute)), true)
		equal(t, "nudge of a run in progress", nudge("works", now), false)
	})
}

func TestDeleteRun(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		first := w.finishedRun(t, job, "run-1")
		second := w.run(job, "run-2", now)
		second.RetryOf = "run-1"
		w.addRun(t, second)
		remove := func(tenant, id string) error {
			return w.tryTx(func(ctx context.Context, tx *store.Tx) error { return tx.DeleteRun(ctx, tenant, id) })
		}
		wantCode(t, remove("tenant-b", "run-1"), cdds.CodeNotFound)
		wantCode(t, remove("tenant-a", "run-2"), cdds.CodeConflict)
		noError(t, remove("tenant-a", "run-1"))
		wantCode(t, remove("tenant-a", "run-1"), cdds.CodeNotFound)
		equal(t, "attempts", len(got(w.st.Attempts(ctx, first.ID))(t)), 0)
		equal(t, "artifacts", len(got(w.st.ArtifactsOfRun(ctx, first.ID))(t)), 0)
		_, err := w.st.Manifest(ctx, "tenant-a", first.ID)
		wantCode(t, err, cdds.CodeNotFound)
		second.RetryOf = ""
		equal(t, "the run that repeated it", got(w.st.RunByID(ctx, "run-2"))(t), second)

		third := w.run(job, "run-3", now)
		third.CreatedAt, third.State, third.FinishedAt = at(time.Second), cdds.RunFailed, at(time.Second)
		w.addRun(t, third)
		equal(t, "latest run", got(w.st.JobRow(ctx, "tenant-a", "job-1"))(t).LatestRun.ID, "run-3")
		noError(t, remove("tenant-a", "run-3"))
		equal(t, "latest run after its deletion", got(w.st.JobRow(ctx, "tenant-a", "job-1"))(t).LatestRun.ID, "run-2")
	})
}

func TestRunListFilters(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		contacts := w.job(w.alpha, "job-2")
		contacts.Spec.Type, contacts.Spec.Title = cdds.TypeContact, "People"
		w.addJob(t, contacts)
		w.finishedRun(t, job, "run-1")
		w.addRun(t, w.run(job, "run-2", at(time.Hour)))
		w.addRun(t, w.run(contacts, "run-3", at(time.Hour)))
		for _, c := range []struct {
			name  string
			query store.RunQuery
			want  []string
		}{
			{"all", store.RunQuery{}, []string{"run-1", "run-2", "run-3"}},
			{"title", store.RunQuery{Text: "PEOPLE"}, []string{"run-3"}},
			{"id", store.RunQuery{Text: "run-2"}, []string{"run-2"}},
			{"job", store.RunQuery{JobID: "job-1"}, []string{"run-1", "run-2"}},
			{"type", store.RunQuery{Types: []string{"contact"}}, []string{"run-3"}},
			{"states", store.RunQuery{States: []string{"finished", "failed"}}, []string{"run-1"}},
			{"source", store.RunQuery{Source: "contact_history"}, []string{"run-1", "run-2", "run-3"}},
		} {
			c.query.TenantID, c.query.Sort = "tenant-a", "createdAt"
			page := got(w.st.Runs(t.Context(), c.query))(t)
			var ids []string
			for _, r := range page.Items {
				ids = append(ids, r.ID)
			}
			equal(t, c.name, ids, c.want)
			equal(t, c.name+": total", page.Total, int64(len(c.want)))
		}
	})
}
