package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"cdds"
)

// mover copies tables between two transactions.
type mover struct {
	from, to *Tx
	conn     *sql.Conn // of to
	told     func(TableRows)
}

// lockWait is how long the copy waits for others who use the tables.
const lockWait = "10s"

// all copies the tables.
func (m mover) all(ctx context.Context, tables []table) ([]TableRows, error) {
	if err := m.takeTables(ctx, tables); err != nil {
		return nil, err
	}
	references, err := m.deferReferences(ctx)
	if err != nil {
		return nil, err
	}
	var copied []TableRows
	for _, t := range tables {
		rows, err := m.copy(ctx, t)
		if err != nil {
			return nil, err
		}
		copied = append(copied, TableRows{t.name, rows})
		if m.told != nil {
			m.told(copied[len(copied)-1])
		}
	}
	if err := m.checkReferences(ctx, references); err != nil {
		return nil, err
	}
	if err := m.setNumbers(ctx); err != nil {
		return nil, err
	}
	for _, t := range tables {
		// The server's own daemon would do it, but only a while after the start.
		if err := m.do(ctx, "take statistics", `ANALYZE `+quoted(t.name)); err != nil {
			return nil, err
		}
	}
	return copied, nil
}

func (m mover) do(ctx context.Context, what, statement string) error {
	_, err := exec(ctx, m.to.tx, what, statement)
	return err
}

