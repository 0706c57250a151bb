package main

import (
	"strings"
	"testing"
)

// setAll sets variables for this process and the test.
func setAll(t *testing.T, env []string) {
	t.Helper()
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}

// TestS3Quick is a first look.
func TestS3Quick(t *testing.T) {
	location, env := startS3(t)
	setAll(t, env)
	data, out := demo(t, "--interactions", "500", "--contacts", "10")
	c := serve(t, "--data", data, "--artifacts", location).signIn(t, out.Username, out.Password)
	r := finished(t, c.export(nil))
	dir := t.TempDir()
	for _, a := range c.artifacts(r.ID) {
		openArtifact(t, c.download(a, "der", dir), out.Key, dir)
	}
}
