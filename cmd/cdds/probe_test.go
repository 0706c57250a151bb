package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// probe runs cdds probe and returns its exit code and what it said.
func probe(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var said bytes.Buffer
	code := run(t.Context(), append([]string{"probe"}, args...), streams{In: strings.NewReader(""), Out: &said, Err: &said})
	return code, said.String()
}

// TestProbe asks services that live, do not, are not ready, and speak TLS.
func TestProbe(t *testing.T) {
	dir := t.TempDir()
	plain := start(t, 0o022, nil, "--data", filepath.Join(dir, "plain"))
	cert, key, _ := ownPair(t, dir, "probed")
	secure := start(t, 0o022, nil, "--data", filepath.Join(dir, "secure"), "--tls-cert", cert, "--tls-key", key)
	sick := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			http.Error(w, "no", http.StatusServiceUnavailable)
		}
	}))
	defer sick.Close()
	other := t.TempDir()
	strange, _, _ := ownPair(t, other, "another")
	address := func(url string) string { return url[strings.LastIndex(url, "/")+1:] }
	anywhere := strings.Replace(address(plain.url), "127.0.0.1", "0.0.0.0", 1)
	for _, c := range []struct {
		name string
		code int
		says string
		args []string
	}{
		{"alive", 0, "", []string{"--listen", address(plain.url)}},
		{"ready", 0, "", []string{"--ready", "--listen", address(plain.url)}},
		{"on all addresses", 0, "", []string{"--listen", anywhere}},
		{"TLS", 0, "", []string{"--ready", "--listen", address(secure.url), "--tls-cert", cert}},
		{"another certificate", 1, "does not answer", []string{"--listen", address(secure.url), "--tls-cert", strange}},
		{"no certificate", 2, "cannot be read", []string{"--listen", address(secure.url), "--tls-cert", key}},
		{"alive, not ready", 0, "", []string{"--listen", address(sick.URL)}},
		{"not ready", 1, "503", []string{"--ready", "--listen", address(sick.URL)}},
		{"nobody", 1, "does not answer", []string{"--listen", "127.0.0.1:1"}},
		{"no address", 2, "cannot be read", []string{"--listen", "nowhere"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if code, said := probe(t, c.args...); code != c.code || !strings.Contains(said, c.says) {
				t.Errorf("exit code %d, expected %d with %q: %s", code, c.code, c.says, said)
			}
		})
	}
}
