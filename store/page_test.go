package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

// walked is what a row looks like to the paging test: its id and the value
// that it is sorted by.
type walked struct{ id, value string }

// walk reads a list page by page to its end.
func walk[T any](t *testing.T, read func(store.Paging) (store.Page[T], error), sort string, limit int, row func(T) walked) []walked {
	t.Helper()
	var rows []walked
	cursor := ""
	for range 100 {
		page := got(read(store.Paging{Sort: sort, Limit: limit, Cursor: cursor}))(t)
		if len(page.Items) > limit {
			t.Fatalf("a page of %d has %d rows", limit, len(page.Items))
		}
		for _, item := range page.Items {
			rows = append(rows, row(item))
		}
		if cursor = page.NextCursor; cursor == "" {
			equal(t, "total against rows", page.Total, int64(len(rows)))
			return rows
		}
	}
	t.Fatal("the list has no end")
	return nil
}

// checkSorts walks a list by each of its keys in both directions and with
// several page sizes: each row comes exactly once, in order, and the opposite
// direction is the exact reverse, also among equal values.
func checkSorts[T any](t *testing.T, want int, read func(store.Paging) (store.Page[T], error), id func(T) string, keys map[string]func(T) string) {
	t.Helper()
	for key, value := range keys {
		row := func(item T) walked { return walked{id(item), value(item)} }
		up := walk(t, read, key, 500, row)
		if len(up) != want {
			t.Fatalf("%s: %d rows, want %d", key, len(up), want)
		}
		seen := map[string]bool{}
		for i, r := range up {
			if seen[r.id] {
				t.Fatalf("%s: row %s comes twice", key, r.id)
			}
			seen[r.id] = true
			if i > 0 && (r.value < up[i-1].value) {
				t.Fatalf("%s: %v comes after %v", key, r, up[i-1])
			}
		}
		for _, limit := range []int{1, 2, 3, 7} {
			equal(t, fmt.Sprintf("%s in pages of %d", key, limit), walk(t, read, key, limit, row), up)
			down := walk(t, read, "-"+key, limit, row)
			slices.Reverse(down)
			equal(t, fmt.Sprintf("-%s in pages of %d", key, limit), down, up)
		}
	}
}

// sortable gives an instant a form that sorts as the store sorts it: none
// comes last.
func sortable(t time.Time) string {
	if t.IsZero() {
		return "9999"
	}
	return t.Format(time.RFC3339Nano)
}

func TestPagingOfJobs(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		titles := []string{"beta", "Alpha", "ALPHA", "äöü", "Zeta", "_", "%", "beta"}
		for i := range 23 {
			job := w.job(w.alpha, fmt.Sprintf("job-%02d", (i*7)%23))
			job.Spec.Title = titles[i%len(titles)]
			job.CreatedAt, job.UpdatedAt = at(time.Duration(i/4)*time.Second), at(-time.Duration(i/3)*time.Second)
			if i%3 == 0 {
				job.State, job.NextStartsAt = cdds.JobSuspended, time.Time{}
			} else {
				job.NextStartsAt = at(time.Duration(i%5) * time.Hour)
			}
			if i%4 == 0 {
				job.Spec.Type = cdds.TypeContact
			}
			w.addJob(t, job)
			if i%2 == 0 {
				run := w.addRun(t, w.run(job, "run-"+job.ID, now))
				if i%8 == 0 {
					w.start(t, run, 1)
				}
			}
		}
		w.addJob(t, w.job(w.beta, "job-of-beta"))
		read := func(p store.Paging) (store.Page[store.JobRow], error) {
			return w.st.Jobs(t.Context(), store.JobQuery{TenantID: "tenant-a", Paging: p})
		}
		checkSorts(t, 23, read, func(r store.JobRow) string { return r.ID }, map[string]func(store.JobRow) string{
			"createdAt":    func(r store.JobRow) string { return sortable(r.CreatedAt) },
			"updatedAt":    func(r store.JobRow) string { return sortable(r.UpdatedAt) },
			"title":        func(r store.JobRow) string { return strings.ToLower(r.Spec.Title) },
			"source":       func(r store.JobRow) string { return string(r.Spec.Source) },
			"type":         func(r store.JobRow) string { return string(r.Spec.Type) },
			"state":        func(r store.JobRow) string { return string(r.State) },
			"owner":        func(r store.JobRow) string { return r.OwnerName },
			"nextStartsAt": func(r store.JobRow) string { return sortable(r.NextStartsAt) },
			"latestState": func(r store.JobRow) string {
				if r.LatestRun == nil {
					return store.NeverRan
				}
				return string(r.LatestRun.State)
			},
			"latestStartedAt": func(r store.JobRow) string {
				if r.LatestRun == nil {
					return sortable(time.Time{})
				}
				return sortable(r.LatestRun.StartedAt)
			},
		})
		newest := got(read(store.Paging{}))(t).Items[0]
		equal(t, "newest first by default", newest.CreatedAt, at(5*time.Second))
	})
}

