package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"cdds"
)

// All that differs between the two databases stands in this file, in the
// migrations, and in move*.go, which goes from the one to the other.

// Dialect names a kind of database.
type Dialect string

// The databases that CDDS keeps its own data in.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// clock is a query for the server's time, in microseconds since 1970.
func (d Dialect) clock() string {
	if d == Postgres {
		return `SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)`
	}
	return `SELECT CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)`
}

// passLocked ends a SELECT that keeps the rows it returns, of the table with the
// given alias where there are several, and passes over those that another
// transaction keeps. SQLite has one writer at a time anyway.
func (d Dialect) passLocked(of string) string {
	if d != Postgres {
		return ""
	}
	if of != "" {
		of = "OF " + of + " "
	}
	return "FOR NO KEY UPDATE " + of + "SKIP LOCKED"
}

//go:embed migrations
var migrationFiles embed.FS

// parseDSN returns the kind of database and its place: a DSN for PostgreSQL, a
// path for SQLite.
func parseDSN(dsn string) (Dialect, string, error) {
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		return Postgres, dsn, nil
	}
	path := strings.TrimPrefix(dsn, "sqlite:")
	// A DSN of the form "host=... password=..." must not become a file's name.
	if path == "" || strings.Contains(path, "://") || strings.Contains(path, "host=") || strings.Contains(path, "password=") {
		return "", "", cdds.Invalid("database", "must be postgres://…, or sqlite: and the path of a file.")
	}
	return SQLite, path, nil
}

// How many connections a handle has at most, and how long an unused one lives.
const (
	sqliteReaders       = 8
	postgresConnections = 20
	postgresIdle        = 5 * time.Minute
)

// openSQLite opens a file twice: one connection that writes, since SQLite has
// one writer at a time and River asks for it, and several that only read and
// are never kept waiting by the writer.
//
// synchronous=FULL makes each commit durable when it returns. NORMAL, which is
// common with a write-ahead log, may lose the last commits on power loss: a
// run that was reported as finished would be in progress again, and a
// certificate or a user that was removed would be back. The price is one fsync
// for each commit, of which there are a few in a second.
//
// _txlock=immediate takes the write lock at the start of a transaction.
// Without it two transactions that read first and write later fail with
// "database is locked", whatever the busy timeout.
func openSQLite(path string) (write, read *sql.DB, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "The path of the metadata database cannot be used.", Err: err}
	}
	// The file is made here and not by SQLite, for its mode. SQLite gives the
	// same mode to its side files.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		return nil, nil, &cdds.Error{Code: cdds.CodeUnavailable, Message: "The file of the metadata database cannot be opened.",
			Hint: "Look at the folder that --data names, and whether it can be written.", Err: err}
	}
	uri := "file:" + (&url.URL{Path: path}).EscapedPath()
	write, err = sql.Open("sqlite", uri+"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)")
	if err != nil {
		return nil, nil, failure("open the metadata database", err)
	}
	write.SetMaxOpenConns(1)
	read, err = sql.Open("sqlite", uri+"?_pragma=busy_timeout(10000)&_pragma=query_only(1)")
	if err != nil {
		return nil, nil, errors.Join(failure("open the metadata database", err), write.Close())
	}
	read.SetMaxOpenConns(sqliteReaders)
	read.SetMaxIdleConns(sqliteReaders)
	return write, read, nil
}

// headConnections is how many connections of a node read the ends of audit
// chains. Each is needed for one read at a time, by a transaction that holds its
// chain.
const headConnections = 2

// lockChain makes the transaction the only one that adds to a tenant's audit
// chain, until its end, and returns from where the chain's end can be read.
//
// SQLite has one writer at a time anyway. On PostgreSQL an advisory lock of the
// tenant is taken. The transaction itself may not see the line that the holder
// before has committed, since it sees one state, from its beginning; locking a
// row with the head in it would not help, since a row that was changed meanwhile
// is a conflict, and of many writers only one would get through each time. So
// the end is read by another connection, which sees what is committed. These
// have a pool of their own: all of the main one may be waiting for this lock.
func (t *Tx) lockChain(ctx context.Context, tenantID string) (querier, error) {
	if t.heads == nil {
		return t.tx, nil
	}
	const chainLocks = 0x63646473_0002
	_, err := exec(ctx, t.tx, "wait for the audit log", `SELECT pg_advisory_xact_lock(hashtextextended($1, $2))`, tenantID, chainLocks)
	return t.heads, err
}

