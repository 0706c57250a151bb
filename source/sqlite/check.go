package sqlite

import (
	"context"
	"fmt"

	"cdds/source"
)

// Check compares the mapping with the file: tables and columns. Types are the
// values' own in SQLite, so they are looked at when records are read.
func (s *Source) Check(ctx context.Context) ([]source.Finding, error) {
	var found []source.Finding
	tables := map[string]map[string]bool{}
	good := map[string]int{}
	for _, column := range s.mapping.MappedColumns() {
		name := s.mapping.TableName(column.Table)
		columns, seen := tables[name]
		if !seen {
			var err error
			if columns, err = s.columns(ctx, name); err != nil {
				return nil, s.failure(ctx, err)
			}
			tables[name] = columns
			f := source.Finding{OK: len(columns) > 0, Entity: column.Entity, What: "table " + name, Detail: "is there"}
			if !f.OK {
				f.Detail = "is missing; create it, or name the right table or view in the mapping file"
			}
			found = append(found, f)
		}
		switch {
		case len(columns) == 0:
		case columns[column.Name]:
			good[name]++
		default:
			found = append(found, source.Finding{Entity: column.Entity, What: fmt.Sprintf("column %s.%s", name, column.Name),
				Detail: "is missing; name the right column in the mapping file, or null where the source has none"})
		}
	}
	for name, n := range good {
		found = append(found, source.Finding{OK: true, What: "columns of " + name, Detail: fmt.Sprintf("%d are there", n)})
	}
	return found, nil
}

// columns returns the names of a table's columns, none where it is missing.
func (s *Source) columns(ctx context.Context, table string) (map[string]bool, error) {
	rows, err := s.db.QueryContext(ctx, "select name from pragma_table_info($1)", table)
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
		names[name] = true
	}
	return names, rows.Err()
}
