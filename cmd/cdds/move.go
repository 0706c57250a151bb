package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"cdds"
	"cdds/control"
	"cdds/queue"
	"cdds/store"
)

// installation is a single-node installation on SQLite.
type installation struct {
	folder    string // that its service locks
	database  string // the file
	artifacts string // its artifact storage
}

// move is one call of cdds migrate --from.
type move struct {
	flags *migrateCommand
	old   installation
	place string // of the new database, without its user
	stay  bool   // the files stay where they are
	std   streams

	source, target *store.Store
	report         moveReport
}

// move looks at the flags and moves, or does the part of it that they ask for.
func (c *migrateCommand) move(ctx context.Context, std streams) (err error) {
	m := &move{flags: c, std: std, report: newMoveReport()}
	if m.old, err = installationAt(c.From, c.FromArtifacts); err != nil {
		return err
	}
	if m.stay = c.Artifacts == "" || sameStorage(c.Artifacts, m.old.artifacts); m.stay && c.ArtifactsOnly {
		return &cdds.Error{Code: cdds.CodeInvalid, Message: "The files stay where they are: there is nothing to copy.", Hint: "Name another storage with --artifacts, or leave --artifacts-only out."}
	}
	m.report.Artifacts, m.report.Files.Stay = m.old.artifacts, m.stay
	if !m.stay {
		m.report.Artifacts = c.Artifacts
	}
	if m.place, err = placeOf(c.Database); err != nil && !c.ArtifactsOnly {
		return err
	}
	m.report.Database = m.place
	switch {
	case c.Check:
		return m.check(ctx)
	case c.ArtifactsOnly:
		return m.ahead(ctx)
	}
	return m.run(ctx)
}

// installationAt finds an installation by its folder or its database.
func installationAt(from, artifacts string) (installation, error) {
	old := installation{folder: from, database: filepath.Join(from, "cdds.db"), artifacts: artifacts}
	if path, ok := strings.CutPrefix(from, "sqlite:"); ok {
		old.folder, old.database = filepath.Dir(path), path
	}
	if old.artifacts == "" {
		old.artifacts = filepath.Join(old.folder, "artifacts")
	}
	if info, err := os.Stat(old.database); err != nil || info.IsDir() {
		return old, &cdds.Error{Code: cdds.CodeNotFound, Message: "There is no installation at " + from + ": its metadata should be in " + old.database + ".",
			Hint: "Give its data folder, or sqlite: and the path of its database.", Err: err}
	}
	return old, nil
}

// placeOf names a PostgreSQL database without its user and password.
func placeOf(dsn string) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		// What cannot be read is not repeated: it may hold a password.
		return "", cdds.Invalid("database", "must be postgres://…: it is the database that the installation is moved to.")
	}
	host := u.Host
	if host == "" {
		host = u.Query().Get("host")
	}
	return "postgres://" + host + u.Path, nil
}

// sameStorage reports whether two locations are one artifact storage.
func sameStorage(a, b string) bool {
	if a == b {
		return true
	}
	left, leftErr := folderOf(a)
	right, rightErr := folderOf(b)
	if leftErr != nil || rightErr != nil || left == "" || right == "" {
		return false
	}
	is, isErr := os.Stat(left)
	other, otherErr := os.Stat(right)
	return isErr == nil && otherErr == nil && os.SameFile(is, other)
}

// openSource opens the old metadata, which must be of this version.
func (m *move) openSource(ctx context.Context) (err error) {
	if m.source, err = store.Open(ctx, "sqlite:"+m.old.database); err != nil {
		return err
	}
	err = m.source.Ready(ctx)
	var behind *cdds.Error
	if errors.As(err, &behind) && behind.Code == cdds.CodeUnavailable {
		behind.Hint = "It is moved as it is. Bring it to this version first: \"cdds migrate --data " + m.old.folder + "\"."
	}
	return err
}

// close closes both databases and returns err, or the error of closing.
func (m *move) close(err error) error {
	for _, st := range []*store.Store{m.source, m.target} {
		if st != nil {
			err = closing(st, err)
		}
	}
	return err
}

// ahead copies the files that are there and leaves the rest for the move.
func (m *move) ahead(ctx context.Context) (err error) {
	defer func() { err = m.close(err) }()
	if err := m.openSource(ctx); err != nil {
		return err
	}
	if _, err := m.files(ctx); err != nil {
		return err
	}
	if err := m.report.write(m.std.Out, m.flags.Output); err != nil {
		return err
	}
	return m.report.verdict()
}

// files copies the files to the new storage and reports it.
func (m *move) files(ctx context.Context) (damaged []control.DamagedArtifact, err error) {
	if m.stay {
		return nil, nil
	}
	if err := storageExists(m.old.artifacts); err != nil {
		return nil, err
	}
	from, err := openStorage(ctx, m.old.artifacts)
	if err != nil {
		return nil, err
	}
	defer func() { err = closing(from.bucket, err) }()
	to, err := openStorage(ctx, m.flags.Artifacts)
	if err != nil {
		return nil, err
	}
	defer func() { err = closing(to.bucket, err) }()
	known, err := openKnown(m.old.database, m.flags.Artifacts)
	if err != nil {
		return nil, err
	}
	defer func() { err = closing(known, err) }()
	f, err := moveFiles(ctx, m.source, from, to, known, m.std.Err)
	if err != nil {
		return nil, err
	}
	m.report.Files, m.report.Damaged = f.count, f.findings()
	return f.damaged, nil
}

