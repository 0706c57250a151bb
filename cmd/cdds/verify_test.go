package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// storedFile returns the path of an artifact's file in a data folder.
func storedFile(t testing.TB, data, name string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(data, "artifacts", "tenants", "*", "runs", "*", "attempt-*", name))
	must(t, err)
	if len(found) != 1 {
		t.Fatalf("%d files are called %s", len(found), name)
	}
	return found[0]
}

// flip changes one byte in the middle of a file.
func flip(t testing.TB, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	text[len(text)/2] ^= 1
	must(t, os.WriteFile(path, text, 0o600))
}

// TestVerifyAndExportAgain damages one artifact and loses another, beside the
// running service: verify names both, the API shows them, and the runs can be
// exported again.
func TestVerifyAndExportAgain(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "500", "--contacts", "200")
	s := serve(t, "--data", data, "--scrub-rate", "0")
	c := s.signIn(t, out.Username, out.Password)
	var names []string
	var runs []runAnswer
	for range 3 {
		r := finished(t, c.export(object{"type": "contact"}))
		runs = append(runs, r)
		names = append(names, c.artifacts(r.ID)[0].Name)
	}
	verify := func(code int) verifyReport {
		t.Helper()
		var report verifyReport
		text, errs, got := command(t, "", "verify", "--data", data, "--output", "json")
		if got != code {
			t.Fatalf("verify ended with %d: %s%s", got, text, errs)
		}
		must(t, json.Unmarshal([]byte(text), &report))
		return report
	}
	if r := verify(0); r.Checked != 3 || len(r.Damaged) != 0 {
		t.Fatalf("verify of what is whole: %+v", r)
	}
	c.fails(http.StatusConflict, "POST", "/runs/"+runs[0].ID+"/retry", nil)
	flip(t, storedFile(t, data, names[0]))
	must(t, os.Remove(storedFile(t, data, names[1])))
	report := verify(1)
	said := map[string]string{}
	for _, f := range report.Damaged {
		said[f.Name] = f.Reason + f.Remedy + f.Title + f.Tenant
	}
	if len(said) != 2 || !strings.Contains(said[names[0]], "SHA-256") || !strings.Contains(said[names[1]], "missing") || !strings.Contains(said[names[0]], runs[0].ID) {
		t.Errorf("verify says %v", said)
	}
	for i, damaged := range []bool{true, true, false} {
		var a struct {
			VerifiedAt *time.Time
			Damaged    *struct {
				At     time.Time
				Reason string
			}
		}
		c.ok("GET", "/artifacts/"+c.artifacts(runs[i].ID)[0].ID, nil, &a)
		if (a.Damaged != nil) != damaged || a.VerifiedAt == nil {
			t.Errorf("artifact %d: %+v", i, a)
		}
		var r struct{ DamagedArtifacts int }
		c.ok("GET", "/runs/"+runs[i].ID, nil, &r)
		if (r.DamagedArtifacts == 1) != damaged {
			t.Errorf("run %d has %d damaged artifacts", i, r.DamagedArtifacts)
		}
	}
	var again runAnswer
	c.ok("POST", "/runs/"+runs[1].ID+"/retry", nil, &again)
	if again = finished(t, c.await(again.ID)); *again.RetryOf != runs[1].ID || again.Progress.Records != runs[1].Progress.Records {
		t.Errorf("the run was repeated as %+v", again)
	}
	s.stop()
	text, _, code := command(t, "", "verify", "--data", data)
	if code != 1 || !strings.Contains(text, "4 artifacts checked") || !strings.Contains(text, "2 damaged") || !strings.Contains(text, "Export it again") {
		t.Errorf("verify without the service ended with %d: %s", code, text)
	}
}

// TestTheServiceScrubs finds the damage by itself.
func TestTheServiceScrubs(t *testing.T) {
	data, out := demo(t, "--interactions", "100", "--contacts", "50")
	s := serve(t, "--data", data, "--role", "api,worker")
	c := s.signIn(t, out.Username, out.Password)
	r := finished(t, c.export(object{"type": "contact"}))
	flip(t, storedFile(t, data, c.artifacts(r.ID)[0].Name))
	s.stop()
	c = serve(t, "--data", data).signIn(t, out.Username, out.Password)
	for deadline := time.Now().Add(waitTime); ; time.Sleep(20 * time.Millisecond) {
		var now struct{ DamagedArtifacts int }
		c.ok("GET", "/runs/"+r.ID, nil, &now)
		if now.DamagedArtifacts == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the damage was not found")
		}
	}
}

// TestVerifyOfNothing is told another place by mistake, twice.
func TestVerifyOfNothing(t *testing.T) {
	t.Parallel()
	good, _ := demo(t, "--interactions", "10", "--contacts", "5")
	mistyped := filepath.Join(t.TempDir(), "mistyped")
	if _, errs, code := command(t, "", "verify", "--data", good, "--artifacts", "file://"+mistyped); code != 3 || !strings.Contains(errs, "--artifacts") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if _, err := os.Stat(mistyped); !os.IsNotExist(err) {
		t.Error("verify made the storage")
	}
	data := filepath.Join(t.TempDir(), "mistyped")
	if _, errs, code := command(t, "", "verify", "--data", data); code != 3 || !strings.Contains(errs, "--data") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Error("verify made the folder")
	}
}
