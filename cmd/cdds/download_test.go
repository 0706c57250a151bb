package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestDownloads fetches artifacts in both forms, whole and in pieces, and many
// as one archive.
func TestDownloads(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "8000", "--contacts", "100")
	c := serve(t, "--data", data).signIn(t, out.Username, out.Password)
	r := finished(t, c.export(object{"splitSize": 1 << 20}))
	files := c.artifacts(r.ID)
	if len(files) < 2 {
		t.Fatalf("%d artifacts", len(files))
	}
	a := files[0]
	for _, form := range []string{"der", "smime"} {
		path := "/artifacts/" + a.ID + "/content?form=" + form
		status, header, whole := c.do("GET", path, nil, nil)
		if status != 200 || header.Get("ETag") == "" || header.Get("Accept-Ranges") != "bytes" {
			t.Fatalf("%s: status %d, headers %v", form, status, header)
		}
		if sum := sha256.Sum256(whole); form == "der" && (hex.EncodeToString(sum[:]) != a.SHA256 || int64(len(whole)) != a.Size || header.Get("ETag") != `"`+a.SHA256+`"`) {
			t.Fatalf("%d bytes with SHA-256 %x", len(whole), sum)
		}
		status, _, piece := c.do("GET", path, nil, map[string]string{"Range": "bytes=1000-1999", "If-Range": header.Get("ETag")})
		if status != http.StatusPartialContent || !bytes.Equal(piece, whole[1000:2000]) {
			t.Errorf("%s: a range gave status %d and %d bytes", form, status, len(piece))
		}
		status, _, piece = c.do("GET", path, nil, map[string]string{"Range": "bytes=1000-1999", "If-Range": `"another"`})
		if status != 200 || len(piece) != len(whole) {
			t.Errorf("%s: a range of another file gave status %d", form, status)
		}
		if status, _, _ = c.do("GET", path, nil, map[string]string{"Range": "bytes=999999999-"}); status != http.StatusRequestedRangeNotSatisfiable {
			t.Errorf("%s: a range behind the end gave status %d", form, status)
		}
		if status, _, _ = c.do("GET", path, nil, map[string]string{"If-None-Match": header.Get("ETag")}); status != http.StatusNotModified {
			t.Errorf("%s: an unchanged file gave status %d", form, status)
		}
	}
	ids := []string{}
	for _, f := range files {
		ids = append(ids, f.ID)
	}
	status, _, archive := c.do("POST", "/artifacts/archive", object{"ids": ids}, nil)
	if status != 200 {
		t.Fatalf("archive: status %d", status)
	}
	sums := map[string]string{}
	for reader := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		h := sha256.New()
		_, err = io.Copy(h, reader)
		must(t, err)
		sums[header.Name] = hex.EncodeToString(h.Sum(nil))
	}
	for _, f := range files {
		if sums[f.Name] != f.SHA256 {
			t.Errorf("%s is another file in the archive", f.Name)
		}
	}
	c.fails(404, "POST", "/artifacts/archive", object{"ids": []string{ids[0], "none"}})
	c.ok("DELETE", "/artifacts/"+a.ID, nil, nil)
	c.fails(404, "GET", "/artifacts/"+a.ID+"/content", nil)
	if n := len(c.artifacts(r.ID)); n != len(files)-1 {
		t.Errorf("%d artifacts after deleting one of %d", n, len(files))
	}
}

