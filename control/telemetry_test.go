package control_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/control"
	"cdds/telemetry"
)

// TestWhatIsCounted looks at what the verbs tell: each run once, and none that
// was refused.
func TestWhatIsCounted(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		job := w.create(t, spec())
		run := got(w.StartRun(ctx, w.ann, job.ID, control.Once{Key: "k", Request: "r"}, now))(t)
		got(w.StartRun(ctx, w.ann, job.ID, control.Once{Key: "k", Request: "r"}, now))(t) // the same once more
		if _, err := w.StartRun(ctx, w.bob, job.ID, control.Once{}, now); cdds.CodeOf(err) != cdds.CodeNotFound {
			t.Errorf("another tenant's start: %v", err)
		}
		got(w.CancelRun(ctx, w.ann, run.ID, now))(t)
		if _, err := w.CancelRun(ctx, w.ann, run.ID, now); cdds.CodeOf(err) != cdds.CodeConflict {
			t.Errorf("the second cancel: %v", err)
		}
		told(t, w.probe, `cdds_run_transitions_total{state="queued"} 1`, `cdds_run_transitions_total{state="canceled"} 1`, `cdds_run_transitions_total{state="failed"} 0`)

		late := job.NextStartsAt.Add(40 * time.Hour) // 41 occurrences, of which the last 31 run
		job = got(w.st.Job(ctx, job.TenantID, job.ID))(t)
		if !got(w.StartDue(ctx, job, late))(t) {
			t.Fatal("nothing was due")
		}
		told(t, w.probe, `cdds_run_transitions_total{state="queued"} 32`, `cdds_run_transitions_total{state="failed"} 10`, `cdds_run_duration_seconds_count{outcome="failed"} 0`)

		lost := w.runs(t, job.ID)[len(w.runs(t, job.ID))-1]
		for attempt := 1; attempt <= cdds.MaxAttempts; attempt++ {
			lost = got(w.st.RunByID(ctx, lost.ID))(t)
			w.begin(t, lost, attempt)
			lost = got(w.st.RunByID(ctx, lost.ID))(t)
			if !got(w.TakeBack(ctx, lost, "Lost.", at(time.Minute)))(t) {
				t.Fatalf("attempt %d was not taken back", attempt)
			}
		}
		told(t, w.probe, `cdds_run_transitions_total{state="failed"} 11`, `cdds_run_duration_seconds_sum{outcome="failed"} 60`)

		for range 7 {
			if _, err := w.SignIn(ctx, control.Credentials{Username: "ann", Password: "wrong horse battery"}, control.Browser{Address: "192.0.2.9"}, now); err == nil {
				t.Error("a wrong password signs in")
			}
		}
		told(t, w.probe, `cdds_sign_in_failures_total{reason="credentials"} 5`, `cdds_sign_in_failures_total{reason="limited"} 2`)
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
