package postgres

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cdds"
	"cdds/pgtest"
	"cdds/source"
)

// hold opens n snapshots that the test leaves open, and returns what closes
// them.
func hold(t *testing.T, s *Source, n int) []source.Snapshot {
	t.Helper()
	var held []source.Snapshot
	for range n {
		snapshot, err := s.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, snapshot)
	}
	return held
}

// TestNodesShareTheConnections has three nodes read with a role that may only
// SELECT, which together have three connections.
func TestNodesShareTheConnections(t *testing.T) {
	dsn, conn := history(t, servers.Server(t))
	nodes := []*Source{}
	for _, name := range []string{"one", "two", "three"} {
		nodes = append(nodes, open(t, reader(t, dsn, conn, name), Options{MaxConns: 3, ApplicationName: name}))
	}
	first := append(hold(t, nodes[0], 1), hold(t, nodes[1], 2)...)
	_, err := nodes[2].acquire(t.Context(), 100*time.Millisecond)
	wantError(t, err, cdds.CodeUnavailable, "All 3 connections", "--source-connections")

	waits := make(chan string, 100)
	ctx := source.WithErrand(t.Context(), source.Errand{Waits: func(why string) { waits <- why }})
	got := make(chan error, 1)
	next := func() {
		snapshot, err := nodes[2].Snapshot(ctx)
		if err == nil {
			err = snapshot.Close()
		}
		got <- err
	}
	wait := func(how string, away func()) {
		t.Helper()
		go next()
		if why := <-waits; !strings.Contains(why, "all 3 that it allows are in use") {
			t.Errorf("the run says %q", why)
		}
		away()
		if err := <-got; err != nil {
			t.Errorf("%s: %v", how, err)
		}
		if why := <-waits; why != "" {
			t.Errorf("the run still says %q", why)
		}
	}
	wait("a run ends and its node does nothing more", func() {
		if err := first[0].Close(); err != nil {
			t.Error(err)
		}
	})
	nodes[2].pool.Reset() // the place is the first node's again
	first = append(first[1:], hold(t, nodes[0], 1)...)
	wait("a node dies", func() {
		exec(t, conn, "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'two'")
	})
	for _, snapshot := range first {
		if err := snapshot.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestWaitingForAConnectionEnds cancels it.
func TestWaitingForAConnectionEnds(t *testing.T) {
	dsn := servers.Database(t)
	one, two := open(t, dsn, Options{MaxConns: 1}), open(t, dsn, Options{MaxConns: 1})
	held := hold(t, one, 1)
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	ctx = source.WithErrand(ctx, source.Errand{Waits: func(string) { cancel(why) }})
	if _, err := two.Snapshot(ctx); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	if err := held[0].Close(); err != nil {
		t.Error(err)
	}
}

// TestConnectionsCarryTheRun looks at the server's list of sessions.
func TestConnectionsCarryTheRun(t *testing.T) {
	dsn := servers.Database(t)
	conn := connect(t, dsn)
	s := open(t, dsn, Options{MaxConns: 1})
	names := func() []string {
		rows, err := conn.Query(t.Context(), "select application_name from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
		if err != nil {
			t.Fatal(err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	for run, want := range map[string]string{
		"0190b7a2-7c11-7000-8000-00000000000a": "cdds run 0190b7a2-7c11-7000-8000-00000000000a",
		strings.Repeat("r", 100):               "cdds run " + strings.Repeat("r", 54),
		"":                                     "cdds",
	} {
		snapshot, err := s.Snapshot(source.WithErrand(t.Context(), source.Errand{Run: run}))
		if err != nil {
			t.Fatal(err)
		}
		if got := names(); !slices.Equal(got, []string{want}) {
			t.Errorf("run %q shows as %q", run, got)
		}
		if err := snapshot.Close(); err != nil {
			t.Fatal(err)
		}
		if got := names(); !slices.Equal(got, []string{"cdds"}) {
			t.Errorf("after run %q: %q", run, got)
		}
	}
	for _, run := range []string{strings.Repeat("ö", 100), strings.Repeat("r", 53) + "ö"} {
		if name := s.nameOf(source.Errand{Run: run}); len(name) > 63 || strings.ContainsRune(name, '\uFFFD') || len(name) < 62 {
			t.Errorf("run %q would show as %q", run, name)
		}
	}
}

// TestStrain puts load on a server and asks it, as a role that may only SELECT.
func TestStrain(t *testing.T) {
	dsn, conn := history(t, servers.Server(t))
	s := open(t, reader(t, dsn, conn, ""), Options{})
	ask := func() source.Strain {
		strain, err := s.Strain(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return strain
	}
	if got := ask(); got.Blocked != 0 || got.Lag != 0 || got.Connections < 2 || got.MaxConnections != 200 {
		t.Errorf("at rest: %+v", got)
	}
	exec(t, conn, "begin; lock table contact")
	blocked := connect(t, dsn)
	done := make(chan error, 1)
	go func() {
		_, err := blocked.Exec(t.Context(), "select from contact")
		done <- err
	}()
	await(t, func() bool { return ask().Blocked == 1 })
	exec(t, conn, "commit")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := ask(); got.Blocked != 0 {
		t.Errorf("after the lock: %+v", got)
	}
}

// TestRestartIsRiddenOut stops and starts the server while a range is read.
func TestRestartIsRiddenOut(t *testing.T) {
	server := pgtest.Start(t)
	dsn := heavyHistory(t, server)
	s := open(t, dsn, Options{})
	want, err := read(t, s, all(source.Interaction), source.Range{}, drop)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := source.NewGuard(s, source.Limits{}, slog.New(slog.DiscardHandler)).Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[source.Key]bool{}
	n, err := snapshot.Read(t.Context(), all(source.Interaction), source.Range{}, func(r *source.Record) error {
		seen[r.Key] = true
		if len(seen) == 2 {
			return errors.Join(server.Stop(), server.Start())
		}
		return nil
	})
	if err != nil || n != want || len(seen) != want {
		t.Errorf("%d records, %d different, want %d: %v", n, len(seen), want, err)
	}
	if err := snapshot.Close(); err != nil {
		t.Error(err)
	}
}