// takeTables locks all tables, so that nobody sees or uses a part of the copy,
// and makes sure that they are empty. What migrations put there goes: the same
// rows come with the copy.
func (m mover) takeTables(ctx context.Context, tables []table) error {
	if err := m.do(ctx, "limit the wait", `SET LOCAL lock_timeout = '`+lockWait+`'`); err != nil {
		return err
	}
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = quoted(t.name)
	}
	if err := m.do(ctx, "lock the tables, which somebody uses", `LOCK TABLE `+strings.Join(names, ", ")+` IN ACCESS EXCLUSIVE MODE`); err != nil {
		return err
	}
	for _, t := range tables {
		rows, err := one(ctx, m.to.tx, "number of rows", value[int64], `SELECT count(*) FROM `+quoted(t.name))
		if err != nil {
			return err
		}
		if rows > seeded()[t.name] {
			return cdds.Conflict("The PostgreSQL database is not empty any more: rows have appeared in "+t.name+".",
				"Stop whatever uses it, and give an empty database or schema.")
		}
		if rows > 0 {
			if err := m.do(ctx, "make room for the copy", `DELETE FROM `+quoted(t.name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// reference is a foreign key.
type reference struct{ table, name string }

// deferReferences has foreign keys checked at the end, and returns those that
// were not so before.
func (m mover) deferReferences(ctx context.Context) ([]reference, error) {
	references, err := all(ctx, m.to.tx, "list the references", func(row scanner) (reference, error) {
		var r reference
		err := row.Scan(&r.table, &r.name)
		return r, err
	}, `SELECT t.relname, c.conname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
		WHERE c.contype = 'f' AND NOT c.condeferrable AND n.nspname = current_schema() ORDER BY t.relname, c.conname`)
	if err != nil {
		return nil, err
	}
	for _, r := range references {
		if err := m.do(ctx, "put the check of a reference off", `ALTER TABLE `+quoted(r.table)+` ALTER CONSTRAINT `+quoted(r.name)+` DEFERRABLE INITIALLY DEFERRED`); err != nil {
			return nil, err
		}
	}
	return references, nil
}

// checkReferences checks all foreign keys and makes them as they were.
func (m mover) checkReferences(ctx context.Context, references []reference) error {
	if err := m.do(ctx, "check the references", `SET CONSTRAINTS ALL IMMEDIATE`); err != nil {
		return err
	}
	for _, r := range references {
		if err := m.do(ctx, "have a reference checked at once again", `ALTER TABLE `+quoted(r.table)+` ALTER CONSTRAINT `+quoted(r.name)+` NOT DEFERRABLE`); err != nil {
			return err
		}
	}
	return nil
}

// setNumbers lets columns that number their rows go on behind the highest
// number that was ever given.
func (m mover) setNumbers(ctx context.Context) error {
	columns, err := all(ctx, m.to.tx, "list the numbered columns", func(row scanner) (reference, error) {
		var c reference
		err := row.Scan(&c.table, &c.name)
		return c, err
	}, `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() AND is_identity = 'YES' ORDER BY table_name`)
	if err != nil {
		return err
	}
	for _, c := range columns {
		highest, err := one(ctx, m.from.tx, "highest number", value[int64], `
			SELECT max(COALESCE((SELECT q.seq FROM sqlite_sequence q WHERE q.name = $1), 0), COALESCE((SELECT max(`+quoted(c.name)+`) FROM `+quoted(c.table)+`), 0))`, c.table)
		if cdds.CodeOf(err) == cdds.CodeNotFound {
			continue
		}
		if err != nil {
			return err
		}
		statement := fmt.Sprintf(`ALTER TABLE %s ALTER COLUMN %s RESTART WITH %d`, quoted(c.table), quoted(c.name), highest+1)
		if err := m.do(ctx, "set the next number", statement); err != nil {
			return err
		}
	}
	return nil
}

// copy streams the rows of a table, reads them back, and compares.
func (m mover) copy(ctx context.Context, t table) (int64, error) {
	rows, err := readRows(ctx, m.from.tx, t)
	if err != nil {
		return 0, err
	}
	err = m.conn.Raw(func(connection any) error {
		c, ok := connection.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("the connection is a %T", connection)
		}
		_, err := c.Conn().CopyFrom(ctx, pgx.Identifier{t.name}, t.names(func(name string) string { return name }), rows)
		return err
	})
	// The rows' own error comes first: of it the server knows only that no more
	// rows came.
	if readErr := rows.close(); readErr != nil {
		return 0, readErr
	}
	if err != nil {
		return 0, failure("copy the table "+t.name, err)
	}
	back, err := readRows(ctx, m.to.tx, t)
	if err != nil {
		return 0, err
	}
	back.count()
	if err := back.close(); err != nil {
		return 0, err
	}
	if rows.n != back.n || rows.sum != back.sum {
		return 0, &cdds.Error{Code: cdds.CodeInternal, Hint: "Nothing was moved. Tell the makers of cdds.",
			Message: fmt.Sprintf("The table %s is not the same on the other side: %d rows were read and %d are there.", t.name, rows.n, back.n)}
	}
	return rows.n, nil
}

// rowReader reads the rows of a table one by one, as PostgreSQL takes them, and
// sums them up. It is a pgx.CopyFromSource.
type rowReader struct {
	table  table
	rows   *sql.Rows
	values []any
	n      int64
	sum    rowSum
	err    error
}

func readRows(ctx context.Context, from querier, t table) (*rowReader, error) {
	rows, err := from.QueryContext(ctx, `SELECT `+t.list()+` FROM `+quoted(t.name)) //nolint:rowserrcheck // Err and close look at it
	if err != nil {
		return nil, failure("read the table "+t.name, err)
	}
	return &rowReader{table: t, rows: rows, values: make([]any, len(t.columns))}, nil
}

// Next reads a row and reports whether there was one.
func (r *rowReader) Next() bool {
	if r.err != nil || !r.rows.Next() {
		return false
	}
	targets := make([]any, len(r.values))
	for i := range r.values {
		r.values[i] = nil
		targets[i] = &r.values[i]
	}
	if r.err = failure("read a row of "+r.table.name, r.rows.Scan(targets...)); r.err != nil {
		return false
	}
	for i, c := range r.table.columns {
		if r.values[i], r.err = c.fit(r.values[i]); r.err != nil {
			r.err = &cdds.Error{Code: cdds.CodeInvalid, Err: r.err, Hint: "docs/move-to-postgresql.md says what can be done.",
				Message: fmt.Sprintf("PostgreSQL does not keep what row %d of %s has in %s: %s.", r.n+1, r.table.name, c.name, r.err)}
			return false
		}
	}
	r.n++
	r.sum.add(r.values)
	return true
}

// Values returns the row.
func (r *rowReader) Values() ([]any, error) { return r.values, nil }

// Err returns what ended the reading before its time.
func (r *rowReader) Err() error { return errors.Join(r.err, r.rows.Err()) }

// count reads all rows and returns how many were read.
func (r *rowReader) count() int64 {
	for r.Next() {
		continue
	}
	return r.n
}

// close ends the reading and returns what went wrong with it.
func (r *rowReader) close() error {
	return errors.Join(r.err, failure("read the table "+r.table.name, errors.Join(r.rows.Err(), r.rows.Close())))
}

// The errors of values that SQLite keeps and PostgreSQL does not.
var (
	errText   = errors.New("a text with a NUL character or with bytes that are not UTF-8")
	errNumber = errors.New("a number that is too large")
	errValue  = errors.New("a value of another kind than its column")
)

// fit returns a value of either database as PostgreSQL keeps it.
func (c column) fit(value any) (any, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case int64:
		if c.flag && (v == 0 || v == 1) {
			return v == 1, nil
		}
		if c.narrow && v != int64(int32(v)) {
			return nil, errNumber
		}
		if c.kind == wholeKind && !c.flag {
			return v, nil
		}
	case bool:
		if c.flag {
			return v, nil
		}
	case float64:
		if c.kind == realKind {
			return v, nil
		}
	case string:
		if c.kind == textKind {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return nil, errText
			}
			return v, nil
		}
	case []byte:
		if c.kind == bytesKind {
			if v == nil { // an empty value, which is not NULL
				v = []byte{}
			}
			return v, nil
		}
	}
	return nil, errValue
}

// rowSum is a sum of the hashes of rows, as a number of 256 bits: the same rows
// give the same sum in whatever order they come.
type rowSum [4]uint64

// add adds a row. Each value is written with its kind and its length, so that
// no two rows give the same text.
func (s *rowSum) add(values []any) {
	var text []byte
	for _, value := range values {
		switch v := value.(type) {
		case nil:
			text = append(text, 'n')
		case int64:
			text = binary.BigEndian.AppendUint64(append(text, 'i'), uint64(v))
		case bool:
			text = append(text, 'b', map[bool]byte{true: 1}[v])
		case float64:
			text = binary.BigEndian.AppendUint64(append(text, 'f'), math.Float64bits(v))
		case string:
			text = append(binary.BigEndian.AppendUint64(append(text, 't'), uint64(len(v))), v...)
		case []byte:
			text = append(binary.BigEndian.AppendUint64(append(text, 'x'), uint64(len(v))), v...)
		}
	}
	hash := sha256.Sum256(text)
	carry := uint64(0)
	for i := range s {
		s[i], carry = bits.Add64(s[i], binary.LittleEndian.Uint64(hash[8*i:]), carry)
	}
}
