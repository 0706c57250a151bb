package source

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"cdds"
)

// Limits say how much may be asked of a source, and when. The zero value asks
// as much as it can, at all times.
type Limits struct {
	RecordsPerSecond int64 // of all runs together; 0: no ceiling
	BytesPerSecond   int64 // of all runs together, as they lie in the records; 0: no ceiling
	Quiet            cdds.QuietHours
	// NoProgress is how long a read may take to its first record, or from one
	// to the next; 0: 10 minutes. There is no limit on a read as a whole.
	NoProgress time.Duration
	// MaxLag is how far replication may be behind before reading slows down; 0:
	// 30 seconds, negative: any.
	MaxLag time.Duration
}

const (
	defaultNoProgress = 10 * time.Minute
	// freshTime is how long one transaction lasts under a ceiling: a range takes
	// as long as it likes then, and a long transaction holds back vacuum and
	// changes of tables.
	freshTime = 5 * time.Second
	// retries is how often a new connection is tried in place of a lost one
	// before the attempt fails, after 1, 2 and 4 seconds. A server that restarts
	// or a standby that takes over is there by then.
	retries    = 3
	retryPause = time.Second
)

// Guard is a Source that spares the one behind it: it keeps to limits, waits
// while the server is in distress, and takes a new connection where one was
// lost. All runs of a process read through one Guard.
//
// Ranges are read as before, but a snapshot of a Guard need not be one
// transaction: it may go on in a new one behind the last record that it gave,
// as the next range would. An errand with OneSnapshot forbids that.
type Guard struct {
	Source
	limits Limits
	pace   *pace
	strain strainWatch
	log    *slog.Logger
	waited func(reason string, d time.Duration)
}

// NewGuard returns a Guard of a source. Closing it closes the source.
func NewGuard(s Source, l Limits, log *slog.Logger) *Guard {
	if l.NoProgress <= 0 {
		l.NoProgress = defaultNoProgress
	}
	if l.MaxLag == 0 {
		l.MaxLag = defaultMaxLag
	}
	return &Guard{Source: s, limits: l, pace: newPace(l), strain: strainWatch{maxLag: l.MaxLag}, log: log, waited: func(string, time.Duration) {}}
}

// Tell has told be called with each wait and its reason: quiet, strain, ceiling
// or lost. It is called before anything is read.
func (g *Guard) Tell(told func(reason string, d time.Duration)) { g.waited = told }

// timed tells how long something waited.
func (g *Guard) timed(reason string, wait func() error) error {
	began := time.Now()
	defer func() { g.waited(reason, time.Since(began)) }()
	return wait()
}

// Snapshot waits until the source may be read, and begins a transaction.
func (g *Guard) Snapshot(ctx context.Context) (Snapshot, error) {
	s := &guarded{guard: g, errand: ErrandOf(ctx)}
	if err := s.persist(ctx, func() (bool, error) { return false, nil }); err != nil {
		return nil, err
	}
	s.begun = true
	return s, nil
}

// await waits for the end of the quiet hours, and a little longer while the
// server is in distress.
func (g *Guard) await(ctx context.Context, e Errand) error {
	for {
		now := time.Now()
		until := g.limits.Quiet.Until(now)
		if until.IsZero() {
			break
		}
		err := g.timed("quiet", func() error {
			return pause(ctx, until.Sub(now), e, "Waiting for the end of the source's quiet hours ("+until.Format("15:04")+" UTC).")
		})
		if err != nil {
			return err
		}
	}
	why, wait := g.strain.look(ctx, g.Source, g.log)
	if wait == 0 {
		return nil
	}
	return g.timed("strain", func() error {
		return pause(ctx, wait, e, "Reading slowly, to spare the source: "+why+".")
	})
}

