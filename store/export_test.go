package store

import (
	"context"
	"database/sql"

	"cdds"
)

// ReadSpec reads the column of a job definition.
func ReadSpec(column string) (cdds.JobSpec, error) {
	var s spec
	err := s.Scan(column)
	return cdds.JobSpec(s), err
}

// WriteSpec returns the column of a job definition.
func WriteSpec(s cdds.JobSpec) (string, error) { return encodeSpec(s) }

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

// MigrateTo brings the schema up to a version of the past.
func (s *Store) MigrateTo(ctx context.Context, version int64) error {
	_, err := s.migrations.UpTo(ctx, version)
	return err
}

// MigrationVersions returns the versions of all migrations, oldest first.
func (s *Store) MigrationVersions() []int64 {
	var versions []int64
	for _, source := range s.migrations.ListSources() {
		versions = append(versions, source.Version)
	}
	return versions
}
