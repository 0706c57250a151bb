package telemetry_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"cdds"
	"cdds/telemetry"
)

// TestExport sends spans and log lines to a collector, and looks at what
// arrives there.
func TestExport(t *testing.T) {
	c := newCollector(t)
	var local bytes.Buffer
	export, err := telemetry.OpenExport(t.Context(), "1.2.3", "node-1", slog.New(slog.NewTextHandler(&local, nil)))
	if err != nil {
		t.Fatal(err)
	}
	p := telemetry.New(telemetry.Config{Version: "1.2.3", Node: "node-1", Export: export})
	ctx, end := p.Attempt(t.Context(), "run-1", "tenant-1", 2)
	_, inner := telemetry.Begin(ctx, "read range", slog.String("cdds.entity", "contact"))
	inner(nil, slog.Int("cdds.records", 10))
	fault := &cdds.Error{Code: cdds.CodeUnavailable, Message: "the words of a fault", Err: errors.New("postgres://ann:secret@host/db")}
	end(fmt.Errorf("wrapped: %w", fault))
	_, done := p.Request(t.Context(), "list-runs")
	done(200, false, false)

	redact := func(text string) string { return strings.ReplaceAll(text, "secret", "***") }
	log := slog.New(export.Handler(slog.NewTextHandler(&local, nil), redact)).With("node", "node-1").WithGroup("of").With("run", "run-1")
	log.Warn("a secret was said", "attempt", 2, "error", errors.New("with a secret"))
	log.Debug("too quiet to be sent")
	if err := export.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	for name, want := range map[string]map[string]string{
		"run attempt":       {"cdds.run": "run-1", "cdds.tenant": "tenant-1", "cdds.node": "node-1", "cdds.attempt": "int_value:2"},
		"read range":        {"cdds.entity": "contact", "cdds.records": "int_value:10"},
		"request list-runs": {"cdds.operation": "list-runs", "cdds.node": "node-1"},
	} {
		for key, value := range want {
			if got := c.spans[name][key]; got != value {
				t.Errorf("span %q has %s %q, want %q", name, key, got, value)
			}
		}
	}
	if c.parents["read range"] != "run attempt" || c.parents["run attempt"] != "" {
		t.Errorf("the parents are %v", c.parents)
	}
	if c.statuses["run attempt"] != "unavailable" || c.statuses["read range"] != "" {
		t.Errorf("the statuses are %v", c.statuses)
	}
	if c.service["service.name"] != "cdds" || c.service["service.version"] != "1.2.3" || c.service["service.instance.id"] != "node-1" {
		t.Errorf("the service is %v", c.service)
	}
	line := c.logs["a *** was said"]
	if line["node"] != "node-1" || line["of.run"] != "run-1" || line["of.attempt"] != "int_value:2" || line["of.error"] != "with a ***" {
		t.Errorf("the log lines are %v", c.logs)
	}
	if len(c.logs) != 1 || !strings.Contains(local.String(), "of.attempt=2") {
		t.Errorf("%d lines arrived, and the log says %s", len(c.logs), &local)
	}
}

// TestExportIsOffByDefault holds that nothing is sent unless a collector is
// named, and that what is not spoken is refused.
func TestExportIsOffByDefault(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for _, test := range []struct {
		name string
		env  map[string]string
		code cdds.Code
	}{
		{"nothing", nil, ""},
		{"disabled", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}, ""},
		{"none", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}, ""},
		{"gRPC", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, cdds.CodeInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			for key, value := range test.env {
				t.Setenv(key, value)
			}
			export, err := telemetry.OpenExport(t.Context(), "1", "n", log)
			if test.code != "" {
				if cdds.CodeOf(err) != test.code {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || export != nil {
				t.Fatalf("got %v, %v", export, err)
			}
			handler := slog.Handler(slog.DiscardHandler)
			if export.Handler(handler, nil) != handler || export.Close(t.Context()) != nil {
				t.Error("without a collector the log goes another way")
			}
		})
	}
}

// TestLostCollector holds that a collector that is not there is told of, and
// stops nothing.
func TestLostCollector(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "100")
	var local bytes.Buffer
	export, err := telemetry.OpenExport(t.Context(), "1", "n", slog.New(slog.NewTextHandler(&local, nil)))
	if err != nil {
		t.Fatal(err)
	}
	p := telemetry.New(telemetry.Config{Version: "1", Node: "n", Export: export})
	_, end := p.Attempt(t.Context(), "run", "tenant", 1)
	end(nil)
	if err := export.Close(t.Context()); err != nil {
		t.Errorf("the end of the export: %v", err)
	}
	if !strings.Contains(local.String(), "could not be sent to the collector") {
		t.Errorf("the log says %q", local.String())
	}
}
