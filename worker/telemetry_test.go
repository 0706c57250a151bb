package worker_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cdds"
	"cdds/telemetry"
)

// TestWhatIsCounted looks at what the worker tells of a run that finishes, and
// of one whose attempts fail.
func TestWhatIsCounted(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		run := w.everything(t)
		noError(t, w.Do(t.Context(), run.ID, 1))
		noError(t, w.Do(t.Context(), run.ID, 1)) // a stale task
		done := w.wantState(t, run.ID, cdds.RunFinished)
		artifacts, err := w.st.ArtifactsOfRun(t.Context(), run.ID)
		noError(t, err)
		told(t, w.probe, `cdds_run_transitions_total{state="in_progress"} 1`, `cdds_run_transitions_total{state="finished"} 1`, `cdds_attempts_in_progress 0`,
			fmt.Sprintf(`cdds_exported_records_total{type="interaction"} %d`, done.Progress.Records), `cdds_artifacts_stored_total 1`,
			fmt.Sprintf(`cdds_artifacts_stored_bytes_total %d`, artifacts[0].Size), `cdds_run_duration_seconds_count{outcome="finished"} 1`)

		w.source.failing(cdds.CodeUnavailable)
		failing := w.everything(t)
		for attempt := 1; attempt <= cdds.MaxAttempts; attempt++ {
			noError(t, w.Do(t.Context(), failing.ID, attempt))
		}
		w.wantState(t, failing.ID, cdds.RunFailed)
		told(t, w.probe, `cdds_run_transitions_total{state="in_progress"} 2`, `cdds_run_transitions_total{state="failed"} 1`,
			fmt.Sprintf(`cdds_attempt_faults_total{code="unavailable"} %d`, cdds.MaxAttempts), `cdds_run_start_lag_seconds_count 2`)
	})
}

// told looks at each line in the metrics.
func told(t testing.TB, probe *telemetry.Probe, lines ...string) {
	t.Helper()
	answer := httptest.NewRecorder()
	probe.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range lines {
		if !strings.Contains("\n"+answer.Body.String(), "\n"+line+"\n") {
			t.Errorf("the metrics do not say %q", line)
		}
	}
}
