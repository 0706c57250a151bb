package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

// fillUp gives the tenant alpha manyRows jobs with a run each, and a tenth as
// many artifacts.
func (w *world) fillUp(t *testing.T) {
	t.Helper()
	job := w.addJob(t, w.job(w.alpha, "job-0"))
	run := w.finishedRun(t, job, "run-0")
	w.cutRun(t, w.addJob(t, w.job(w.beta, "job-cut")), "cut", 1)
	numbers := fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) `, manyRows)
	for _, statement := range []string{
		numbers + `INSERT INTO jobs (id, tenant_id, owner_id, title, title_lower, source, type, spec, state, first_start, next_run_at, created_at, updated_at)
			SELECT 'job-' || i, j.tenant_id, j.owner_id, 'Title ' || ((i * 7919) % 1000), 'title ' || ((i * 7919) % 1000), j.source, j.type, j.spec,
				CASE i % 3 WHEN 0 THEN 'suspended' ELSE 'active' END, j.first_start, CASE i % 3 WHEN 0 THEN NULL ELSE j.next_run_at + i END, j.created_at + i, j.updated_at + i
			FROM n, jobs j WHERE j.id = 'job-0'`,
		numbers + `INSERT INTO runs (id, tenant_id, job_id, owner_id, title, title_lower, source, type, spec, state, triggered_by, scheduled_for, due_at, window_end,
				window_frozen, attempt, faults, created_at, finished_at, updated_at, records, total_records, encoded_bytes, records_per_second, no_data, artifacts, bytes)
			SELECT 'run-' || i, r.tenant_id, 'job-' || i, r.owner_id, r.title, r.title_lower, r.source, r.type, r.spec,
				CASE WHEN i % 1000 = 0 THEN 'queued' ELSE 'finished' END, r.triggered_by, r.scheduled_for + i, r.due_at + i, r.window_end + i,
				r.window_frozen, 1, 0, r.created_at + i, CASE WHEN i % 1000 = 0 THEN NULL ELSE r.finished_at + i END, r.updated_at + i, 0, 0, 0, 0, r.no_data, 0, 0
			FROM n, runs r WHERE r.id = 'run-0'`,
		`UPDATE jobs SET latest_run_id = 'run-' || substr(id, 5) WHERE id <> 'job-cut'`,
		`UPDATE runs SET first_of_job = TRUE WHERE state = 'queued'`,
		`UPDATE turns SET due_at = (SELECT min(due_at) FROM runs WHERE state = 'queued') WHERE tenant_id = 'tenant-a'`,
		numbers + `INSERT INTO artifacts (id, tenant_id, run_id, job_id, title, title_lower, type, name, key, part, parts, size, sha256, recipients, created_at, expires_at)
			SELECT 'artifact-' || i, a.tenant_id, 'run-' || i, 'job-' || i, a.title, a.title_lower, a.type, a.name, a.key || i, 1, 1, 0, a.sha256, a.recipients, a.created_at + i, a.expires_at + i
			FROM n, artifacts a WHERE a.run_id = 'run-0' AND i % 10 = 0`,
		numbers + `INSERT INTO run_ranges (run_id, number, tenant_id, body, state, attempt, helper, node, beat, faults, records, encoded_bytes, waiting, parts, stored_bytes, ends_early, uncut)
			SELECT 'run-' || (i - i % 100), i % 100 + 1, 'tenant-a', r.body, 'done', 1, r.helper, '', 1, 0, 0, 0, '', 0, 0, r.helper, r.helper
			FROM n, run_ranges r WHERE r.run_id = 'cut' AND r.number = 1 AND i >= 100`,
		numbers + `INSERT INTO audit (tenant_id, number, user_id, username, token, action, object, detail, result, times, address, words, at, hash)
			SELECT 'tenant-a', i, 'user-a', 'ann', '', 'job.create', 'job-' || i, '', 'done', 1, '', 'ann', i, '` + strings.Repeat("0", 64) + `' FROM n`,
	} {
		noError(t, w.exec(statement))
	}
	if w.st.Dialect() == store.Postgres {
		noError(t, w.exec(`ANALYZE`)) // as its daemon does by itself
	}
	equal(t, "run", run.ID, "run-0")
}

// TestListsAndLoopsUseTheirIndexes asks the database how it would carry out
// the queries of each list and loop over many jobs: by the index that was
// made for it, without reading a whole table and without sorting. The times are
// printed and not judged.
func TestListsAndLoopsUseTheirIndexes(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.fillUp(t)
		var queries []string
		var arguments [][]any
		read := w.st.Recorded(func(query string, args []any) { queries, arguments = append(queries, query), append(arguments, args) })
		for _, c := range indexedReads(t, w, read) {
			queries, arguments = nil, nil
			began := time.Now()
			noError(t, c.read())
			t.Logf("%-26s %8.2f ms", c.name, float64(time.Since(began).Microseconds())/1000)
			for i, query := range queries {
				if !strings.Contains(query, "count(*)") && !strings.Contains(query, "r.id IN (") {
					checkPlan(t, w, c.name, c.index, query, arguments[i])
				}
			}
		}
		w.timeOtherLists(t)
	})
}

// indexedRead is a list or a loop and the index that was made for it.
type indexedRead struct {
	name, index string
	read        func() error
}

func indexedReads(t *testing.T, w *world, read store.Reader) []indexedRead {
	t.Helper()
	ctx := t.Context()
	jobs := func(p store.Paging) error {
		_, err := read.Jobs(ctx, store.JobQuery{TenantID: "tenant-a", Paging: p})
		return err
	}
	deep := func(sort string) store.Paging {
		cursor := ""
		for range 4 {
			cursor = got(w.st.Jobs(ctx, store.JobQuery{TenantID: "tenant-a", Paging: store.Paging{Sort: sort, Limit: 500, Cursor: cursor}}))(t).NextCursor
		}
		return store.Paging{Sort: sort, Cursor: cursor}
	}
	return []indexedRead{
		{"newest jobs", "jobs_by_creation", func() error { return jobs(store.Paging{}) }},
		{"oldest jobs", "jobs_by_creation", func() error { return jobs(store.Paging{Sort: "createdAt"}) }},
		{"jobs far down", "jobs_by_creation", func() error { return jobs(deep("-createdAt")) }},
		{"jobs by title", "jobs_by_title", func() error { return jobs(store.Paging{Sort: "title"}) }},
		{"jobs by title far down", "jobs_by_title", func() error { return jobs(deep("-title")) }},
		{"jobs by next start", "jobs_by_next_start", func() error { return jobs(store.Paging{Sort: "nextStartsAt"}) }},
		{"jobs of a user", "jobs_of_owner", func() error { _, err := read.JobsOf(ctx, "tenant-a", "user-x"); return err }},
		{"due jobs", "jobs_due", func() error { _, err := read.DueJobs(ctx, at(2*time.Hour), 100); return err }},
		{"newest runs", "runs_by_creation", func() error { _, err := read.Runs(ctx, store.RunQuery{TenantID: "tenant-a"}); return err }},
		{"runs of a job", "runs_by_job", func() error {
			_, err := read.Runs(ctx, store.RunQuery{TenantID: "tenant-a", JobID: "job-77"})
			return err
		}},
		{"runs that failed", "runs_by_state", func() error {
			_, err := read.Runs(ctx, store.RunQuery{TenantID: "tenant-a", States: []string{"failed"}})
			return err
		}},
		{"changed runs", "runs_by_change", func() error {
			_, err := read.RunsChanged(ctx, "tenant-a", at(time.Minute+99*time.Millisecond), 500)
			return err
		}},
		{"attempts not begun", "runs_one_in_progress", func() error { _, err := read.UnbegunRuns(ctx, now, 100); return err }},
		{"checkpoints", "", func() error { _, err := read.Checkpoints(ctx, "run-1"); return err }},
		{"ranges of a run", "run_ranges_", func() error { _, err := read.Ranges(ctx, "run-1000"); return err }},
		{"open range of a run", "run_ranges_", func() error { _, err := read.OpenRange(ctx, "cut", now); return err }},
		{"range to help with", "run_ranges_open", func() error { _, err := read.NextHelp(ctx, at(time.Hour)); return err }},
		{"stuck runs", "runs_not_started", func() error { _, err := read.StuckRuns(ctx, now, now, 100); return err }},
		{"queued run of a job", "runs_", func() error { _, err := read.NextQueuedRun(ctx, "job-1000", at(time.Hour)); return err }},
		{"active runs of a job", "runs_", func() error { _, err := read.ActiveRuns(ctx, "job-77"); return err }},
		{"last window of a job", "runs_", func() error { _, err := read.LastWindowEnd(ctx, "job-77"); return err }},
		{"newest artifacts", "artifacts_by_creation", func() error {
			_, err := read.Artifacts(ctx, store.ArtifactQuery{TenantID: "tenant-a"})
			return err
		}},
		{"listed artifacts of a run", "artifacts", func() error {
			_, err := read.Artifacts(ctx, store.ArtifactQuery{TenantID: "tenant-a", RunID: "run-70"})
			return err
		}},
		{"listed artifacts of a job", "artifacts", func() error {
			_, err := read.Artifacts(ctx, store.ArtifactQuery{TenantID: "tenant-a", JobID: "job-70"})
			return err
		}},
		{"artifacts of a run", "artifacts", func() error { _, err := read.ArtifactsOfRun(ctx, "run-70"); return err }},
		{"expired artifacts", "artifacts_by_end", func() error { _, err := read.ExpiredArtifacts(ctx, at(31*24*time.Hour), 100); return err }},
		{"artifacts to verify", "artifacts_by_check", func() error {
			_, err := read.NextToVerify(ctx, cdds.Artifact{ID: "artifact-70"}, at(time.Hour))
			return err
		}},
		{"audit log", "audit_by_time", func() error { _, err := read.Audit(ctx, store.AuditQuery{TenantID: "tenant-a"}); return err }},
		{"audit log of a time", "audit_by_time", func() error {
			_, err := read.Audit(ctx, store.AuditQuery{TenantID: "tenant-a", From: time.UnixMicro(500), To: time.UnixMicro(600)})
			return err
		}},
		{"audit log of an action", "audit_by_action", func() error {
			_, err := read.Audit(ctx, store.AuditQuery{TenantID: "tenant-a", Action: "job.delete"})
			return err
		}},
		{"audit log of a user", "audit_by_user", func() error {
			_, err := read.Audit(ctx, store.AuditQuery{TenantID: "tenant-a", Username: "bob"})
			return err
		}},
		{"audit log in pieces", "audit_by_number", func() error {
			_, err := read.AuditAfter(ctx, store.AuditQuery{TenantID: "tenant-a"}, 1000, manyRows, 500)
			return err
		}},
		{"end of the audit log", "audit_by_number", func() error { _, err := read.AuditHead(ctx, "tenant-a"); return err }},
	}
}

// timeOtherLists prints how long the lists take for which there is no index.
func (w *world) timeOtherLists(t *testing.T) {
	t.Helper()
	for _, c := range []struct {
		name  string
		query store.JobQuery
		want  int64
	}{
		{"search by title", store.JobQuery{Text: "E 123"}, manyRows / 1000},
		{"search, other sort", store.JobQuery{Text: "E 123", Paging: store.Paging{Sort: "latestStartedAt"}}, manyRows / 1000},
		{"latest run queued", store.JobQuery{RunStates: []string{"queued"}}, manyRows / 1000},
		{"latest run finished", store.JobQuery{RunStates: []string{"finished"}}, manyRows - manyRows/1000 + 1},
		{"latest run failed or none", store.JobQuery{RunStates: []string{"failed", store.NeverRan}}, 0},
		{"by latest start", store.JobQuery{Paging: store.Paging{Sort: "latestStartedAt"}}, manyRows + 1},
	} {
		c.query.TenantID = "tenant-a"
		began := time.Now()
		page := got(w.st.Jobs(t.Context(), c.query))(t)
		t.Logf("%-26s %8.2f ms", c.name, float64(time.Since(began).Microseconds())/1000)
		equal(t, c.name, page.Total, c.want)
	}
}

// checkPlan fails when a query reads a whole table, does not use an index of
// the given name, or, being a list, sorts.
func checkPlan(t *testing.T, w *world, name, index, query string, args []any) {
	t.Helper()
	plan := explain(t, w, query, args)
	bad := []string{"SCAN j\n", "SCAN r\n", "SCAN a\n", "Scan on jobs", "Scan on runs", "Scan on artifacts", "Scan on audit", "SCAN g\n", "Seq Scan on run_ranges"}
	if strings.HasSuffix(index, "_by_creation") {
		bad = append(bad, "TEMP B-TREE", "Sort")
	}
	for _, b := range bad {
		if strings.Contains(plan, b) {
			t.Errorf("%s: the plan has %q:\n%s\n%s", name, b, query, plan)
		}
	}
	if !strings.Contains(plan, index) {
		t.Errorf("%s: the plan does not use %s:\n%s\n%s", name, index, query, plan)
	}
}

func explain(t *testing.T, w *world, query string, args []any) string {
	t.Helper()
	how, column := "EXPLAIN QUERY PLAN ", 3
	if w.st.Dialect() == store.Postgres {
		how, column = "EXPLAIN ", 0
	}
	rows, err := w.st.DB().QueryContext(context.Background(), how+query, args...)
	noError(t, err)
	defer func() { noError(t, rows.Close()) }()
	names, err := rows.Columns()
	noError(t, err)
	var plan strings.Builder
	for rows.Next() {
		cells := make([]string, len(names))
		targets := make([]any, len(names))
		for i := range cells {
			targets[i] = &cells[i]
		}
		noError(t, rows.Scan(targets...))
		plan.WriteString(cells[column] + "\n")
	}
	noError(t, rows.Err())
	return plan.String()
}
