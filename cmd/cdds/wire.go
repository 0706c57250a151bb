package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"cdds"
	"cdds/control"
	"cdds/source"
	"cdds/source/postgres"
	"cdds/source/sqlite"
	"cdds/store"
)

// openStore opens the metadata database; migrate brings it to this version
// first.
func openStore(ctx context.Context, flags dataFlags, migrate bool) (*store.Store, error) {
	if err := refuseMoved(flags.database()); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(flags.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	st, err := store.Open(ctx, flags.database())
	if err != nil {
		return nil, err
	}
	if !migrate {
		return st, nil
	}
	if err := control.Migrate(ctx, st); err != nil {
		return nil, closing(st, err)
	}
	return st, nil
}

// openExisting opens a metadata database that is there already: a mistyped
// folder must not look like a service without data.
func openExisting(ctx context.Context, flags dataFlags) (*store.Store, error) {
	if path, err := store.FilePath(flags.database()); err == nil {
		if _, err := os.Stat(path); err != nil {
			return nil, &cdds.Error{Code: cdds.CodeNotFound, Message: "There is no metadata database at " + path + ".", Hint: "Look at --data and --database.", Err: err}
		}
	}
	if err := refuseMoved(flags.database()); err != nil {
		return nil, err
	}
	return store.Open(ctx, flags.database())
}

// openSource opens Contact History. A database that is down does not keep the
// service from starting: its runs fail with that reason and are tried again.
func openSource(ctx context.Context, dsn, mappingFile string, connections int32) (source.Source, error) {
	if connections < 1 {
		return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "The source needs at least one connection.", Hint: "Give --source-connections 1 or more."}
	}
	var mapping source.Mapping
	if mappingFile != "" {
		file, err := os.Open(mappingFile)
		if err != nil {
			return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "The mapping file cannot be opened.", Err: err}
		}
		mapping, err = source.LoadMapping(file)
		if err := closing(file, err); err != nil {
			return nil, err
		}
	}
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		return postgres.Open(ctx, dsn, postgres.Options{Mapping: mapping, MaxConns: connections})
	}
	path, ok := strings.CutPrefix(dsn, "sqlite:")
	if !ok {
		return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "The source is neither postgres://... nor sqlite:FILE."}
	}
	return sqlite.Open(path, sqlite.Options{Mapping: mapping})
}

// closing closes c and returns err, or the error of closing.
func closing(c io.Closer, err error) error {
	if closeErr := c.Close(); err == nil {
		return closeErr
	}
	return err
}

// lockFolder keeps a second process off an embedded database: SQLite itself
// would let both work, and each would take the other's runs for lost ones.
func lockFolder(data string) (func(), error) {
	file, err := os.OpenFile(filepath.Join(data, "cdds.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the data folder: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, closing(file, &cdds.Error{Code: cdds.CodeConflict, Message: "Another cdds serve uses this data folder.",
			Hint: "Stop it, or give another folder with --data. Several nodes need PostgreSQL (--database)."})
	}
	return sync.OnceFunc(func() {
		if err := file.Close(); err != nil {
			slog.Warn("release the lock of the data folder", "error", err)
		}
	}), nil
}

// newLog writes structured lines of text to w.
func newLog(w io.Writer, verbose bool) *slog.Logger {
	return slog.New(logHandler(w, "text", verbose))
}

// openControl builds the verbs for commands that run without the service.
func openControl(st *store.Store) *control.Control {
	return control.New(control.Config{Store: st, Log: slog.New(slog.DiscardHandler)})
}
