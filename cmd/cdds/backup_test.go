package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cdds/store"
)

// TestBackupAndRestoreWhileRunsAreGoing takes a backup while runs are in
// progress, goes on, and restores it: the runs of the backup end, once and with
// the right records; what was made since is not thrown away.
func TestBackupAndRestoreWhileRunsAreGoing(t *testing.T) {
	const records = 300
	dsn, db := emptyHistory(t)
	_, err := db.Exec(t.Context(), fmt.Sprintf(`insert into interaction (id, tenantid, entitytypeid, mediatypeid, typeid, status, startdate)
		select 'i' || n, 101, 7, 'webform', 'Inbound', 3, '2020-01-01' from generate_series(1, %d) n`, records))
	must(t, err)
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	file := filepath.Join(t.TempDir(), "backup.db")
	s := serve(t, "--data", data, "--source", dsn)
	c := s.signIn(t, out.Username, out.Password)
	before := finished(t, c.export(nil))

	open := lockTable(t, dsn)
	working := c.runNow(jobBody(nil))
	c.awaitState(working, "in_progress")
	recurring := jobBody(object{"schedule": object{"kind": "weekly", "weekday": "sunday", "at": "03:00"}, "timeframe": object{"kind": "all"}})
	var job jobAnswer
	c.ok("POST", "/jobs", recurring, &job)
	var first, queued runAnswer
	c.ok("POST", "/jobs/"+job.ID+"/runs", nil, &first)
	c.awaitState(first.ID, "in_progress")
	c.ok("POST", "/jobs/"+job.ID+"/runs", nil, &queued)
	commandOK(t, "", "backup", "--data", data, "--to", file)
	open()
	for _, id := range []string{working, first.ID, queued.ID} {
		finished(t, c.await(id))
	}
	since := finished(t, c.export(nil))
	sinceFile := storedFile(t, data, c.artifacts(since.ID)[0].Name)
	checkBackupFile(t, data, file)
	if _, errs, code := command(t, "", "restore", "--data", data, "--from", file); code != 1 || !strings.Contains(errs, "Stop it") {
		t.Fatalf("restore beside the service ended with %d: %s", code, errs)
	}
	s.stop()
	text := commandOK(t, "", "restore", "--data", data, "--from", file)
	if kept, err := filepath.Glob(filepath.Join(data, "cdds.db.before-restore-*")); err != nil || len(kept) != 1 || !strings.Contains(text, kept[0]) {
		t.Fatalf("the old database is kept in %v; restore says %s", kept, text)
	}

	s = serve(t, "--data", data, "--source", dsn)
	if status, _, _ := c.at(s).do("GET", "/me", nil, nil); status != http.StatusUnauthorized {
		t.Errorf("a session from before the restore gave status %d", status)
	}
	c = s.signIn(t, out.Username, out.Password)
	c.fails(http.StatusNotFound, "GET", "/runs/"+since.ID, nil)
	for id, attempts := range map[string]int{before.ID: 1, working: 2, first.ID: 2, queued.ID: 1} {
		r := finished(t, c.await(id))
		if len(r.Attempts) != attempts {
			t.Errorf("run %s took %d attempts, want %d", id, len(r.Attempts), attempts)
		}
		if attempts == 2 && !strings.Contains(*r.Attempts[0].Error, "restored from a backup") {
			t.Errorf("the attempt says %s", *r.Attempts[0].Error)
		}
		c.holdsEachOnce(id, out.Key, records)
	}
	if _, err := os.Stat(sinceFile); err != nil {
		t.Errorf("the artifact that was made since the backup: %v", err)
	}
	commandOK(t, "", "verify", "--data", data)
	s.stop()
	commandOK(t, "", "restore", "--data", data, "--discard-newer")
	serve(t, "--data", data, "--source", dsn)
	for deadline := time.Now().Add(waitTime); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(sinceFile); os.IsNotExist(err) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the file is there though it was to be discarded")
		}
	}
	restoreElsewhere(t, file, dsn, out, before)
}

// restoreElsewhere restores into a new folder, to which no artifacts were
// brought: verify says so, and they are exported again.
func restoreElsewhere(t *testing.T, file, dsn string, out demoOutput, lost runAnswer) {
	fresh := filepath.Join(t.TempDir(), "fresh")
	commandOK(t, "", "restore", "--data", fresh, "--from", file)
	c := serve(t, "--data", fresh, "--source", dsn).signIn(t, out.Username, out.Password)
	if text, _, code := command(t, "", "verify", "--data", fresh); code != 1 || !strings.Contains(text, "missing") {
		t.Errorf("verify ended with %d: %s", code, text)
	}
	var again runAnswer
	c.ok("POST", "/runs/"+lost.ID+"/retry", nil, &again)
	finished(t, c.await(again.ID))
}

// checkBackupFile looks at the file's mode, and that nothing is written over it
// or left beside it.
func checkBackupFile(t *testing.T, data, file string) {
	t.Helper()
	info, err := os.Stat(file)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the backup's mode is %s", info.Mode())
	}
	if _, errs, code := command(t, "", "backup", "--data", data, "--to", file); code != 2 || !strings.Contains(errs, "exists already") {
		t.Errorf("a backup over another ended with %d: %s", code, errs)
	}
	if left, err := filepath.Glob(file + "?*"); err != nil || len(left) != 0 {
		t.Errorf("left beside the backup: %v, %v", left, err)
	}
}

// lockTable keeps all readers from the interactions until the returned function
// is called.
func lockTable(t testing.TB, dsn string) func() {
	t.Helper()
	other, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	_, err = other.Exec(t.Context(), "begin; lock table interaction in access exclusive mode")
	must(t, err)
	return func() { must(t, other.Close(context.Background())) }
}

