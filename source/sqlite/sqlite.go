// Package sqlite reads Contact History from a SQLite file of the reference
// schema's shape: the embedded sample, or a copy that somebody made.
//
// The file is opened for reading only. A snapshot is one transaction; in WAL
// mode writers go on beside it. SQLite lets any column hold any value, so each
// one is looked at: what does not fit its field is refused with its place, and
// Check looks for instants in another form than Layout, by which the file could
// not be ordered.
package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"time"

	"modernc.org/sqlite" // also registers the driver
	sqlite3 "modernc.org/sqlite/lib"

	"cdds"
	"cdds/source"
)

// Options are the settings of a source.
type Options struct {
	Mapping source.Mapping
	// Now is the clock that dates snapshots, since a file has none; nil takes
	// the machine's.
	Now func() time.Time
}

// Layout is the one form of instants in the file. The order of such texts is
// their order in time.
const Layout = "2006-01-02T15:04:05.000000Z"

// Source is one SQLite file.
type Source struct {
	db      *sql.DB
	path    string
	mapping source.Mapping
	now     func() time.Time
}

// maxConns bounds the transactions open at a time.
const maxConns = 4

// Open prepares a source. The file is opened at the first use.
func Open(path string, o Options) (*Source, error) {
	uri := url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: "mode=ro&_pragma=query_only(1)&_pragma=busy_timeout(10000)"}
	db, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return nil, fmt.Errorf("prepare the source: %w", err)
	}
	db.SetMaxOpenConns(maxConns)
	now := o.Now
	if now == nil {
		now = time.Now
	}
	return &Source{db: db, path: path, mapping: o.Mapping, now: now}, nil
}

// Close closes the file.
func (s *Source) Close() error { return s.db.Close() }

// MediaTypes lists the tenant's media types.
func (s *Source) MediaTypes(ctx context.Context, tenantID int64) ([]string, error) {
	st := s.mapping.MediaTypes(tenantID, dialect{})
	rows, err := s.db.QueryContext(ctx, st.SQL, st.Args...)
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	defer rows.Close()
	types := []string{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, s.failure(ctx, err)
		}
		types = append(types, name)
	}
	slices.Sort(types)
	return types, s.failure(ctx, rows.Err())
}

// Snapshot begins a transaction. SQLite takes the snapshot at its first read,
// so one is made at once.
func (s *Source) Snapshot(ctx context.Context) (source.Snapshot, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	// The transaction lives until Close, which may be longer than ctx.
	tx, err := conn.BeginTx(context.WithoutCancel(ctx), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, errors.Join(s.failure(ctx, err), conn.Close())
	}
	snap := &snapshot{source: s, conn: conn, tx: tx, at: s.now().UTC()}
	var n int
	if err := tx.QueryRowContext(ctx, "select count(*) from sqlite_master").Scan(&n); err != nil {
		return nil, errors.Join(s.failure(ctx, err), snap.Close())
	}
	return snap, nil
}

// snapshot is one transaction on one connection.
type snapshot struct {
	source *Source
	conn   *sql.Conn
	tx     *sql.Tx
	at     time.Time
}

// Time is the machine's clock when the snapshot was taken.
func (s *snapshot) Time() time.Time { return s.at }

// Close ends the transaction and gives the connection back. Closing twice does
// nothing more.
func (s *snapshot) Close() error {
	err := s.tx.Rollback()
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	if err := errors.Join(err, s.conn.Close()); err != nil {
		return fmt.Errorf("end the snapshot: %w", err)
	}
	return nil
}

// Count counts the records of a query.
func (s *snapshot) Count(ctx context.Context, q source.Query) (source.Count, error) {
	st := s.source.mapping.Rows(q, dialect{})
	count := source.Count{Exact: true}
	err := s.tx.QueryRowContext(ctx, "select count(*) from ("+st.SQL+")", st.Args...).Scan(&count.Records)
	return count, s.source.failure(ctx, err)
}

// Kinds knows nothing: looking for the rows of kinds costs no more here than
// learning where there are none.
func (*snapshot) Kinds(context.Context, int64) (source.Kinds, error) { return nil, nil }

// dialect is SQLite's way to say things.
type dialect struct{}

// Column reads a column as an expression, which has no declared type: the
// driver would make other values of what lies in columns declared as a time or
// a flag.
func (dialect) Column(expr string) string { return "+" + expr }

// Typed leaves an argument as it is: values have types of their own.
func (dialect) Typed(placeholder string, _ source.Kind) string { return placeholder }

// Instant returns the text form. Years that it cannot tell lie before or after
// all that it can.
func (dialect) Instant(micros int64) any {
	at := time.UnixMicro(micros).UTC()
	switch {
	case at.Year() < 0:
		return ""
	case at.Year() > 9999:
		return ":" // the character after 9
	}
	return at.Format(Layout)
}

// In compares with the elements of a JSON array, the form in which SQLite
// takes a list as one argument.
func (dialect) In(expr, placeholder string, values []string) (string, any) {
	list, err := json.Marshal(values)
	if err != nil {
		list = []byte("[]") // a list of strings has a JSON form always
	}
	return expr + " in (select value from json_each(" + placeholder + "))", string(list)
}

// Pieces reads by one statement. SQLite loads a value whole for each use of it,
// outside of Go's memory.
func (dialect) Pieces(column, row string, n int64) string {
	return fmt.Sprintf("with recursive size(n) as (select octet_length(%s) from %s), o(at) as (select 1 union all select at + %d from o, size where at + %d <= size.n)"+
		" select o.at, substr(cast(%s as blob), o.at, %d) from o cross join %s", column, row, n, n, column, n, row)
}

// PiecesOfOne keeps loading a content whole, again and again, within bounds.
func (dialect) PiecesOfOne() int64 { return 16 }

// failure turns an error of the database into one that says what to do. The
// driver's messages name tables and columns but hold no values.
func (s *Source) failure(ctx context.Context, err error) error {
	var ours *cdds.Error
	if err == nil || errors.As(err, &ours) {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	info, statErr := os.Stat(s.path)
	if errors.Is(statErr, os.ErrNotExist) {
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The source file is missing.", Hint: "Give the right file with --source, or make the sample with cdds demo.", Err: err}
	}
	var broken *sqlite.Error
	isFolder := statErr == nil && info.IsDir() // which SQLite takes for a broken disk
	if errors.As(err, &broken) && !isFolder {
		switch broken.Code() & 0xff { // the rest says more of the same kind
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM:
			return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The source file cannot be read now.", Hint: "Look whether another program keeps it locked, and at the disk.", Err: err}
		case sqlite3.SQLITE_ERROR:
			return &cdds.Error{Code: cdds.CodeInvalid, Message: "The source file lacks a table or a column.", Hint: "cdds source check compares the mapping with the file.", Err: err}
		}
	}
	return &cdds.Error{Code: cdds.CodeInvalid, Message: "The source file cannot be read.", Hint: "Look whether it is a SQLite file that this user may read.", Err: err}
}
