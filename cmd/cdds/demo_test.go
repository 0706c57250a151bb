package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// samples are the data folders that cdds demo has made for these tests.
var samples sampleFolders

// sampleFolders keeps a data folder for each choice of arguments. Most tests
// begin with the same few, and to make one takes seconds: a key, migrations, a
// password's hash, and thousands of records.
type sampleFolders struct {
	mu    sync.Mutex
	place string
	made  map[string]func() (string, error) // folders by arguments
}

// demo returns a new data folder with a small sample, as cdds demo makes it.
func demo(t testing.TB, args ...string) (data string, out demoOutput) {
	t.Helper()
	made, err := samples.folder(t, args)
	must(t, err)
	data = t.TempDir()
	// Unlike Go's own copying, it keeps who may read a file.
	tool(t, "cp", "-a", filepath.Join(made, "data")+"/.", data)
	text, err := os.ReadFile(filepath.Join(made, "output"))
	must(t, err)
	must(t, json.Unmarshal(text, &out))
	for _, path := range []*string{&out.Certificate, &out.Key, &out.Source} {
		*path = strings.Replace(*path, filepath.Join(made, "data"), data, 1)
	}
	spoken.demoSecrets(t, out)
	return data, out
}

// folder returns the place of a sample, which is made at its first use.
func (s *sampleFolders) folder(t testing.TB, args []string) (string, error) {
	t.Helper()
	s.mu.Lock()
	key := strings.Join(args, " ")
	once, ok := s.made[key]
	if !ok {
		if s.made == nil {
			s.made = map[string]func() (string, error){}
		}
		once = sync.OnceValues(func() (string, error) { return s.make(t, args) })
		s.made[key] = once
	}
	s.mu.Unlock()
	return once()
}

// make has cdds demo write a data folder, and keeps its output beside it.
func (s *sampleFolders) make(t testing.TB, args []string) (string, error) {
	t.Helper()
	root, err := s.root()
	if err != nil {
		return "", err
	}
	place, err := os.MkdirTemp(root, "sample-")
	if err != nil {
		return "", fmt.Errorf("make a folder: %w", err)
	}
	data := filepath.Join(place, "data")
	if err := os.Mkdir(data, 0o755); err != nil { // as t.TempDir makes them
		return "", fmt.Errorf("make a folder: %w", err)
	}
	text, errs, code := command(t, "", append([]string{"demo", "--data", data, "--output", "json"}, args...)...)
	if code != 0 {
		return "", fmt.Errorf("cdds demo: exit code %d: %s", code, errs)
	}
	return place, os.WriteFile(filepath.Join(place, "output"), []byte(text), 0o600)
}

// root is the folder around all samples.
func (s *sampleFolders) root() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.place == "" {
		place, err := os.MkdirTemp("", "cdds-samples-")
		if err != nil {
			return "", fmt.Errorf("make a folder: %w", err)
		}
		s.place = place
	}
	return s.place, nil
}

// remove removes all samples at the end of the tests. It passes on their exit
// code, or turns it into one of failure.
func (s *sampleFolders) remove(w io.Writer, code int) int {
	if err := os.RemoveAll(s.place); err != nil {
		fmt.Fprintln(w, "remove the samples:", err)
		return max(code, 1)
	}
	return code
}