// runNow saves a one-time job and returns its run's id.
func (c *client) runNow(body object) string {
	c.t.Helper()
	var job jobAnswer
	c.ok("POST", "/jobs", body, &job)
	return job.LatestRun.ID
}

// awaitState waits until a run is in a state.
func (c *client) awaitState(id, state string) {
	c.t.Helper()
	for deadline := time.Now().Add(waitTime); ; time.Sleep(20 * time.Millisecond) {
		var r runAnswer
		c.ok("GET", "/runs/"+id, nil, &r)
		if r.State == state {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("run %s is still %s", id, r.State)
		}
	}
}

// at is the same session at another service.
func (c *client) at(s *runningService) *client {
	return &client{t: c.t, base: s.url + "/api/v1", http: c.http}
}

// holdsEachOnce opens a run's artifacts and counts the records.
func (c *client) holdsEachOnce(runID, key string, want int) {
	c.t.Helper()
	dir := c.t.(*testing.T).TempDir()
	for _, a := range c.artifacts(runID) {
		openArtifact(c.t, c.download(a, "der", dir), key, dir)
	}
	got := exported(c.t, "interaction", filepath.Join(dir, "Interaction-[0-9a-f]*.json"))
	if len(got) != want || got.total() != want {
		c.t.Errorf("run %s holds %d records, %d different ones, want %d", runID, got.total(), len(got), want)
	}
}

// TestRestoreRefuses what would do harm, and leaves all as it was.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	data, _ := demo(t, "--interactions", "10", "--contacts", "5")
	dir := t.TempDir()
	good, newer, torn := filepath.Join(dir, "good"), filepath.Join(dir, "newer"), filepath.Join(dir, "torn")
	commandOK(t, "", "backup", "--data", data, "--to", good)
	text, err := os.ReadFile(good)
	must(t, err)
	must(t, os.WriteFile(torn, text[:len(text)/2], 0o600))
	must(t, os.WriteFile(newer, text, 0o600))
	st, err := store.Open(t.Context(), newer)
	must(t, err)
	_, err = st.DB().Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`)
	must(t, err)
	must(t, st.Close())
	old, err := os.ReadFile(filepath.Join(data, "cdds.db"))
	must(t, err)
	for _, c := range []struct {
		name string
		code int
		args []string
	}{
		{"nothing", 2, nil},
		{"a damaged file", 2, []string{"--from", torn}},
		{"a newer version", 1, []string{"--from", newer}},
		{"a file that is not there", 3, []string{"--from", filepath.Join(dir, "none")}},
		{"PostgreSQL", 2, []string{"--from", good, "--database", "postgres://127.0.0.1:1/x"}},
	} {
		if _, errs, code := command(t, "", append([]string{"restore", "--data", data}, c.args...)...); code != c.code || !strings.Contains(errs, "hint") && c.code == 2 {
			t.Errorf("%s: exit code %d, want %d: %s", c.name, code, c.code, errs)
		}
	}
	now, err := os.ReadFile(filepath.Join(data, "cdds.db"))
	must(t, err)
	if string(now) != string(old) {
		t.Error("a refused restore changed the database")
	}
	if left, err := filepath.Glob(filepath.Join(data, "cdds.db?*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	using, err := store.Open(t.Context(), filepath.Join(data, "cdds.db"))
	must(t, err)
	if _, errs, code := command(t, "", "restore", "--data", data, "--from", good); code != 1 || !strings.Contains(errs, "uses the metadata") {
		t.Errorf("restore beside another command ended with %d: %s", code, errs)
	}
	must(t, using.Close())
	commandOK(t, "", "restore", "--data", data, "--from", good)
}

// TestRestoreOverADamagedDatabase is what a restore is for.
func TestRestoreOverADamagedDatabase(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	file := filepath.Join(t.TempDir(), "backup.db")
	commandOK(t, "", "backup", "--data", data, "--to", file)
	db := filepath.Join(data, "cdds.db")
	for _, side := range []string{"", "-wal", "-shm"} {
		must(t, os.WriteFile(db+side, []byte(strings.Repeat("this is no database any more ", 500)), 0o600))
	}
	commandOK(t, "", "restore", "--data", data, "--from", file)
	serve(t, "--data", data).signIn(t, out.Username, out.Password)
	for _, side := range []string{"", "-wal"} {
		kept, err := filepath.Glob(db + ".before-restore-*Z" + side)
		must(t, err)
		if len(kept) != 1 {
			t.Fatalf("the damaged %s is kept in %v", db+side, kept)
		}
		if text, err := os.ReadFile(kept[0]); err != nil || !strings.HasPrefix(string(text), "this is no database") {
			t.Errorf("%s was kept otherwise than it was: %v", kept[0], err)
		}
	}
}

// TestPostgresIsBackedUpByItsTools says how, and settles what pg_restore put in
// place.
func TestPostgresIsBackedUpByItsTools(t *testing.T) {
	t.Parallel()
	dsn := servers.Database(t)
	data := t.TempDir()
	if _, errs, code := command(t, "", "backup", "--database", dsn, "--to", filepath.Join(data, "x")); code != 2 || !strings.Contains(errs, "pg_dump") {
		t.Errorf("backup ended with %d: %s", code, errs)
	}
	commandOK(t, "", "migrate", "--data", data, "--database", dsn)
	if text := commandOK(t, "", "restore", "--data", data, "--database", dsn, "--settle"); !strings.Contains(text, "kept until") {
		t.Errorf("restore --settle says %s", text)
	}
}
