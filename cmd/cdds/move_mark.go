package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cdds"
	"cdds/store"
)

// moveMark is a file beside a SQLite database. It says that what the database
// holds lives in PostgreSQL since a move, so that nobody starts the old service
// on it again: two would export everything twice. It is written just before the
// move is committed, and completed after it; a move that is cut off in between
// is looked at by the next one.
type moveMark struct {
	About    string    `json:"about"`
	ID       string    `json:"id"`
	To       string    `json:"to"`
	At       time.Time `json:"at"`
	Complete bool      `json:"complete"`
}

// markPath is where the mark of a database lies.
func markPath(database string) string { return database + ".moved" }

// readMark returns the mark of a database, or nil.
func readMark(database string) (*moveMark, error) {
	text, err := os.ReadFile(markPath(database))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read whether the installation was moved: %w", err)
	}
	var m moveMark
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, &cdds.Error{Code: cdds.CodeConflict, Message: "The file " + markPath(database) + " says that this installation was moved, and cannot be read.", Err: err,
			Hint: "Find out whether the installation works elsewhere; only if it does not, remove the file."}
	}
	return &m, nil
}

// write puts the mark beside the database, durably.
func (m moveMark) write(database string) error {
	m.About = "The metadata in " + filepath.Base(database) + " was moved. docs/move-to-postgresql.md says what to do before this file is removed."
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("describe the move: %w", err)
	}
	path := markPath(database)
	if err := os.WriteFile(path+".partial", append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("mark the installation as moved: %w", err)
	}
	if err := syncPath(path + ".partial"); err != nil {
		return err
	}
	if err := os.Rename(path+".partial", path); err != nil {
		return fmt.Errorf("mark the installation as moved: %w", err)
	}
	return syncPath(filepath.Dir(path))
}

// refuseMoved is an error where a database is one that was moved.
func refuseMoved(dsn string) error {
	path, inFile := fileOf(dsn)
	if !inFile {
		return nil
	}
	m, err := readMark(path)
	if m == nil {
		return err
	}
	return m.refusal(path)
}

// fileOf returns the file of a database, and false for one in PostgreSQL, and
// for what is no DSN, which others say better.
func fileOf(dsn string) (string, bool) {
	path, err := store.FilePath(dsn)
	return path, err == nil
}

// refusal is the error of a database whose content lives elsewhere, or may.
func (m moveMark) refusal(database string) error {
	if !m.Complete {
		return &cdds.Error{Code: cdds.CodeConflict, Message: "A move of this installation to " + m.To + " was cut off in its last step.",
			Hint: "Run the same \"cdds migrate --from\" again: it finds out whether the move is complete, and completes it. Where that database is gone for good, remove " + markPath(database) + "."}
	}
	return &cdds.Error{Code: cdds.CodeConflict, Message: fmt.Sprintf("This installation was moved to %s on %s.", m.To, m.At.Format(time.DateTime)),
		Hint: "Give that database with --database. To go back to this one, stop all nodes there, remove " + markPath(database) + ", and run \"cdds restore --settle\" (docs/move-to-postgresql.md)."}
}
