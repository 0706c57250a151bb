package postgres

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cdds/source"
)

// sharing has a source share a snapshot, which it must.
func sharing(t *testing.T, s *Source) *source.Shared {
	t.Helper()
	shared, err := s.Share(t.Context(), time.Minute)
	if err != nil || shared == nil {
		t.Fatalf("shared %v, %v", shared, err)
	}
	return shared
}

// under is the errand of a run that reads under a shared snapshot.
func under(t *testing.T, name string) context.Context {
	t.Helper()
	return source.WithErrand(t.Context(), source.Errand{Run: "r", Snapshot: name})
}

// seen counts the contacts that a snapshot of a context shows, and says when it
// was taken.
func seen(t *testing.T, s *Source, ctx context.Context) (int, time.Time) {
	t.Helper()
	snapshot, err := s.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	n, err := snapshot.Read(ctx, all(source.Contact), source.Range{}, drop)
	if err := errors.Join(err, snapshot.Close()); err != nil {
		t.Fatal(err)
	}
	return n, snapshot.Time()
}

// lateContact writes one more contact.
func lateContact(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	exec(t, conn, "insert into contact (id, tenantid, createddate) values ('late', 101, '2024-01-01Z')")
}

// TestNodesReadUnderASharedSnapshot writes while one node holds a snapshot: a
// second does not see it, until the snapshot is given up.
func TestNodesReadUnderASharedSnapshot(t *testing.T) {
	dsn, conn := history(t, servers.Server(t))
	one := open(t, reader(t, dsn, conn, "one"), Options{MaxConns: 3})
	two := open(t, reader(t, dsn, conn, "two"), Options{MaxConns: 3})
	before, _ := seen(t, one, t.Context())
	shared := sharing(t, one)
	held := time.Now()
	lateContact(t, conn)
	for _, node := range []*Source{one, two} {
		if n, at := seen(t, node, under(t, shared.Name)); n != before || at.After(held) {
			t.Errorf("under the snapshot there are %d contacts, want %d, as of %v, held since %v", n, before, at, held)
		}
		if n, _ := seen(t, node, t.Context()); n != before+1 {
			t.Errorf("without it there are %d contacts, want %d", n, before+1)
		}
	}
	if err := shared.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is known beforehand
		if n, at := seen(t, two, under(t, shared.Name)); n != before+1 || !at.After(held) {
			t.Errorf("after the snapshot there are %d contacts, want %d, as of %v, held since %v", n, before+1, at, held)
		}
	}
}

// TestSharedSnapshotThatIsNotThere reads under names that nothing stands for.
func TestSharedSnapshotThatIsNotThere(t *testing.T) {
	dsn, conn := history(t, servers.Server(t))
	s := open(t, dsn, Options{MaxConns: 3})
	want, _ := seen(t, s, t.Context())
	shared := sharing(t, s)
	name, ok := parseShared(shared.Name)
	if !ok {
		t.Fatalf("the name is %q", shared.Name)
	}
	elsewhere := name
	elsewhere.server++
	otherDSN, _ := history(t, servers.Server(t))
	other := open(t, otherDSN, Options{MaxConns: 3})
	foreign := sharing(t, other)
	lateContact(t, conn)
	for what, name := range map[string]string{
		"a name of another server": elsewhere.String(), "one of another database": foreign.Name, "one that was never there": "00000003-00000001-9@1@" + strings.SplitN(shared.Name, "@", 3)[2],
		"no name": "x", "a statement": "0-0-0'; commit; --@1@1",
	} {
		if n, _ := seen(t, s, under(t, name)); n != want+1 {
			t.Errorf("%s: %d contacts, want %d", what, n, want+1)
		}
	}
	if n, _ := seen(t, s, under(t, shared.Name)); n != want {
		t.Errorf("under the snapshot there are %d contacts, want %d", n, want)
	}
	// The holder's session is ended: reads go on under snapshots of their own, and
	// giving up what is gone is no error.
	exec(t, conn, "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = current_database() and state = 'idle in transaction'")
	if n, _ := seen(t, s, under(t, shared.Name)); n != want+1 {
		t.Errorf("after the holder there are %d contacts, want %d", n, want+1)
	}
	if err := errors.Join(shared.Close(), foreign.Close()); err != nil {
		t.Error(err)
	}
}

// TestHoldersLeaveConnectionsToReaders shares as long as the source does.
func TestHoldersLeaveConnectionsToReaders(t *testing.T) {
	for most, want := range map[int32]int{1: 0, 2: 0, 3: 1, 4: 1, 5: 2} {
		dsn := servers.Database(t)
		nodes := []*Source{open(t, dsn, Options{MaxConns: most}), open(t, dsn, Options{MaxConns: most})}
		var held []*source.Shared
		for i := range 6 {
			shared, err := nodes[i%2].Share(t.Context(), time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if shared != nil {
				held = append(held, shared)
			}
		}
		if len(held) != want {
			t.Errorf("of %d connections %d hold snapshots, want %d", most, len(held), want)
		}
		snapshot, err := nodes[1].Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := snapshot.Close(); err != nil {
			t.Error(err)
		}
		for _, shared := range held {
			if err := shared.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestReadersComeBeforeHolders shares where all connections are in use.
func TestReadersComeBeforeHolders(t *testing.T) {
	dsn := servers.Database(t)
	one, two := open(t, dsn, Options{MaxConns: 3}), open(t, dsn, Options{MaxConns: 3})
	held := hold(t, one, 3)
	for _, node := range []*Source{one, two} {
		if shared, err := node.Share(t.Context(), time.Minute); shared != nil || err != nil {
			t.Errorf("shared %v, %v", shared, err)
		}
	}
	for _, snapshot := range held {
		if err := snapshot.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := sharing(t, one).Close(); err != nil {
		t.Error(err)
	}
}

// TestHolderMayStandIdle holds longer than a reader may stand idle.
func TestHolderMayStandIdle(t *testing.T) {
	dsn, conn := history(t, servers.Server(t))
	s := open(t, dsn, Options{MaxConns: 3, IdleTimeout: 200 * time.Millisecond})
	want, _ := seen(t, s, t.Context())
	shared := sharing(t, s)
	lateContact(t, conn)
	idle := hold(t, s, 1)[0]
	await(t, func() bool {
		var n int
		if err := conn.QueryRow(t.Context(), "select count(*) from pg_stat_activity where datname = current_database() and state = 'idle in transaction'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 1
	})
	if n, _ := seen(t, s, under(t, shared.Name)); n != want {
		t.Errorf("under the snapshot there are %d contacts, want %d", n, want)
	}
	if err := errors.Join(idle.Close(), shared.Close()); err != nil {
		t.Error(err)
	}
}
