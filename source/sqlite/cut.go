package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"cdds/source"
)

// sampledRows is how many rows are looked at, evenly over the table.
const sampledRows = 4096

// Cut goes by a sample, since a file has no statistics as a rule. The sample of
// contacts is one of their attributes where contacts have no row numbers.
func (s *snapshot) Cut(ctx context.Context, q source.Query, r source.Range, most int) ([]source.Key, error) {
	tables := map[string]string{"i": "interaction"}
	if q.Entity == source.Contact {
		tables = map[string]string{"c": "contact", "a": "contact_attribute"}
	}
	for _, alias := range []string{"i", "c", "a"} {
		reference, ok := tables[alias]
		if !ok {
			continue
		}
		numbered, err := s.numbered(ctx, reference)
		if err != nil {
			return nil, err
		}
		if !numbered {
			continue
		}
		mapping := s.source.mapping
		keys, err := s.keys(ctx, mapping.Sampled(q, r, dialect{}, alias, someRows(alias, mapping.QuotedTable(reference))))
		return q.Evenly(keys, r, most), err
	}
	return nil, nil
}

// numbered reports whether the rows of a table have numbers of their own.
func (s *snapshot) numbered(ctx context.Context, reference string) (bool, error) {
	var kind string
	var without bool
	schema, name, qualified := strings.Cut(s.source.mapping.TableName(reference), ".")
	if !qualified {
		schema, name = "main", schema
	}
	row := s.tx.QueryRowContext(ctx, "select type, wr from pragma_table_list where lower(schema) = lower($1) and lower(name) = lower($2)", schema, name)
	err := row.Scan(&kind, &without)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return kind == "table" && !without, s.source.failure(ctx, err)
}

// someRows is the condition that rows of a table are in the sample: those at
// numbers that lie evenly over all. Numbers that no row has stand for none, so
// that what is left where much was deleted does not count for more than it is.
func someRows(alias, table string) string {
	return fmt.Sprintf("%s.rowid in (with recursive n(n) as (select 0 union all select n + 1 from n where n < %d), e(lo, hi) as (select (select min(rowid) from %s), (select max(rowid) from %s))"+
		" select e.lo + cast((e.hi - e.lo) * (n.n * 1.0 / %d) as integer) from n, e)", alias, sampledRows-1, table, table, sampledRows-1)
}

// keys reads keys.
func (s *snapshot) keys(ctx context.Context, st source.Statement) (keys []source.Key, err error) {
	err = statements{ctx, s}.rows(st, func(rows *sql.Rows) error {
		for rows.Next() {
			var cells [3]any
			if err := rows.Scan(&cells[0], &cells[1], &cells[2]); err != nil {
				return s.source.failure(ctx, err)
			}
			var values [3]source.Value
			for i, kind := range []source.Kind{source.Instant, source.Text, source.Text} {
				if cells[i] != nil && !decode(&values[i], kind, cells[i]) {
					values = [3]source.Value{} // the read says what is wrong with it
					break
				}
			}
			keys = append(keys, source.Key{At: values[0].Int, ID: string(values[1].Bytes), Sub: string(values[2].Bytes)})
		}
		return nil
	})
	return keys, err
}
