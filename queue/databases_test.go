package queue_test

import (
	"context"
	"database/sql"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"cdds/pgtest"
	"cdds/queue"
)

// database is a migrated database of one kind.
type database struct {
	db  *sql.DB
	dsn string // PostgreSQL only
}

// onBoth runs a test on both databases.
func onBoth(t *testing.T, test func(t *testing.T, d database)) {
	t.Helper()
	t.Parallel()
	for name, open := range map[string]func(*testing.T) database{"sqlite": openSQLite, "postgres": openPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			noError(t, d.open(t, nil).Migrate(t.Context()))
			test(t, d)
		})
	}
}

func openSQLite(t *testing.T) database {
	t.Helper()
	uri := "file:" + filepath.Join(t.TempDir(), "queue.db") + "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)"
	db, err := sql.Open("sqlite", uri)
	noError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { noError(t, db.Close()) })
	return database{db: db}
}

// postgres is the private server of these tests.
var postgres pgtest.Pool

func TestMain(m *testing.M) { os.Exit(postgres.Main(m)) }

func openPostgres(t *testing.T) database {
	t.Helper()
	dsn := postgres.Database(t)
	db, err := sql.Open("pgx", dsn)
	noError(t, err)
	t.Cleanup(func() { noError(t, db.Close()) })
	return database{db: db, dsn: dsn}
}

// open opens a queue of two workers.
func (d database) open(t *testing.T, work func(context.Context, queue.Task) error) *queue.Queue {
	t.Helper()
	return d.openLogged(t, io.Discard, work)
}

// openLogged opens a queue that logs to w.
func (d database) openLogged(t *testing.T, w io.Writer, work func(context.Context, queue.Task) error) *queue.Queue {
	t.Helper()
	q, err := queue.Open(queue.Config{
		DB: d.db, Postgres: d.dsn != "", ListenDSN: d.dsn, Workers: 2,
		Log: slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo})),
	}, work)
	noError(t, err)
	return q
}

// start starts a queue and stops it at the test's end.
func start(t *testing.T, q *queue.Queue) {
	t.Helper()
	noError(t, q.Start(t.Context()))
	t.Cleanup(func() { stop(t, q) })
}

func stop(t *testing.T, q *queue.Queue) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	noError(t, q.Stop(ctx))
}

// enqueue adds tasks in a transaction that ends with the given function.
func (d database) enqueue(t *testing.T, q *queue.Queue, at time.Time, end func(*sql.Tx) error, tasks ...queue.Task) {
	t.Helper()
	tx, err := d.db.BeginTx(t.Context(), nil)
	noError(t, err)
	for _, task := range tasks {
		noError(t, q.Enqueue(t.Context(), tx, task, at))
	}
	noError(t, end(tx))
}

// patience bounds the waits of tests for what must happen; River looks for
// scheduled tasks every five seconds.
const patience = time.Minute

// receive returns the next value, and fails when none comes.
func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came in a minute")
		panic("unreachable")
	}
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}
