package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// emptyHistory makes the reference schema in a new PostgreSQL database.
func emptyHistory(t testing.TB) (string, *pgx.Conn) {
	t.Helper()
	dsn := servers.Database(t)
	text, err := os.ReadFile("../../../shared/data/contact-history.sql")
	if err != nil {
		t.Fatalf("this test needs the reference schema, which is expected in ../shared/data beside the project: %v", err)
	}
	db, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close(context.Background())) })
	_, err = db.Exec(t.Context(), string(text))
	must(t, err)
	return dsn, db
}

// TestStrangeTexts exports a text with every control character, emoji,
// right-to-left text, and 50 MB in one record.
func TestStrangeTexts(t *testing.T) {
	t.Parallel()
	dsn, db := emptyHistory(t)
	var controls strings.Builder
	for c := rune(1); c < 0x20; c++ {
		controls.WriteRune(c)
	}
	texts := map[string]string{
		"control": controls.String() + "\u007f\u0085\u2028\u2029\"\\/",
		"emoji":   "👩‍👩‍👧‍👦 🇩🇪 \U0010FFFF",
		"rtl":     "שלום עולם مرحبا بالعالم \u202eabc",
		"huge":    strings.Repeat("0123456789 äöü \n", 50<<20/19),
	}
	for id, text := range texts {
		_, err := db.Exec(t.Context(), `insert into interaction (id, tenantid, entitytypeid, mediatypeid, typeid, status, startdate, text)
			values ($1, 101, 7, 'webform', 'Inbound', 3, '2020-01-01', $2)`, id, text)
		must(t, err)
	}
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	c := serve(t, "--data", data, "--source", dsn).signIn(t, out.Username, out.Password)
	r := finished(t, c.export(object{"splitSize": 1 << 20}))
	dir := t.TempDir()
	for _, a := range c.artifacts(r.ID) {
		openArtifact(t, c.download(a, "der", dir), out.Key, dir)
	}
	files, err := filepath.Glob(filepath.Join(dir, "Interaction-*.json"))
	must(t, err)
	got := map[string]string{}
	for _, path := range files {
		file, err := os.Open(path)
		must(t, err)
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 200<<20)
		for lines.Scan() {
			var record struct{ IxnID, Text string }
			must(t, json.Unmarshal(lines.Bytes(), &record))
			got[record.IxnID] = record.Text
		}
		must(t, lines.Err())
		must(t, file.Close())
	}
	for id, text := range texts {
		if got[id] != text {
			t.Errorf("text %q came out as %d bytes in place of %d", id, len(got[id]), len(text))
		}
	}
}

// TestSourceFaults gives the service sources that do not work: the run says
// why, in words to act on, and without a password.
func TestSourceFaults(t *testing.T) {
	t.Parallel()
	dsn, db := emptyHistory(t)
	_, err := db.Exec(t.Context(), "create role locked login; create table public.unrelated (x int)")
	must(t, err)
	empty := servers.Database(t)
	missingColumn, other := emptyHistory(t)
	_, err = other.Exec(t.Context(), "alter table interaction drop column thecomment")
	must(t, err)
	for name, test := range map[string]struct{ dsn, state, says string }{
		"unreachable":        {"postgres://cdds:hidden-word@127.0.0.1:1/x", "in_progress", "does not answer"}, // it may pass: two more attempts follow
		"no such role":       {strings.Replace(dsn, "postgres@", "nobody:hidden-word@", 1), "failed", "sign-in"},
		"no right to read":   {strings.Replace(dsn, "postgres@", "locked:hidden-word@", 1), "failed", "right"},
		"missing table":      {empty, "failed", "lacks a table"},
		"missing column":     {missingColumn, "failed", "thecomment"},
		"no such database":   {dsn[:strings.LastIndex(dsn, "/")] + "/nothing?sslmode=disable", "failed", "no such database"},
		"missing file":       {"sqlite:" + filepath.Join(t.TempDir(), "none.db"), "in_progress", "missing"},
		"no Contact History": {"sqlite:" + strangeFile(t), "failed", "source"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, out := demo(t, "--interactions", "10", "--contacts", "5")
			s := serve(t, "--data", data, "--source", test.dsn)
			c := s.signIn(t, out.Username, out.Password)
			var job jobAnswer
			c.ok("POST", "/jobs", jobBody(nil), &job)
			r := c.firstError(job.LatestRun.ID)
			said := ""
			if r.Error != nil {
				said = r.Error.Message
			} else {
				said = *r.Attempts[0].Error
			}
			if r.State != test.state || !strings.Contains(said, test.says) {
				t.Errorf("the run is %s and says %q", r.State, said)
			}
			// The service lives on.
			c.ok("GET", "/me", nil, nil)
			_, errs, code := command(t, "", "source", "check", "--source", test.dsn)
			if code == 0 {
				t.Error("source check finds nothing wrong")
			}
			s.stop()
			if strings.Contains(s.log.String()+errs, "hidden-word") {
				t.Error("the password is in the log or in an error")
			}
		})
	}
}

