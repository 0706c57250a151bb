package scheduler_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/telemetry"
)

// TestWhatIsTold looks at what the scheduler tells: how late it is, and when it
// last got through a round.
func TestWhatIsTold(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		probe := telemetry.New(telemetry.Config{Version: "test", Node: "node"})
		clock := w.scheduler()
		clock.Tell(probe)
		job := w.create(t, cdds.Schedule{Kind: cdds.Hourly, Every: 1})
		late := job.NextStartsAt.Add(7 * time.Second)
		noError(t, clock.Tick(t.Context(), late, 0))
		told(t, probe, `cdds_scheduler_lag_seconds_count 1`, `cdds_scheduler_lag_seconds_sum 7`)
		round := fmt.Sprintf("cdds_scheduler_last_round_timestamp_seconds %g", float64(late.Unix()))
		told(t, probe, round)

		w.refuseRunsOf(t, w.create(t, cdds.Schedule{Kind: cdds.Hourly, Every: 1}).ID)
		if err := clock.Tick(t.Context(), late.Add(time.Hour), time.Second); err == nil {
			t.Error("a round in which a job cannot be started has no error")
		}
		told(t, probe, round, `cdds_scheduler_lag_seconds_count 2`)
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
