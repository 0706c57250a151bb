package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/alecthomas/kong"
)

// FuzzSettings reads any file as the settings of serve: it is refused with an
// error, or gives settings of the right kind. Nothing is started.
func FuzzSettings(f *testing.F) {
	for _, text := range []string{
		"data: /srv/cdds\nlisten: 127.0.0.1:0\nrole: api,scheduler\nworkers: 4\nretention: 48h\nsecure: true\nscrub-rate: 0\n",
		"role: [api, worker]\nworkers: '3'\nverbose: yes\n",
		"workers: many\n", "retention: -1\n", "role: nobody\n", "unknown: 1\n", "data: {a: 1}\n", "data: [[]]\n", "workers: 1e400\n",
		"- a list\n", "a text\n", "null\n", "", "data: &a [*a]\n", "a: &a {<<: *a}\n", "data: !!binary ////\n", "\xff\xfe\x00", "? [a]\n: b\n", "data: null\nworkers: null\n",
		"workers: 99999999999999999999999\n", "retention: 2562048h\n", "config: other.yaml\n",
	} {
		f.Add([]byte(text))
	}
	path := filepath.Join(f.TempDir(), "settings.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		must(t, os.WriteFile(path, text, 0o600))
		settings, err := readSettings(path)
		if err != nil {
			return
		}
		var cli commands
		parser, err := newParser(&cli, settings, kong.Writers(io.Discard, io.Discard), kong.Exit(func(code int) { t.Fatalf("a settings file ended the program with %d", code) }))
		if err != nil {
			t.Fatalf("the parser: %v", err)
		}
		if _, err := parser.Parse([]string{"serve"}); err != nil {
			return
		}
		for _, role := range cli.Serve.Role {
			if role != "all" && role != "api" && role != "scheduler" && role != "worker" {
				t.Fatalf("a role %q was accepted", role)
			}
		}
	})
}
