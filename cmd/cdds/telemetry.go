package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"

	"cdds/api"
	"cdds/telemetry"
)

// telemetryFlags are what operators are told, and where. docs/monitoring.md says
// what to do with it.
type telemetryFlags struct {
	Metrics   string `help:"Address on which /metrics, /healthz and /readyz are served, without sign-in and TLS, such as 127.0.0.1:9464; without it there are no metrics." env:"CDDS_METRICS" placeholder:"ADDRESS"`
	LogFormat string `help:"Form of the log's lines: text or json." enum:"text,json" default:"text" env:"CDDS_LOG_FORMAT"`
}

// logHandler writes structured lines to w.
func logHandler(w io.Writer, format string, verbose bool) slog.Handler {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if verbose {
		options.Level = slog.LevelDebug
	}
	if format == "json" {
		return slog.NewJSONHandler(w, options)
	}
	return slog.NewTextHandler(w, options)
}

// telemetry returns the node's probe and its log, and what ends the export of
// both: it sends what is left, within a bound.
func (f telemetryFlags) telemetry(ctx context.Context, w io.Writer, node string, verbose bool, workers int) (*telemetry.Probe, *slog.Logger, func(), error) {
	handler := logHandler(w, f.LogFormat, verbose)
	local := slog.New(handler)
	export, err := telemetry.OpenExport(ctx, version, node, local)
	if err != nil {
		return nil, nil, nil, err
	}
	end := func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		if err := export.Close(bounded); err != nil {
			local.Warn("the end of the export of traces and logs", "error", err)
		}
	}
	probe := telemetry.New(telemetry.Config{Version: version, Node: node, Workers: workers, Export: export})
	return probe, slog.New(export.Handler(handler, redact)), end, nil
}

// checks are what a node needs to work.
func (s service) checks() []api.Check {
	return []api.Check{
		{Name: "node", Test: s.self.ready},
		{Name: "metadata database", Test: s.st.Ping},
		{Name: "migrations", Test: s.st.Ready},
		{Name: "queue", Test: s.tasks.Ready},
		{Name: "artifact storage", Test: s.files.ready},
	}
}

// serveMetrics serves the metrics and the probes on an address of their own, so
// that nobody who reaches the service's address reads them, and nodes without
// the role api have them too.
func (c *serveCommand) serveMetrics(ctx context.Context, s service) error {
	listener, err := bind(ctx, c.Metrics, "--metrics")
	if err != nil {
		return err
	}
	s.probe.Watch(
		func(ctx context.Context) (telemetry.State, error) {
			q, err := s.st.QueueState(ctx, utcNow())
			return telemetry.State(q), err
		},
		func(ctx context.Context) (telemetry.Stock, error) {
			stock, err := s.st.StorageStock(ctx)
			return telemetry.Stock(stock), err
		}, utcNow)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.probe.Handler(s.log))
	mux.HandleFunc("GET /healthz", api.Alive)
	mux.Handle("GET /readyz", api.Ready(s.checks(), s.log))
	s.log.Info("serving metrics", "url", "http://"+listener.Addr().String()+"/metrics")
	return serveUntil(ctx, server(mux, s.log), listener)
}
