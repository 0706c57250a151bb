package store

import (
	"context"
	"database/sql"
)

// Recorded returns the store's reads with a recorder of their queries before
// them.
func (s *Store) Recorded(record func(query string, args []any)) Reader {
	return Reader{recorder{s.read, record}}
}

type recorder struct {
	querier
	record func(query string, args []any)
}

func (r recorder) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	r.record(query, args)
	return r.querier.QueryContext(ctx, query, args...)
}
