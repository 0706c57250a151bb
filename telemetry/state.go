package telemetry

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// State is what can be asked of the metadata at each scrape.
type State struct {
	Queued, InProgress int64
	Due                int64     // queued runs whose time has come
	OldestDue          time.Time // when the longest waiting of them was due; zero: none waits
}

// Stock is what takes longer to count; it is asked for every five minutes at
// most.
type Stock struct {
	Artifacts, Bytes, Damaged int64
	// When the first certificate of an owner of active jobs ends, and the first of
	// a recipient; zero: there is none.
	OwnersEnd, RecipientsEnd time.Time
}

const (
	stockEvery = 5 * time.Minute
	scrapeTime = 5 * time.Second // for the metadata to answer
	hoursOfDay = 24
)

// stateCollector asks the metadata when it is scraped.
type stateCollector struct {
	look  func(context.Context) (State, error)
	count func(context.Context) (Stock, error)
	now   func() time.Time

	up, runs, depth, oldest, artifacts, bytes, damaged, certificates *prometheus.Desc

	mutex   sync.Mutex
	stock   Stock
	counted time.Time // zero: not yet
}

func newStateCollector(look func(context.Context) (State, error), count func(context.Context) (Stock, error), now func() time.Time) *stateCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &stateCollector{
		look: look, count: count, now: now,
		up:           desc("cdds_metadata_up", "1 while the metadata database answers, 0 otherwise."),
		runs:         desc("cdds_runs", "Runs of all nodes that have not ended, by state.", "state"),
		depth:        desc("cdds_queue_depth", "Queued runs whose time has come, of all nodes."),
		oldest:       desc("cdds_queue_oldest_seconds", "How long the first of them has been waiting; 0 where none waits."),
		artifacts:    desc("cdds_storage_artifacts", "Artifacts that have not expired; counted every five minutes."),
		bytes:        desc("cdds_storage_bytes", "Bytes of these artifacts."),
		damaged:      desc("cdds_storage_damaged_artifacts", "Those that were found damaged or missing."),
		certificates: desc("cdds_certificate_days_left", "Days to the end of the certificate that ends first, by whose it is; below 0 it has ended.", "of"),
	}
}

// Describe names the metrics, as the registry asks.
func (c *stateCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.up, c.runs, c.depth, c.oldest, c.artifacts, c.bytes, c.damaged, c.certificates} {
		ch <- d
	}
}

// Collect asks the metadata. What it does not tell is left out, and up says so.
func (c *stateCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	send := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	now := c.now()
	state, err := c.look(ctx)
	if err != nil {
		send(c.up, 0)
		return
	}
	send(c.runs, float64(state.Queued), "queued")
	send(c.runs, float64(state.InProgress), "in_progress")
	send(c.depth, float64(state.Due))
	var waiting time.Duration
	if !state.OldestDue.IsZero() {
		waiting = max(now.Sub(state.OldestDue), 0)
	}
	send(c.oldest, waiting.Seconds())
	stock, err := c.stocked(ctx, now)
	if err != nil {
		send(c.up, 0)
		return
	}
	send(c.up, 1)
	send(c.artifacts, float64(stock.Artifacts))
	send(c.bytes, float64(stock.Bytes))
	send(c.damaged, float64(stock.Damaged))
	for of, end := range map[string]time.Time{"owner": stock.OwnersEnd, "recipient": stock.RecipientsEnd} {
		if !end.IsZero() {
			send(c.certificates, end.Sub(now).Hours()/hoursOfDay, of)
		}
	}
}

// stocked returns the stock, counted anew where that is long ago.
func (c *stateCollector) stocked(ctx context.Context, now time.Time) (Stock, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if age := now.Sub(c.counted); !c.counted.IsZero() && age >= 0 && age < stockEvery {
		return c.stock, nil
	}
	stock, err := c.count(ctx)
	if err != nil {
		return Stock{}, err
	}
	c.stock, c.counted = stock, now
	return stock, nil
}
