//go:build long

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"cdds/store"
)

// TestListsAtScale serves 100,000 jobs, 1,000,000 runs and 100,000 artifacts of
// one tenant, asks for pages of each list over HTTP, and holds the 95th
// percentile of each to less than 20 times that of one row by its id.
func TestListsAtScale(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			data, out := demo(t, "--interactions", "500", "--contacts", "50")
			metadata := []string{"--data", data}
			dsn := "sqlite:" + data + "/cdds.db"
			if kind == "postgres" {
				dsn = servers.Database(t)
				metadata = append(metadata, "--database", dsn)
				commandOK(t, "", append([]string{"migrate"}, metadata...)...)
				commandOK(t, out.Password, append([]string{"user", "add", out.Username, "--tenant", out.Tenant, "--tenant-id", "101", "--role", "administrator", "--password-stdin"}, metadata...)...)
			}
			seed(t, dsn, metadata, out)
			s := serve(t, append(metadata, "--role", "api")...)
			measureLists(t, s.signIn(t, out.Username, out.Password))
		})
	}
}

// seed makes one of each by the service, and copies them many times.
func seed(t *testing.T, dsn string, metadata []string, out demoOutput) {
	t.Helper()
	s := serve(t, metadata...)
	c := s.signIn(t, out.Username, out.Password)
	certificate, err := os.ReadFile(out.Certificate)
	must(t, err)
	c.ok("PUT", "/me/certificate", certificate, nil)
	finished(t, c.export(map[string]any{"type": "contact", "timeframe": map[string]any{"kind": "all"}}))
	s.stop()
	st, err := store.Open(t.Context(), dsn)
	must(t, err)
	defer func() { must(t, st.Close()) }()
	began := time.Now()
	for _, statement := range copies(st.Dialect()) {
		if _, err := st.DB().ExecContext(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("filled in %s", time.Since(began).Round(time.Second))
}

// copies are the statements that fill the tenant: jobs of 1,000 titles, a third
// of them suspended; ten runs for each, of which one in a hundred failed and
// one in a hundred was canceled; an artifact of each tenth run.
func copies(dialect store.Dialect) []string {
	numbers := func(n int) string {
		return fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < %d) ", n)
	}
	const state = "CASE i %% 100 WHEN 7 THEN 'failed' WHEN 8 THEN 'canceled' ELSE 'finished' END"
	const kind = "CASE i %% 10 WHEN 3 THEN 'contact' ELSE 'interaction' END"
	statements := []string{
		numbers(100_000) + fmt.Sprintf(`INSERT INTO jobs (id, tenant_id, owner_id, title, title_lower, source, type, spec, state, first_start, next_run_at, created_at, updated_at)
			SELECT 'job-' || i, j.tenant_id, j.owner_id, 'Weekly export ' || ((i * 7919) %% 1000), 'weekly export ' || ((i * 7919) %% 1000), j.source, `+kind+`, j.spec,
				CASE i %% 3 WHEN 0 THEN 'suspended' ELSE 'active' END, j.first_start, CASE i %% 3 WHEN 0 THEN NULL ELSE j.created_at + i END, j.created_at + i, j.updated_at + i
			FROM n, (SELECT * FROM jobs LIMIT 1) j`),
		numbers(1_000_000) + fmt.Sprintf(`INSERT INTO runs (id, tenant_id, job_id, owner_id, title, title_lower, source, type, spec, state, triggered_by, scheduled_for, due_at, window_start, window_end,
				window_frozen, attempt, faults, created_at, started_at, finished_at, updated_at, records, total_records, encoded_bytes, records_per_second, no_data, artifacts, bytes)
			SELECT 'run-' || i, r.tenant_id, 'job-' || (1 + i %% 100000), r.owner_id, 'Weekly export ' || ((i * 7919) %% 1000), 'weekly export ' || ((i * 7919) %% 1000), r.source, `+kind+`, r.spec,
				`+state+`, r.triggered_by, r.scheduled_for + i, r.due_at + i, r.window_start, r.window_end, r.window_frozen, 1, 0, r.created_at + i, r.started_at + i,
				r.finished_at + i * 3, r.updated_at + i, (i * 31) %% 50000, 0, 0, 0, r.no_data, 1, (i * 17) %% 90000
			FROM n, (SELECT * FROM runs LIMIT 1) r`),
		`UPDATE jobs SET latest_run_id = 'run-' || CAST(CAST(substr(id, 5) AS INTEGER) + 900000 - 1 AS TEXT) WHERE id LIKE 'job-%' AND CAST(substr(id, 5) AS INTEGER) % 50 <> 0`,
		numbers(100_000) + fmt.Sprintf(`INSERT INTO artifacts (id, tenant_id, run_id, job_id, title, title_lower, type, name, key, part, parts, size, sha256, recipients, created_at, expires_at)
			SELECT 'artifact-' || i, a.tenant_id, 'run-' || (i * 10), 'job-' || (1 + (i * 10) %% 100000), 'Weekly export ' || (i %% 1000), 'weekly export ' || (i %% 1000), `+kind+`, 'export-' || i || '.zip.p7m',
				a.key || i, 1, 1, (i * 17) %% 90000, a.sha256, a.recipients, a.created_at + i, a.expires_at + i
			FROM n, (SELECT * FROM artifacts LIMIT 1) a`),
	}
	if dialect == store.Postgres {
		statements = append(statements, "VACUUM ANALYZE") // as its daemon does by itself after that many new rows
	}
	return statements
}

// listCase is a list as the console asks for it.
type listCase struct{ name, path string }

func listCases() []listCase {
	var cases []listCase
	add := func(list string, queries ...string) {
		for _, q := range queries {
			cases = append(cases, listCase{list + " " + q, "/" + list + "?limit=25&" + q})
		}
	}
	for _, list := range []struct {
		name  string
		sorts []string
	}{
		{"jobs", []string{"createdAt", "title", "nextStartsAt", "latestStartedAt", "latestState", "source", "type"}},
		{"runs", []string{"createdAt", "startedAt", "finishedAt", "title", "state", "records", "bytes"}},
		{"artifacts", []string{"createdAt", "expiresAt", "title", "name", "size", "type"}},
	} {
		for _, sort := range list.sorts {
			add(list.name, "sort="+sort, "sort=-"+sort)
		}
	}
	add("jobs", "type=contact", "state=suspended", "latest=failed", "latest=none,failed", "latest=finished,canceled", "q=weekly")
	add("runs", "state=failed", "state=failed,canceled", "state=finished,failed", "type=contact", "job=job-77", "q=weekly")
	add("artifacts", "type=contact", "run=run-70", "job=job-71", "q=weekly")
	return cases
}

// measureLists asks in turns, so that a slow moment of the machine meets all.
func measureLists(t *testing.T, c *client) {
	t.Helper()
	const rounds = 40
	cases := listCases()
	took := make([][]time.Duration, len(cases))
	var single []time.Duration
	requests := &counting{next: http.DefaultTransport}
	c.http.Transport = requests
	far := map[string]string{}
	for round := range rounds + 3 {
		for i, lc := range cases {
			path := lc.path + far[lc.name]
			began := time.Now()
			var page struct {
				Items      []struct{ ID string }
				NextCursor *string
			}
			c.ok("GET", path, nil, &page)
			elapsed := time.Since(began)
			if len(page.Items) == 0 || len(page.Items) > 25 || page.NextCursor != nil && len(page.Items) != 25 {
				t.Fatalf("%s: a page of %d rows", path, len(page.Items))
			}
			if page.NextCursor != nil && round%4 != 3 { // walks on, and begins anew now and then
				far[lc.name] = "&cursor=" + *page.NextCursor
			} else {
				delete(far, lc.name)
			}
			began = time.Now()
			c.ok("GET", fmt.Sprintf("/jobs/job-%d", 1+(round*7919+i*104729)%90000), nil, nil)
			if round >= 3 {
				took[i] = append(took[i], elapsed)
				single = append(single, time.Since(began))
			}
		}
	}
	if want := int64((rounds + 3) * len(cases) * 2); requests.n != want {
		t.Errorf("%d requests for %d pages and rows", requests.n, want)
	}
	base := percentile(single, 95)
	t.Logf("one row by its id: p50 %s, p95 %s", percentile(single, 50), base)
	for i, lc := range cases {
		p95 := percentile(took[i], 95)
		ratio := float64(p95) / float64(base)
		t.Logf("%-34s p50 %-10s p95 %-10s ratio %.1f", lc.name, percentile(took[i], 50), p95, ratio)
		if ratio >= 20 {
			t.Errorf("%s: the 95th percentile is %.1f times that of one row", lc.name, ratio)
		}
	}
}

// counting counts the requests that go out.
type counting struct {
	next http.RoundTripper
	n    int64
}

// RoundTrip sends a request on.
func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n++
	return c.next.RoundTrip(r)
}
