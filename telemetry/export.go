package telemetry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"cdds"
)

// Export sends traces and logs to a collector, in the background.
type Export struct {
	traces *sdktrace.TracerProvider // nil: none are sent
	logs   *sdklog.LoggerProvider   // nil: none are sent
}

// endpoint names the collector of one signal, or is "". Only OpenTelemetry's own
// variables are looked at; its library reads all others, such as headers and
// certificates, by itself.
func endpoint(signal string) string {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_"+signal+"_EXPORTER") == "none" {
		return ""
	}
	return cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
}

// OpenExport begins to export what the environment asks for. It is nil where
// that names no collector. What cannot be sent is told to log, which must not
// be one that is exported itself.
func OpenExport(ctx context.Context, version, node string, log *slog.Logger) (*Export, error) {
	toTraces, toLogs := endpoint("TRACES") != "", endpoint("LOGS") != ""
	if !toTraces && !toLogs {
		return nil, nil
	}
	if protocol := os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"); protocol != "" && protocol != "http/protobuf" {
		return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "OTLP is spoken as http/protobuf only.",
			Hint: "Leave OTEL_EXPORTER_OTLP_PROTOCOL out and name the collector's HTTP port, which is 4318 by default."}
	}
	// The library has one handler of errors for the whole process, which would
	// write past the filter for passwords.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces or logs could not be sent to the collector", "error", err) }))
	what, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "cdds"), attribute.String("service.version", version), attribute.String("service.instance.id", node)),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("read what the environment says of this service: %w", err)
	}
	e := &Export{}
	if toTraces {
		sender, err := otlptracehttp.New(ctx)
		if err != nil {
			return nil, fmt.Errorf("set up the export of traces: %w", err)
		}
		e.traces = sdktrace.NewTracerProvider(sdktrace.WithBatcher(sender), sdktrace.WithResource(what))
	}
	if toLogs {
		sender, err := otlploghttp.New(ctx)
		if err != nil {
			return nil, fmt.Errorf("set up the export of logs: %w", err)
		}
		e.logs = sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(sender)), sdklog.WithResource(what))
	}
	return e, nil
}

// Close sends what is left, until ctx ends. A nil Export is closed already.
func (e *Export) Close(ctx context.Context) error {
	if e == nil {
		return nil
	}
	var errs []error
	if e.traces != nil {
		errs = append(errs, e.traces.Shutdown(ctx))
	}
	if e.logs != nil {
		errs = append(errs, e.logs.Shutdown(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("send the last traces and logs: %w", err)
	}
	return nil
}
