package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"cdds"
	"cdds/door"
	"cdds/store"
)

// checkFiles refuses to work with a secret that others on the machine may read
// or change, and warns of folders that they may look into. What the service
// makes itself is 0600 and 0700, whatever the umask.
func (c *serveCommand) checkFiles(log *slog.Logger) error {
	if err := checkFolder(c.Data, log); err != nil {
		return err
	}
	var secrets []string
	if path, err := store.FilePath(c.database()); err == nil {
		secrets = append(secrets, path, path+"-wal", path+"-shm")
	}
	for _, key := range []string{"demo-key.pem", "cdds.lock"} {
		secrets = append(secrets, filepath.Join(c.Data, key))
	}
	for _, dsn := range []string{c.database(), c.source(c.Data)} {
		if path := passwordFile(dsn); path != "" {
			secrets = append(secrets, path)
		}
	}
	for _, path := range secrets {
		if err := checkSecret(path); err != nil {
			return err
		}
	}
	return nil
}

// checkSecret refuses a file whose rights are too wide. A file that is not
// there is nobody's secret.
func checkSecret(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the rights of a file: %w", err)
	}
	if mode := info.Mode().Perm(); mode&door.OpenToOthers != 0 {
		return &cdds.Error{Code: cdds.CodeInvalid, Message: fmt.Sprintf("%s can be read or changed by others (%s).", path, mode), Hint: "Run: chmod 600 " + path}
	}
	return nil
}

// checkFolder refuses a folder in which everybody may put files, and warns of
// one that others may look into.
func checkFolder(path string, log *slog.Logger) error {
	const (
		othersWrite fs.FileMode = 0o002
		beyondOwner fs.FileMode = 0o077
	)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the rights of the data folder: %w", err)
	}
	mode := info.Mode().Perm()
	if mode&othersWrite != 0 {
		return &cdds.Error{Code: cdds.CodeInvalid, Message: fmt.Sprintf("Everybody on this machine can put files into %s (%s).", path, mode), Hint: "Run: chmod 700 " + path}
	}
	if mode&beyondOwner != 0 {
		log.Warn("the data folder is open to others; chmod 700 closes it", "folder", path, "mode", mode.String())
	}
	return nil
}
