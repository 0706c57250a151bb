package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Copies makes databases with the same content, of both kinds. The content is
// made once for a test process, and every test gets a copy of it: that is many
// times faster than to migrate a new database for each. Declare it beside the
// Pool.
type Copies struct {
	Pool *Pool
	// Prepare fills an empty database, given its DSN, and closes all that it
	// opened there.
	Prepare func(ctx context.Context, dsn string) error

	sqlite, postgres sync.Once
	file             []byte // the SQLite database
	template         string // the name of the PostgreSQL database
	fileErr          error
	templateErr      error
}

// New copies the content into a new database of the test, on PostgreSQL or SQLite,
// and returns its DSN.
func (c *Copies) New(t testing.TB, postgres bool) string {
	t.Helper()
	if postgres {
		return c.Postgres(t)
	}
	return c.SQLite(t)
}

// SQLite copies the content into a file of the test, and returns its DSN.
func (c *Copies) SQLite(t testing.TB) string {
	t.Helper()
	c.sqlite.Do(func() { c.file, c.fileErr = c.prepareFile() })
	if c.fileErr != nil {
		t.Fatalf("prepare a SQLite database: %v", c.fileErr)
	}
	path := filepath.Join(t.TempDir(), "cdds.db")
	if err := os.WriteFile(path, c.file, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

// Postgres copies the content into a new database of the pool's server, and
// returns its DSN. It is dropped at the end of the test.
func (c *Copies) Postgres(t testing.TB) string {
	t.Helper()
	server := c.Pool.Server(t)
	c.postgres.Do(func() { c.template, c.templateErr = c.prepareTemplate(server) })
	if c.templateErr != nil {
		t.Fatalf("prepare a PostgreSQL database: %v", c.templateErr)
	}
	return server.Database(t, "template "+c.template)
}

// prepareFile fills a SQLite database and returns it as bytes. Once nobody has
// it open any more, all of it is in the one file.
func (c *Copies) prepareFile() (file []byte, err error) {
	dir, err := os.MkdirTemp("", "cdds-sqlite-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "cdds.db")
	if err := c.Prepare(context.Background(), "sqlite:"+path); err != nil {
		return nil, err
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("the database is still open, or was not closed in order")
	}
	return os.ReadFile(path)
}

// prepareTemplate fills a PostgreSQL database and returns its name. The server
// copies it only while nobody is connected to it.
func (c *Copies) prepareTemplate(server *Server) (string, error) {
	name, err := server.createDatabase("")
	if err != nil {
		return "", err
	}
	return name, c.Prepare(context.Background(), server.DSN(name, "postgres"))
}
