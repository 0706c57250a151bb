package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"cdds"
	"cdds/control"
	"cdds/queue"
	"cdds/store"
)

// restoreCommand puts a backup of the metadata in place.
type restoreCommand struct {
	dataFlags
	From      string        `help:"Backup to restore; the service must not run." type:"path" placeholder:"FILE" xor:"what"`
	Settle    bool          `help:"Make metadata fit to go on that pg_restore has put in place; no node may run." xor:"what"`
	Discard   bool          `name:"discard-newer" help:"Let stored files go that the restored metadata does not know. Alone: for an earlier restore."`
	Retention time.Duration `help:"How long such files are kept otherwise." default:"720h" env:"CDDS_RETENTION"`
}

// Run does one of the three things that the flags ask for.
func (c *restoreCommand) Run(ctx context.Context, std streams) error {
	switch {
	case c.Settle:
		return c.settleInPlace(ctx, std.Out)
	case c.From != "":
		return c.restore(ctx, std.Out)
	case c.Discard:
		return c.discard(ctx, std.Out)
	}
	return &cdds.Error{Code: cdds.CodeInvalid, Message: "Nothing to restore.", Hint: "Give the backup with --from."}
}

// restore checks and prepares a copy of the backup, keeps the old database
// beside, and then lets the copy take its place in one step.
func (c *restoreCommand) restore(ctx context.Context, out io.Writer) (err error) {
	path, err := sqliteFile(c.dataFlags)
	if err != nil {
		return err
	}
	if _, err := os.Stat(c.From); err != nil {
		return &cdds.Error{Code: cdds.CodeNotFound, Message: "There is no backup at " + c.From + ".", Err: err}
	}
	if err := refuseMoved(c.database()); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	unlock, err := lockFolder(c.Data)
	if err != nil {
		return err
	}
	defer unlock()
	now := utcNow()
	fresh := path + ".restoring"
	if err := removeFiles(fresh); err != nil { // of a restore that was cut off
		return err
	}
	defer func() { err = errors.Join(err, removeFiles(fresh)) }()
	if err := c.prepare(ctx, fresh, now); err != nil {
		return err
	}
	kept, err := keepOld(ctx, path, now)
	if err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("put the restored database in place: %w", err)
	}
	if err := syncPath(filepath.Dir(path)); err != nil {
		return err
	}
	return c.tell(out, kept, now)
}

// prepare copies the backup, refuses one that is damaged or of a newer version,
// and makes the copy fit to go on.
func (c *restoreCommand) prepare(ctx context.Context, fresh string, now time.Time) error {
	if err := copyFile(c.From, fresh); err != nil {
		return err
	}
	if err := store.CheckFile(ctx, fresh); err != nil {
		return err
	}
	st, err := store.Open(ctx, "sqlite:"+fresh)
	if err != nil {
		return err
	}
	if err := closing(st, c.settle(ctx, st, now)); err != nil {
		return err
	}
	if err := store.Fold(ctx, fresh); err != nil {
		return err
	}
	return syncPath(fresh)
}

// settle brings restored metadata to this version and makes it fit to go on.
func (c *restoreCommand) settle(ctx context.Context, st *store.Store, now time.Time) error {
	if err := control.Migrate(ctx, st); err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	tasks, err := queue.Open(queue.Config{DB: st.DB(), Postgres: st.Dialect() == store.Postgres, Log: log}, nil)
	if err != nil {
		return err
	}
	return control.New(control.Config{Store: st, Queue: tasks, Log: log}).SettleRestore(ctx, c.keptUntil(now), now)
}

// keptUntil is until when stored files are kept that the restored metadata does
// not know; the zero time where they are not.
func (c *restoreCommand) keptUntil(now time.Time) time.Time {
	if c.Discard {
		return time.Time{}
	}
	return now.Add(c.Retention)
}

// keepOld copies the database that is to be replaced, as it lies there, under
// another name and returns that, or "" where there is none. Its side files are
// then removed: beside the new database they would do harm.
func keepOld(ctx context.Context, path string, now time.Time) (string, error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	kept := path + ".before-restore-" + now.Format("20060102T150405Z")
	for _, side := range []string{"", "-wal"} {
		if _, err := os.Stat(path + side); err != nil {
			continue
		}
		if err := copyFile(path+side, kept+side); err != nil {
			return "", err
		}
	}
	// A database that is damaged cannot be folded, and that is no reason not to
	// replace it; one that is in use is.
	if err := store.Fold(ctx, path); cdds.CodeOf(err) == cdds.CodeConflict {
		return "", errors.Join(err, removeFiles(kept))
	}
	for _, side := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + side); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("remove a side file of the old database: %w", err)
		}
	}
	return kept, syncPath(filepath.Dir(path))
}

// settleInPlace is the second half of a restore whose first half was
// pg_restore's.
func (c *restoreCommand) settleInPlace(ctx context.Context, out io.Writer) (err error) {
	st, err := openExisting(ctx, c.dataFlags)
	if err != nil {
		return err
	}
	defer func() { err = closing(st, err) }()
	now := utcNow()
	if err := c.settle(ctx, st, now); err != nil {
		return err
	}
	return c.tell(out, "", now)
}

// discard ends the keeping of files for earlier restores.
func (c *restoreCommand) discard(ctx context.Context, out io.Writer) (err error) {
	st, err := openExisting(ctx, c.dataFlags)
	if err != nil {
		return err
	}
	defer func() { err = closing(st, err) }()
	if err := st.Ready(ctx); err != nil {
		return err
	}
	found, err := openControl(st).DiscardUnknown(ctx, utcNow())
	if err != nil {
		return err
	}
	text := "No files are kept for a restore."
	if found {
		text = "Stored files that the restored metadata does not know are removed within an hour."
	}
	_, err = fmt.Fprintln(out, text)
	return err
}

// tell says what was done and what is to be known about it.
func (c *restoreCommand) tell(out io.Writer, kept string, now time.Time) error {
	text := "The metadata is restored. Everybody signs in again; runs that were in progress begin their next attempt when the service starts.\n"
	if kept != "" {
		text += "The metadata from before is kept in " + kept + ".\n"
	}
	if c.Discard {
		text += "Stored files that the restored metadata does not know are removed when the service starts.\n"
	} else {
		text += "Stored files that the restored metadata does not know are kept until " + c.keptUntil(now).Format(time.DateOnly) +
			"; \"cdds restore --discard-newer\" lets them go earlier.\n"
	}
	_, err := io.WriteString(out, text+"\"cdds verify\" marks the artifacts whose files have gone since the backup.\n")
	return err
}
