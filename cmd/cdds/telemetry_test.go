package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// getText returns the status and the body of an address.
func getText(t testing.TB, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(text)
}

// metricsURL waits until the process serves its metrics.
func (p *process) metricsURL(t testing.TB) string {
	t.Helper()
	address := regexp.MustCompile(`serving metrics"?,? "?url"?[=:]"?(http://[^\s"]+)/metrics`)
	for deadline := time.Now().Add(waitTime); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if m := address.FindStringSubmatch(p.said()); m != nil {
			return m[1]
		}
	}
	t.Fatalf("no metrics are served:\n%s", p.said())
	return ""
}

// workedService is a service that has exported, given a download and refused a
// sign-in.
func workedService(t testing.TB, env []string, args ...string) (*process, runAnswer) {
	t.Helper()
	data, out := demo(t, "--interactions", "50", "--contacts", "5")
	p := start(t, 0o077, env, append([]string{"--data", data, "--metrics", "127.0.0.1:0"}, args...)...)
	c := p.signIn(t, out.Username, out.Password)
	// A job that stays active and starts nothing: its owner's certificate counts.
	c.ok("POST", "/jobs", jobBody(object{"schedule": object{"kind": "daily", "every": 1, "at": "02:00", "notBefore": "2099-01-01T00:00:00Z"}, "timeframe": object{"kind": "day"}}), nil)
	r := finished(t, c.export(object{"splitSize": 1 << 20}))
	c.download(c.artifacts(r.ID)[0], "der", t.TempDir())
	c.fails(http.StatusUnauthorized, "POST", "/session", object{"username": out.Username, "password": "not the password"})
	return p, r
}

