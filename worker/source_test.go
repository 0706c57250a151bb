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
	reads  int
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
	before := s.source.before
	s.source.mutex.Unlock()
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
	waits, gate := make(chan struct{}), make(chan struct{})
	var once, open sync.Once
	s.beforeReads(func(ctx context.Context) error {
		if s.readCount() < 2 {
			return nil
		}
		once.Do(func() { close(waits) })
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-gate:
			return nil
		}
	})
	return waits, func() { open.Do(func() { close(gate) }) }
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
