package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"cdds"
)

// CopyIn is a copy of all rows of a SQLite database into an empty one in
// PostgreSQL.
type CopyIn struct {
	From *Store
	// Strange is how the names of tables begin that are somebody else's: they
	// are not looked at.
	Strange string
	// Then is called when all rows are there and were read back, within the
	// transaction of the copy: that commits when it returns nil.
	Then func(tx *Tx) error
	// Told hears of each table that is copied; nil for nobody.
	Told func(TableRows)
}

// TableRows is a table and how many rows it has.
type TableRows struct {
	Table string
	Rows  int64
}

// CopyIn fills the store from a SQLite database. Both have this program's
// schema, and the store is empty but for what its migrations put there. Rows are
// streamed, read back and compared by their hashes, all in one transaction:
// until that commits nobody else can read or write a table here. Nobody can
// write to the other database either until CopyIn has returned. CodeConflict
// where something is here already.
//
// Nothing that protects the rows is switched off. Triggers of ours refuse
// changes and removals, which a copy does not make. References are looked at
// when all rows are there, in place of after each: jobs and runs name each other,
// so there is no order in which every row would find what it names.
func (s *Store) CopyIn(ctx context.Context, c CopyIn) (copied []TableRows, err error) {
	if s.dialect != Postgres || c.From.dialect != SQLite {
		return nil, cdds.Invalid("database", "must be in PostgreSQL, and the one that is moved in SQLite.")
	}
	if err := errors.Join(s.Ready(ctx), c.From.Ready(ctx)); err != nil {
		return nil, err
	}
	err = c.From.InTx(ctx, func(from *Tx) error {
		tables, err := tablesToCopy(ctx, from.Reader, s.Reader, c.Strange)
		if err != nil {
			return err
		}
		copied, err = s.copyTables(ctx, from, tables, c)
		return err
	})
	return copied, err
}

// copyTables copies in one transaction on a connection of its own, since rows
// are streamed by what the driver has beneath database/sql.
func (s *Store) copyTables(ctx context.Context, from *Tx, tables []table, c CopyIn) (copied []TableRows, err error) {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return nil, failure("connect", err)
	}
	defer func() { err = errors.Join(err, failure("give the connection back", conn.Close())) }()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, failure("begin a transaction", err)
	}
	defer func() {
		if rollbackErr := tx.Rollback(); rollbackErr != nil && !errors.Is(rollbackErr, sql.ErrTxDone) {
			err = errors.Join(err, failure("roll a transaction back", rollbackErr))
		}
	}()
	// Its audit chains end where its own rows say: no other connection sees them.
	to := &Tx{Reader: Reader{tx}, tx: tx}
	m := mover{from: from, to: to, conn: conn, told: c.Told}
	if copied, err = m.all(ctx, tables); sqlState(err) == pgNoPrivilege {
		return nil, &cdds.Error{Code: cdds.CodeForbidden, Message: "The role that --database names does not own the tables.", Err: err,
			Hint: "Move as the role that owns the schema, as for \"cdds migrate\"; the service works with its own role afterwards."}
	} else if err != nil {
		return nil, err
	}
	if err := c.Then(to); err != nil {
		return nil, err
	}
	return copied, failure("commit the copy", tx.Commit())
}

// Occupants returns the tables that have rows, without those that migrations
// put there and those whose names begin as given. It looks at all tables of the
// schema, also those of other programs and of a database without our schema.
func (s *Store) Occupants(ctx context.Context, strange string) ([]TableRows, error) {
	names, err := tableNames(ctx, s.Reader, s.dialect)
	if err != nil {
		return nil, err
	}
	var found []TableRows
	for _, name := range names {
		if isStrange(name, strange) {
			continue
		}
		rows, err := one(ctx, s.read, "number of rows", value[int64], `SELECT count(*) FROM `+quoted(name))
		if err != nil {
			return nil, err
		}
		if rows > seeded()[name] {
			found = append(found, TableRows{name, rows})
		}
	}
	return found, nil
}

// seeded returns how many rows the migrations put into which tables.
func seeded() map[string]int64 { return map[string]int64{"scrub": 1} }

// Unmovable returns what keeps a SQLite database from being moved, as sentences
// for people: damage, and texts that PostgreSQL does not keep. It reads all rows.
func (s *Store) Unmovable(ctx context.Context, strange string) (tables []TableRows, hindrances []string, err error) {
	damage, err := all(ctx, s.read, "check the file", value[string], `PRAGMA integrity_check(3)`)
	if err != nil {
		return nil, nil, err
	}
	if len(damage) != 1 || damage[0] != "ok" {
		hindrances = append(hindrances, "The file is damaged: "+strings.Join(damage, "; ")+".")
	}
	widows, err := all(ctx, s.read, "check the references", func(row scanner) (string, error) {
		var child, parent string
		var id, key any
		err := row.Scan(&child, &id, &parent, &key)
		return fmt.Sprintf("A row of %s (%v) names one of %s that is not there.", child, id, parent), err
	}, `PRAGMA foreign_key_check`)
	if err != nil {
		return nil, nil, err
	}
	hindrances = append(hindrances, widows...)
	own, err := sqliteTables(ctx, s.Reader, strange)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range own {
		rows, err := readRows(ctx, s.read, t)
		if err != nil {
			return nil, nil, err
		}
		n := rows.count()
		if err := rows.close(); cdds.CodeOf(err) == cdds.CodeInvalid {
			hindrances = append(hindrances, err.Error())
		} else if err != nil {
			return nil, nil, err
		}
		tables = append(tables, TableRows{t.name, n})
	}
	return tables, hindrances, nil
}