func TestPagingOfRunsAndArtifacts(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for i := range 12 {
			job := w.job(w.alpha, fmt.Sprintf("job-%02d", (i*5)%12))
			job.Spec.Title = []string{"b", "A", "c"}[i%3]
			if i%4 == 0 {
				job.Spec.Type = cdds.TypeContact
			}
			w.addJob(t, job)
			run := w.run(job, "run-"+job.ID, at(time.Duration(i%4)*time.Hour))
			run.CreatedAt, run.UpdatedAt = at(time.Duration(i/3)*time.Second), at(time.Duration(i/5)*time.Second)
			w.addRun(t, run)
			if i%3 == 0 {
				continue
			}
			w.start(t, run, 1)
			if i%3 == 1 {
				files := []cdds.Artifact{w.artifact(run, 1, 2), w.artifact(run, 2, 2)}
				files[1].ExpiresAt, files[1].CreatedAt = at(time.Duration(i)*time.Hour), at(time.Duration(i)*time.Minute)
				w.finish(t, store.Outcome{RunID: run.ID, Attempt: 1, State: cdds.RunFinished, Now: at(time.Minute), Artifacts: files,
					Progress: cdds.Progress{Records: int64(i / 4)}})
			}
		}
		readRuns := func(p store.Paging) (store.Page[cdds.Run], error) {
			return w.st.Runs(t.Context(), store.RunQuery{TenantID: "tenant-a", Paging: p})
		}
		checkSorts(t, 12, readRuns, func(r cdds.Run) string { return r.ID }, map[string]func(cdds.Run) string{
			"createdAt":    func(r cdds.Run) string { return sortable(r.CreatedAt) },
			"updatedAt":    func(r cdds.Run) string { return sortable(r.UpdatedAt) },
			"scheduledFor": func(r cdds.Run) string { return sortable(r.ScheduledFor) },
			"startedAt":    func(r cdds.Run) string { return sortable(r.StartedAt) },
			"finishedAt":   func(r cdds.Run) string { return sortable(r.FinishedAt) },
			"title":        func(r cdds.Run) string { return strings.ToLower(r.Spec.Title) },
			"source":       func(r cdds.Run) string { return string(r.Spec.Source) },
			"type":         func(r cdds.Run) string { return string(r.Spec.Type) },
			"state":        func(r cdds.Run) string { return string(r.State) },
			"records":      func(r cdds.Run) string { return fmt.Sprintf("%09d", r.Progress.Records) },
			"bytes":        func(r cdds.Run) string { return fmt.Sprintf("%09d", r.Bytes) },
		})
		readFiles := func(p store.Paging) (store.Page[cdds.Artifact], error) {
			return w.st.Artifacts(t.Context(), store.ArtifactQuery{TenantID: "tenant-a", Paging: p})
		}
		checkSorts(t, 8, readFiles, func(a cdds.Artifact) string { return a.ID }, map[string]func(cdds.Artifact) string{
			"createdAt": func(a cdds.Artifact) string { return sortable(a.CreatedAt) },
			"expiresAt": func(a cdds.Artifact) string { return sortable(a.ExpiresAt) },
			"title":     func(a cdds.Artifact) string { return strings.ToLower(a.Title) },
			"type":      func(a cdds.Artifact) string { return string(a.Type) },
			"name":      func(a cdds.Artifact) string { return a.Name },
			"size":      func(a cdds.Artifact) string { return fmt.Sprintf("%09d", a.Size) },
		})
	})
}

