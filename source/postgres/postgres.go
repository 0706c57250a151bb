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
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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
	ConnectTimeout   time.Duration // default 10 seconds
}

// exactBelow is the number of records up to which counting them is cheap.
const exactBelow = 500_000

// Source is one PostgreSQL database.
type Source struct {
	pool    *pgxpool.Pool
	mapping source.Mapping
}

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
	// No prepared statements stay behind, so that a pooler in transaction mode
	// may stand in between, and each statement is planned for its own window.
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	for key, value := range map[string]string{
		"application_name":                    orDefault(o.ApplicationName, "cdds"),
		"default_transaction_read_only":       "on",
		"timezone":                            "UTC",
		"client_encoding":                     "UTF8",
		"statement_timeout":                   milliseconds(orDefault(o.StatementTimeout, 10*time.Minute)),
		"idle_in_transaction_session_timeout": milliseconds(orDefault(o.IdleTimeout, 10*time.Minute)),
		"jit":                                 "off",
		"random_page_cost":                    "1.1", // prefer the key's index to a join over whole tables
	} {
		cfg.ConnConfig.RuntimeParams[key] = value
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("prepare the source: %w", err)
	}
	return &Source{pool: pool, mapping: o.Mapping}, nil
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
	st := s.mapping.MediaTypes(tenantID)
	rows, err := s.pool.Query(ctx, st.SQL, st.Args...)
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	types, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return types, s.failure(ctx, err)
}

// Snapshot begins a transaction and takes its snapshot.
func (s *Source) Snapshot(ctx context.Context) (source.Snapshot, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		conn.Release()
		return nil, s.failure(ctx, err)
	}
	snap := &snapshot{source: s, conn: conn, tx: tx}
	if err := tx.QueryRow(ctx, "select clock_timestamp()").Scan(&snap.at); err != nil {
		err = s.failure(ctx, err)
		return nil, errors.Join(err, snap.Close())
	}
	return snap, nil
}

// snapshot is one transaction on one connection.
type snapshot struct {
	source *Source
	conn   *pgxpool.Conn
	tx     pgx.Tx
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
	return err
}

// Count returns the exact number where it is small, and the planner's estimate
// where counting would cost the database.
func (s *snapshot) Count(ctx context.Context, q source.Query) (source.Count, error) {
	st := s.source.mapping.Count(q, dialect{}, true)
	var plan []struct {
		Plan struct {
			Rows float64 `json:"Plan Rows"`
		}
	}
	// EXPLAIN takes no arguments of its own, and its statement must be planned
	// with the real values: the simple protocol writes them into the text.
	args := append([]any{pgx.QueryExecModeSimpleProtocol}, st.Args...)
	if err := s.tx.QueryRow(ctx, "explain (format json) "+st.SQL, args...).Scan(&plan); err != nil {
		return source.Count{}, s.source.failure(ctx, err)
	}
	if len(plan) == 1 && plan[0].Plan.Rows > exactBelow {
		return source.Count{Records: int64(plan[0].Plan.Rows)}, nil
	}
	st = s.source.mapping.Count(q, dialect{}, false)
	count := source.Count{Exact: true}
	if err := s.tx.QueryRow(ctx, st.SQL, st.Args...).Scan(&count.Records); err != nil {
		return source.Count{}, s.source.failure(ctx, err)
	}
	return count, nil
}

// dialect is PostgreSQL's way to say things.
type dialect struct{}

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

// In compares with an array.
func (dialect) In(expr, placeholder string, values []string) (string, any) {
	return expr + " = any(" + placeholder + "::text[])", values
}

// failure turns an error of the database into one that says what to do. Values
// never get into it: PostgreSQL's messages on names and rights are passed on,
// others are left for the log.
func (s *Source) failure(ctx context.Context, err error) error {
	var ours *cdds.Error
	if err == nil || errors.As(err, &ours) {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return serverFailure(pg)
	}
	var network net.Error
	var connect *pgconn.ConnectError
	if errors.As(err, &network) || errors.As(err, &connect) || pgconn.Timeout(err) || s.lost(err) {
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The source database does not answer, or the connection to it was lost.",
			Hint: "Check that PostgreSQL runs and can be reached from here.", Err: errors.New("connection failed")}
	}
	return &cdds.Error{Code: cdds.CodeUnavailable, Message: "Reading the source database failed.", Err: err}
}

// lost reports whether the text of an error is that of a broken connection;
// pgx has no type for it.
func (s *Source) lost(err error) bool {
	text := err.Error()
	for _, sign := range []string{"conn closed", "unexpected EOF", "connection reset", "broken pipe", "closed pool"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

// serverFailure maps SQLSTATE (PostgreSQL manual, appendix A).
func serverFailure(pg *pgconn.PgError) error {
	const check = "cdds source check compares the mapping with the database."
	switch {
	case strings.HasPrefix(pg.Code, "28"):
		return &cdds.Error{Code: cdds.CodeInvalid, Message: "The source database refused the sign-in (wrong user or password).", Hint: "Correct the user and the password of the source's DSN."}
	case pg.Code == "3D000":
		return &cdds.Error{Code: cdds.CodeInvalid, Message: "The source server has no such database.", Hint: "Correct the database's name in the source's DSN."}
	case pg.Code == "42P01", pg.Code == "42703", pg.Code == "42883", pg.Code == "3F000":
		return &cdds.Error{Code: cdds.CodeInvalid, Message: "The source lacks a table or a column: " + pg.Message + ".", Hint: check}
	case pg.Code == "42501":
		return &cdds.Error{Code: cdds.CodeInvalid, Message: "The source's role lacks a right: " + pg.Message + ".", Hint: "Grant SELECT on the tables to the role. " + check}
	case pg.Code == "57014":
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The source database stopped a statement that took too long.", Hint: "Look at the load of the database and at the indexes on the key (start date, id)."}
	}
	return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The source database reported error " + pg.Code + ".", Hint: "Look at the database's log.", Err: errors.New("SQLSTATE " + pg.Code)}
}
