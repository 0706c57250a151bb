package store_test

import (
	"context"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

func TestJobIsKeptAsItIs(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		equal(t, "job", got(w.st.Job(ctx, "tenant-a", "job-1"))(t), job)

		job.Spec.Title, job.Spec.Type, job.Spec.MediaTypes, job.State = "Ünïcode 'title' \\ % _", cdds.TypeContact, nil, cdds.JobSuspended
		job.NextStartsAt, job.UpdatedAt = time.Time{}, at(time.Microsecond)
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateJob(ctx, job) })
		equal(t, "changed job", got(w.st.Job(ctx, "tenant-a", "job-1"))(t), job)
		row := got(w.st.JobRow(ctx, "tenant-a", "job-1"))(t)
		equal(t, "row", row, store.JobRow{Job: job, OwnerName: "ann"})

		job.DeletedAt = at(time.Minute)
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateJob(ctx, job) })
		_, err := w.st.Job(ctx, "tenant-a", "job-1")
		wantCode(t, err, cdds.CodeNotFound)
		_, err = w.st.JobRow(ctx, "tenant-a", "job-1")
		wantCode(t, err, cdds.CodeNotFound)
		equal(t, "jobs in the list", len(got(w.st.Jobs(ctx, store.JobQuery{TenantID: "tenant-a"}))(t).Items), 0)
		wantCode(t, w.tryTx(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.LockJob(ctx, "tenant-a", "job-1")
			return err
		}), cdds.CodeNotFound)
		job.ID = "nothing"
		wantCode(t, w.tryTx(func(ctx context.Context, tx *store.Tx) error { return tx.UpdateJob(ctx, job) }), cdds.CodeNotFound)
	})
}

func TestJobOfAnotherTenantsUserIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.job(w.alpha, "job-1")
		job.OwnerID = w.beta.ID
		wantCode(t, w.tryTx(func(ctx context.Context, tx *store.Tx) error { return tx.InsertJob(ctx, job) }), cdds.CodeInternal)
	})
}

func TestDueJobs(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		add := func(id string, next time.Time, change func(*cdds.Job)) {
			job := w.job(w.alpha, id)
			job.NextStartsAt = next
			change(&job)
			w.addJob(t, job)
		}
		same := func(*cdds.Job) {}
		add("late", at(-time.Hour), same)
		add("just", now, same)
		add("soon", at(time.Microsecond), same)
		add("never", time.Time{}, same)
		add("suspended", at(-time.Hour), func(j *cdds.Job) { j.State = cdds.JobSuspended })
		add("deleted", at(-time.Hour), func(j *cdds.Job) { j.DeletedAt = now })
		add("later", at(-time.Minute), same)
		due := func(limit int) []string {
			var ids []string
			for _, j := range got(w.st.DueJobs(t.Context(), now, limit))(t) {
				ids = append(ids, j.ID)
			}
			return ids
		}
		equal(t, "due", due(10), []string{"late", "later", "just"})
		equal(t, "due at most two", due(2), []string{"late", "later"})
	})
}

func TestClaimOccurrence(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		claim := func(id string, from, next time.Time, suspend bool) bool {
			var mine bool
			w.tx(t, func(ctx context.Context, tx *store.Tx) (err error) {
				mine, err = tx.ClaimOccurrence(ctx, id, from, next, suspend, at(time.Minute))
				return err
			})
			return mine
		}
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		equal(t, "another instant", claim("job-1", now, at(2*time.Hour), false), false)
		equal(t, "first", claim("job-1", job.NextStartsAt, at(2*time.Hour), false), true)
		equal(t, "again", claim("job-1", job.NextStartsAt, at(2*time.Hour), false), false)
		job.NextStartsAt, job.UpdatedAt = at(2*time.Hour), at(time.Minute)
		equal(t, "job", got(w.st.Job(t.Context(), "tenant-a", "job-1"))(t), job)
		equal(t, "last one", claim("job-1", at(2*time.Hour), time.Time{}, true), true)
		job.NextStartsAt, job.State = time.Time{}, cdds.JobSuspended
		equal(t, "job after its last", got(w.st.Job(t.Context(), "tenant-a", "job-1"))(t), job)

		suspended := w.job(w.alpha, "job-2")
		suspended.State = cdds.JobSuspended
		w.addJob(t, suspended)
		equal(t, "suspended", claim("job-2", suspended.NextStartsAt, time.Time{}, false), false)
		deleted := w.job(w.alpha, "job-3")
		deleted.DeletedAt = now
		w.addJob(t, deleted)
		equal(t, "deleted", claim("job-3", deleted.NextStartsAt, time.Time{}, false), false)
	})
}

