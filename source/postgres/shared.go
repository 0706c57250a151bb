package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"cdds/source"
)

const (
	// heldLocks is the first number of the advisory locks that are the places of
	// held snapshots: "cddt", behind those of connections.
	heldLocks = placeLocks + 1
	// holdPatience is how long to wait for a connection that would hold a
	// snapshot. Where connections are scarce, reading needs them more.
	holdPatience = 2 * time.Second
	// holdGrace is how much longer than its life the server lets a snapshot be
	// held.
	holdGrace = time.Minute
)

// errGone says that a shared snapshot is not there any more, or not here.
var errGone = errors.New("the shared snapshot is gone")

// sharedName is what the name of a shared snapshot tells.
type sharedName struct {
	id     string // PostgreSQL's own name of it
	at     int64  // when it was taken, in microseconds
	server int64  // when its server was started: names are unique only until the next start
}

// String returns the name under which others find the snapshot.
func (n sharedName) String() string { return fmt.Sprintf("%s@%d@%d", n.id, n.at, n.server) }

// parseShared reads a name. It comes from outside, and a part of it becomes text
// of a statement.
func parseShared(name string) (sharedName, bool) {
	parts := regexp.MustCompile(`^([0-9A-F]+-[0-9A-F]+-[0-9]+)@(\d{1,18})@(\d{1,18})$`).FindStringSubmatch(name)
	if parts == nil {
		return sharedName{}, false
	}
	at, atErr := strconv.ParseInt(parts[2], 10, 64)
	server, serverErr := strconv.ParseInt(parts[3], 10, 64)
	return sharedName{id: parts[1], at: at, server: server}, atErr == nil && serverErr == nil
}

// serverStart is when the server was started, in microseconds.
const serverStart = "(extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint"

// Share takes a snapshot and exports it. The transaction that holds it takes a
// connection away from reading, and those of all nodes that hold one together
// leave more than half of them.
func (s *Source) Share(ctx context.Context, life time.Duration) (*source.Shared, error) {
	places := (s.pool.Config().MaxConns - 1) / 2
	if stat := s.pool.Stat(); places < 1 || stat.AcquiredConns() >= stat.MaxConns() {
		return nil, nil
	}
	conn, err := s.acquireToHold(ctx)
	if err != nil || conn == nil {
		return nil, err
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		conn.Release()
		return nil, failure(ctx, err)
	}
	held := &snapshot{source: s, conn: conn, tx: tx}
	var name sharedName
	var at time.Time
	const export = `select statement_timestamp(), ` + serverStart + `, pg_export_snapshot(), set_config('application_name', $3, true), set_config('idle_in_transaction_session_timeout', $4, true)
		from (select place from generate_series(1, $2::int) place where pg_try_advisory_xact_lock($1, place) limit 1) held`
	err = tx.QueryRow(ctx, export, heldLocks, places, s.nameOf(source.ErrandOf(ctx)), milliseconds(life+holdGrace)).Scan(&at, &name.server, &name.id, nil, nil)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, held.Close() // as many are held as may be
	}
	if err != nil {
		return nil, errors.Join(failure(ctx, err), held.Close())
	}
	name.at = at.UnixMicro()
	return &source.Shared{Name: name.String(), Close: held.Close}, nil
}

// acquireToHold returns a connection, or none where there is none for long.
func (s *Source) acquireToHold(ctx context.Context) (*pgxpool.Conn, error) {
	bounded, cancel := context.WithTimeout(ctx, holdPatience)
	defer cancel()
	conn, err := s.pool.Acquire(bounded)
	switch {
	case err == nil:
		return conn, nil
	case errors.Is(err, errNoPlace), bounded.Err() != nil && ctx.Err() == nil:
		return nil, nil
	}
	return nil, failure(ctx, err)
}

// join begins a transaction under a shared snapshot: errGone where that is not
// there any more. The connection is the caller's to release then.
func (s *Source) join(ctx context.Context, conn *pgxpool.Conn, name string) (*snapshot, error) {
	if known := s.gone.Load(); known != nil && *known == name {
		return nil, errGone // which has been found out before
	}
	shared, ok := parseShared(name)
	if !ok {
		return nil, errGone
	}
	snap, err := s.begin(ctx, conn, &shared)
	if errors.Is(err, errGone) {
		s.gone.Store(&name)
	}
	return snap, err
}

// imports reads under a shared snapshot in a transaction that has just begun.
func imports(ctx context.Context, tx pgx.Tx, shared sharedName) error {
	_, err := tx.Exec(ctx, "set transaction snapshot '"+shared.id+"'")
	var pg *pgconn.PgError
	// There is no such name: 22023, since PostgreSQL 16 42704. Its transaction has
	// ended meanwhile: 55000. It is another database's: 0A000.
	if errors.As(err, &pg) && slices.Contains([]string{"22023", "42704", "55000", "0A000"}, pg.Code) {
		return errGone
	}
	return failure(ctx, err)
}
