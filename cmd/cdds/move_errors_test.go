package main

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cdds/store"
)

// small is an installation with three exports.
func small(t *testing.T) (data string, out demoOutput, files []artifactAnswer) {
	t.Helper()
	data, out = demo(t, "--interactions", "20", "--contacts", "5")
	s := serve(t, "--data", data)
	c := s.signIn(t, out.Username, out.Password)
	for range 3 {
		files = append(files, c.artifacts(finished(t, c.export(nil)).ID)...)
	}
	s.stop()
	return data, out, files
}

// changed runs statements on a database of either kind.
func changed(t testing.TB, dsn string, statements ...string) {
	t.Helper()
	driver := "sqlite"
	if strings.HasPrefix(dsn, "postgres") {
		driver = "pgx"
	}
	db, err := sql.Open(driver, strings.TrimPrefix(dsn, "sqlite:"))
	must(t, err)
	defer func() { must(t, db.Close()) }()
	for _, statement := range statements {
		_, err := db.Exec(statement)
		must(t, err)
	}
}

// stillWorks holds that an installation is not moved and can be used.
func stillWorks(t testing.TB, data string) {
	t.Helper()
	commandOK(t, "", "user", "list", "--data", data)
	if left, err := filepath.Glob(filepath.Join(data, "cdds.db.*")); err != nil || len(left) != 0 {
		t.Errorf("left beside the database: %v, %v", left, err)
	}
}

