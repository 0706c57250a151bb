package worker_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"cdds"
	"cdds/source"
)

// watched is a Contact History whose reads can be watched, delayed and made to
// fail.
type watched struct {
	source.Source
	mutex  sync.Mutex
	before func(ctx context.Context) error
	ranges func(ctx context.Context, r source.Range) error
	cuts   func(keys []source.Key, most int) []source.Key
	reads  int
}

// beforeRanges sets what happens before each read of a stretch.
func (s *watched) beforeRanges(do func(ctx context.Context, r source.Range) error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.ranges = do
}

// Cut cuts where the test wants it, or into equal stretches, by all keys that
// there are.
func (s watchedSnapshot) Cut(ctx context.Context, q source.Query, r source.Range, most int) ([]source.Key, error) {
	var keys []source.Key
	_, err := s.Snapshot.Read(ctx, q, source.Range{After: r.After, Upto: r.Upto}, func(record *source.Record) error {
		keys = append(keys, record.Key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if s.source.cuts != nil {
		return s.source.cuts(keys, most), nil
	}
	var ends []source.Key
	for i := 1; i < most; i++ {
		ends = append(ends, keys[len(keys)*i/most-1])
	}
	return ends, nil
}

// beforeReads sets what happens before each read.
func (s *watched) beforeReads(do func(ctx context.Context) error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.before = do
}

// readCount returns how many reads have begun.
func (s *watched) readCount() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.reads
}

func (s *watched) Snapshot(ctx context.Context) (source.Snapshot, error) {
	snapshot, err := s.Source.Snapshot(ctx)
	return watchedSnapshot{snapshot, s}, err
}

type watchedSnapshot struct {
	source.Snapshot
	source *watched
}

func (s watchedSnapshot) Read(ctx context.Context, q source.Query, r source.Range, emit func(*source.Record) error) (int, error) {
	s.source.mutex.Lock()
	s.source.reads++
	before, ranges := s.source.before, s.source.ranges
	s.source.mutex.Unlock()
	if ranges != nil {
		if err := ranges(ctx, r); err != nil {
			return 0, err
		}
	}
	if before != nil {
		if err := before(ctx); err != nil {
			return 0, err
		}
	}
	return s.Snapshot.Read(ctx, q, r, emit)
}

// failing makes each read fail with a code.
func (s *watched) failing(code cdds.Code) {
	s.beforeReads(func(context.Context) error {
		return &cdds.Error{Code: code, Message: "Contact History does not work."}
	})
}

// blocking makes the second read and all after it wait until their context
// ends or free is called; reading tells that one waits. The first read goes
// through, so that something is on its way to the bucket.
func (s *watched) blocking() (reading <-chan struct{}, free func()) {
	pass, reading, free := newGate()
	s.beforeReads(func(ctx context.Context) error {
		if s.readCount() < 2 {
			return nil
		}
		return pass(ctx)
	})
	return reading, free
}

// newGate makes a gate: pass waits at it until free is called or the context
// ends, and reached tells that somebody has come to it.
func newGate() (pass func(context.Context) error, reached <-chan struct{}, free func()) {
	came, gate := make(chan struct{}), make(chan struct{})
	var once, open sync.Once
	pass = func(ctx context.Context) error {
		once.Do(func() { close(came) })
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-gate:
			return nil
		}
	}
	return pass, came, func() { open.Do(func() { close(gate) }) }
}

// await waits for a signal, within bounds.
func await[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: nothing came in a minute", what)
		panic("unreachable")
	}
}