// run moves the installation. Its service stands still meanwhile.
func (m *move) run(ctx context.Context) (err error) {
	unlock, err := m.old.seize(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	defer func() { err = m.close(err) }()
	if done, err := m.goOn(ctx); err != nil {
		return err
	} else if done {
		return m.tell()
	}
	if err := m.openSource(ctx); err != nil {
		return err
	}
	if err := m.openTarget(ctx); err != nil {
		return err
	}
	damaged, err := m.files(ctx)
	if err != nil {
		return err
	}
	if err := m.metadata(ctx, damaged); err != nil {
		return err
	}
	return m.tell()
}

// seize makes sure that nobody else uses the installation, and keeps its service
// off it.
func (i installation) seize(ctx context.Context) (func(), error) {
	unlock, err := lockFolder(i.folder)
	if cdds.CodeOf(err) == cdds.CodeConflict {
		return nil, &cdds.Error{Code: cdds.CodeConflict, Message: "The service of " + i.folder + " runs.", Err: err,
			Hint: "Stop it, and run this again. Where files are to be copied, --artifacts-only copies most of them beforehand, while it runs."}
	}
	if err != nil {
		return nil, err
	}
	// A service with another data folder holds another lock, but has the
	// database open.
	if err := store.Fold(ctx, i.database); err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// goOn looks whether an earlier move was cut off after its commit, and completes
// it then. done says that there is nothing left to move.
func (m *move) goOn(ctx context.Context) (done bool, err error) {
	mark, err := readMark(m.old.database)
	if mark == nil {
		return false, err
	}
	if mark.Complete || mark.To != m.place {
		return false, mark.refusal(m.old.database)
	}
	if m.target, err = store.Open(ctx, m.flags.Database); err != nil {
		return false, err
	}
	there, err := m.target.Occupants(ctx, queue.TablePrefix)
	if err != nil || len(there) == 0 {
		return false, err
	}
	if done, err = openControl(m.target).HasMovedIn(ctx, mark.ID); done && err == nil {
		fmt.Fprintln(m.std.Err, "cdds: the move was complete already; only its end was cut off")
		err = m.complete(*mark)
	}
	return done, err
}

// openTarget opens the new database and brings it to this version, unless
// something is in it.
func (m *move) openTarget(ctx context.Context) (err error) {
	if m.target == nil {
		if m.target, err = store.Open(ctx, m.flags.Database); err != nil {
			return err
		}
	}
	if err := m.occupied(ctx); err != nil {
		return err
	}
	return control.Migrate(ctx, m.target)
}

// occupied is an error where the new database is not empty.
func (m *move) occupied(ctx context.Context) error {
	there, err := m.target.Occupants(ctx, queue.TablePrefix)
	if err != nil || len(there) == 0 {
		return err
	}
	var names []string
	for _, t := range there {
		names = append(names, fmt.Sprintf("%s (%d rows)", t.Table, t.Rows))
	}
	return cdds.Conflict("The database at "+m.place+" is not empty. It has "+strings.Join(names, ", ")+".",
		"Give an empty database, or a schema that cdds has for itself. Nothing is ever moved over what is there.")
}

// metadata moves the rows, in one transaction, and marks the old database.
func (m *move) metadata(ctx context.Context, damaged []control.DamagedArtifact) error {
	log := slog.New(slog.DiscardHandler)
	tasks, err := queue.Open(queue.Config{DB: m.target.DB(), Postgres: true, Log: log}, nil)
	if err != nil {
		return err
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return fmt.Errorf("name the move: %w", err)
	}
	now := utcNow()
	mark := moveMark{ID: id.String(), To: m.place, At: now}
	ctl := control.New(control.Config{Store: m.target, Queue: tasks, Log: log})
	copied, err := ctl.MoveIn(ctx, control.Move{
		From: m.source, ID: mark.ID, Damaged: damaged,
		Ready: func() error { return mark.write(m.old.database) },
		Told: func(t store.TableRows) {
			if t.Rows > 0 {
				fmt.Fprintf(m.std.Err, "cdds: %s: %d rows\n", t.Table, t.Rows)
			}
		},
	}, now)
	if err != nil {
		return err
	}
	m.report.add(copied)
	return m.complete(mark)
}

// complete says beside the old database that it is not used any more.
func (m *move) complete(mark moveMark) error {
	mark.Complete = true
	m.report.Moved = true
	if err := mark.write(m.old.database); err != nil {
		return err
	}
	if err := os.Remove(knownPath(m.old.database)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the list of copied files: %w", err)
	}
	return nil
}

// tell prints the outcome, and what to do next.
func (m *move) tell() error {
	if err := m.report.write(m.std.Out, m.flags.Output); err != nil {
		return err
	}
	if m.flags.Output != "json" {
		_, err := io.WriteString(m.std.Out, "The installation in "+m.old.folder+" is marked as moved and does not start any more ("+markPath(m.old.database)+").\n"+
			"Start the service with --database and this database, --artifacts "+m.report.Artifacts+", and the sources that it had.\n")
		if err != nil {
			return err
		}
	}
	return m.report.verdict()
}
