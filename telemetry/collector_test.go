package telemetry_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
)

// collector is an OTLP receiver that keeps what it is sent.
type collector struct {
	mu       sync.Mutex
	spans    map[string]map[string]string // attributes by name, of the last span of that name
	parents  map[string]string            // names of parents by name
	statuses map[string]string
	logs     map[string]map[string]string // attributes by message
	service  map[string]string            // the resource's attributes
}

// newCollector starts a collector and names it in the environment.
func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{spans: map[string]map[string]string{}, parents: map[string]string{}, statuses: map[string]string{}, logs: map[string]map[string]string{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	return c
}

// ServeHTTP takes what the exporters send.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = c.take(r.URL.Path, body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (c *collector) take(path string, body []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if path == "/v1/logs" {
		var sent collectorlogs.ExportLogsServiceRequest
		if err := proto.Unmarshal(body, &sent); err != nil {
			return err
		}
		for _, resource := range sent.GetResourceLogs() {
			for _, scope := range resource.GetScopeLogs() {
				for _, line := range scope.GetLogRecords() {
					c.logs[line.GetBody().GetStringValue()] = attributes(line.GetAttributes())
				}
			}
		}
		return nil
	}
	var sent collectortrace.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &sent); err != nil {
		return err
	}
	names, parents := map[string]string{}, map[string]string{}
	for _, resource := range sent.GetResourceSpans() {
		c.service = attributes(resource.GetResource().GetAttributes())
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				names[string(span.GetSpanId())] = span.GetName()
				parents[span.GetName()] = string(span.GetParentSpanId())
				c.spans[span.GetName()] = attributes(span.GetAttributes())
				c.statuses[span.GetName()] = span.GetStatus().GetMessage()
			}
		}
	}
	for name, parent := range parents {
		c.parents[name] = names[parent]
	}
	return nil
}

func attributes(list []*common.KeyValue) map[string]string {
	found := map[string]string{}
	for _, a := range list {
		if text := a.GetValue().GetStringValue(); text != "" {
			found[a.GetKey()] = text
		} else {
			found[a.GetKey()] = a.GetValue().String()
		}
	}
	return found
}