// TestMoveRefuses what cannot or must not be moved, says why, and leaves both
// sides as they were.
func TestMoveRefuses(t *testing.T) {
	data, _, _ := small(t)
	good, foreign, newer := servers.Database(t), servers.Database(t), servers.Database(t)
	changed(t, foreign, `CREATE TABLE invoices (id int)`, `INSERT INTO invoices VALUES (1), (2)`)
	commandOK(t, "", "migrate", "--data", t.TempDir(), "--database", newer)
	changed(t, newer, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`)
	used := servers.Database(t)
	commandOK(t, "a password of some length\n", "user", "add", "ann", "--data", t.TempDir(), "--database", used, "--tenant", "a", "--tenant-id", "1", "--role", "viewer", "--password-stdin")
	old := filepath.Join(t.TempDir(), "cdds.db")
	commandOK(t, "", "migrate", "--database", "sqlite:"+old, "--data", filepath.Dir(old))
	changed(t, old, `DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`)
	for _, c := range []struct {
		name string
		code int
		says string
		args []string
	}{
		{"no installation", 3, "no installation at", []string{"--from", t.TempDir(), "--database", good}},
		{"no target", 2, "postgres://", []string{"--from", data}},
		{"a target in SQLite", 2, "postgres://", []string{"--from", data, "--database", "sqlite:" + filepath.Join(t.TempDir(), "x.db")}},
		{"an unreachable target", 1, "does not answer", []string{"--from", data, "--database", "postgres://cdds:hidden-word@127.0.0.1:1/x"}},
		{"a target of another program", 1, "invoices (2 rows)", []string{"--from", data, "--database", foreign}},
		{"a target in use", 1, "users (1 rows)", []string{"--from", data, "--database", used}},
		{"a newer target", 1, "schema version 9999", []string{"--from", data, "--database", newer}},
		{"an older source", 1, "cdds migrate --data", []string{"--from", "sqlite:" + old, "--database", good}},
		{"nothing to check", 2, "--from", []string{"--check", "--database", good}},
		{"no files to copy", 2, "--artifacts", []string{"--from", data, "--artifacts-only", "--artifacts", filepath.Join(data, "artifacts")}},
		{"files that are not there", 3, "no artifact storage", []string{"--from", data, "--database", good, "--artifacts", t.TempDir(), "--from-artifacts", filepath.Join(data, "none")}},
	} {
		out, errs, code := command(t, "", append([]string{"migrate"}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.says) || strings.Contains(out+errs, "hidden-word") {
			t.Errorf("%s: exit code %d, want %d: %s", c.name, code, c.code, errs)
		}
	}
	if rows := metadataRows(t, foreign); len(rows) != 1 || len(rows["invoices"]) != 2 {
		t.Errorf("the other program's database has become %v", rows)
	}
	stillWorks(t, data)
	path := "sqlite:" + filepath.Join(data, "cdds.db")
	changed(t, path, `UPDATE jobs SET title = 'a' || char(0) || 'b'`)
	if _, errs, code := command(t, "", "migrate", "--from", data, "--database", good); code != 2 || !strings.Contains(errs, "row 1 of jobs has in title") {
		t.Errorf("a text that PostgreSQL does not keep: exit code %d: %s", code, errs)
	}
	stillWorks(t, data)
	checkSays(t, data, used, "users (1 rows)", "row 1 of jobs has in title")
	changed(t, path, `UPDATE jobs SET title = 'ab'`)
	commandOK(t, "", "migrate", "--from", path, "--database", good)
}

// checkSays asks what is in the way of a move.
func checkSays(t *testing.T, data, dsn string, want ...string) {
	t.Helper()
	text, _, code := command(t, "", "migrate", "--from", data, "--database", dsn, "--check", "--output", "json")
	var report moveReport
	must(t, json.Unmarshal([]byte(text), &report))
	if code != 1 || report.Moved || report.Running || len(report.Hindrances) != len(want) || !report.Files.Stay {
		t.Errorf("the check ended with %d and says %s", code, text)
	}
	for _, part := range want {
		if !strings.Contains(strings.Join(report.Hindrances, "\n"), part) {
			t.Errorf("%v does not say %q", report.Hindrances, part)
		}
	}
}

// TestMoveKilledMidway kills the move when nearly all rows are on the other
// side: nothing is there then, the old service works, and the next move is whole.
func TestMoveKilledMidway(t *testing.T) {
	data, out, files := small(t)
	dsn := servers.Database(t)
	commandOK(t, "", "migrate", "--data", t.TempDir(), "--database", dsn)
	artifacts := filepath.Join(t.TempDir(), "new")
	// The move waits for the queue's table, which comes last.
	db, err := sql.Open("pgx", dsn)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	tx, err := db.Begin()
	must(t, err)
	_, err = tx.Exec(`LOCK TABLE river_job IN ACCESS EXCLUSIVE MODE`)
	must(t, err)
	changed(t, "sqlite:"+filepath.Join(data, "cdds.db"), `UPDATE jobs SET next_run_at = NULL`,
		`INSERT INTO runs SELECT 'waits', tenant_id, job_id, owner_id, title, title_lower, source, type, spec, 'queued', 'manual', scheduled_for, due_at, window_start, window_end, window_frozen,
			1, 0, NULL, NULL, NULL, created_at, NULL, NULL, updated_at, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, '', NULL FROM runs LIMIT 1`)
	cmd := self(t, 0o077, nil, "migrate", "--from", data, "--database", dsn, "--artifacts", artifacts)
	stderr, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	copied := false
	for lines := bufio.NewScanner(stderr); !copied && lines.Scan(); {
		copied = strings.HasPrefix(lines.Text(), "cdds: users: 1 rows")
	}
	must(t, cmd.Process.Kill())
	if err := cmd.Wait(); err == nil || !copied {
		t.Fatalf("the move was not killed midway: %v", err)
	}
	must(t, tx.Rollback())
	for table, rows := range metadataRows(t, dsn) {
		if len(rows) > 0 && table != "scrub" {
			t.Errorf("%d rows of %s are on the other side", len(rows), table)
		}
	}
	must(t, os.Remove(filepath.Join(data, "cdds.db.copied")))
	stillWorks(t, data)

	var report moveReport
	text := commandOK(t, "", "migrate", "--from", data, "--database", dsn, "--artifacts", artifacts, "--output", "json")
	must(t, json.Unmarshal([]byte(text), &report))
	if int(report.Files.Present) != len(files) || report.Files.Copied != 0 {
		t.Errorf("the files were copied again: %s", text)
	}
	c := serve(t, "--data", t.TempDir(), "--database", dsn, "--artifacts", artifacts, "--source", "sqlite:"+out.Source).signIn(t, out.Username, out.Password)
	finished(t, c.await("waits"))
}

// TestMoveCutOffInItsLastStep leaves the state of a crash around the commit: the
// old service does not start, and the same command finds out what happened.
func TestMoveCutOffInItsLastStep(t *testing.T) {
	data, out, _ := small(t)
	dsn := servers.Database(t)
	database := filepath.Join(data, "cdds.db")
	place, err := placeOf(dsn)
	must(t, err)
	// Before the commit: the mark is there and the rows are not.
	must(t, moveMark{ID: "some-move", To: place, At: utcNow()}.write(database))
	if _, errs, code := command(t, "", "serve", "--data", data, "--listen", "127.0.0.1:0"); code != 1 || !strings.Contains(errs, "cut off in its last step") {
		t.Errorf("serve ended with %d: %s", code, errs)
	}
	whole, err := os.ReadFile(markPath(database))
	must(t, err)
	must(t, os.WriteFile(markPath(database), whole[:9], 0o600))
	if _, errs, code := command(t, "", "user", "list", "--data", data); code != 1 || !strings.Contains(errs, "cannot be read") {
		t.Errorf("beside a mark that is damaged, user list ended with %d: %s", code, errs)
	}
	must(t, os.WriteFile(markPath(database), whole, 0o600))
	if _, errs, code := command(t, "", "migrate", "--from", data, "--database", servers.Database(t)); code != 1 || !strings.Contains(errs, place) {
		t.Errorf("a move to another database ended with %d: %s", code, errs)
	}
	commandOK(t, "", "migrate", "--from", data, "--database", dsn)
	rows := metadataRows(t, dsn)
	// Behind it: the rows are there, and the mark does not know.
	mark, err := readMark(database)
	must(t, err)
	if mark == nil || !mark.Complete {
		t.Fatalf("the mark is %+v", mark)
	}
	mark.Complete = false
	must(t, mark.write(database))
	if _, errs, code := command(t, "", "migrate", "--from", data, "--database", dsn); code != 0 || !strings.Contains(errs, "complete already") {
		t.Errorf("the command ended with %d: %s", code, errs)
	}
	if again := metadataRows(t, dsn); len(again["audit"]) != len(rows["audit"]) {
		t.Error("the second call wrote something")
	}
	if _, errs, code := command(t, "", "migrate", "--from", data, "--database", dsn); code != 1 || !strings.Contains(errs, "was moved to") {
		t.Errorf("a third call ended with %d: %s", code, errs)
	}
	// The way back.
	must(t, os.Remove(markPath(database)))
	commandOK(t, "", "restore", "--data", data, "--settle")
	c := serve(t, "--data", data).signIn(t, out.Username, out.Password)
	finished(t, c.export(nil))
}

// TestMoveMarksWhatIsNotWhole moves an installation of whose files one is gone,
// one is shorter and one is changed, and whose new storage holds a bad copy.
func TestMoveMarksWhatIsNotWhole(t *testing.T) {
	data, out, files := small(t)
	c := serve(t, "--data", data)
	session := c.signIn(t, out.Username, out.Password)
	for range 2 {
		files = append(files, session.artifacts(finished(t, session.export(nil)).ID)...)
	}
	c.stop()
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = storedFile(t, data, f.Name)
	}
	artifacts := filepath.Join(t.TempDir(), "new")
	commandOK(t, "", "migrate", "--from", data, "--artifacts", artifacts, "--artifacts-only")
	// What the first pass has seen whole is looked at by its size alone; what is
	// not there any more is copied again.
	there := func(i int) string {
		return filepath.Join(artifacts, strings.TrimPrefix(paths[i], filepath.Join(data, "artifacts")))
	}
	must(t, os.Remove(there(4)))
	must(t, os.Remove(filepath.Join(data, "cdds.db.copied")))
	bad, err := os.ReadFile(there(3))
	must(t, err)
	bad[len(bad)/2] ^= 1
	must(t, os.WriteFile(there(3), bad, 0o600))
	for i := range 3 {
		must(t, os.Remove(there(i)))
	}
	must(t, os.Remove(paths[0]))
	must(t, os.Truncate(paths[1], 100))
	must(t, os.WriteFile(paths[2], slices.Repeat([]byte{7}, int(files[2].Size)), 0o600))

	dsn := servers.Database(t)
	text, errs, code := command(t, "", "migrate", "--from", data, "--database", dsn, "--artifacts", artifacts, "--output", "json")
	var report moveReport
	must(t, json.Unmarshal([]byte(text), &report))
	if code != 1 || !report.Moved || len(report.Damaged) != 3 || report.Files.Copied != 2 || report.Files.Present != 0 || !strings.Contains(errs, "is moved") {
		t.Errorf("the move ended with %d: %s %s", code, text, errs)
	}
	for i, reason := range []string{"missing", "has 100 bytes", "have changed"} {
		at := slices.IndexFunc(report.Damaged, func(f verifyFinding) bool { return f.ID == files[i].ID })
		if at < 0 || !strings.Contains(report.Damaged[at].Reason, reason) {
			t.Errorf("artifact %d: %+v", i, report.Damaged)
		}
		if _, err := os.Stat(there(i)); !os.IsNotExist(err) {
			t.Errorf("a damaged file was copied: %v", err)
		}
	}
	st, err := store.Open(t.Context(), dsn)
	must(t, err)
	defer func() { must(t, st.Close()) }()
	for i, f := range files {
		a, err := st.Artifact(t.Context(), tenantOf(t, st), f.ID)
		must(t, err)
		if marked := a.Damage != ""; marked != (i < 3) {
			t.Errorf("artifact %d is marked %q", i, a.Damage)
		}
	}
	text, _, code = command(t, "", "verify", "--data", t.TempDir(), "--database", dsn, "--artifacts", artifacts, "--output", "json")
	var found verifyReport
	must(t, json.Unmarshal([]byte(text), &found))
	if code != 1 || found.Checked != 5 || len(found.Damaged) != 3 {
		t.Errorf("verify ended with %d: %s", code, text)
	}
}

func tenantOf(t testing.TB, st *store.Store) string {
	t.Helper()
	tenants, err := st.Tenants(t.Context())
	must(t, err)
	return tenants[0].ID
}

// TestMoveLeavesFilesWhereTheyAre moves the metadata alone.
func TestMoveLeavesFilesWhereTheyAre(t *testing.T) {
	data, out, files := small(t)
	dsn := servers.Database(t)
	text := commandOK(t, "", "migrate", "--from", data, "--database", dsn)
	if !strings.Contains(text, "stay in "+filepath.Join(data, "artifacts")) || !strings.Contains(text, "Moved ") {
		t.Errorf("the move says %s", text)
	}
	c := serve(t, "--data", t.TempDir(), "--database", dsn, "--artifacts", filepath.Join(data, "artifacts"), "--source", "sqlite:"+out.Source).signIn(t, out.Username, out.Password)
	for _, f := range files {
		dir := t.TempDir()
		openArtifact(t, c.download(f, "smime", dir), out.Key, dir)
	}
}

// TestKnownFiles keeps what was copied over calls, forgets it for another
// storage, and is not confused by a line that was cut off.
func TestKnownFiles(t *testing.T) {
	database := filepath.Join(t.TempDir(), "cdds.db")
	open := func(location string) *knownFiles {
		t.Helper()
		k, err := openKnown(database, location)
		must(t, err)
		return k
	}
	k := open("s3://one")
	for i := range 3 {
		must(t, k.add(fmt.Sprint("key-", i), "sum"))
	}
	must(t, k.Close())
	text, err := os.ReadFile(knownPath(database))
	must(t, err)
	must(t, os.WriteFile(knownPath(database), text[:len(text)-3], 0o600))
	k = open("s3://one")
	must(t, k.add("key-3", "sum"))
	must(t, k.Close())
	k = open("s3://one")
	for key, want := range map[string]bool{"key-0": true, "key-1": true, "key-2": false, "key-3": true, "key-4": false} {
		if k.has(key, "sum") != want || k.has(key, "other") {
			t.Errorf("%s is known: %t", key, !want)
		}
	}
	must(t, k.Close())
	k = open("s3://two")
	if k.has("key-0", "sum") {
		t.Error("what was copied elsewhere is known")
	}
	must(t, k.Close())
}
