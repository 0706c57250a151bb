package source

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Strain is how a source's server bears its load. What the role may not see is
// zero.
type Strain struct {
	Lag                         time.Duration // how far replication is behind
	Blocked                     int           // sessions that wait for a lock for more than a second
	Connections, MaxConnections int
}

// Strained is a Source whose server can be asked how it bears its load.
type Strained interface {
	// Strain asks the server, at little cost.
	Strain(ctx context.Context) (Strain, error)
}

const (
	defaultMaxLag  = 30 * time.Second
	maxBlocked     = 5
	maxConnections = 90 // percent of those that the server takes

	// strainEvery is how long an answer of the server holds.
	strainEvery = 5 * time.Second
	// strainTime bounds the question.
	strainTime = 2 * time.Second
	// firstEase and longestEase are the shortest and the longest pause between
	// two transactions while the server is in distress. It doubles with each
	// answer. However long the distress lasts, the runs go on.
	firstEase   = time.Second
	longestEase = 30 * time.Second
)

// distress says what is wrong with the server, and "" where all is well.
func (s Strain) distress(maxLag time.Duration) string {
	switch {
	case maxLag > 0 && s.Lag > maxLag:
		return fmt.Sprintf("replication is %s behind", s.Lag.Round(time.Second))
	case s.Blocked >= maxBlocked:
		return fmt.Sprintf("%d sessions wait for locks", s.Blocked)
	case s.MaxConnections > 0 && s.Connections*100 >= s.MaxConnections*maxConnections:
		return fmt.Sprintf("%d of its %d connections are in use", s.Connections, s.MaxConnections)
	}
	return ""
}

// strainWatch asks a source how it is, on behalf of all runs.
type strainWatch struct {
	maxLag time.Duration

	mutex sync.Mutex
	asked time.Time
	why   string
	ease  time.Duration
	blind bool // the last question failed
}

// look says what is wrong with the source's server and how long to wait before
// the next transaction. A server that does not answer is no reason to wait:
// the read finds out what it has.
func (w *strainWatch) look(ctx context.Context, s Source, log *slog.Logger) (why string, wait time.Duration) {
	server, ok := s.(Strained)
	if !ok {
		return "", 0
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.asked.IsZero() || time.Since(w.asked) >= strainEvery {
		w.ask(ctx, server, log)
		w.asked = time.Now()
	}
	return w.why, w.ease
}

// ask asks the server, and logs when distress begins and ends.
func (w *strainWatch) ask(ctx context.Context, server Strained, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, strainTime)
	defer cancel()
	strain, err := server.Strain(ctx)
	if err != nil && !w.blind {
		log.Debug("the source does not say how it bears its load", "error", err)
	}
	w.blind = err != nil
	why := strain.distress(w.maxLag)
	switch {
	case why != "" && w.why == "":
		w.ease = firstEase
		log.Warn("the source is in distress, reading slows down", "why", why)
	case why != "":
		w.ease = min(2*w.ease, longestEase)
	case w.why != "":
		w.ease = 0
		log.Info("the source is well again, reading goes on")
	}
	w.why = why
}
