package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"cdds/source"
)

// Check compares the mapping with the file: tables and columns, and the form of
// instants. It reports all that it finds.
func (s *Source) Check(ctx context.Context) ([]source.Finding, error) {
	c := &check{ctx: ctx, source: s, tables: map[string]map[string]bool{}, good: map[string]int{}}
	for _, column := range s.mapping.CheckedColumns() {
		if err := c.column(column); err != nil {
			return nil, s.failure(ctx, err)
		}
	}
	for _, name := range c.order {
		if n := c.good[name]; n > 0 {
			c.found = append(c.found, source.Finding{OK: true, What: "columns of " + name, Detail: fmt.Sprintf("%d are there", n)})
		}
	}
	return c.found, nil
}

// check is one comparison.
type check struct {
	ctx    context.Context
	source *Source
	tables map[string]map[string]bool // columns by the source's own names
	order  []string                   // of the tables
	good   map[string]int             // columns that are there
	found  []source.Finding
}

// column looks at a column, and at its table if it is the first of it.
func (c *check) column(column source.Column) error {
	name := c.source.mapping.TableName(column.Table)
	columns, seen := c.tables[name]
	if !seen {
		var err error
		if columns, err = c.source.columns(c.ctx, name); err != nil {
			return err
		}
		c.tables[name], c.order = columns, append(c.order, name)
		f := source.Finding{OK: len(columns) > 0, Entity: column.Entity, What: "table " + name, Detail: "is there"}
		if !f.OK {
			f.Detail = "is missing; create it, or name the right table or view in the mapping file"
		}
		c.found = append(c.found, f)
	}
	if len(columns) == 0 {
		return nil
	}
	f := source.Finding{Entity: column.Entity, What: "column " + c.source.mapping.Place(column)}
	if !columns[strings.ToLower(column.Name)] {
		f.Detail = "is missing; name the right column in the mapping file, or null where the source has none"
		c.found = append(c.found, f)
		return nil
	}
	if column.Kind == source.Instant {
		wrong, err := c.wrongInstant(column)
		if err != nil {
			return err
		}
		if wrong != "" {
			f.Detail = "holds " + wrong + ", which is not of the form 2026-01-31T02:00:00.000000Z; give a view that writes it so"
			c.found = append(c.found, f)
			return nil
		}
	}
	c.good[name]++
	return nil
}

// wrongInstant says of what type a value is that is no instant in the one form,
// "" where all are. It reads the whole column: such a value could lie anywhere.
func (c *check) wrongInstant(column source.Column) (string, error) {
	const form = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z"
	name := "t." + source.Quote(column.Name)
	text := fmt.Sprintf("select typeof(%s) from %s t where %s is not null and (typeof(%s) <> 'text' or %s not glob $1) limit 1",
		name, c.source.mapping.QuotedTable(column.Table), name, name, name)
	var kind string
	err := c.source.db.QueryRowContext(c.ctx, text, form).Scan(&kind)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return "a value of type " + kind, err
}

// columns returns the names of a table's columns in lower case, none where it is
// missing. SQLite makes no difference between cases.
func (s *Source) columns(ctx context.Context, table string) (map[string]bool, error) {
	schema, name := "main", table
	if before, after, ok := strings.Cut(table, "."); ok {
		schema, name = before, after
	}
	// The join leaves out a schema that is missing, which is an error elsewhere.
	const text = "select c.name from pragma_database_list d, pragma_table_xinfo($1, d.name) c where d.name = $2 collate nocase"
	rows, err := s.db.QueryContext(ctx, text, name, schema)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names[strings.ToLower(name)] = true
	}
	return names, rows.Err()
}
