package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"cdds"
	"cdds/api"
)

// TestReady makes checks that hold, that fail with words of ours, and that fail
// with words of others, which are not shown.
func TestReady(t *testing.T) {
	var log strings.Builder
	holds := func(context.Context) error { return nil }
	fails := func(context.Context) error {
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "It is away.", Hint: "Bring it back.", Err: errors.New("postgres://ann:secret@db")}
	}
	strange := func(context.Context) error { return errors.New("dial 10.0.0.7: secret") }
	type check map[string]any
	for _, test := range []struct {
		name   string
		checks []api.Check
		status int
		want   []check
	}{
		{"all is well", []api.Check{{Name: "a", Test: holds}, {Name: "b", Test: holds}}, http.StatusOK, []check{{"name": "a", "ok": true}, {"name": "b", "ok": true}}},
		{"one fails", []api.Check{{Name: "a", Test: holds}, {Name: "b", Test: fails}}, http.StatusServiceUnavailable,
			[]check{{"name": "a", "ok": true}, {"name": "b", "ok": false, "detail": "It is away.", "hint": "Bring it back."}}},
		{"one fails strangely", []api.Check{{Name: "a", Test: strange}}, http.StatusServiceUnavailable,
			[]check{{"name": "a", "ok": false, "detail": "Does not answer as it should.", "hint": "The service's log has the cause."}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := httptest.NewRecorder()
			api.Ready(test.checks, slog.New(slog.NewTextHandler(&log, nil))).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			var got struct {
				Ready  bool
				Checks []check
			}
			must(t, json.Unmarshal(answer.Body.Bytes(), &got))
			if answer.Code != test.status || got.Ready != (test.status == http.StatusOK) || !reflect.DeepEqual(got.Checks, test.want) {
				t.Errorf("status %d: %s", answer.Code, answer.Body)
			}
			if strings.Contains(answer.Body.String(), "secret") {
				t.Errorf("the answer says too much: %s", answer.Body)
			}
		})
	}
	if strings.Count(log.String(), "not ready") != 2 {
		t.Errorf("the log says %s", &log)
	}
}
