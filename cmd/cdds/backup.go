package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"cdds"
	"cdds/store"
)

// backupCommand copies the metadata of a running or stopped service.
type backupCommand struct {
	dataFlags
	To string `help:"File to write; it must not exist." required:"" type:"path" placeholder:"FILE"`
	outputFlags
}

// Run writes the backup under another name first, reads it from end to end,
// and lets it appear when it is whole and durable.
func (c *backupCommand) Run(ctx context.Context, std streams) (err error) {
	if _, err := sqliteFile(c.dataFlags); err != nil {
		return err
	}
	if _, err := os.Lstat(c.To); !errors.Is(err, os.ErrNotExist) {
		return taken(c.To, err)
	}
	st, err := openExisting(ctx, c.dataFlags)
	if err != nil {
		return err
	}
	defer func() { err = closing(st, err) }()
	file, err := os.CreateTemp(filepath.Dir(c.To), filepath.Base(c.To)+".*.partial")
	if err != nil {
		return fmt.Errorf("make the file of the backup: %w", err)
	}
	defer func() { err = errors.Join(err, removeFiles(file.Name())) }()
	if err := closing(file, st.BackUp(ctx, file.Name())); err != nil {
		return err
	}
	if err := store.CheckFile(ctx, file.Name()); err != nil {
		return err
	}
	size, err := c.publish(file.Name())
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return json.NewEncoder(std.Out).Encode(map[string]any{"file": c.To, "bytes": size})
	}
	_, err = fmt.Fprintf(std.Out, "The metadata is backed up in %s (%d bytes). Artifacts are not in it; docs/backup.md says how to keep those.\n", c.To, size)
	return err
}

// publish makes the finished backup durable and gives it its name.
func (c *backupCommand) publish(partial string) (int64, error) {
	info, err := os.Stat(partial)
	if err != nil {
		return 0, fmt.Errorf("look at the backup: %w", err)
	}
	if err := syncPath(partial); err != nil {
		return 0, err
	}
	if _, err := os.Lstat(c.To); !errors.Is(err, os.ErrNotExist) {
		return 0, taken(c.To, err)
	}
	if err := os.Rename(partial, c.To); err != nil {
		return 0, fmt.Errorf("give the backup its name: %w", err)
	}
	return info.Size(), syncPath(filepath.Dir(c.To))
}

// taken is the error of a backup that would write over a file.
func taken(path string, err error) error {
	return &cdds.Error{Code: cdds.CodeInvalid, Message: "The file " + path + " exists already; a backup never writes over one.", Hint: "Give another name with --to.", Err: err}
}

// sqliteFile returns the file of the metadata, and for PostgreSQL the documented
// way, which is that of its own tools.
func sqliteFile(flags dataFlags) (string, error) {
	path, err := store.FilePath(flags.database())
	if err != nil {
		return "", &cdds.Error{Code: cdds.CodeInvalid, Message: "The metadata is in PostgreSQL, whose own tools back it up and restore it.",
			Hint: "Back up with \"pg_dump --format=custom --file=FILE DSN\". To restore, stop all nodes, run \"pg_restore --clean --if-exists --dbname=DSN FILE\" and then \"cdds restore --settle\". docs/backup.md has more."}
	}
	return path, nil
}

// copyFile copies a file to a new one that only its owner can read, durably.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("open the file to copy: %w", err)
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return closing(in, fmt.Errorf("make a copy: %w", err))
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	return closing(in, closing(out, err))
}

// removeFiles removes a SQLite database and its side files, as far as they are
// there.
func removeFiles(path string) error {
	var errs []error
	for _, side := range []string{"-wal", "-shm", ""} {
		if err := os.Remove(path + side); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove a file: %w", err))
		}
	}
	return errors.Join(errs...)
}
