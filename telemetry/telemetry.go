// Package telemetry tells operators what a node does: metrics in the form of
// Prometheus, and traces and logs over OTLP.
//
//	worker, control, scheduler, api, source ──▶ Probe ─┬─▶ registry ──▶ /metrics, when somebody asks
//	                                                   └─▶ Export ──▶ OTLP collector, where one is named
//
// It names all metrics in one place, since dashboards and alerts hang on them.
// Their number is bounded: no label names a tenant, a user, a job or a run, and
// no value of a label comes from outside. Spans and exported logs name runs,
// tenants and nodes, and hold nothing of a record. Nothing here is global, so
// two services in one process do not meet; and a nil Probe counts nothing, so
// that commands and tests need none.
package telemetry

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Config is what a Probe works with.
type Config struct {
	Version string
	Node    string
	Workers int     // how many runs the node carries out at a time
	Export  *Export // nil: no traces
}

// Probe takes what the parts of a node tell. It is safe for concurrent use, and
// a nil one counts nothing.
type Probe struct {
	registry *prometheus.Registry
	metrics  *metrics
	node     string
	tracer   trace.Tracer
}

// New returns a Probe with a registry of its own.
func New(cfg Config) *Probe {
	p := &Probe{registry: prometheus.NewRegistry(), metrics: newMetrics(), node: cfg.Node, tracer: noop.NewTracerProvider().Tracer(scope)}
	if cfg.Export != nil && cfg.Export.traces != nil {
		p.tracer = cfg.Export.traces.Tracer(scope)
	}
	p.registry.MustRegister(append(p.metrics.all(),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))...)
	p.metrics.build.WithLabelValues(cfg.Version).Set(1)
	p.metrics.workers.Set(float64(cfg.Workers))
	return p
}

// Watch has the metadata looked at whenever the metrics are asked for. It is
// called once, before Handler serves.
func (p *Probe) Watch(look func(context.Context) (State, error), count func(context.Context) (Stock, error), now func() time.Time) {
	p.registry.MustRegister(newStateCollector(look, count, now))
}

// Handler serves the metrics. What can be gathered is served also where some
// cannot.
func (p *Probe) Handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), MaxRequestsInFlight: 4,
	})
}
