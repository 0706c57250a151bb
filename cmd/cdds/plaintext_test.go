package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// recordText stands in every record that is exported here, and nowhere else.
const recordText = "a customer's words that no disk may hold"

// seeker looks for plaintext in all places where a process may leave it.
type seeker struct {
	t       testing.TB
	pid     int
	folders []string
	needles [][]byte
	zip     *regexp.Regexp
}

func newSeeker(t testing.TB, pid int, folders ...string) *seeker {
	s := &seeker{t: t, pid: pid, folders: folders, zip: regexp.MustCompile(`(?s)PK\x03\x04.{26}(Interaction|Contact)-`)}
	s.needles = append(s.needles, []byte(recordText))
	for shift := range 3 { // the text in base64, wherever it begins
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + recordText))
		s.needles = append(s.needles, []byte(encoded[4:len(encoded)-4]))
	}
	return s
}

// look returns the places that hold a record's text, or the beginning of a zip
// with our files: folders, and the files that the process has open, which may
// have lost their names.
func (s *seeker) look() []string {
	s.t.Helper()
	var found []string
	seen := func(path, name string) {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENXIO) {
			return // it was removed, or closed, and its number is a connection's now
		}
		must(s.t, err)
		if s.zip.Match(text) || slices.ContainsFunc(s.needles, func(needle []byte) bool { return bytes.Contains(text, needle) }) {
			found = append(found, name)
		}
	}
	for _, folder := range s.folders {
		must(s.t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && entry.Type().IsRegular() {
				seen(path, path)
			}
			return err
		}))
	}
	open, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", s.pid))
	must(s.t, err)
	for _, path := range open {
		// Connections and the kernel's own objects have no path.
		name, err := os.Readlink(path)
		if info, statErr := os.Stat(path); err == nil && statErr == nil && info.Mode().IsRegular() && strings.HasPrefix(name, "/") {
			seen(path, name)
		}
	}
	return found
}

// TestNoPlaintextDuringExports runs the real process, slowly, through whole,
// split, canceled and failed runs, and looks at all it writes meanwhile. The
// metadata is in SQLite, with its write-ahead log.
func TestNoPlaintextDuringExports(t *testing.T) {
	dsn, db := emptyHistory(t)
	spoken.secret("record's text", recordText)
	_, err := db.Exec(t.Context(), `insert into interaction (id, tenantid, entitytypeid, mediatypeid, typeid, status, startdate, subject, text)
		select 'i' || n, 101, 7, 'webform', 'Inbound', 3, timestamptz '2020-01-01' + n * interval '1 s', $1::text,
			$1::text || (select string_agg(md5(n::text || k::text), '') from generate_series(1, 40) k) from generate_series(1, 3000) n`, recordText)
	must(t, err)
	_, err = db.Exec(t.Context(), `insert into attachment (id, entityid, tenantid, thename, mimetype, thesize, content)
		select 'a' || n, 'i' || n, 101, $1::text, 'text/plain', length($1::text), convert_to($1::text, 'UTF8') from generate_series(1, 300) n`, recordText)
	must(t, err)
	reader := "reader_of_" + db.Config().Database
	_, err = db.Exec(t.Context(), "create role "+reader+" login; grant select on all tables in schema public to "+reader)
	must(t, err)
	dsn = strings.Replace(dsn, "postgres@", reader+"@", 1)
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	temporary := t.TempDir()
	p := start(t, 0o022, []string{"TMPDIR=" + temporary, "CDDS_SOURCE=" + dsn}, "--data", data, "--source-rows-per-second", "2000")
	seek := newSeeker(t, p.cmd.Process.Pid, data, temporary, "/dev/shm")
	proveThatItFinds(t, seek, data, temporary)
	c := p.signIn(t, out.Username, out.Password)

	// watch looks while a run has read records, until it ends or do ends it.
	watch := func(changes object, do func(runID string)) runAnswer {
		var job jobAnswer
		c.ok("POST", "/jobs", jobBody(changes), &job)
		looks := 0
		for r, deadline := *job.LatestRun, time.Now().Add(waitTime); ; {
			for _, place := range seek.look() {
				t.Errorf("%s holds plaintext", place)
			}
			if r.State == "in_progress" && r.Progress.Records > 0 {
				looks++
				if looks == 3 {
					do(r.ID)
				}
			}
			if r.State != "queued" && r.State != "in_progress" {
				if looks < 3 {
					t.Errorf("only %d looks while the run was in progress", looks)
				}
				return r
			}
			if time.Now().After(deadline) {
				t.Fatalf("the run is still %s", r.State)
			}
			c.ok("GET", "/runs/"+r.ID, nil, &r)
		}
	}
	nothing := func(string) {}
	finished(t, watch(nil, nothing))
	if r := finished(t, watch(object{"splitSize": 1 << 20}, nothing)); len(c.artifacts(r.ID)) < 2 {
		t.Errorf("the split run has %d artifacts", len(c.artifacts(r.ID)))
	}
	if r := watch(nil, func(id string) { c.ok("POST", "/runs/"+id+"/cancel", nil, nil) }); r.State != "canceled" {
		t.Errorf("the canceled run is %s", r.State)
	}
	failed := watch(nil, func(string) {
		_, err := db.Exec(t.Context(), "revoke select on interaction from "+reader)
		must(t, err)
	})
	if failed.State != "failed" {
		t.Errorf("the failed run is %s", failed.State)
	}
	for _, place := range seek.look() {
		t.Errorf("%s holds plaintext at the end", place)
	}
	p.stop()
	for _, place := range seek.look() {
		t.Errorf("%s holds plaintext after the service", place)
	}
	if strings.Contains(p.log.String(), recordText) {
		t.Error("the log holds a record's text")
	}
}

