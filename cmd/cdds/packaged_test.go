package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// packaged reads a file of the folder packaging.
func packaged(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "packaging", name))
	must(t, err)
	return string(text)
}

// TestPackagedSettings gives serve the settings files that are shipped, the
// lines that are commented out too: all of them are settings that it knows, of
// the right kind.
func TestPackagedSettings(t *testing.T) {
	for name, lines := range map[string]int{"debian/config.yaml": 13, "kubernetes/config.yaml": 4, "kubernetes-nodes/config.yaml": 6} {
		t.Run(name, func(t *testing.T) {
			text := regexp.MustCompile(`(?m)^#([a-z-]+:)`).ReplaceAllString(packaged(t, name), "$1")
			if found := len(regexp.MustCompile(`(?m)^[a-z-]+:`).FindAllString(text, -1)); found < lines {
				t.Fatalf("it has %d settings, expected %d", found, lines)
			}
			path := filepath.Join(t.TempDir(), "config.yaml")
			must(t, os.WriteFile(path, []byte(text), 0o600))
			settings, err := readSettings(path)
			must(t, err)
			var cli commands
			var said bytes.Buffer
			parser, err := newParser(&cli, settings, kong.Writers(&said, &said))
			must(t, err)
			if _, err := parser.Parse([]string{"serve"}); err != nil {
				t.Fatalf("serve refuses it: %v", err)
			}
			if !strings.HasPrefix(cli.Serve.Data, "/var/lib/cdds") || cli.Serve.Source == "" {
				t.Errorf("serve has not taken its values: %+v", cli.Serve)
			}
		})
	}
}

// TestManualPage compares the commands of the manual page with those there are.
func TestManualPage(t *testing.T) {
	var cli commands
	settings, err := readSettings("")
	must(t, err)
	parser, err := newParser(&cli, settings)
	must(t, err)
	page := packaged(t, "debian/cdds.1")
	for _, command := range parser.Model.Children {
		if !regexp.MustCompile(`(?m)^\.B ` + command.Name + `( [a-z]+)?$`).MatchString(page) {
			t.Errorf("the manual page lacks cdds %s", command.Name)
		}
	}
}

// TestServeRefusesANewerDatabase starts the service on the metadata of a later
// version: it ends with what to do, and leaves the database as it was.
func TestServeRefusesANewerDatabase(t *testing.T) {
	data := t.TempDir()
	var said bytes.Buffer
	std := streams{In: strings.NewReader(""), Out: &said, Err: &said}
	if code := run(t.Context(), []string{"migrate", "--data", data}, std); code != 0 {
		t.Fatalf("migrate ended with %d: %s", code, said.String())
	}
	st, err := openStore(t.Context(), dataFlags{Data: data}, false)
	must(t, err)
	_, err = st.DB().Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`)
	must(t, err)
	must(t, st.Close())
	for _, command := range []string{"serve", "migrate"} {
		said.Reset()
		code := run(t.Context(), []string{command, "--data", data}, std)
		if code != 1 || !strings.Contains(said.String(), "schema version 9999") || !strings.Contains(said.String(), "newer version of cdds") {
			t.Errorf("cdds %s ended with %d: %s", command, code, said.String())
		}
	}
}
