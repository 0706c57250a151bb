package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// stage holds files under other names until it is known that they are whole and
// unchanged: then all of them appear, and until then none.
type stage struct {
	dir   string
	files []stagedFile
}

// stagedFile is one file of a stage.
type stagedFile struct {
	temp, path string
	lines      int64
}

// add writes a file into the stage.
func (s *stage) add(name string, content io.Reader, lines *lineCounter) error {
	path := filepath.Join(s.dir, name)
	temp, err := os.CreateTemp(s.dir, name+".*.part")
	if err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	_, err = io.Copy(temp, content)
	err = closing(temp, err)
	s.files = append(s.files, stagedFile{temp.Name(), path, lines.n})
	return err
}

// publish gives the files their names.
func (s *stage) publish(log io.Writer) error {
	for len(s.files) > 0 {
		f := s.files[0]
		if err := os.Rename(f.temp, f.path); err != nil {
			return fmt.Errorf("put %s in its place: %w", f.path, err)
		}
		s.files = s.files[1:]
		fmt.Fprintf(log, "%s: %d lines\n", f.path, f.lines)
	}
	return nil
}

// discard removes what was not published and returns err, with what could not be
// removed.
func (s *stage) discard(err error) error {
	for _, f := range s.files {
		if removeErr := os.Remove(f.temp); removeErr != nil {
			err = errors.Join(err, fmt.Errorf("%s stays: %w", f.temp, removeErr))
		}
	}
	s.files = nil
	return err
}