// proveThatItFinds plants plaintext in each kind of place and has it found.
func proveThatItFinds(t *testing.T, seek *seeker, data, temporary string) {
	t.Helper()
	if found := seek.look(); len(found) != 0 {
		t.Fatalf("plaintext before anything was exported: %v", found)
	}
	deep := filepath.Join(data, "artifacts", "planted")
	must(t, os.MkdirAll(deep, 0o700))
	planted := map[string]string{
		filepath.Join(temporary, "plain"):    "before " + recordText + " behind",
		filepath.Join(data, "cdds.db-plant"): "\x00\x01" + recordText + "\x00",
		filepath.Join(deep, "encoded"):       base64.StdEncoding.EncodeToString([]byte("ab" + recordText + "behind")),
		filepath.Join(deep, "zip"):           "xxPK\x03\x04" + strings.Repeat("\x00", 26) + "Interaction-7.json",
	}
	for path, text := range planted {
		must(t, os.WriteFile(path, []byte(text), 0o600))
	}
	// A file without a name, open in a process.
	nameless, err := os.CreateTemp(temporary, "nameless")
	must(t, err)
	_, err = nameless.WriteString(recordText)
	must(t, err)
	must(t, os.Remove(nameless.Name()))
	own := *seek
	own.pid = syscall.Getpid()
	found := own.look()
	for path := range planted {
		if !slices.Contains(found, path) {
			t.Errorf("what was planted in %s is not found", path)
		}
		must(t, os.Remove(path))
	}
	if !slices.ContainsFunc(found, func(place string) bool { return strings.Contains(place, "nameless") }) {
		t.Error("what was planted in a file without a name is not found")
	}
	must(t, nameless.Close())
	must(t, os.Remove(deep))
}

// TestFilePermissions has everything made under a umask that forbids nothing:
// it is its owner's alone. Secrets that others may read are refused.
func TestFilePermissions(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	made, err := self(t, 0, nil, "demo", "--data", data, "--interactions", "50", "--contacts", "5", "--export").CombinedOutput()
	if err != nil {
		t.Fatalf("cdds demo: %v: %s", err, made)
	}
	p := start(t, 0, nil, "--data", data)
	p.stop()
	files := 0
	must(t, filepath.WalkDir(data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		files++
		info, err := entry.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if entry.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %s, want %s", path, info.Mode().Perm(), want)
		}
		return nil
	}))
	if files < 5 || strings.Contains(p.log.String(), "open to others") {
		t.Errorf("%d files; the log says %s", files, p.log.String())
	}
	for _, test := range []struct {
		path       string
		mode, good fs.FileMode
		refused    bool
	}{
		{"cdds.db", 0o644, 0o600, true},
		{"cdds.db", 0o660, 0o600, true},
		{"cdds.db", 0o640, 0o600, false},
		{"demo-key.pem", 0o604, 0o600, true},
		{"", 0o777, 0o700, true},
		{"", 0o755, 0o700, false},
	} {
		path := filepath.Join(data, test.path)
		must(t, os.Chmod(path, test.mode))
		if test.refused {
			_, errs, code := command(t, "", "serve", "--data", data, "--listen", "127.0.0.1:0")
			if code != 2 || !strings.Contains(errs, path) || !strings.Contains(errs, fmt.Sprintf("chmod %o", test.good)) {
				t.Errorf("%s with %o: exit code %d: %s", test.path, test.mode, code, errs)
			}
		} else {
			s := serve(t, "--data", data)
			s.stop()
			if test.path == "" && !strings.Contains(s.log.String(), "open to others") {
				t.Errorf("no warning of %o", test.mode)
			}
		}
		must(t, os.Chmod(path, test.good))
	}
}