// TestDecryptCommand opens parts with cdds decrypt and lets the manifest judge.
func TestDecryptCommand(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "8000", "--contacts", "100")
	c := serve(t, "--data", data).signIn(t, out.Username, out.Password)
	r := finished(t, c.export(object{"splitSize": 1 << 20}))
	dir := t.TempDir()
	var files []string
	for i, a := range c.artifacts(r.ID) {
		files = append(files, c.download(a, []string{"der", "smime"}[i%2], dir))
	}
	_, _, manifest := c.do("GET", "/runs/"+r.ID+"/manifest", nil, nil)
	account := filepath.Join(dir, "manifest.json")
	must(t, os.WriteFile(account, manifest, 0o600))
	var m struct{ Records map[string]int64 }
	must(t, json.Unmarshal(manifest, &m))
	if m.Records["interaction"] != 8000 {
		t.Fatalf("the manifest counts %v", m.Records)
	}
	args := func(more ...string) []string {
		return append([]string{"decrypt", "--key", out.Key, "--manifest", account, "--out", filepath.Join(dir, "out")}, more...)
	}
	commandOK(t, "", args(files...)...)
	lines := commandOK(t, "", append([]string{"decrypt", "--key", out.Key, "--out", "-"}, files...)...)
	if n := strings.Count(lines, "\n"); int64(n) != m.Records["interaction"]+m.Records["attachment"] {
		t.Errorf("%d lines on standard output", n)
	}
	if _, errs, code := command(t, "", args(files[1:]...)...); code != 2 || !strings.Contains(errs, "not given") {
		t.Errorf("a missing part: exit code %d: %s", code, errs)
	}
	// A changed and a cut artifact leave nothing behind.
	der, err := os.ReadFile(files[0])
	must(t, err)
	for name, damaged := range map[string][]byte{"cut": der[:len(der)/2], "changed": append(append(append([]byte(nil), der[:len(der)/2]...), der[len(der)/2]^1), der[len(der)/2+1:]...)} {
		bad, target := filepath.Join(dir, name+".p7m"), filepath.Join(dir, name)
		must(t, os.WriteFile(bad, damaged, 0o600))
		if _, errs, code := command(t, "", "decrypt", "--key", out.Key, "--manifest", account, "--out", target, bad); code == 0 {
			t.Errorf("%s: decrypted: %s", name, errs)
		}
		left, err := os.ReadDir(target)
		must(t, err)
		if len(left) > 0 {
			t.Errorf("%s: left %s behind", name, left[0].Name())
		}
	}
	_, other := demo(t, "--interactions", "10", "--contacts", "5")
	if _, errs, code := command(t, "", "decrypt", "--key", other.Key, "--out", dir, files[0]); code == 0 || !strings.Contains(errs, "not encrypted to this key") {
		t.Errorf("another's key: exit code %d: %s", code, errs)
	}
	if _, _, code := command(t, "", "decrypt", "--key", out.Certificate, files[0]); code != 2 {
		t.Errorf("a certificate as the key: exit code %d", code)
	}
}

// TestEventsTellOfRuns listens to the event stream while a run works.
func TestEventsTellOfRuns(t *testing.T) {
	data, out := demo(t, "--interactions", "100", "--contacts", "10")
	c := serve(t, "--data", data).signIn(t, out.Username, out.Password)
	req, err := http.NewRequestWithContext(t.Context(), "GET", c.base+"/events", nil)
	must(t, err)
	resp, err := c.http.Do(req) //nolint:bodyclose // closed below; the linter loses it in the goroutine
	must(t, err)
	defer resp.Body.Close()
	states := make(chan string, 100)
	go func() {
		defer close(states)
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			text, ok := strings.CutPrefix(lines.Text(), "data: ")
			var event struct{ Runs []runAnswer }
			if !ok || json.Unmarshal([]byte(text), &event) != nil {
				continue
			}
			for _, r := range event.Runs {
				states <- r.ID + " " + r.State
			}
		}
	}()
	r := finished(t, c.export(nil))
	deadline := time.After(waitTime)
	for {
		select {
		case state, open := <-states:
			if !open {
				t.Fatal("the stream ended")
			}
			if state == r.ID+" finished" {
				return
			}
		case <-deadline:
			t.Fatal("no event of the finished run")
		}
	}
}

// TestSchemasAreServed fetches the public schemas.
func TestSchemasAreServed(t *testing.T) {
	t.Parallel()
	data, _ := demo(t, "--interactions", "10", "--contacts", "5")
	s := serve(t, "--data", data)
	for _, name := range []string{"interaction", "attachment", "contact"} {
		resp, err := http.Get(s.url + "/api/v1/schemas/" + name)
		must(t, err)
		value, err := jsonschema.UnmarshalJSON(resp.Body)
		must(t, err)
		must(t, resp.Body.Close())
		compiler := jsonschema.NewCompiler()
		must(t, compiler.AddResource("mem:x", value))
		_, err = compiler.Compile("mem:x")
		must(t, err)
	}
	for _, path := range []string{"/healthz", "/readyz", "/api/v1/openapi.json"} {
		resp, err := http.Get(s.url + path)
		must(t, err)
		must(t, resp.Body.Close())
		if resp.StatusCode >= 300 {
			t.Errorf("%s: status %d", path, resp.StatusCode)
		}
	}
}