func TestPagingOfTheAuditLog(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for i := range 12 {
			w.tx(t, func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertAudit(ctx, store.AuditEntry{TenantID: "tenant-a", UserID: "user-a", Username: []string{"ann", "bob"}[i%2],
					Action: []string{"job.create", "run.start", "job.edit"}[i%3], At: at(time.Duration(i/4) * time.Second)})
			})
		}
		read := func(p store.Paging) (store.Page[store.AuditEntry], error) {
			return w.st.Audit(t.Context(), store.AuditQuery{TenantID: "tenant-a", Paging: p})
		}
		checkSorts(t, 12, read, func(e store.AuditEntry) string { return fmt.Sprint(e.ID) }, map[string]func(store.AuditEntry) string{
			"at":       func(e store.AuditEntry) string { return sortable(e.At) },
			"action":   func(e store.AuditEntry) string { return e.Action },
			"username": func(e store.AuditEntry) string { return e.Username },
		})
	})
}

// TestPagesStayInPlace adds and removes rows between two pages: the rows that
// were there all the time still come exactly once.
func TestPagesStayInPlace(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		add := func(id string, created time.Duration) {
			job := w.job(w.alpha, id)
			job.CreatedAt = at(created)
			w.addJob(t, job)
		}
		for i := range 6 {
			add(fmt.Sprintf("job-%d", i), time.Duration(i)*time.Minute)
		}
		query := store.JobQuery{TenantID: "tenant-a", Paging: store.Paging{Sort: "createdAt", Limit: 3}}
		first := got(w.st.Jobs(t.Context(), query))(t)
		add("early", -time.Minute)
		gone := first.Items[2].Job
		gone.DeletedAt = now
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateJob(ctx, gone) })
		query.Cursor = first.NextCursor
		second := got(w.st.Jobs(t.Context(), query))(t)
		var ids []string
		for _, row := range second.Items {
			ids = append(ids, row.ID)
		}
		equal(t, "second page", ids, []string{"job-3", "job-4", "job-5"})
	})
}

func TestBadPaging(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for i := range 3 {
			w.addJob(t, w.job(w.alpha, fmt.Sprintf("job-%d", i)))
		}
		read := func(p store.Paging) (store.Page[store.JobRow], error) {
			return w.st.Jobs(t.Context(), store.JobQuery{TenantID: "tenant-a", Paging: p})
		}
		byTitle := got(read(store.Paging{Sort: "title", Limit: 1}))(t).NextCursor
		byCreation := got(read(store.Paging{Sort: "createdAt", Limit: 1}))(t).NextCursor
		for _, c := range []struct {
			field string
			p     store.Paging
		}{
			{"sort", store.Paging{Sort: "colour"}}, {"sort", store.Paging{Sort: "--title"}}, {"sort", store.Paging{Sort: "title; DROP TABLE jobs"}},
			{"limit", store.Paging{Limit: -1}}, {"limit", store.Paging{Limit: 501}},
			{"cursor", store.Paging{Cursor: "!"}}, {"cursor", store.Paging{Cursor: "e30"}}, {"cursor", store.Paging{Cursor: "AAAA"}},
			{"cursor", store.Paging{Sort: "-title", Cursor: byTitle}}, {"cursor", store.Paging{Sort: "title", Cursor: byCreation}},
			{"cursor", store.Paging{Sort: "createdAt", Cursor: "eyJzIjoiY3JlYXRlZEF0IiwiayI6IngiLCJpIjoiaiJ9"}},
		} {
			_, err := read(c.p)
			wantCode(t, err, cdds.CodeInvalid)
			var e *cdds.Error
			if !asError(err, &e) || e.Fields[0].Field != c.field {
				t.Fatalf("%+v: got %v, want field %s", c.p, err, c.field)
			}
			if c.field == "sort" && !strings.Contains(err.Error(), "nextStartsAt") {
				t.Fatalf("the error does not list the allowed keys: %v", err)
			}
		}
		equal(t, "the store is unharmed", got(read(store.Paging{}))(t).Total, int64(3))
	})
}
