package source_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"cdds"
	"cdds/source"
	"cdds/source/sample"
	"cdds/source/sqlite"
)

// moody is a real source that can be made to fail, to be slow and to be in
// distress.
type moody struct {
	source.Source
	onSnapshot func() error                    // before a transaction begins
	onRecord   func(ctx context.Context) error // before each record
	onEnd      func() error                    // after the last record of a read
	onStrain   func() (source.Strain, error)
	snapshots  atomic.Int64 // how many have begun
	open       atomic.Int64 // how many are open
	held       atomic.Int64 // how long they were open, together, in nanoseconds
}

func (m *moody) Snapshot(ctx context.Context) (source.Snapshot, error) {
	if m.onSnapshot != nil {
		if err := m.onSnapshot(); err != nil {
			return nil, err
		}
	}
	s, err := m.Source.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	m.snapshots.Add(1)
	m.open.Add(1)
	return moodySnapshot{s, m, time.Now()}, nil
}

func (m *moody) Strain(context.Context) (source.Strain, error) {
	if m.onStrain == nil {
		return source.Strain{}, nil
	}
	return m.onStrain()
}

type moodySnapshot struct {
	source.Snapshot
	source *moody
	since  time.Time
}

func (s moodySnapshot) Read(ctx context.Context, q source.Query, r source.Range, emit func(*source.Record) error) (int, error) {
	n, err := s.Snapshot.Read(ctx, q, r, func(record *source.Record) error {
		if s.source.onRecord != nil {
			if err := s.source.onRecord(ctx); err != nil {
				return err
			}
		}
		return emit(record)
	})
	if err == nil && s.source.onEnd != nil {
		err = s.source.onEnd()
	}
	return n, err
}

func (s moodySnapshot) Close() error {
	s.source.open.Add(-1)
	s.source.held.Add(int64(time.Since(s.since)))
	return s.Snapshot.Close()
}

// lost is the fault of a connection that broke.
func lost() error {
	return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The source went away.", Err: source.ErrLost}
}

// sampleFile writes a small Contact History.
func sampleFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.db")
	_, err := sample.Write(t.Context(), path, sample.Options{Interactions: 300, Contacts: 60, End: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// openMoody opens a file; the caller closes the source within the bubble of its test.
func openMoody(t *testing.T, path string) *moody {
	t.Helper()
	s, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &moody{Source: s}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// logTo returns a log that writes its messages alone, one a line.
func logTo(b *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.MessageKey {
			return a
		}
		return slog.Attr{}
	}}))
}

func query(e source.Entity) source.Query {
	return source.Query{Entity: e, TenantID: 101, Window: cdds.Window{End: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}, By: cdds.ByStartDate}
}

func entities() []source.Entity {
	return []source.Entity{source.Interaction, source.Attachment, source.Contact}
}

// lineOf is a record in one line, all that is in it.
func lineOf(r *source.Record) string {
	line := fmt.Sprint(r.Key)
	for _, v := range r.Values {
		line += fmt.Sprintf("|%v %d %q", v.Null, v.Int, v.Bytes)
	}
	for _, a := range r.Attributes {
		line += fmt.Sprintf("|%s=%q", a.Name, a.Value)
	}
	return line
}

// readAll reads all records of an entity as an export does, in ranges of their
// own snapshots, and gives each line to emit.
func readAll(ctx context.Context, s source.Source, e source.Entity, limit int, emit func(line string) error) error {
	var after *source.Key
	for {
		snapshot, err := s.Snapshot(ctx)
		if err != nil {
			return err
		}
		n, err := snapshot.Read(ctx, query(e), source.Range{After: after, Limit: limit}, func(r *source.Record) error {
			key := r.Key
			after = &key
			return emit(lineOf(r))
		})
		if closeErr := snapshot.Close(); err == nil {
			err = closeErr
		}
		if err != nil || n < limit || limit == 0 {
			return err
		}
		if n > limit {
			return fmt.Errorf("a range of %d gave %d records", limit, n)
		}
	}
}

// lines reads all records of an entity.
func lines(t *testing.T, ctx context.Context, s source.Source, e source.Entity, limit int) []string {
	t.Helper()
	var all []string
	err := readAll(ctx, s, e, limit, func(line string) error {
		all = append(all, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
