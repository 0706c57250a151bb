package store

import (
	"context"
	"slices"
	"strings"

	"cdds"
)

// table is a table that is copied, with all its columns.
type table struct {
	name    string
	columns []column
}

// column is a column by its kind, which is the same on both databases where
// their own words for it differ.
type column struct {
	name, kind string
	// flag says that the column holds 0 and 1 on SQLite and is BOOLEAN on
	// PostgreSQL; narrow that it is of 32 bits there.
	flag, narrow bool
}

// The kinds of columns. Instants are whole numbers on both.
const (
	wholeKind = "whole number"
	realKind  = "number"
	textKind  = "text"
	bytesKind = "bytes"
)

// kindOf returns the kind of a type of either database, or "".
func kindOf(typeName string) string {
	switch strings.ToLower(typeName) {
	case "integer", "bigint", "smallint", "boolean":
		return wholeKind
	case "real", "double precision":
		return realKind
	case "text":
		return textKind
	case "blob", "bytea":
		return bytesKind
	}
	return ""
}

// list returns the names of the columns for a statement.
func (t table) list() string { return strings.Join(t.names(quoted), ", ") }

// names returns the names of the columns, each as form makes it.
func (t table) names(form func(string) string) []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = form(c.name)
	}
	return names
}

// quoted returns a name as both databases take it.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// isStrange says whether a table is not one of the store's: it is the
// databases' own, the migrations', or somebody's whose names begin as given.
func isStrange(name, prefix string) bool {
	return strings.HasPrefix(name, "sqlite_") || strings.HasPrefix(name, "goose_") || prefix != "" && strings.HasPrefix(name, prefix)
}

// tableNames returns the names of all tables of a database.
func tableNames(ctx context.Context, r Reader, kind Dialect) ([]string, error) {
	query := `SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`
	if kind == Postgres {
		query = `SELECT table_name FROM information_schema.tables
			WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY table_name COLLATE "C"`
	}
	return all(ctx, r.from, "list the tables", value[string], query)
}

// columnRow is one column as a database lists it.
type columnRow struct{ table, name, kind string }

func scanColumn(row scanner) (columnRow, error) {
	var c columnRow
	err := row.Scan(&c.table, &c.name, &c.kind)
	return c, err
}

// sqliteTables returns the store's tables in a SQLite database.
func sqliteTables(ctx context.Context, r Reader, strange string) ([]table, error) {
	columns, err := all(ctx, r.from, "list the columns", scanColumn, `
		SELECT s.name, c.name, c.type FROM sqlite_schema s, pragma_table_info(s.name) c WHERE s.type = 'table' ORDER BY s.name, c.cid`)
	if err != nil {
		return nil, err
	}
	return gather(columns, strange)
}

// postgresTables returns the store's tables in a PostgreSQL database.
func postgresTables(ctx context.Context, r Reader, strange string) ([]table, error) {
	columns, err := all(ctx, r.from, "list the columns", scanColumn, `
		SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c
		JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name AND t.table_type = 'BASE TABLE'
		WHERE c.table_schema = current_schema() ORDER BY c.table_name COLLATE "C", c.ordinal_position`)
	if err != nil {
		return nil, err
	}
	return gather(columns, strange)
}

// gather makes tables of columns that are sorted by their tables. SQLite has
// types in capital letters, as its schema does, and numbers of 64 bits only.
func gather(columns []columnRow, strange string) ([]table, error) {
	var tables []table
	for _, c := range columns {
		if isStrange(c.table, strange) {
			continue
		}
		kind := kindOf(c.kind)
		if kind == "" {
			return nil, unlike("the column " + c.table + "." + c.name + " is of the type " + c.kind + ", which this program cannot copy")
		}
		if len(tables) == 0 || tables[len(tables)-1].name != c.table {
			tables = append(tables, table{name: c.table})
		}
		t := &tables[len(tables)-1]
		t.columns = append(t.columns, column{name: c.name, kind: kind, flag: c.kind == "boolean", narrow: c.kind == "integer"})
	}
	return tables, nil
}

// tablesToCopy returns the tables as PostgreSQL has them, and an error unless
// SQLite has the same ones with the same columns: a table that only one of them
// knew would be lost without a word.
func tablesToCopy(ctx context.Context, from, to Reader, strange string) ([]table, error) {
	there, err := sqliteTables(ctx, from, strange)
	if err != nil {
		return nil, err
	}
	here, err := postgresTables(ctx, to, strange)
	if err != nil {
		return nil, err
	}
	left, right := outline(there), outline(here)
	for _, line := range left {
		if !slices.Contains(right, line) {
			return nil, unlike("PostgreSQL has no " + line)
		}
	}
	for _, line := range right {
		if !slices.Contains(left, line) {
			return nil, unlike("SQLite has no " + line)
		}
	}
	return here, nil
}

// outline describes tables by a line for each column.
func outline(tables []table) []string {
	var lines []string
	for _, t := range tables {
		for _, c := range t.columns {
			lines = append(lines, t.name+"."+c.name+" ("+c.kind+")")
		}
	}
	return lines
}

// unlike is the error of two schemas that should be the same.
func unlike(what string) error {
	return &cdds.Error{Code: cdds.CodeInternal, Message: "The schemas of the two databases differ: " + what + ".",
		Hint: "Move with the version of cdds that both were last used with. Tables of other programs belong into a schema of their own."}
}
