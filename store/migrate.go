package store

import (
	"context"
	"fmt"

	"cdds"
)

// loadMigrations reads the embedded migrations of the store's dialect.
func (s *Store) loadMigrations() error {
	provider, err := newMigrations(s.dialect, s.write)
	if err != nil {
		return failure("read the embedded migrations", err)
	}
	s.migrations = provider
	sources := provider.ListSources()
	s.version = sources[len(sources)-1].Version
	return nil
}

// Migrate brings the schema to this binary's version, forward only; a schema
// that is there already is left as it is. On PostgreSQL one node migrates at a
// time and the others wait for it. A schema newer than the binary is
// CodeConflict.
func (s *Store) Migrate(ctx context.Context) error {
	current, _, err := s.migrations.GetVersions(ctx)
	if err != nil {
		return failure("read the schema's version", err)
	}
	if current > s.version {
		return s.tooNew(current)
	}
	_, err = s.migrations.Up(ctx)
	return failure("migrate the schema", err)
}

// Ready returns nil when the database answers and has exactly this binary's
// schema. CodeUnavailable when it does not answer or waits for a migration,
// CodeConflict when its schema is newer than the binary.
func (s *Store) Ready(ctx context.Context) error {
	current, err := one(ctx, s.read, "schema version", value[int64],
		`SELECT COALESCE(max(version_id), 0) FROM goose_db_version WHERE is_applied`)
	switch {
	case unmigrated(err):
		return s.tooOld(0)
	case err != nil:
		return err
	case current < s.version:
		return s.tooOld(current)
	case current > s.version:
		return s.tooNew(current)
	}
	return nil
}

func (s *Store) tooOld(current int64) error {
	return &cdds.Error{Code: cdds.CodeUnavailable, Hint: "Run \"cdds migrate\".",
		Message: fmt.Sprintf("The metadata database has schema version %d and this program needs %d.", current, s.version)}
}

func (s *Store) tooNew(current int64) error {
	return cdds.Conflict(
		fmt.Sprintf("The metadata database has schema version %d; this program knows versions up to %d.", current, s.version),
		"Use the newer version of cdds that made it.")
}
