// Package postgres reads Contact History from PostgreSQL 14 or later.
//
// Rows come in binary form and are decoded in place into source.Value, without
// an allocation per value. The live database is protected: every transaction is
// REPEATABLE READ READ ONLY and short, connections are few and carry a name,
// and statements and idle transactions have time limits. The package never
// writes, and works with a role that may only SELECT.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"cdds"
	"cdds/source"
)

// Options are the settings of a source; the zero value has sensible ones.
type Options struct {
	Mapping          source.Mapping
	ApplicationName  string        // how connections show in pg_stat_activity; default cdds
	MaxConns         int32         // most connections at a time; default 4
	StatementTimeout time.Duration // longest statement; default 10 minutes
	IdleTimeout      time.Duration // longest idle transaction; default 10 minutes
	StallTimeout     time.Duration // longest wait for a sign of life while reading; default half a minute more than StatementTimeout
	ConnectTimeout   time.Duration // default 10 seconds
	ExactCount       int64         // most records that Count counts one by one; default 500,000
}

// Source is one PostgreSQL database.
type Source struct {
	pool    *pgxpool.Pool
	mapping source.Mapping
	exact   int64
}

// cancelTime bounds how long a canceled statement may go on when the server
// does not react to the request to cancel it; the connection is closed then.
const cancelTime = 2 * time.Second

// Open prepares a source. It connects at the first use, so that a database
// that is down does not keep the service from starting.
func Open(ctx context.Context, dsn string, o Options) (*Source, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// The parser's own text may repeat the DSN, password and all.
		return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "The source's DSN cannot be read.", Hint: "Write it as postgres://user:password@host:port/database."}
	}
	cfg.MaxConns = orDefault(o.MaxConns, 4)
	cfg.ConnConfig.ConnectTimeout = orDefault(o.ConnectTimeout, 10*time.Second)
	// A statement may work for long before its first row, and its own limit
	// comes first.
	statement := orDefault(o.StatementTimeout, 10*time.Minute)
	cfg.ConnConfig.DialFunc = dialer(orDefault(o.StallTimeout, statement+30*time.Second))
	// Each statement is planned for its own window, and no prepared statement
	// stays behind.
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	// The server is asked to stop, since it would not notice for long that
	// nobody listens.
	cfg.ConnConfig.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelTime}
	}
	for key, value := range map[string]string{
		"application_name":                    orDefault(o.ApplicationName, "cdds"),
		"default_transaction_read_only":       "on",
		"timezone":                            "UTC",
		"client_encoding":                     "UTF8",
		"statement_timeout":                   milliseconds(statement),
		"idle_in_transaction_session_timeout": milliseconds(orDefault(o.IdleTimeout, 10*time.Minute)),
		"jit":                                 "off",
		"max_parallel_workers_per_gather":     "0",
		"random_page_cost":                    "1.1", // prefer the key's index to a join over whole tables
	} {
		cfg.ConnConfig.RuntimeParams[key] = value
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("prepare the source: %w", err)
	}
	return &Source{pool: pool, mapping: o.Mapping, exact: orDefault(o.ExactCount, 500_000)}, nil
}

func milliseconds(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

func orDefault[T comparable](v, standard T) T {
	var zero T
	if v == zero {
		return standard
	}
	return v
}

// Close releases all connections.
func (s *Source) Close() error {
	s.pool.Close()
	return nil
}

// MediaTypes lists the tenant's media types.
func (s *Source) MediaTypes(ctx context.Context, tenantID int64) ([]string, error) {
	st := s.mapping.MediaTypes(tenantID, dialect{})
	rows, err := s.pool.Query(ctx, st.SQL, st.Args...)
	if err != nil {
		return nil, failure(ctx, err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	slices.Sort(names)
	return names, failure(ctx, err)
}

// Snapshot begins a transaction and takes its snapshot.
func (s *Source) Snapshot(ctx context.Context) (source.Snapshot, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, failure(ctx, err)
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		conn.Release()
		return nil, failure(ctx, err)
	}
	snap := &snapshot{source: s, conn: conn, tx: tx, types: types{known: conn.Conn().TypeMap()}}
	// The first statement takes the snapshot: all that was committed before it
	// began is seen.
	row := tx.QueryRow(ctx, "select statement_timestamp(), array("+ownTexts+")")
	if err := row.Scan(&snap.at, &snap.types.texts); err != nil {
		return nil, errors.Join(failure(ctx, err), snap.Close())
	}
	return snap, nil
}

// snapshot is one transaction on one connection.
type snapshot struct {
	source *Source
	conn   *pgxpool.Conn
	tx     pgx.Tx
	types  types
	at     time.Time
}

// Time is the server's clock when the snapshot was taken.
func (s *snapshot) Time() time.Time { return s.at.UTC() }

// closeTime bounds how long ending a transaction may take; a connection that
// does not answer by then is thrown away.
const closeTime = 5 * time.Second

// Close ends the transaction and gives the connection back.
func (s *snapshot) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	defer s.conn.Release()
	err := s.tx.Rollback(ctx)
	if errors.Is(err, pgx.ErrTxClosed) || s.conn.Conn().IsClosed() {
		return nil // a broken connection has ended its transaction
	}
	return failure(ctx, err)
}

// Count returns the exact number where it is small, and the planner's estimate
// where counting would cost the database. It never counts further than that,
// however wrong the estimate is.
func (s *snapshot) Count(ctx context.Context, q source.Query) (source.Count, error) {
	st := s.source.mapping.Rows(q, dialect{})
	var plan []struct {
		Plan struct {
			Rows float64 `json:"Plan Rows"`
		}
	}
	if err := s.tx.QueryRow(ctx, "explain (format json) "+st.SQL, st.Args...).Scan(&plan); err != nil {
		return source.Count{}, failure(ctx, err)
	}
	var estimate int64
	if len(plan) == 1 {
		estimate = int64(plan[0].Plan.Rows)
	}
	if estimate > s.source.exact {
		return source.Count{Records: estimate}, nil
	}
	var counted int64
	bounded := fmt.Sprintf("select count(*) from (%s limit %d) n", st.SQL, s.source.exact+1)
	if err := s.tx.QueryRow(ctx, bounded, st.Args...).Scan(&counted); err != nil {
		return source.Count{}, failure(ctx, err)
	}
	return source.Count{Records: counted, Exact: counted <= s.source.exact}, nil
}

// dialect is PostgreSQL's way to say things.
type dialect struct{}

// Column reads a column as it is.
func (dialect) Column(expr string) string { return expr }

// Typed casts. A date or a timestamp without a zone is then compared with an
// instant, in UTC, and a small integer with any number.
func (dialect) Typed(placeholder string, kind source.Kind) string {
	if kind == source.Instant {
		return placeholder + "::timestamptz"
	}
	return placeholder + "::bigint"
}

// Instant returns a timestamptz, which knows infinities.
func (dialect) Instant(micros int64) any {
	switch micros {
	case math.MaxInt64:
		return pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}
	case math.MinInt64:
		return pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
	}
	return pgtype.Timestamptz{Time: time.UnixMicro(micros).UTC(), Valid: true}
}

// In compares with an array of texts, whatever type the column has.
func (dialect) In(expr, placeholder string, values []string) (string, any) {
	return expr + "::text = any(" + placeholder + "::text[])", values
}
