package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2/sse"

	"cdds"
	"cdds/store"
)

const (
	pollEvery  = time.Second
	pingEvery  = 15 * time.Second
	checkEvery = 5 * time.Second // whether who listens may still
	pollLimit  = 500             // runs in one round; the rest come in the next
	maxStreams = 1000
)

// RunsChanged says which runs are new or have moved.
type RunsChanged struct {
	Runs []Run `json:"runs"`
}

// Ping keeps proxies from closing a quiet stream.
type Ping struct {
	At time.Time `json:"at"`
}

func (s *server) registerEvents() {
	op := operation("events", http.MethodGet, "/events", "Changes of runs, as server-sent events", cdds.ActionSeeRuns)
	op.Metadata[unasked], op.Metadata[endless] = true, true
	sse.Register(s.api, op, map[string]any{"runs": RunsChanged{}, "ping": Ping{}}, s.stream)
}

// stream sends the changes of the caller's tenant until the client leaves, the
// service stops, or what the caller came in with lets nobody in any more: the
// session has ended, the token was revoked, the user was deactivated.
func (s *server) stream(ctx context.Context, _ *struct{}, send sse.Sender) {
	events, leave, ok := s.changes.subscribe(caller(ctx).User.TenantID)
	if !ok {
		s.Log.Warn("too many event streams", "limit", maxStreams)
		return
	}
	defer leave()
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	check := time.NewTicker(checkEvery)
	defer check.Stop()
	if err := send.Data(Ping{At: s.now()}); err != nil {
		return
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-s.changes.done:
			return
		case runs, open := <-events:
			if !open {
				return
			}
			err = send.Data(wireChanged(runs))
		case <-ping.C:
			err = send.Data(Ping{At: s.now()})
		case <-check.C:
			if s.mayListen(ctx) {
				continue
			}
			s.end(send)
			return
		}
		if err != nil {
			return
		}
	}
}

// end sends a last sign of life: it moves the connection's deadline on, which
// would cut off the end of the answer.
func (s *server) end(send sse.Sender) {
	if err := send.Data(Ping{At: s.now()}); err != nil {
		s.Log.Debug("events: the listener was gone", "error", err)
	}
}

// wireChanged is the answer's form of changed runs.
func wireChanged(runs []cdds.Run) RunsChanged {
	out := RunsChanged{Runs: make([]Run, 0, len(runs))}
	for _, r := range runs {
		out.Runs = append(out.Runs, wireRun(r, nil))
	}
	return out
}

// mayListen reports whether the stream's caller would be let in again. While
// the metadata database does not answer a stream stays open: no change comes
// through it either.
func (s *server) mayListen(ctx context.Context) bool {
	in, err := s.Control.StillIn(ctx, caller(ctx), cdds.ActionSeeRuns, s.now())
	if err != nil {
		if ctx.Err() == nil {
			s.Log.Warn("events: could not look whether a listener may go on; asking again", "error", err)
		}
		return true
	}
	return in
}

// changes watches the runs of the tenants that somebody looks at, by asking
// the store once a second. The store is the only truth about runs on all
// nodes, and asking it costs one index look-up for each tenant watched.
type changes struct {
	store *store.Store
	now   func() time.Time
	log   *slog.Logger
	done  <-chan struct{}

	mu      sync.Mutex
	watched map[string]*watch
	streams int
}

// watch is one tenant's poll and those who listen to it.
type watch struct {
	stop      context.CancelFunc
	listeners map[chan []cdds.Run]struct{}
}

func newChanges(ctx context.Context, st *store.Store, now func() time.Time, log *slog.Logger) *changes {
	return &changes{store: st, now: now, log: log, done: ctx.Done(), watched: map[string]*watch{}}
}

// subscribe returns a channel of changed runs. It is closed when the listener
// is too slow to keep up: the client then connects again and reads the lists
// anew, which is better than a change that it never hears of. leave must be
// called.
func (c *changes) subscribe(tenantID string) (<-chan []cdds.Run, func(), bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.streams >= maxStreams {
		return nil, nil, false
	}
	c.streams++
	w := c.watched[tenantID]
	if w == nil {
		ctx, stop := context.WithCancel(context.Background())
		w = &watch{stop: stop, listeners: map[chan []cdds.Run]struct{}{}}
		c.watched[tenantID] = w
		go c.poll(ctx, tenantID, w)
	}
	events := make(chan []cdds.Run, 64)
	w.listeners[events] = struct{}{}
	return events, func() { c.leave(tenantID, w, events) }, true
}

// leave takes a listener away, and ends the poll with the last one.
func (c *changes) leave(tenantID string, w *watch, events chan []cdds.Run) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streams--
	delete(w.listeners, events)
	if len(w.listeners) == 0 {
		w.stop()
		delete(c.watched, tenantID)
	}
}

// poll asks for changes until the watch ends. It looks a little into the past
// again: a transaction that began earlier may have committed later.
func (c *changes) poll(ctx context.Context, tenantID string, w *watch) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	const overlap = 3 * time.Second
	after := c.now().Add(-overlap)
	sent := map[string]time.Time{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.done:
			return
		case <-tick.C:
		}
		now := c.now()
		runs, err := c.store.RunsChanged(ctx, tenantID, after, pollLimit)
		if err != nil {
			if ctx.Err() == nil {
				c.log.Warn("events: the metadata database did not answer; asking again", "error", err)
			}
			continue
		}
		c.publish(w, unsent(runs, sent))
		after = nextAfter(runs, now.Add(-overlap))
		for id, at := range sent {
			if at.Before(after) {
				delete(sent, id)
			}
		}
	}
}

// unsent keeps the runs whose present state has not been sent.
func unsent(runs []cdds.Run, sent map[string]time.Time) []cdds.Run {
	var fresh []cdds.Run
	for _, r := range runs {
		if !sent[r.ID].Equal(r.UpdatedAt) {
			fresh = append(fresh, r)
			sent[r.ID] = r.UpdatedAt
		}
	}
	return fresh
}

// nextAfter is where the next round begins: at the last run seen where the
// round was full, else a little before now.
func nextAfter(runs []cdds.Run, before time.Time) time.Time {
	if len(runs) == pollLimit {
		return runs[len(runs)-1].UpdatedAt.Add(-time.Microsecond)
	}
	return before
}

func (c *changes) publish(w *watch, runs []cdds.Run) {
	if len(runs) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for listener := range w.listeners {
		select {
		case listener <- runs:
		default:
			delete(w.listeners, listener)
			close(listener)
		}
	}
}