// strangeFile is a file that is no database.
func strangeFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "strange.db")
	must(t, os.WriteFile(path, []byte(strings.Repeat("this is no database ", 500)), 0o600))
	return path
}

// TestDiskFull lets the artifact storage run full: the run says so, nothing
// half-written is left, and the service lives on.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Fatal("this test mounts a small file system and needs root, as the build server has it")
	}
	small := t.TempDir()
	must(t, syscall.Mount("tmpfs", small, "tmpfs", 0, "size=1m"))
	t.Cleanup(func() { must(t, syscall.Unmount(small, 0)) })
	data, out := demo(t, "--interactions", "10000", "--contacts", "500")
	s := serve(t, "--data", data, "--artifacts", "file://"+small)
	c := s.signIn(t, out.Username, out.Password)
	var job jobAnswer
	c.ok("POST", "/jobs", jobBody(nil), &job)
	r := c.firstError(job.LatestRun.ID)
	if said := *r.Attempts[0].Error; !strings.Contains(said, "storage is full") {
		t.Errorf("the run says %q", said)
	}
	if n := len(c.artifacts(r.ID)); n != 0 {
		t.Errorf("%d artifacts are visible", n)
	}
	must(t, filepath.Walk(small, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			t.Errorf("%s was left behind", path)
		}
		return err
	}))
	c.ok("POST", "/runs/"+r.ID+"/cancel", nil, nil)
	// A small export still fits.
	finished(t, c.export(object{"type": "contact"}))
	s.stop() // before the file system goes
}

// TestNoPlaintextOnDisk looks through everything that the service wrote for a
// text that only the records hold.
func TestNoPlaintextOnDisk(t *testing.T) {
	t.Parallel()
	dsn, db := emptyHistory(t)
	const secret = "the customer's secret sentence"
	_, err := db.Exec(t.Context(), `insert into interaction (id, tenantid, entitytypeid, mediatypeid, typeid, status, startdate, text)
		select 'i' || n, 101, 7, 'webform', 'Inbound', 3, '2020-01-01', $1 from generate_series(1, 3000) n`, secret)
	must(t, err)
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	s := serve(t, "--data", data, "--source", dsn)
	c := s.signIn(t, out.Username, out.Password)
	finished(t, c.export(nil))
	s.stop()
	must(t, filepath.Walk(data, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), secret) {
			t.Errorf("%s holds a record's text", path)
		}
		if info.Mode().Perm()&0o077 != 0 && filepath.Ext(path) != ".pem" {
			t.Errorf("%s can be read by others: %s", path, info.Mode())
		}
		return err
	}))
	if strings.Contains(s.log.String(), secret) {
		t.Error("the log holds a record's text")
	}
}
