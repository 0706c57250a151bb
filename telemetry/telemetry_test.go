package telemetry_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cdds/telemetry"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// scrape returns what a probe's metrics page says.
func scrape(t *testing.T, p *telemetry.Probe) string {
	t.Helper()
	server := httptest.NewServer(p.Handler(slog.New(slog.DiscardHandler)))
	defer server.Close()
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", resp.StatusCode, text)
	}
	return string(text)
}

// says fails the test for each line that the page has not.
func says(t *testing.T, page string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+page, "\n"+line+"\n") {
			t.Errorf("the metrics do not say %q", line)
		}
	}
	if t.Failed() {
		t.Logf("%s", page)
	}
}

// TestProbeCounts tells a probe one of everything.
func TestProbeCounts(t *testing.T) {
	p := telemetry.New(telemetry.Config{Version: "1.2.3", Node: "node-1", Workers: 3})
	says(t, scrape(t, p), `cdds_run_transitions_total{state="failed"} 0`, `cdds_sign_in_failures_total{reason="limited"} 0`)
	p.RunQueued()
	p.RunBegan(3 * time.Second)
	p.RunFinished(telemetry.Finished{Type: "contact", Took: 2 * time.Minute, Records: 7, Bytes: 700, Artifacts: 2, StoredOctets: 300})
	p.RunFailed(time.Hour)
	p.RunFailed(0) // never began, so it took no time
	p.RunCanceled()
	p.AttemptFailed("unavailable")
	p.SourceWaited("quiet", 90*time.Second)
	p.OccurrenceStarted(-time.Second) // a clock that was set back
	p.RoundDone(now)
	p.SignInRefused("credentials")
	p.DownloadBegan("smime")
	p.Downloaded(42)
	_, end := p.Attempt(t.Context(), "run", "tenant", 1)
	for _, request := range []struct {
		status          int
		broken, endless bool
	}{{200, false, false}, {404, false, false}, {0, false, true}, {200, true, false}} {
		_, done := p.Request(t.Context(), "list-runs")
		done(request.status, request.broken, request.endless)
	}
	says(t, scrape(t, p), `cdds_build_info{version="1.2.3"} 1`, `cdds_workers 3`, `cdds_attempts_in_progress 1`,
		`cdds_run_transitions_total{state="queued"} 1`, `cdds_run_transitions_total{state="in_progress"} 1`, `cdds_run_transitions_total{state="finished"} 1`,
		`cdds_run_transitions_total{state="failed"} 2`, `cdds_run_transitions_total{state="canceled"} 1`,
		`cdds_run_duration_seconds_count{outcome="failed"} 1`, `cdds_run_duration_seconds_sum{outcome="finished"} 120`,
		`cdds_exported_records_total{type="contact"} 7`, `cdds_exported_bytes_total 700`, `cdds_artifacts_stored_total 2`, `cdds_artifacts_stored_bytes_total 300`,
		`cdds_attempt_faults_total{code="unavailable"} 1`, `cdds_source_wait_seconds_total{reason="quiet"} 90`,
		`cdds_scheduler_lag_seconds_sum 0`, `cdds_scheduler_lag_seconds_count 1`, `cdds_run_start_lag_seconds_sum 3`,
		`cdds_sign_in_failures_total{reason="credentials"} 1`, `cdds_downloads_total{form="smime"} 1`, `cdds_download_bytes_total 42`,
		`cdds_http_requests_total{code="2xx",operation="list-runs"} 2`, `cdds_http_requests_total{code="4xx",operation="list-runs"} 1`,
		`cdds_http_requests_total{code="broken",operation="list-runs"} 1`, `cdds_http_request_duration_seconds_count{operation="list-runs"} 3`)
	end(errors.New("no"))
	says(t, scrape(t, p), `cdds_attempts_in_progress 0`)
}

// TestNilProbe calls what the parts of a node call, without a probe.
func TestNilProbe(t *testing.T) {
	var p *telemetry.Probe
	p.RunQueued()
	p.RunBegan(0)
	p.RunCanceled()
	p.RunFailed(0)
	p.RunFinished(telemetry.Finished{})
	p.AttemptFailed("internal")
	p.SourceWaited("lost", 0)
	p.OccurrenceStarted(0)
	p.RoundDone(now)
	p.SignInRefused("limited")
	p.DownloadBegan("der")
	p.Downloaded(1)
	ctx, end := p.Attempt(t.Context(), "run", "tenant", 1)
	_, inner := telemetry.Begin(ctx, "count")
	inner(nil)
	end(nil)
	_, done := p.Request(ctx, "list-runs")
	done(200, false, false)
}

// TestStateIsAskedFor holds that the metadata is asked at each scrape, that what
// takes longer is not, and that a metadata database that does not answer is told
// by a metric of its own.
func TestStateIsAskedFor(t *testing.T) {
	p := telemetry.New(telemetry.Config{Version: "1", Node: "n"})
	clock, looked, counted := now, 0, 0
	var down error
	p.Watch(func(context.Context) (telemetry.State, error) {
		looked++
		return telemetry.State{Queued: 5, InProgress: int64(looked), Due: 2, OldestDue: now.Add(-time.Minute)}, down
	}, func(context.Context) (telemetry.Stock, error) {
		counted++
		return telemetry.Stock{Artifacts: int64(counted), Bytes: 99, Damaged: 1, OwnersEnd: now.AddDate(0, 0, 3)}, nil
	}, func() time.Time { return clock })
	page := scrape(t, p)
	says(t, page, `cdds_metadata_up 1`, `cdds_runs{state="queued"} 5`, `cdds_runs{state="in_progress"} 1`, `cdds_queue_depth 2`, `cdds_queue_oldest_seconds 60`,
		`cdds_storage_artifacts 1`, `cdds_storage_bytes 99`, `cdds_storage_damaged_artifacts 1`, `cdds_certificate_days_left{of="owner"} 3`)
	if strings.Contains(page, `of="recipient"`) {
		t.Error("a recipient's certificate is told of where there is none")
	}
	clock = now.Add(4 * time.Minute)
	says(t, scrape(t, p), `cdds_runs{state="in_progress"} 2`, `cdds_storage_artifacts 1`)
	clock = now.Add(6 * time.Minute)
	says(t, scrape(t, p), `cdds_storage_artifacts 2`)
	down = errors.New("down")
	page = scrape(t, p)
	says(t, page, `cdds_metadata_up 0`)
	if strings.Contains(page, "cdds_queue_depth") {
		t.Error("a queue that nobody could look at has a depth")
	}
}
