package store_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

func TestOpenRefusesOtherDatabases(t *testing.T) {
	for _, dsn := range []string{"", "sqlite:", "mysql://root@localhost/x", "https://example.com/db", "postgres://host:notaport/db"} {
		_, err := store.Open(t.Context(), dsn)
		wantCode(t, err, cdds.CodeInvalid)
	}
}

func TestOpenDoesNotShowThePassword(t *testing.T) {
	_, err := store.Open(t.Context(), "postgres://user:hunter2@host:notaport/db")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Fatalf("got %v", err)
	}
}

func TestOpenOfNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	address := listener.Addr().String()
	noError(t, listener.Close())
	for _, dsn := range []string{"postgres://cdds@" + address + "/cdds", "sqlite:" + filepath.Join(t.TempDir(), "no", "such", "folder", "cdds.db"), t.TempDir()} {
		_, err := store.Open(t.Context(), dsn)
		wantCode(t, err, cdds.CodeUnavailable)
	}
}

func TestSQLiteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd name ?#%41 é.db")
	st := openStore(t, path) // a plain path
	noError(t, st.Migrate(t.Context()))
	equal(t, "dialect", st.Dialect(), store.SQLite)
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		noError(t, err)
		equal(t, "mode of "+filepath.Base(name), info.Mode().Perm(), os.FileMode(0o600))
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000"} {
		var value string
		noError(t, st.DB().QueryRow("PRAGMA "+pragma).Scan(&value))
		equal(t, pragma, value, want)
	}
	equal(t, "writing connections", st.DB().Stats().MaxOpenConnections, 1)
}

func TestPostgresSettings(t *testing.T) {
	st := openStore(t, newDSN(t, store.Postgres))
	equal(t, "dialect", st.Dialect(), store.Postgres)
	for setting, want := range map[string]string{"application_name": "cdds", "idle_in_transaction_session_timeout": "1min"} {
		var value string
		noError(t, st.DB().QueryRow("SHOW "+setting).Scan(&value))
		equal(t, setting, value, want)
	}
}

func TestTransactionIsAllOrNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		broken := errors.New("broken")
		insert := func(ctx context.Context, tx *store.Tx) error { return tx.InsertJob(ctx, w.job(w.alpha, "job-1")) }
		absent := func() {
			t.Helper()
			_, err := w.st.Job(ctx, "tenant-a", "job-1")
			wantCode(t, err, cdds.CodeNotFound)
		}
		err := w.tryTx(func(ctx context.Context, tx *store.Tx) error { return errors.Join(insert(ctx, tx), broken) })
		if !errors.Is(err, broken) {
			t.Fatalf("got %v, want the function's own error", err)
		}
		absent()
		func() {
			defer func() { equal(t, "panic", recover(), any("oh")) }()
			w.tx(t, func(ctx context.Context, tx *store.Tx) error {
				noError(t, insert(ctx, tx))
				panic("oh")
			})
		}()
		absent()
		canceled, cancel := context.WithCancel(ctx)
		err = w.st.InTx(canceled, func(tx *store.Tx) error {
			defer cancel()
			return insert(canceled, tx)
		})
		wantCode(t, err, cdds.CodeUnavailable)
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want the context's error in the chain", err)
		}
		absent()
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			noError(t, insert(ctx, tx))
			_, err := tx.Job(ctx, "tenant-a", "job-1") // sees its own write
			return err
		})
		_, err = w.st.Job(ctx, "tenant-a", "job-1")
		noError(t, err)
	})
}

// TestSQLOfATransactionBelongsToIt is what the queue relies on.
func TestSQLOfATransactionBelongsToIt(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		broken := errors.New("broken")
		err := w.tryTx(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.SQL().ExecContext(ctx, `UPDATE users SET username = 'changed' WHERE id = $1`, "user-a")
			noError(t, err)
			return broken
		})
		if !errors.Is(err, broken) {
			t.Fatalf("got %v", err)
		}
		equal(t, "name", got(w.st.User(t.Context(), "user-a"))(t).Username, "ann")
	})
}

func TestReadsDoNotWaitForAnOpenTransaction(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			noError(t, tx.InsertJob(ctx, w.job(w.alpha, "job-1")))
			_, err := w.st.Job(t.Context(), "tenant-a", "job-1") // beside the transaction
			wantCode(t, err, cdds.CodeNotFound)
			return nil
		})
	})
}

// TestALastingConflictEnds keeps a row locked: the other transaction must end
// by its context and say that the database does not answer.
func TestALastingConflictEnds(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.addJob(t, w.job(w.alpha, "job-1"))
		lock := func(ctx context.Context) error {
			return w.st.InTx(ctx, func(tx *store.Tx) error {
				_, err := tx.LockJob(ctx, "tenant-a", "job-1")
				return err
			})
		}
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.LockJob(ctx, "tenant-a", "job-1")
			noError(t, err)
			short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			wantCode(t, lock(short), cdds.CodeUnavailable)
			return nil
		})
		noError(t, lock(t.Context()))
	})
}

// TestALostConnectionIsReplaced ends all connections at the server, as its
// restart does.
func TestALostConnectionIsReplaced(t *testing.T) {
	dsn := newDSN(t, store.Postgres)
	st := openStore(t, dsn)
	noError(t, st.Migrate(t.Context()))
	w := newWorld(t, st)
	admin, err := sql.Open("pgx", dsn)
	noError(t, err)
	t.Cleanup(func() { noError(t, admin.Close()) })
	end := func() {
		_, err := admin.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		noError(t, err)
	}
	err = w.tryTx(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.User(ctx, "user-a")
		noError(t, err)
		end()
		_, err = tx.User(ctx, "user-a")
		return err
	})
	wantCode(t, err, cdds.CodeUnavailable)
	end()
	_, err = st.User(t.Context(), "user-a")
	noError(t, err)
}

func TestUnstorableText(t *testing.T) {
	st := openStore(t, newDSN(t, store.Postgres))
	noError(t, st.Migrate(t.Context()))
	_, err := st.TenantNamed(t.Context(), "a\x00b")
	wantCode(t, err, cdds.CodeInvalid)
}
