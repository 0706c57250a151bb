package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"cdds"
	"cdds/pgtest"
	"cdds/store"
)

// onBoth runs a test on both databases, each new, migrated and with a world in
// it: the suite is the proof that one SQL text means the same on both.
func onBoth(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	for _, kind := range []store.Dialect{store.SQLite, store.Postgres} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, openMigrated(t, kind)))
		})
	}
}

// postgres is the private server of these tests.
var postgres pgtest.Pool

func TestMain(m *testing.M) { os.Exit(postgres.Main(m)) }

// databases are copies of migrated ones.
var databases = pgtest.Copies{Pool: &postgres, Prepare: migrated}

// migrated makes the tables of the store.
func migrated(ctx context.Context, dsn string) error {
	st, err := store.Open(ctx, dsn)
	if err != nil {
		return err
	}
	return errors.Join(st.Migrate(ctx), st.Close())
}

// openMigrated opens a new database that has all tables.
func openMigrated(t *testing.T, kind store.Dialect) *store.Store {
	t.Helper()
	return openStore(t, databases.New(t, kind == store.Postgres))
}

// newDSN returns the address of a new and empty database.
func newDSN(t *testing.T, kind store.Dialect) string {
	t.Helper()
	if kind == store.SQLite {
		return "sqlite:" + filepath.Join(t.TempDir(), "cdds.db")
	}
	return postgres.Database(t)
}

// openStore opens a database and closes it at the test's end.
func openStore(t *testing.T, dsn string) *store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), dsn)
	noError(t, err)
	t.Cleanup(func() { noError(t, st.Close()) })
	return st
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func wantCode(t testing.TB, err error, code cdds.Code) {
	t.Helper()
	if cdds.CodeOf(err) != code {
		t.Fatalf("got error %v with code %q, want code %q", err, cdds.CodeOf(err), code)
	}
}

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// got unpacks a call that must not fail.
func got[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		noError(t, err)
		return v
	}
}

// tx runs do in a transaction that must not fail.
func (w *world) tx(t testing.TB, do func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	noError(t, w.tryTx(do))
}

func (w *world) tryTx(do func(ctx context.Context, tx *store.Tx) error) error {
	ctx := context.Background()
	return w.st.InTx(ctx, func(tx *store.Tx) error { return do(ctx, tx) })
}
