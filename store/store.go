// Package store keeps what CDDS knows: tenants, users, certificates, jobs,
// runs, artifacts and the audit log.
//
// One SQL text serves SQLite and PostgreSQL; what differs stands in dialect.go
// and in the migrations. Reads are methods of Reader, which both a Store
// (outside transactions) and a Tx have; writes are methods of Tx.
//
//	control, worker ──▶ InTx ──▶ Tx (reads and writes) ─┐
//	api, scheduler ───▶ Store (reads) ──────────────────┴▶ SQLite | PostgreSQL
//
// A transaction sees one state of the database, on both databases. Whatever
// concerns one job meets at the job's row: the second of two transactions that
// change it waits for the first and then begins again.
//
// The package holds no rules about jobs and runs, with one exception: the
// states of a run, which the database itself refuses to break. It never asks
// for the time. All its errors are *cdds.Error.
package store

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/pressly/goose/v3"

	"cdds"
)

// Store is an open metadata database. It is safe for concurrent use.
type Store struct {
	Reader
	write      *sql.DB
	read       *sql.DB // the same handle as write on PostgreSQL
	heads      *sql.DB // PostgreSQL only: reads the ends of audit chains (lockChain)
	dialect    Dialect
	migrations *goose.Provider
	version    int64 // the schema version that this binary works with
}