// pause waits, and tells why meanwhile.
func pause(ctx context.Context, wait time.Duration, e Errand, why string) error {
	e.Waiting(why)
	defer e.Waiting("")
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// guarded is a snapshot of a Guard.
type guarded struct {
	guard  *Guard
	errand Errand
	begun  bool     // it has been given to somebody
	inner  Snapshot // nil where the next read has to begin one
	since  time.Time
	at     time.Time
}

// Time is the time of the last transaction.
func (s *guarded) Time() time.Time { return s.at }

// Close ends the transaction.
func (s *guarded) Close() error {
	if s.inner == nil {
		return nil
	}
	inner := s.inner
	s.inner = nil
	return inner.Close()
}

// ready begins a transaction where there is none.
func (s *guarded) ready(ctx context.Context) error {
	if s.inner != nil {
		return nil
	}
	if err := s.guard.await(ctx, s.errand); err != nil {
		return err
	}
	inner, err := s.guard.Source.Snapshot(ctx)
	if err != nil {
		return err
	}
	s.inner, s.since, s.at = inner, time.Now(), inner.Time()
	return nil
}

// persist does something in a transaction, and does it again in a new one when
// the connection is lost, a few times in a row without progress.
func (s *guarded) persist(ctx context.Context, do func() (progress bool, err error)) error {
	for tries := 0; ; tries++ {
		progress := false
		err := s.ready(ctx)
		if err == nil {
			progress, err = do()
		}
		if progress {
			tries = 0
		}
		var taken *takenError
		if errors.As(err, &taken) {
			return taken.err
		}
		if err == nil || !errors.Is(err, ErrLost) || s.begun && s.errand.OneSnapshot || tries == retries {
			return err
		}
		s.guard.log.Warn("the source was lost, trying again", "run", s.errand.Run, "error", err)
		if err := s.Close(); err != nil {
			s.guard.log.Debug("the lost transaction did not end in order", "error", err)
		}
		err = s.guard.timed("lost", func() error {
			return pause(ctx, retryPause<<tries, s.errand, "Waiting for the source, which does not answer.")
		})
		if err != nil {
			return err
		}
	}
}

// Count counts within the time that a read may take to its first record.
func (s *guarded) Count(ctx context.Context, q Query) (c Count, err error) {
	err = s.ask(ctx, func(ctx context.Context) (err error) {
		c, err = s.inner.Count(ctx, q)
		return err
	})
	return c, err
}

// Kinds learns kinds within the same time.
func (s *guarded) Kinds(ctx context.Context, records int64) (k Kinds, err error) {
	err = s.ask(ctx, func(ctx context.Context) (err error) {
		k, err = s.inner.Kinds(ctx, records)
		return err
	})
	return k, err
}

// Cut cuts within the same time.
func (s *guarded) Cut(ctx context.Context, q Query, r Range, most int) (keys []Key, err error) {
	err = s.ask(ctx, func(ctx context.Context) (err error) {
		keys, err = s.inner.Cut(ctx, q, r, most)
		return err
	})
	return keys, err
}

// ask asks something that comes as one answer.
func (s *guarded) ask(ctx context.Context, do func(context.Context) error) error {
	return s.persist(ctx, func() (bool, error) {
		limit := s.guard.limits.NoProgress
		bounded, cancel := context.WithTimeoutCause(ctx, limit, noProgress(limit))
		defer cancel()
		return false, do(bounded)
	})
}

// Read reads a range. Under a ceiling it asks for a few records at a time, so
// that it is the server that pauses and not the wire.
func (s *guarded) Read(ctx context.Context, q Query, r Range, emit func(*Record) error) (int, error) {
	given, whole := 0, false
	rest := r
	for !whole {
		limit := s.guard.pace.batch(rest.Limit)
		if err := s.guard.timed("ceiling", func() error { return s.guard.pace.take(ctx, limit, s.doze) }); err != nil {
			return given, err
		}
		err := s.persist(ctx, func() (bool, error) {
			if r.Limit > 0 && given == r.Limit {
				whole = true // all was given before the connection was lost
				return true, nil
			}
			n, asked, err := s.step(ctx, q, &rest, limit, emit)
			given += n
			whole = n < asked || asked == 0 || r.Limit > 0 && given == r.Limit
			return n > 0, err
		})
		if err != nil {
			return given, err
		}
		if !whole {
			if err := s.refresh(); err != nil {
				return given, err
			}
		}
	}
	return given, nil
}

// takenError is what emit said. A part of the record may have been taken by
// then, also where the connection was lost while a long content was read: it
// must not be given a second time.
type takenError struct{ err error }

// Error is that of the reader.
func (e *takenError) Error() string { return e.err.Error() }

// Unwrap gives the reader's error.
func (e *takenError) Unwrap() error { return e.err }

// step reads what the ceiling allows of the rest of a range, and moves the rest
// on behind it.
func (s *guarded) step(ctx context.Context, q Query, rest *Range, limit int, emit func(*Record) error) (given, asked int, err error) {
	part := *rest
	part.Limit = bounded(rest.Limit, limit) // some of these may have been given before the connection was lost
	watched, watch := watchProgress(ctx, s.guard.limits.NoProgress)
	defer watch.stop()
	var size int64
	var last Key
	_, err = s.inner.Read(watched, q, part, func(record *Record) error {
		watch.turn()
		defer watch.turn()
		if err := emit(record); err != nil {
			return &takenError{err}
		}
		given++
		if s.guard.pace.bytes != nil {
			size += sizeOf(record)
		}
		last = record.Key
		return nil
	})
	if given > 0 {
		rest.After, rest.Limit = &last, max(rest.Limit-given, 0)
	}
	if err != nil {
		return given, part.Limit, err
	}
	return given, part.Limit, s.pay(ctx, given, size)
}

// pay waits for the bytes that were read.
func (s *guarded) pay(ctx context.Context, records int, size int64) error {
	return s.guard.timed("ceiling", func() error { return s.guard.pace.spend(ctx, records, size, s.doze) })
}

// doze ends the transaction, unless the run must be one; the next read begins a
// new one. One that waits does nothing but keep the server from cleaning up behind
// every change that is made: an export of few records would cost it more by that
// than by what it reads.
func (s *guarded) doze() error {
	if s.errand.OneSnapshot {
		return nil
	}
	return s.Close()
}

// refresh ends a transaction that has become old.
func (s *guarded) refresh() error {
	if time.Since(s.since) < freshTime {
		return nil
	}
	return s.doze()
}
