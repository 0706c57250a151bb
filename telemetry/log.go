package telemetry

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
)

// Handler returns a handler that exports what next is given too. Every text
// passes redact before it leaves. Without an export of logs it is next.
func (e *Export) Handler(next slog.Handler, redact func(string) string) slog.Handler {
	if e == nil || e.logs == nil {
		return next
	}
	return exported{next: next, logger: e.logs.Logger(scope), redact: redact}
}

// exported is a handler that sends each line to the collector as well.
type exported struct {
	next   slog.Handler
	logger log.Logger
	redact func(string) string
	group  string // before the names of attributes, with its dot
	attrs  []attribute.KeyValue
}

// Enabled is that of the next handler.
func (h exported) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// infoSeverity is where OpenTelemetry's severities have slog's LevelInfo; from
// there on both count in the same steps.
const infoSeverity = int(log.SeverityInfo)

// Handle exports the line and hands it on.
func (h exported) Handle(ctx context.Context, line slog.Record) error {
	var out log.Record
	out.SetTimestamp(line.Time)
	out.SetSeverity(log.Severity(infoSeverity + int(line.Level)))
	out.SetSeverityText(line.Level.String())
	out.SetBody(attribute.StringValue(h.redact(line.Message)))
	out.AddAttributes(h.attrs...)
	line.Attrs(func(a slog.Attr) bool {
		out.AddAttributes(h.attribute(a))
		return true
	})
	h.logger.Emit(ctx, out)
	return h.next.Handle(ctx, line)
}

// WithAttrs keeps attributes for all lines to come.
func (h exported) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.next, h.attrs = h.next.WithAttrs(attrs), slices.Clone(h.attrs)
	for _, a := range attrs {
		h.attrs = append(h.attrs, h.attribute(a))
	}
	return h
}

// WithGroup puts the names of attributes to come into a group.
func (h exported) WithGroup(name string) slog.Handler {
	h.next, h.group = h.next.WithGroup(name), h.group+name+"."
	return h
}

func (h exported) attribute(a slog.Attr) attribute.KeyValue {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindInt64 {
		return attribute.Int64(h.group+a.Key, value.Int64())
	}
	return attribute.String(h.group+a.Key, h.redact(value.String()))
}
