package postgres

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cdds"
	"cdds/pgtest"
	"cdds/source"
	"cdds/source/sourcetest"
)

// pair starts a primary with a hand-made history and a standby that has it too.
// It returns the DSN that names both, the primary first.
func pair(t *testing.T) (primary, standby *pgtest.Server, onPrimary *pgx.Conn, onStandby *pgx.Conn, both string) {
	t.Helper()
	primary = pgtest.Start(t)
	conn, err := pgx.Connect(t.Context(), primary.DSN("postgres", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	// Changes are applied at once, whoever reads.
	exec(t, conn, "alter system set max_standby_streaming_delay = 0")
	create(t, conn, sourcetest.History(), referenceTypes())
	insert(t, conn, sourcetest.History(), referenceTypes())
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	standby = primary.Standby(t)
	dsn := primary.DSN("postgres", "postgres")
	both = strings.Replace(dsn, fmt.Sprintf("127.0.0.1:%d", primary.Port()), fmt.Sprintf("127.0.0.1:%d,127.0.0.1:%d", primary.Port(), standby.Port()), 1)
	return primary, standby, connect(t, dsn), connect(t, standby.DSN("postgres", "postgres")), both
}

// readsStandby reports which of the servers a source reads.
func readsStandby(t *testing.T, s *Source) bool {
	t.Helper()
	opened, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	var is bool
	if err := opened.(*snapshot).tx.QueryRow(t.Context(), "select pg_is_in_recovery()").Scan(&is); err != nil {
		t.Fatal(err)
	}
	return is
}

func TestStandby(t *testing.T) {
	primary, standby, onPrimary, onStandby, both := pair(t)
	t.Run("is preferred", func(t *testing.T) {
		for dsn, want := range map[string]bool{both: true, both + "&target_session_attrs=any": false, both + "&target_session_attrs=primary": false,
			primary.DSN("postgres", "postgres"): false, standby.DSN("postgres", "postgres"): true} {
			if got := readsStandby(t, open(t, dsn, Options{})); got != want {
				t.Errorf("%s: reads the standby: %v", dsn[strings.Index(dsn, "@"):], got)
			}
		}
	})
	t.Run("cancels a read that is in its way", func(t *testing.T) {
		exec(t, onPrimary, "create table passing as select n from generate_series(1, 1000) n")
		await(t, func() bool { return exists(t, onStandby, "passing") })
		s := open(t, standby.DSN("postgres", "postgres"), Options{})
		snapshot, err := s.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer snapshot.Close()
		exec(t, onPrimary, "delete from passing")
		exec(t, onPrimary, "vacuum passing")
		await(t, func() bool {
			_, err = snapshot.Count(t.Context(), all(source.Contact))
			return err != nil
		})
		wantError(t, err, cdds.CodeUnavailable, "recovery conflict", "max_standby_streaming_delay")
	})
	t.Run("shares its snapshots", func(t *testing.T) {
		s := open(t, standby.DSN("postgres", "postgres"), Options{})
		want, _ := seen(t, s, t.Context())
		shared := sharing(t, s)
		lateContact(t, onPrimary)
		await(t, func() bool {
			n, _ := seen(t, s, t.Context())
			return n == want+1
		})
		if n, _ := seen(t, s, under(t, shared.Name)); n != want {
			t.Errorf("under the snapshot there are %d contacts, want %d", n, want)
		}
		// On the primary there is no such snapshot.
		if n, _ := seen(t, open(t, primary.DSN("postgres", "postgres"), Options{}), under(t, shared.Name)); n != want+1 {
			t.Errorf("on the primary there are %d contacts, want %d", n, want+1)
		}
		if err := shared.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("tells how far it is behind", func(t *testing.T) {
		s := open(t, standby.DSN("postgres", "postgres"), Options{})
		lag := func() time.Duration {
			strain, err := s.Strain(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return strain.Lag
		}
		await(t, func() bool { return lag() == 0 })
		exec(t, onStandby, "select pg_wal_replay_pause()")
		exec(t, onPrimary, "create table behind ()")
		await(t, func() bool { return lag() > 0 })
		exec(t, onStandby, "select pg_wal_replay_resume()")
		await(t, func() bool { return lag() == 0 })
	})
	t.Run("is replaced when it fails", func(t *testing.T) {
		s := open(t, both, Options{})
		want, err := read(t, s, all(source.Interaction), source.Range{}, drop)
		if err != nil {
			t.Fatal(err)
		}
		snapshot, err := source.NewGuard(s, source.Limits{RecordsPerSecond: 1000}, slog.New(slog.DiscardHandler)).Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen := map[source.Key]bool{}
		n, err := snapshot.Read(t.Context(), all(source.Interaction), source.Range{Limit: 10_000}, func(r *source.Record) error {
			seen[r.Key] = true
			if len(seen) == 1 {
				return standby.Stop()
			}
			return nil
		})
		if err != nil || n != want || len(seen) != want {
			t.Errorf("%d records, %d different, want %d: %v", n, len(seen), want, err)
		}
		if err := snapshot.Close(); err != nil {
			t.Error(err)
		}
	})
}

// exists reports whether a table is there.
func exists(t *testing.T, conn *pgx.Conn, table string) bool {
	t.Helper()
	var there bool
	if err := conn.QueryRow(t.Context(), "select to_regclass($1) is not null", table).Scan(&there); err != nil {
		t.Fatal(err)
	}
	return there
}

// TestWhichServerIsAskedFor reads DSNs.
func TestWhichServerIsAskedFor(t *testing.T) {
	for dsn, want := range map[string]bool{
		"postgres://u@one/db":                                  false,
		"postgres://u@one/db?sslmode=prefer":                   false, // tried with and without TLS
		"postgres://u@one,two/db":                              true,
		"postgres://u@one:5432,one:5433/db?sslmode=disable":    true,
		"postgres://u@one,two/db?target_session_attrs=primary": false,
	} {
		s := open(t, dsn, Options{})
		if got := s.pool.Config().ConnConfig.ValidateConnect != nil && !asksForRole(dsn); got != want {
			t.Errorf("%s: a standby is preferred: %v", dsn, got)
		}
	}
}
