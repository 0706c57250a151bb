package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"cdds"
	"cdds/pgtest"
	"cdds/source"
)

// reader makes a role that can only read the tables of a database, and returns
// a DSN for it. The suffix tells several roles apart.
func reader(t *testing.T, dsn string, conn *pgx.Conn, suffix string) string {
	t.Helper()
	role := "reader_" + conn.Config().Database + suffix
	exec(t, conn, "create role "+role+" login")
	t.Cleanup(func() {
		cleaner, err := pgx.Connect(context.Background(), dsn)
		if err != nil {
			t.Error(err)
			return
		}
		_, err = cleaner.Exec(context.Background(), "drop owned by "+role+"; drop role "+role)
		if err := errors.Join(err, cleaner.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	exec(t, conn, "grant select on all tables in schema public to "+role)
	return with(t, dsn, role, "")
}

// TestReadingNeedsSelectOnly reads all with a role that can do nothing else.
func TestReadingNeedsSelectOnly(t *testing.T) {
	dsn, conn := history(t, servers.Server(t))
	s := open(t, reader(t, dsn, conn, ""), Options{})
	for _, e := range []source.Entity{source.Interaction, source.Attachment, source.Contact} {
		if n, err := read(t, s, all(e), source.Range{}, drop); n == 0 || err != nil {
			t.Errorf("%d records of %s, %v", n, e, err)
		}
	}
	if types, err := s.MediaTypes(t.Context(), 101); len(types) == 0 || err != nil {
		t.Errorf("media types %q, %v", types, err)
	}
	found, err := s.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if !f.OK || f.Warning {
			t.Errorf("%s: %s", f.What, f.Detail)
		}
	}
}

// TestWritingIsRefused writes through the source's own connections, as a role
// that may write, within a snapshot and beside it.
func TestWritingIsRefused(t *testing.T) {
	dsn, _ := history(t, servers.Server(t))
	s := open(t, dsn, Options{})
	opened, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	inside := opened.(*snapshot)
	const write = "insert into contact (id, tenantid, createddate) values ('new', 1, now())"
	_, outsideErr := s.pool.Exec(t.Context(), write)
	_, insideErr := inside.tx.Exec(t.Context(), write)
	for name, err := range map[string]error{"beside a snapshot": outsideErr, "in a snapshot": insideErr} {
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "25006" { // read_only_sql_transaction
			t.Errorf("%s: a write gives %v", name, err)
		}
	}
	if err := opened.Close(); err != nil {
		t.Error(err)
	}
}

// TestSessionIsProtected looks at the settings under which the server reads.
func TestSessionIsProtected(t *testing.T) {
	dsn := servers.Database(t)
	for _, test := range []struct {
		options Options
		dsn     string
		want    string
	}{
		{Options{}, dsn, "cdds repeatable read on on 1h 1min 10min UTC UTF8 off 0"},
		{Options{ApplicationName: "other", StatementTimeout: time.Second, LockTimeout: 3 * time.Second, IdleTimeout: 2 * time.Second},
			dsn + "&statement_timeout=0&default_transaction_read_only=off&timezone=Asia/Tokyo&application_name=x", "other repeatable read on on 1s 3s 2s UTC UTF8 off 0"},
	} {
		s := open(t, test.dsn, test.options)
		opened, err := s.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got string
		for _, name := range []string{"application_name", "transaction_isolation", "transaction_read_only", "default_transaction_read_only",
			"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "timezone", "client_encoding", "jit", "max_parallel_workers_per_gather"} {
			var value string
			if err := opened.(*snapshot).tx.QueryRow(t.Context(), "select current_setting($1)", name).Scan(&value); err != nil {
				t.Fatal(err)
			}
			got += value + " "
		}
		if got != test.want+" " {
			t.Errorf("got %q, want %q", got, test.want)
		}
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestConnectionsAreBounded asks for one snapshot more than there may be
// connections.
func TestConnectionsAreBounded(t *testing.T) {
	s := open(t, servers.Database(t), Options{MaxConns: 2})
	for range 2 {
		snapshot, err := s.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer snapshot.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Snapshot(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a third snapshot: %v", err)
	}
}

// TestOpenNeedsNoServer opens a source before its server is there.
func TestOpenNeedsNoServer(t *testing.T) {
	server := pgtest.Start(t)
	dsn := server.Database(t, "")
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	s := open(t, dsn, Options{})
	_, err := s.Snapshot(t.Context())
	wantError(t, err, cdds.CodeUnavailable)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	snapshot, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := snapshot.Close(); err != nil {
		t.Error(err)
	}
}

// TestCountIsBounded counts few records exactly, and many as far as it is cheap,
// whether the server has statistics or not.
func TestCountIsBounded(t *testing.T) {
	dsn, conn := emptyHistory(t)
	// The planner knows how many contacts a window has by the statistics of this index.
	exec(t, conn, "create index on contact ((coalesce(modifieddate, createddate)), id)")
	exec(t, conn, "alter table contact set (autovacuum_enabled = off)")
	exec(t, conn, "insert into contact (id, tenantid, createddate) select n::text, 101, '2024-01-01Z' from generate_series(1, 5000) n")
	count := func(limit int64) source.Count {
		t.Helper()
		snapshot, err := open(t, dsn, Options{ExactCount: limit}).Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer snapshot.Close()
		c, err := snapshot.Count(t.Context(), all(source.Contact))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, test := range []struct {
		analyzed    bool
		limit       int64
		exact       bool
		least, most int64
	}{
		{false, 0, true, 5000, 5000}, {false, 5000, true, 5000, 5000}, {false, 1000, false, 1001, 1001},
		{true, 0, true, 5000, 5000}, {true, 1000, false, 4000, 6000},
	} {
		if test.analyzed {
			exec(t, conn, "analyze contact")
		}
		if got := count(test.limit); got.Exact != test.exact || got.Records < test.least || got.Records > test.most {
			t.Errorf("%s: got %+v", fmt.Sprintf("%+v", test), got)
		}
	}
}