// openPostgres opens a pool, and the small one that lockChain needs. A node that vanishes in the middle of a
// transaction would hold the job's row for hours, until the network gives up;
// so the server ends a transaction that does nothing for a minute.
func openPostgres(dsn string) (db, heads *sql.DB, err error) {
	config, err := pgx.ParseConfig(dsn)
	// An at sign in a host's name is one of the password, and what follows it
	// would be said with each failure to find that host.
	if err != nil || strings.Contains(config.Host, "@") {
		return nil, nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "The address of the PostgreSQL database cannot be read.",
			Hint: "It looks like postgres://user@host:5432/database. In a password, write @ as %40, / as %2F and % as %25."}
	}
	defaults := map[string]string{"application_name": "cdds", "idle_in_transaction_session_timeout": "60000"}
	for name, value := range defaults {
		if _, given := config.RuntimeParams[name]; !given {
			config.RuntimeParams[name] = value
		}
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	db, heads = stdlib.OpenDB(*config), stdlib.OpenDB(*config)
	db.SetMaxOpenConns(postgresConnections)
	db.SetMaxIdleConns(postgresConnections)
	db.SetConnMaxIdleTime(postgresIdle)
	heads.SetMaxOpenConns(headConnections)
	heads.SetMaxIdleConns(headConnections)
	heads.SetConnMaxIdleTime(postgresIdle)
	return db, heads, nil
}

// migrationLock is the key of the advisory lock under which one node at a time
// migrates a PostgreSQL database. The others ask for it once a second, for five
// minutes.
const (
	migrationLock      = 0x63646473_0001
	migrationLockEvery = 1
	migrationLockTries = 300
)

// newMigrations returns the embedded migrations of a dialect.
func newMigrations(kind Dialect, db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrationFiles, "migrations/"+string(kind))
	if err != nil {
		return nil, fmt.Errorf("read the embedded migrations: %w", err)
	}
	chain, err := fs.ReadFile(files, chainFile)
	if err != nil {
		return nil, fmt.Errorf("read the embedded migrations: %w", err)
	}
	steps := []goose.ProviderOption{goose.WithExcludeNames([]string{chainFile}), goose.WithGoMigrations(chainMigration(string(chain)))}
	if kind == SQLite {
		return goose.NewProvider(goose.DialectSQLite3, db, files, steps...)
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(migrationLock), lock.WithLockTimeout(migrationLockEvery, migrationLockTries))
	if err != nil {
		return nil, fmt.Errorf("make the lock of the migrations: %w", err)
	}
	return goose.NewProvider(goose.DialectPostgres, db, files, append(steps, goose.WithSessionLocker(locker))...)
}

// SQLSTATE values and classes of PostgreSQL (its manual, appendix A).
const (
	pgUniqueViolation      = "23505"
	pgSerializationFailure = "40001"
	pgDeadlock             = "40P01"
	pgUnknownTable         = "42P01"
	pgNoPrivilege          = "42501"
	pgLockNotAvailable     = "55P03"
	pgQueryCanceled        = "57014"
	pgUnstorableCharacter  = "22021"
	pgIdleInTransaction    = "25P03"
	pgClassConnection      = "08"
	pgClassResources       = "53" // disk full, out of memory, too many connections
	pgClassOperator        = "57P"
	pgClassSystem          = "58" // I/O errors
)

// sqlState returns the SQLSTATE of a PostgreSQL error, or "".
func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// sqliteCode returns the extended result code of a SQLite error, or 0.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// primary is the result code without its extension.
func primary(code int) int { return code & 0xff }

// uniqueViolation reports whether a unique index or a primary key refused a row.
func uniqueViolation(err error) bool {
	code := sqliteCode(err)
	return sqlState(err) == pgUniqueViolation || code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}

// conflicting reports whether the transaction met another one and may work
// when it is run again.
func conflicting(err error) bool {
	state := sqlState(err)
	return state == pgSerializationFailure || state == pgDeadlock || primary(sqliteCode(err)) == sqlite3.SQLITE_BUSY
}

// unstorable reports whether a text holds a character that PostgreSQL does not
// store, such as NUL.
func unstorable(err error) bool { return sqlState(err) == pgUnstorableCharacter }

// unmigrated reports whether a table is missing. SQLite has no code of its own
// for that.
func unmigrated(err error) bool {
	return sqlState(err) == pgUnknownTable || sqliteCode(err) == sqlite3.SQLITE_ERROR
}

// unreachable reports whether the database did not answer, was given too
// little time, or lacks room: what may pass.
func unreachable(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, sql.ErrTxDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, pgconn.ErrConnClosed) {
		return true
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) {
		return true
	}
	switch primary(sqliteCode(err)) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN:
		return true
	}
	state := sqlState(err)
	switch state {
	case pgSerializationFailure, pgDeadlock, pgLockNotAvailable, pgQueryCanceled, pgIdleInTransaction:
		return true
	}
	for _, class := range []string{pgClassConnection, pgClassResources, pgClassOperator, pgClassSystem} {
		if strings.HasPrefix(state, class) {
			return true
		}
	}
	return false
}
