package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"cdds"
)

// FilePath returns the path of the SQLite file that a dsn names, and
// CodeInvalid for one of another kind.
func FilePath(dsn string) (string, error) {
	kind, place, err := parseDSN(dsn)
	if err == nil && kind != SQLite {
		err = cdds.Invalid("database", "is in PostgreSQL and not in a file.")
	}
	if err != nil {
		return "", err
	}
	return place, nil
}

// BackUp writes the whole database as it is at one moment into a file that is
// new or empty, while others go on reading and writing. The file is not yet
// durable when it returns. SQLite only.
func (s *Store) BackUp(ctx context.Context, path string) error {
	_, err := exec(ctx, s.write, "back the metadata up", `VACUUM INTO $1`, path)
	return err
}

// CheckFile reads a SQLite file from end to end and returns nil when it is
// sound metadata of a version that this program knows. CodeInvalid for a file
// that is damaged or holds something else, CodeConflict for a newer version.
func CheckFile(ctx context.Context, path string) (err error) {
	db, err := openFile(path, "?mode=ro")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, failure("close the file", db.Close())) }()
	found, err := all(ctx, db, "read the file", value[string], `PRAGMA integrity_check(3)`)
	if err != nil || len(found) != 1 || found[0] != "ok" {
		return &cdds.Error{Code: cdds.CodeInvalid, Message: "The file is damaged, or is no SQLite database.", Hint: "Take another backup.", Err: err}
	}
	current, err := one(ctx, db, "schema version", value[int64], `SELECT COALESCE(max(version_id), 0) FROM goose_db_version WHERE is_applied`)
	if err != nil || current == 0 {
		return &cdds.Error{Code: cdds.CodeInvalid, Message: "The file is a SQLite database, but holds no metadata of CDDS.", Hint: "Give a file that \"cdds backup\" wrote.", Err: err}
	}
	return knownVersion(db, current)
}

// knownVersion refuses a schema that is newer than this program.
func knownVersion(db *sql.DB, current int64) error {
	s := Store{write: db, dialect: SQLite}
	if err := s.loadMigrations(); err != nil {
		return err
	}
	if current > s.version {
		return s.tooNew(current)
	}
	return nil
}

// Fold makes a SQLite database that nobody uses one file, without the side
// files of its write-ahead log. CodeConflict when somebody uses it.
func Fold(ctx context.Context, path string) (err error) {
	db, err := openFile(path, "?mode=rw&_pragma=busy_timeout(500)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, failure("close the file", db.Close())) }()
	mode, err := one(ctx, db, "journal mode", value[string], `PRAGMA journal_mode = DELETE`)
	if conflicting(err) || err == nil && mode != "delete" {
		return &cdds.Error{Code: cdds.CodeConflict, Message: "Another cdds command uses the metadata database.", Hint: "Wait until it has ended, or stop it.", Err: err}
	}
	return err
}

// openFile opens one connection to a SQLite file that exists.
func openFile(path, settings string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the file: %w", err)
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+settings)
	if err != nil {
		return nil, failure("open the file", err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}
