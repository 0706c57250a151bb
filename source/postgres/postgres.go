// Package postgres reads Contact History from PostgreSQL 14 or later.
//
// Rows come in binary form and are decoded in place into source.Value, without
// an allocation per value. The live database is protected: every transaction is
// REPEATABLE READ READ ONLY and short, connections are few and carry the run's
// name, statements, locks and idle transactions have time limits, and a standby
// is read where the DSN names one. The package never writes, and works with a
// role that may only SELECT.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"cdds/source"
)

// Source is one PostgreSQL database.
type Source struct {
	pool    *pgxpool.Pool
	name    string // how connections show that no run uses
	mapping source.Mapping
	exact   int64
	gone    atomic.Pointer[string] // the name of a shared snapshot that is not there any more
}

// Close releases all connections.
func (s *Source) Close() error {
	s.pool.Close()
	return nil
}

// MediaTypes lists the tenant's media types.
func (s *Source) MediaTypes(ctx context.Context, tenantID int64) ([]string, error) {
	st := s.mapping.MediaTypes(tenantID, dialect{})
	conn, err := s.acquire(ctx, patience)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	rows, err := conn.Query(ctx, st.SQL, st.Args...)
	if err != nil {
		return nil, failure(ctx, err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	slices.Sort(names)
	return names, failure(ctx, err)
}

// Snapshot begins a transaction and takes its snapshot. It waits for a free
// connection as long as ctx allows. The errand may name a shared snapshot, which
// is read under while it is there.
func (s *Source) Snapshot(ctx context.Context) (source.Snapshot, error) {
	conn, err := s.acquire(ctx, forever)
	if err != nil {
		return nil, err
	}
	snap, err := (*snapshot)(nil), errGone
	if name := source.ErrandOf(ctx).Snapshot; name != "" {
		snap, err = s.join(ctx, conn, name)
	}
	if errors.Is(err, errGone) {
		snap, err = s.begin(ctx, conn, nil)
	}
	if err != nil {
		conn.Release()
		return nil, err
	}
	return snap, nil
}

// begin begins a transaction, and reads in it under a shared snapshot where one
// is given.
func (s *Source) begin(ctx context.Context, conn *pgxpool.Conn, shared *sharedName) (*snapshot, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, failure(ctx, err)
	}
	snap := &snapshot{source: s, conn: conn, tx: tx, types: types{known: conn.Conn().TypeMap()}}
	if shared != nil {
		err = imports(ctx, tx, *shared)
	}
	var server int64
	if err == nil {
		// The first statement takes the snapshot: all that was committed before it
		// began is seen. The name holds until the transaction ends.
		const begin = "select statement_timestamp(), " + serverStart + ", array(" + ownTexts + "), set_config('application_name', $1, true)"
		row := tx.QueryRow(ctx, begin, s.nameOf(source.ErrandOf(ctx)))
		err = failure(ctx, row.Scan(&snap.at, &server, &snap.types.texts, nil))
	}
	if shared != nil {
		snap.at = time.UnixMicro(shared.at)
	}
	if err == nil && shared != nil && server != shared.server {
		err = errGone // another server's snapshot has the same name
	}
	if err != nil {
		return nil, errors.Join(err, snap.rollback())
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
	defer s.conn.Release()
	return s.rollback()
}

// rollback ends the transaction.
func (s *snapshot) rollback() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
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
	estimate, err := s.estimate(ctx, st)
	if err != nil {
		return source.Count{}, err
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

// Kinds learns kinds where the planner expects that it pays.
func (s *snapshot) Kinds(ctx context.Context, records int64) (source.Kinds, error) {
	m := s.source.mapping
	rows := func(table string) (int64, error) {
		return s.estimate(ctx, source.Statement{SQL: "select 1 from " + m.QuotedTable(table)})
	}
	return m.LearnKinds(records, rows, dialect{}, statements{ctx, s})
}

// estimate is how many rows the planner expects of a statement.
func (s *snapshot) estimate(ctx context.Context, st source.Statement) (int64, error) {
	p, err := s.plan(ctx, st)
	return int64(p.Rows), err
}

// plan is what the planner expects of a statement as a whole.
type plan struct {
	Rows float64 `json:"Plan Rows"`
	Cost float64 `json:"Total Cost"`
}

// plans is the form in which the server gives a plan.
type plans []struct{ Plan plan }

// first is the one plan that there is.
func (p plans) first() plan {
	if len(p) != 1 {
		return plan{}
	}
	return p[0].Plan
}

// plan asks the planner about a statement.
func (s *snapshot) plan(ctx context.Context, st source.Statement) (plan, error) {
	var p plans
	err := s.tx.QueryRow(ctx, "explain (format json) "+st.SQL, st.Args...).Scan(&p)
	return p.first(), failure(ctx, err)
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

// Pieces reads by one statement. A content that is compressed would be
// decompressed from its beginning for each piece, so that is done once for all;
// one that is not (images, archives and other documents) is read in place. The
// series depends on the row, which keeps the pieces in order.
func (dialect) Pieces(column, row string, n int64) string {
	return fmt.Sprintf("select o.at, substring(a.content from o.at for %d) from (select case when pg_column_size(%s) < octet_length(%s) then substring(%s from 1) else %s end as content from %s offset 0) a"+
		" cross join lateral generate_series(1, octet_length(a.content), %d) o(at)", n, column, column, column, column, row, n)
}

// PiecesOfOne sets no bound.
func (dialect) PiecesOfOne() int64 { return 0 }