func TestJobListFilters(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		add := func(id, title string, change func(*cdds.Job)) cdds.Job {
			job := w.job(w.alpha, id)
			job.Spec.Title = title
			change(&job)
			return w.addJob(t, job)
		}
		add("aaa-1", "Daily ÄRGER", func(*cdds.Job) {})
		add("aaa-2", "100% of all", func(j *cdds.Job) { j.State = cdds.JobSuspended })
		add("bbb-3", `under_score \ slash`, func(j *cdds.Job) { j.Spec.Type = cdds.TypeContact })
		ran := add("bbb-4", "aaa in the title", func(*cdds.Job) {})
		w.finishedRun(t, ran, "run-1")
		w.addRun(t, w.run(ran, "run-2", at(time.Hour)))
		done := add("bbb-5", "plain", func(*cdds.Job) {})
		w.finishedRun(t, done, "run-3")
		for _, c := range []struct {
			name  string
			query store.JobQuery
			want  []string
		}{
			{"all", store.JobQuery{}, []string{"aaa-1", "aaa-2", "bbb-3", "bbb-4", "bbb-5"}},
			{"any case, also beyond ASCII", store.JobQuery{Text: "daily ärger"}, []string{"aaa-1"}},
			{"id and title", store.JobQuery{Text: "AAA"}, []string{"aaa-1", "aaa-2", "bbb-4"}},
			{"id only from its beginning", store.JobQuery{Text: "-3"}, nil},
			{"a percent sign is itself", store.JobQuery{Text: "0%"}, []string{"aaa-2"}},
			{"an underscore is itself", store.JobQuery{Text: "r_s"}, []string{"bbb-3"}},
			{"so is a backslash", store.JobQuery{Text: `\`}, []string{"bbb-3"}},
			{"quotes are harmless", store.JobQuery{Text: `' OR 1=1 --`}, nil},
			{"type", store.JobQuery{Types: []string{"contact"}}, []string{"bbb-3"}},
			{"both types", store.JobQuery{Types: []string{"contact", "interaction"}, Text: "bbb"}, []string{"bbb-3", "bbb-4", "bbb-5"}},
			{"state", store.JobQuery{States: []string{"suspended"}}, []string{"aaa-2"}},
			{"source", store.JobQuery{Source: "info_mart"}, nil},
			{"latest run queued", store.JobQuery{RunStates: []string{"queued"}}, []string{"bbb-4"}},
			{"latest run queued or finished", store.JobQuery{RunStates: []string{"queued", "finished"}}, []string{"bbb-4", "bbb-5"}},
			{"never ran", store.JobQuery{RunStates: []string{store.NeverRan}}, []string{"aaa-1", "aaa-2", "bbb-3"}},
		} {
			c.query.TenantID, c.query.Sort = "tenant-a", "createdAt"
			page := got(w.st.Jobs(t.Context(), c.query))(t)
			var ids []string
			for _, row := range page.Items {
				ids = append(ids, row.ID)
				switch row.ID {
				case "bbb-4":
					equal(t, "latest run", row.LatestRun.ID, "run-2")
				case "bbb-5":
					equal(t, "latest run", *row.LatestRun, got(w.st.RunByID(t.Context(), "run-3"))(t))
				default:
					equal(t, "latest run", row.LatestRun, nil)
				}
			}
			equal(t, c.name, ids, c.want)
			equal(t, c.name+": total", page.Total, int64(len(c.want)))
		}
	})
}
