package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"cdds"
)

// Check is one thing that the service needs to work.
type Check struct {
	Name string
	Test func(ctx context.Context) error
}

// readyTime is how long one check may take.
const readyTime = 5 * time.Second

// readiness is the answer of /readyz.
type readiness struct {
	Ready  bool          `json:"ready"`
	Checks []checkAnswer `json:"checks"`
}

// checkAnswer is what one check found.
type checkAnswer struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
	Hint   string `json:"hint,omitempty"`
}

// Alive answers /healthz: the process serves requests.
func Alive(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// Ready answers /readyz: it makes all checks, side by side, and names those that
// failed, with 503. Anybody may ask, so it shows texts that we wrote and no
// others: the rest is in the log.
func Ready(checks []Check, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := readiness{Ready: true, Checks: make([]checkAnswer, len(checks))}
		var group sync.WaitGroup
		for i, check := range checks {
			group.Go(func() { answer.Checks[i] = makeCheck(r.Context(), check, log) })
		}
		group.Wait()
		status := http.StatusOK
		for _, c := range answer.Checks {
			if !c.OK {
				answer.Ready, status = false, http.StatusServiceUnavailable
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			log.Debug("the answer of /readyz was not taken", "error", err)
		}
	})
}

// makeCheck makes one check within its time.
func makeCheck(ctx context.Context, check Check, log *slog.Logger) checkAnswer {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	answer := checkAnswer{Name: check.Name}
	err := check.Test(ctx)
	if err == nil {
		answer.OK = true
		return answer
	}
	log.Warn("not ready", "check", check.Name, "error", err)
	answer.Detail, answer.Hint = "Does not answer as it should.", "The service's log has the cause."
	var e *cdds.Error
	if errors.As(err, &e) {
		answer.Detail, answer.Hint = e.Message, e.Hint
	}
	return answer
}
