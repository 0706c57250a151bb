package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"cdds"
)

// scope names the product as the maker of its spans and logs.
const scope = "cdds"

// End ends a span: with the fault that ended the work, or nil, and what is known
// only then.
type End func(fault error, attrs ...slog.Attr)

// Attempt begins the span of an attempt of a run, to which all spans within
// belong, and counts the attempt as under way until it ends.
func (p *Probe) Attempt(ctx context.Context, run, tenant string, number int) (context.Context, End) {
	if p == nil {
		return ctx, func(error, ...slog.Attr) {}
	}
	p.metrics.attempts.Inc()
	ctx, end := begin(ctx, p.tracer, trace.SpanKindConsumer, "run attempt",
		slog.String("cdds.run", run), slog.String("cdds.tenant", tenant), slog.String("cdds.node", p.node), slog.Int("cdds.attempt", number))
	return ctx, func(fault error, attrs ...slog.Attr) {
		p.metrics.attempts.Dec()
		end(fault, attrs...)
	}
}

// Request begins the span of a request of an operation. The function that it
// returns ends the span and counts the request: status is 0 where a stream
// writes its own, broken says that the answer was cut off, and an endless answer
// is not timed.
func (p *Probe) Request(ctx context.Context, operation string) (context.Context, func(status int, broken, endless bool)) {
	if p == nil {
		return ctx, func(int, bool, bool) {}
	}
	began := time.Now()
	ctx, end := begin(ctx, p.tracer, trace.SpanKindServer, "request "+operation, slog.String("cdds.node", p.node), slog.String("cdds.operation", operation))
	return ctx, func(status int, broken, endless bool) {
		p.request(operation, status, broken, endless, time.Since(began))
		end(nil, slog.Int("http.response.status_code", status), slog.Bool("cdds.broken", broken))
	}
}

// Begin begins a span within the one of the context; without one it does
// nothing. So whoever does a part of the work needs to know of no exporter.
func Begin(ctx context.Context, name string, attrs ...slog.Attr) (context.Context, End) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, func(error, ...slog.Attr) {}
	}
	return begin(ctx, parent.TracerProvider().Tracer(scope), trace.SpanKindInternal, name, attrs...)
}

func begin(ctx context.Context, tracer trace.Tracer, kind trace.SpanKind, name string, attrs ...slog.Attr) (context.Context, End) {
	ctx, span := tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attributes(attrs)...))
	return ctx, func(fault error, attrs ...slog.Attr) {
		span.SetAttributes(attributes(attrs)...)
		if fault != nil {
			span.SetStatus(codes.Error, codeOf(fault))
		}
		span.End()
	}
}

// codeOf is all that a span says of a fault. Its text may hold what an address
// or a database said, and is in the log.
func codeOf(fault error) string {
	if errors.Is(fault, context.Canceled) {
		return "canceled"
	}
	return string(cdds.CodeOf(fault))
}

// attributes turns attributes of the log into those of a span.
func attributes(attrs []slog.Attr) []attribute.KeyValue {
	list := make([]attribute.KeyValue, 0, len(attrs))
	for _, a := range attrs {
		switch a.Value.Kind() {
		case slog.KindInt64:
			list = append(list, attribute.Int64(a.Key, a.Value.Int64()))
		case slog.KindBool:
			list = append(list, attribute.Bool(a.Key, a.Value.Bool()))
		default:
			list = append(list, attribute.String(a.Key, a.Value.String()))
		}
	}
	return list
}