// TestMetrics works a service, and compares what its metrics say with what it
// did.
func TestMetrics(t *testing.T) {
	t.Parallel()
	p, r := workedService(t, nil)
	base := p.metricsURL(t)
	_, page := getText(t, base+"/metrics")
	for _, line := range []string{
		`cdds_build_info{version="` + version + `"} 1`, `cdds_metadata_up 1`, `cdds_workers 2`, `cdds_queue_depth 0`, `cdds_runs{state="in_progress"} 0`,
		`cdds_run_transitions_total{state="queued"} 1`, `cdds_run_transitions_total{state="in_progress"} 1`, `cdds_run_transitions_total{state="finished"} 1`,
		`cdds_run_transitions_total{state="failed"} 0`, fmt.Sprintf(`cdds_exported_records_total{type="interaction"} %d`, r.Progress.Records),
		`cdds_run_duration_seconds_count{outcome="finished"} 1`, `cdds_run_start_lag_seconds_count 1`, `cdds_downloads_total{form="der"} 1`,
		`cdds_sign_in_failures_total{reason="credentials"} 1`, `cdds_http_requests_total{code="4xx",operation="sign-in"} 1`,
		`cdds_http_requests_total{code="2xx",operation="download-artifact"} 1`,
	} {
		if !strings.Contains("\n"+page, "\n"+line+"\n") {
			t.Errorf("the metrics do not say %q", line)
		}
	}
	for _, name := range []string{"go_goroutines ", "process_open_fds ", "cdds_scheduler_last_round_timestamp_seconds ", "cdds_download_bytes_total "} {
		if value := regexp.MustCompile(`(?m)^` + name + `(\S+)$`).FindStringSubmatch(page); value == nil || value[1] == "0" {
			t.Errorf("%q is missing or 0", name)
		}
	}
	// What is bound to the metrics' address is on no other.
	if _, text := getText(t, p.url+"/metrics"); strings.Contains(text, "cdds_build_info") {
		t.Error("the service's own address shows the metrics")
	}
	for _, tenantOrRun := range []string{r.ID, "demo"} {
		if strings.Contains(page, tenantOrRun) {
			t.Errorf("the metrics name %q", tenantOrRun)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
	if status, _ := getText(t, base+"/healthz"); status != http.StatusNoContent {
		t.Errorf("/healthz: status %d", status)
	}
}

// TestMetricsOfATenantsOwnSource exports from a source that is opened when it is
// needed: its waits are told as those of the deployment's own.
func TestMetricsOfATenantsOwnSource(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "50", "--contacts", "5")
	_, other := demo(t, "--interactions", "5", "--contacts", "5")
	commandOK(t, "", "tenant", "edit", out.Tenant, "--data", data, "--source-name", "acme-history")
	p := start(t, 0o077, []string{`CDDS_SOURCES={"acme-history": {"dsn": "sqlite:` + out.Source + `"}}`},
		"--data", data, "--metrics", "127.0.0.1:0", "--source", "sqlite:"+other.Source)
	c := p.signIn(t, out.Username, out.Password)
	if r := finished(t, c.export(nil)); r.Progress.Records == 0 {
		t.Error("the run exported nothing")
	}
	_, page := getText(t, p.metricsURL(t)+"/metrics")
	waited := regexp.MustCompile(`(?m)^cdds_source_wait_seconds_total\{reason="ceiling"\} (\S+)$`).FindStringSubmatch(page)
	if waited == nil || waited[1] == "0" {
		t.Errorf("no moment at the ceiling of the tenant's source is told: %v", waited)
	}
}

// TestReady breaks the storage of a running service, and mends it.
func TestReady(t *testing.T) {
	t.Parallel()
	data, _ := demo(t, "--interactions", "5", "--contacts", "5")
	folder := filepath.Join(t.TempDir(), "artifacts")
	s := serve(t, "--data", data, "--artifacts", folder)
	type answer struct {
		Ready  bool
		Checks []struct {
			Name, Detail, Hint string
			OK                 bool
		}
	}
	ask := func() (status int, failing []string) {
		status, text := getText(t, s.url+"/readyz")
		var a answer
		must(t, json.Unmarshal([]byte(text), &a))
		if len(a.Checks) != 5 || a.Ready != (status == http.StatusOK) {
			t.Errorf("status %d: %s", status, text)
		}
		for _, check := range a.Checks {
			if !check.OK {
				failing = append(failing, check.Name)
				if check.Detail == "" || check.Hint == "" || strings.Contains(text, folder) {
					t.Errorf("%s says %s", check.Name, text)
				}
			}
		}
		return status, failing
	}
	if status, failing := ask(); status != http.StatusOK || len(failing) != 0 {
		t.Errorf("a service that works: status %d, %v", status, failing)
	}
	must(t, os.Rename(folder, folder+"-away"))
	if status, failing := ask(); status != http.StatusServiceUnavailable || len(failing) != 1 || failing[0] != "artifact storage" {
		t.Errorf("without a storage: status %d, %v", status, failing)
	}
	must(t, os.Rename(folder+"-away", folder))
	if status, failing := ask(); status != http.StatusOK || len(failing) != 0 {
		t.Errorf("mended: status %d, %v", status, failing)
	}
}

// TestReadyWithoutTables takes the queue's and then the schema's tables away.
func TestReadyWithoutTables(t *testing.T) {
	t.Parallel()
	data, _ := demo(t, "--interactions", "5", "--contacts", "5")
	dsn := servers.Database(t)
	s := serve(t, "--data", data, "--database", dsn, "--role", "api")
	for _, step := range []struct{ sql, failing string }{
		{"alter table river_migration rename to away", "queue"},
		{"alter table away rename to river_migration; delete from goose_db_version where version_id = (select max(version_id) from goose_db_version)", "migrations"},
	} {
		change(t, dsn, step.sql)
		status, text := getText(t, s.url+"/readyz")
		if status != http.StatusServiceUnavailable || strings.Count(text, `"ok":false`) != 1 || !strings.Contains(text, `"name":"`+step.failing+`","ok":false`) {
			t.Errorf("after %q: status %d: %s", step.sql, status, text)
		}
	}
}

// TestExportedTelemetry names a collector in the environment of a service that
// works, and looks at what reaches it, and at the log in JSON.
func TestExportedTelemetry(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	sent := map[string]string{} // bodies by path; texts stand in them as they are
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		sent[r.URL.Path] += string(body)
	}))
	defer receiver.Close()
	p, r := workedService(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + receiver.URL})
	p.stop()
	mu.Lock()
	defer mu.Unlock()
	for path, texts := range map[string][]string{
		"/v1/traces": {"run attempt", "count", "read range", "store part", "request download-artifact", "cdds.tenant", r.ID},
		"/v1/logs":   {"attempt begins", "run finished", "sign-in refused", r.ID},
	} {
		for _, text := range texts {
			if !strings.Contains(sent[path], text) {
				t.Errorf("%s has no %q", path, text)
			}
		}
		spoken.output(t.Name()+" "+path, sent[path])
	}
}

// TestLogFormat reads a log of JSON lines: those of a run name it, its tenant
// and the node.
func TestLogFormat(t *testing.T) {
	t.Parallel()
	p, r := workedService(t, nil, "--log-format", "json")
	p.stop()
	ofRun := 0
	for _, line := range strings.Split(strings.TrimSpace(p.said()), "\n") {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil || fields["msg"] == nil || fields["time"] == nil || fields["level"] == nil {
			t.Errorf("not a line of JSON: %s (%v)", line, err)
		}
		if fields["run"] == nil {
			continue
		}
		ofRun++
		if fields["run"] != r.ID || fields["tenant"] == nil || fields["node"] == nil {
			t.Errorf("a line of a run says %s", line)
		}
	}
	if ofRun < 2 {
		t.Errorf("%d lines are of the run", ofRun)
	}
}

// change carries out SQL on a PostgreSQL database.
func change(t testing.TB, dsn, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	_, err = conn.Exec(t.Context(), sql)
	must(t, err)
	must(t, conn.Close(t.Context()))
}
