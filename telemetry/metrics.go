package telemetry

import "github.com/prometheus/client_golang/prometheus"

// metrics are all that are counted while the node works. docs/monitoring.md
// says what to do with each.
type metrics struct {
	build, transitions, faults, duration, records, waits, downloads,
	requests, requestTime, refusedSignIns vector
	workers, attempts, lastRound           prometheus.Gauge
	encodedBytes, artifacts, artifactBytes prometheus.Counter
	downloadBytes                          prometheus.Counter
	schedulerLag, startLag                 prometheus.Histogram
}

// vector is a metric with labels, whatever its kind.
type vector struct {
	*prometheus.GaugeVec
	counter   *prometheus.CounterVec
	histogram *prometheus.HistogramVec
}

// add adds to a counter.
func (v vector) add(n float64, labels ...string) { v.counter.WithLabelValues(labels...).Add(n) }

// observe adds to a histogram.
func (v vector) observe(x float64, labels ...string) {
	v.histogram.WithLabelValues(labels...).Observe(x)
}

// counters returns a counter with labels; each of the given values stands at 0
// from the beginning, so that a first event is seen as an increase.
func counters(name, help, label string, values ...string) vector {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	for _, value := range values {
		c.WithLabelValues(value)
	}
	return vector{counter: c}
}

// histograms returns a histogram with a label.
func histograms(name, help, label string, buckets []float64, values ...string) vector {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{label})
	for _, value := range values {
		h.WithLabelValues(value)
	}
	return vector{histogram: h}
}

// lags are the buckets, in seconds, of what should take moments and may take
// hours.
func lags() []float64 { return []float64{0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600} }

// runTimes are the buckets, in seconds, of what may take seconds or a day.
func runTimes() []float64 {
	return []float64{1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600}
}

// requestTimes are the buckets, in seconds, of requests.
func requestTimes() []float64 { return []float64{0.005, 0.025, 0.1, 0.5, 1, 5, 30} }

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	lag := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: lags()})
	}
	return &metrics{
		build:       vector{GaugeVec: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "cdds_build_info", Help: "1, with the version of the product."}, []string{"version"})},
		transitions: counters("cdds_run_transitions_total", "Runs that came into a state.", "state", "queued", "in_progress", "finished", "failed", "canceled"),
		faults:      counters("cdds_attempt_faults_total", "Attempts that did not work, by the code of their error.", "code", "unavailable", "internal", "invalid"),
		duration:    histograms("cdds_run_duration_seconds", "Time from the start of a run to its end, waits and further attempts included.", "outcome", runTimes(), "finished", "failed"),
		records:     counters("cdds_exported_records_total", "Records of finished runs, attachments included.", "type", "interaction", "contact"),
		waits:       counters("cdds_source_wait_seconds_total", "Time for which runs waited on behalf of the source.", "reason", "quiet", "strain", "ceiling", "lost"),
		downloads:   counters("cdds_downloads_total", "Downloads that began, by form.", "form", "der", "smime", "archive", "link"),
		requests: vector{counter: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cdds_http_requests_total",
			Help: "Requests of the API, by operation and class of status; broken: cut off within the answer."}, []string{"operation", "code"})},
		requestTime:    histograms("cdds_http_request_duration_seconds", "Time of requests but event streams, by operation.", "operation", requestTimes()),
		refusedSignIns: counters("cdds_sign_in_failures_total", "Sign-ins that were refused.", "reason", "credentials", "limited", "single_sign_on"),
		workers:        gauge("cdds_workers", "Runs that this node may carry out at a time."),
		attempts:       gauge("cdds_attempts_in_progress", "Runs that this node carries out or helps with."),
		lastRound:      gauge("cdds_scheduler_last_round_timestamp_seconds", "When this node's scheduler last finished a round without an error."),
		encodedBytes:   counter("cdds_exported_bytes_total", "Bytes of JSON Lines of finished runs."),
		artifacts:      counter("cdds_artifacts_stored_total", "Artifacts of finished runs."),
		artifactBytes:  counter("cdds_artifacts_stored_bytes_total", "Bytes of these artifacts."),
		downloadBytes:  counter("cdds_download_bytes_total", "Bytes of artifacts that were read for downloads."),
		schedulerLag:   lag("cdds_scheduler_lag_seconds", "Time from an occurrence's instant to its run being queued; catching up after a downtime counts too."),
		startLag:       lag("cdds_run_start_lag_seconds", "Time from when a run is due to its first attempt."),
	}
}

// all lists them for the registry.
func (m *metrics) all() []prometheus.Collector {
	list := []prometheus.Collector{m.build.GaugeVec, m.workers, m.attempts, m.lastRound, m.encodedBytes, m.artifacts, m.artifactBytes,
		m.downloadBytes, m.schedulerLag, m.startLag}
	for _, v := range []vector{m.transitions, m.faults, m.records, m.waits, m.downloads, m.requests, m.refusedSignIns} {
		list = append(list, v.counter)
	}
	return append(list, m.duration.histogram, m.requestTime.histogram)
}