// Open opens the metadata database that dsn names: "postgres://…" or
// "postgresql://…" for PostgreSQL, "sqlite:PATH" or a plain path for a SQLite
// file, which is made, readable by its owner only, where there is none. It
// does not touch the schema. CodeInvalid for a dsn of another kind,
// CodeUnavailable when the database does not answer.
func Open(ctx context.Context, dsn string) (*Store, error) {
	kind, place, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	s := &Store{dialect: kind}
	if kind == Postgres {
		s.write, s.heads, err = openPostgres(place)
		s.read = s.write
	} else {
		s.write, s.read, err = openSQLite(place)
	}
	if err != nil {
		return nil, err
	}
	s.Reader = Reader{s.read}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// prepare reads the embedded migrations and makes the first connections.
func (s *Store) prepare(ctx context.Context) error {
	if err := s.loadMigrations(); err != nil {
		return err
	}
	if err := s.write.PingContext(ctx); err != nil {
		return failure("open the metadata database", err)
	}
	return failure("open the metadata database", s.read.PingContext(ctx))
}

// Close closes all connections. Nothing may be under way any more.
func (s *Store) Close() error {
	err := s.write.Close()
	if s.read != s.write {
		err = errors.Join(err, s.read.Close())
	}
	if s.heads != nil {
		err = errors.Join(err, s.heads.Close())
	}
	return failure("close the metadata database", err)
}

// DB returns the writing handle, for the queue. On SQLite it has one
// connection: whoever holds it keeps all other writers waiting.
func (s *Store) DB() *sql.DB { return s.write }

// Dialect says which database this is.
func (s *Store) Dialect() Dialect { return s.dialect }

// Tx is a transaction: its reads see what it wrote.
type Tx struct {
	Reader
	tx    *sql.Tx
	heads *sql.DB              // as the store's
	ends  map[string]AuditHead // of the audit chains that it has added to, by tenant
	after []func()             // what happens when it is committed

	dialect   Dialect
	lockedJob string  // the last job that it has locked
	changed   changed // what it owes the table turns
}

// OnCommit has do called once the transaction is committed, and not at all where
// it is not: for what cannot be rolled back, such as a counter.
func (t *Tx) OnCommit(do func()) { t.after = append(t.after, do) }

// SQL returns the transaction, for the queue's own insert.
func (t *Tx) SQL() *sql.Tx { return t.tx }

// How often a transaction is tried that met another one, and how long it waits
// in between at most: about two seconds in all before it gives up.
const (
	maxTries   = 20
	maxBackoff = 200 * time.Millisecond
)

// InTx runs do in a transaction and commits it when do returns nil. Where the
// transaction met another one it is rolled back and do runs again, a bounded
// number of times: do must therefore set what it hands out on each run, and
// must have no effect outside tx but through OnCommit. Inside do only tx may be used, since SQLite
// has one writing connection. A conflict that lasts is CodeUnavailable.
func (s *Store) InTx(ctx context.Context, do func(tx *Tx) error) error {
	return s.inTx(ctx, sql.LevelRepeatableRead, do)
}

// InBatch is InTx for work on many rows that the transaction itself has taken
// from others (TakeDueJobs). On PostgreSQL each of its statements sees what is
// committed at its time, so that what others do meanwhile is waited for and not
// a conflict, which would undo the whole batch. Whatever it reads must belong to
// the rows that it has taken.
func (s *Store) InBatch(ctx context.Context, do func(tx *Tx) error) error {
	return s.inTx(ctx, sql.LevelReadCommitted, do)
}

func (s *Store) inTx(ctx context.Context, level sql.IsolationLevel, do func(tx *Tx) error) error {
	if s.dialect == SQLite {
		level = sql.LevelDefault // it knows one level, and that is enough
	}
	for try := 1; ; try++ {
		err := s.tryTx(ctx, level, do)
		if err == nil || try == maxTries || !conflicting(err) {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return failure("wait for another transaction", err)
		}
	}
}

// tryTx runs do in one transaction.
func (s *Store) tryTx(ctx context.Context, level sql.IsolationLevel, do func(tx *Tx) error) (err error) {
	// Repeatable read gives PostgreSQL what SQLite has anyway: the whole
	// transaction sees one state, and a row that another one changed
	// meanwhile is a conflict instead of a lost update.
	tx, err := s.write.BeginTx(ctx, &sql.TxOptions{Isolation: level})
	if err != nil {
		return failure("begin a transaction", err)
	}
	defer func() {
		// Also after a panic in do: a lost transaction would hold SQLite's
		// only writing connection for ever.
		if rollbackErr := tx.Rollback(); rollbackErr != nil && !errors.Is(rollbackErr, sql.ErrTxDone) {
			err = errors.Join(err, failure("roll a transaction back", rollbackErr))
		}
	}()
	t := &Tx{Reader: Reader{tx}, tx: tx, heads: s.heads, dialect: s.dialect}
	if err := do(t); err != nil {
		return err
	}
	if err := t.payTurns(ctx); err != nil {
		return err
	}
	if err := commit(ctx, tx); err != nil {
		return failure("commit a transaction", err)
	}
	for _, then := range t.after {
		then()
	}
	return nil
}

// commit commits tx. A context that ends just before rolls the transaction back
// behind our back, and database/sql then may only say that it is over: the
// context's end is the reason that the caller can tell by.
func commit(ctx context.Context, tx *sql.Tx) error {
	err := tx.Commit()
	if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return err
}

// pause waits a random time that grows with the number of tries, so that those
// who met do not meet again.
func pause(ctx context.Context, try int) error {
	longest := min(maxBackoff, time.Millisecond<<min(try, 10))
	timer := time.NewTimer(rand.N(longest) + time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// Reader holds all reads. Each of them reads its rows to the end before it
// returns, so that no connection stays in use.
type Reader struct{ from querier }

// querier is the reading half of *sql.DB and *sql.Tx.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// scanner is what *sql.Rows and a page's row have in common.
type scanner interface{ Scan(dest ...any) error }

// all returns the rows of a query; what completes "could not …" in its error.
func all[T any](ctx context.Context, from querier, what string, scan func(scanner) (T, error), query string, args ...any) (items []T, err error) {
	rows, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, failure(what, err)
	}
	defer func() { err = errors.Join(err, failure(what, rows.Close())) }()
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, failure(what, err)
		}
		items = append(items, item)
	}
	return items, failure(what, rows.Err())
}

// one returns the first row of a query, and CodeNotFound, naming the noun,
// where there is none.
func one[T any](ctx context.Context, from querier, noun string, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	items, err := all(ctx, from, "read the "+noun, scan, query, args...)
	if err == nil && len(items) > 0 {
		return items[0], nil
	}
	if err == nil {
		err = cdds.NotFound(noun)
	}
	var none T
	return none, err
}

// value scans a row that has one column.
func value[T any](row scanner) (T, error) {
	var v T
	err := row.Scan(&v)
	return v, err
}

// executor is the writing half of *sql.DB and *sql.Tx.
type executor interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// exec runs a statement and returns how many rows it changed.
func exec(ctx context.Context, on executor, what, query string, args ...any) (int64, error) {
	result, err := on.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, failure(what, err)
	}
	n, err := result.RowsAffected()
	return n, failure(what, err)
}

// insert runs a statement whose unique indexes may refuse it: then the error
// is the given conflict.
func insert(ctx context.Context, on executor, what string, conflict *cdds.Error, query string, args ...any) error {
	_, err := on.ExecContext(ctx, query, args...)
	if uniqueViolation(err) {
		conflict.Err = err
		return conflict
	}
	return failure(what, err)
}
