package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cdds"
	"cdds/store"
)

// fullRows bring, beside oldRows, something into every column of every table,
// and the values that are easily changed on the way.
func fullRows() []oldRow {
	return []oldRow{
		{query: `UPDATE runs SET lease_owner = 'node-7', lease_until = 5, nudged_at = 6, waiting = 'Für später, 待って 🕐', records_per_second = $1, total_records = $2 WHERE id = 'going'`,
			args: []any{0.1 + 0.2, int64(math.MaxInt64)}},
		{query: `UPDATE runs SET retry_of = 'broken', nudged_at = 1 WHERE id = 'waiting'`},
		{query: `UPDATE runs SET failure_message = $1 WHERE id = 'broken'`, args: []any{"It's \"down\",\r\n\ttab \\ \\. \\N\u2028 and more"}},
		{query: `UPDATE jobs SET latest_run_id = 'going', deleted_at = 7`},
		{query: `UPDATE artifacts SET expired_at = 1, verified_at = 2, damaged_at = 3, damage = 'gone'`},
		{query: `UPDATE manifests SET body = $1`, args: []any{[]byte{0, 1, 0xff, '\n', '\\', 0}}},
		{query: `INSERT INTO manifests (run_id, tenant_id, body) VALUES ('broken', 'tenant-a', $1)`, args: []any{[]byte{}}},
		{query: `INSERT INTO checkpoints (run_id, part, tenant_id, attempt, key, body, created_at) VALUES ('going', 2, 'tenant-a', 1, 'k/3', $1, 1)`,
			args: []any{bytes.Repeat([]byte{0xc3, 0x28}, 3<<20)}},
		{query: `UPDATE tenants SET source_id = $1, max_bytes = $2, turn = -1 WHERE id = 'tenant-b'`, args: []any{int64(math.MinInt64), int64(math.MaxInt64)}},
		{query: `INSERT INTO users (id, tenant_id, username, username_lower, password_hash, role, active, created_at) VALUES ('user-gone', 'tenant-b', 'Zoë', 'zoë', '', '', 0, 1)`},
		{query: `UPDATE tokens SET last_used_at = 3`},
		{query: `UPDATE scrub SET node = 'node-7', lease_until = 8`},
		{query: `INSERT INTO remembered_browsers (id, tenant_id, user_id, created_at, used_at, expires_at, address, browser) VALUES ('b', 'tenant-a', 'user-a', 1, 2, 3, '::1', 'Firefox')`},
		{query: `INSERT INTO remember_secrets (secret_hash, browser_id, exchanged_at, salt) VALUES ('x1', 'b', 1, 'salt'), ('x2', 'b', NULL, NULL)`},
		{query: `UPDATE sessions SET remembered_id = 'b', single_sign_on = 1, provider_session = 'p'`},
		{query: `INSERT INTO sign_on_attempts (key_hash, return_to, expires_at) VALUES ('a1', '/jobs', 4)`},
		{query: `INSERT INTO logout_tokens (id_hash, expires_at) VALUES ('l1', 4)`},
		{query: `UPDATE runs SET first_of_job = 1 WHERE id = 'waiting'`},
		{query: `UPDATE run_ranges SET due_at = 6, outcome = $1`, args: []any{[]byte("{}")}},
		{query: `INSERT INTO run_ranges (run_id, number, tenant_id, body, state, attempt, helper, node, beat, faults, records, encoded_bytes, waiting, parts, stored_bytes, ends_early, uncut,
			failure_code, failure_message, failure_hint) VALUES ('going', 2, 'tenant-a', $1, 'failed', 3, 0, 'node-7', 4, 3, 0, 0, '', 0, 0, 0, 0, 'unavailable', 'It broke.', 'Wait.')`, args: []any{[]byte("{}")}},
		{query: `INSERT INTO nodes (name, roles, version, address, workers, working, state, started_at, seen_at) VALUES ('node-7', 'all', '1', 'http://127.0.0.1:1', 2, 1, 'up', 1, 2)`},
		{query: `INSERT INTO turns (tenant_id, running, due_at, turn, by_hand) VALUES ('tenant-a', 1, 5, 9, 2)`},
	}
}

// fullSource is a SQLite database with rows in all tables.
func fullSource(t *testing.T) *world {
	t.Helper()
	w := &world{st: openStore(t, newDSN(t, store.SQLite))}
	versions := w.st.MigrationVersions()
	fillOld(t, w.st, versions[len(versions)-1])
	for _, row := range fullRows() {
		if err := w.exec(row.query, row.args...); err != nil {
			t.Fatalf("%v\n%s", err, row.query)
		}
	}
	w.tx(t, func(ctx context.Context, tx *store.Tx) error {
		for i := range 2500 { // more than one read of a chain takes
			e := store.AuditEntry{TenantID: []string{"tenant-a", "tenant-b", store.NoTenant}[i%3], Username: "Ann", Action: "job.edit", Object: "job", Detail: fmt.Sprint(i), At: now}
			if err := tx.InsertAudit(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	return w
}

// emptyTarget is a migrated PostgreSQL database.
func emptyTarget(t *testing.T) *world {
	t.Helper()
	st := openStore(t, newDSN(t, store.Postgres))
	noError(t, st.Migrate(t.Context()))
	return &world{st: st}
}

// into copies a database into another.
func (w *world) into(t *testing.T, to *world, then func(tx *store.Tx) error) ([]store.TableRows, error) {
	t.Helper()
	return to.st.CopyIn(t.Context(), store.CopyIn{From: w.st, Strange: "river_", Then: then})
}

func nothing(*store.Tx) error { return nil }

// rowsOf returns all rows of all tables as text, by table and sorted, and the
// columns that have a value in some row. It reads by itself what is there, and
// shares nothing with the code that copies.
func (w *world) rowsOf(t *testing.T) (rows map[string][]string, filled map[string]bool) {
	t.Helper()
	query := `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose_%'`
	if w.st.Dialect() == store.Postgres {
		query = `SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'goose_%'`
	}
	rows, filled = map[string][]string{}, map[string]bool{}
	for _, table := range strings.Fields(dumpLines(t, w.st.DB(), query)) {
		rows[table] = tableText(t, w.st.DB(), table, filled)
	}
	return rows, filled
}

func tableText(t *testing.T, db *sql.DB, table string, filled map[string]bool) []string {
	t.Helper()
	rows, err := db.Query(`SELECT * FROM ` + table)
	noError(t, err)
	defer func() { noError(t, rows.Close()) }()
	columns := got(rows.Columns())(t)
	order := slices.Sorted(slices.Values(columns)) // the databases may have them in different orders
	lines := []string{}
	for rows.Next() {
		values := map[string]any{}
		cells := make([]any, len(columns))
		for i := range cells {
			cells[i] = new(any)
		}
		noError(t, rows.Scan(cells...))
		for i, name := range columns {
			values[name] = *cells[i].(*any)
		}
		var line strings.Builder
		for _, name := range order {
			v := values[name]
			filled[table+"."+name] = filled[table+"."+name] || v != nil
			if is, flag := v.(bool); flag {
				v = map[bool]int64{true: 1}[is]
			}
			fmt.Fprintf(&line, "%s=%T:%q ", name, v, fmt.Sprintf("%v", v))
		}
		lines = append(lines, line.String())
	}
	noError(t, rows.Err())
	slices.Sort(lines)
	return lines
}

// TestCopyInBringsEverything copies a database that has something in every
// column of every table and compares all rows. A new table or column fails it
// until fullRows has a value there.
func TestCopyInBringsEverything(t *testing.T) {
	t.Parallel()
	from, to := fullSource(t), emptyTarget(t)
	schema := dumpLines(t, to.st.DB(), schemaDumps()[store.Postgres])
	want, filled := from.rowsOf(t)
	for name, has := range filled {
		if !has {
			t.Errorf("no row of this test has a value in %s: give it one in fullRows", name)
		}
	}
	copied, err := from.into(t, to, nothing)
	noError(t, err)
	have, _ := to.rowsOf(t)
	equal(t, "number of tables", len(have), len(want))
	equal(t, "tables that were told of", len(copied), len(want))
	for _, c := range copied {
		if len(want[c.Table]) == 0 {
			t.Errorf("no row of this test is in %s: give it one in fullRows", c.Table)
		}
		equal(t, "rows of "+c.Table, int(c.Rows), len(want[c.Table]))
		if !slices.Equal(have[c.Table], want[c.Table]) {
			t.Errorf("%s differs", c.Table)
		}
	}
	after, _ := from.rowsOf(t)
	equal(t, "rows that the source has kept", after["runs"], want["runs"])
	if dump := dumpLines(t, to.st.DB(), schemaDumps()[store.Postgres]); dump != schema {
		t.Errorf("the schema is another one after the copy:\n%s", dump)
	}
}

// TestCopyInLeavesAllGuards tries what the database refuses, after a copy, and
// goes on with the chains and the numbers of the audit log.
func TestCopyInLeavesAllGuards(t *testing.T) {
	t.Parallel()
	from, to := fullSource(t), emptyTarget(t)
	_, err := from.into(t, to, nothing)
	noError(t, err)
	for what, statement := range map[string]string{
		"change the log":                   `UPDATE audit SET detail = 'x' WHERE number = 1`,
		"shorten the log":                  `DELETE FROM audit WHERE number = 1`,
		"empty the log":                    `TRUNCATE audit`,
		"queue a finished run":             `UPDATE runs SET state = 'queued', finished_at = NULL WHERE id = 'done'`,
		"name a tenant that is not there":  `INSERT INTO users (id, tenant_id, username, password_hash, role, active, created_at) VALUES ('u', 'nobody', 'x', '', '', true, 1)`,
		"remove a job that has runs":       `DELETE FROM jobs WHERE id = 'job'`,
		"have two runs of a job at work":   `UPDATE runs SET state = 'in_progress' WHERE id = 'waiting'`,
		"give a line a number of its own":  `INSERT INTO audit (id, tenant_id, number, user_id, username, token, action, object, detail, result, times, address, words, at, hash) SELECT 1, tenant_id, 99999, user_id, username, token, action, object, detail, result, times, address, words, at, hash FROM audit LIMIT 1`,
		"name a run that is not there yet": `UPDATE jobs SET latest_run_id = 'none'`,
	} {
		if err := to.exec(statement); err == nil {
			t.Errorf("the database lets somebody %s", what)
		}
	}
	for _, tenant := range []string{"tenant-a", "tenant-b", store.NoTenant} {
		before := got(from.st.CheckChain(t.Context(), tenant, nil))(t)
		equal(t, "chain", got(to.st.CheckChain(t.Context(), tenant, map[int64]string{before.Head.Number: before.Head.Hash}))(t), before)
		to.tx(t, func(ctx context.Context, tx *store.Tx) error {
			return tx.InsertAudit(ctx, store.AuditEntry{TenantID: tenant, Username: "Ann", Action: "job.edit", Object: "job", At: now})
		})
		longer := got(to.st.CheckChain(t.Context(), tenant, nil))(t)
		equal(t, "break of the chain", longer.Broken, nil)
		equal(t, "length of the chain", longer.Head.Number, before.Head.Number+1)
	}
}

// TestCopyInIsOneMoment looks from outside while the copy is not committed:
// nobody sees it, nobody writes to the source, and what Then wrote comes with
// it.
func TestCopyInIsOneMoment(t *testing.T) {
	t.Parallel()
	from, to := fullSource(t), emptyTarget(t)
	file := strings.TrimSpace(dumpLines(t, from.st.DB(), `SELECT file FROM pragma_database_list WHERE name = 'main'`))
	other := got(sql.Open("sqlite", file))(t)
	defer func() { noError(t, other.Close()) }()
	_, err := from.into(t, to, func(tx *store.Tx) error {
		equal(t, "tenants inside", len(got(tx.Tenants(t.Context()))(t)), 2)
		if err := to.exec(`SET lock_timeout = '50ms'; SELECT count(*) FROM tenants`); err == nil || !strings.Contains(err.Error(), "lock timeout") {
			t.Errorf("somebody else looked into the copy: %v", err)
		}
		if _, err := other.Exec(`UPDATE tenants SET turn = 9`); err == nil || !strings.Contains(err.Error(), "locked") {
			t.Errorf("somebody wrote to the source meanwhile: %v", err)
		}
		return tx.InsertAudit(t.Context(), store.AuditEntry{TenantID: "tenant-a", Username: "(operator)", Action: "metadata.move", At: now})
	})
	noError(t, err)
	lines := got(to.st.Audit(t.Context(), store.AuditQuery{TenantID: "tenant-a", Action: "metadata.move"}))(t).Items
	equal(t, "lines", len(lines), 1)
	equal(t, "break", got(to.st.CheckChain(t.Context(), "tenant-a", nil))(t).Broken, nil)
}

// TestCopyInLeavesNothingBehind fails copies in different ways: the target is
// empty and as it was, and takes the next copy.
func TestCopyInLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	from, to := fullSource(t), emptyTarget(t)
	schema := dumpLines(t, to.st.DB(), schemaDumps()[store.Postgres])
	broken := errors.New("it broke at the last moment")
	fails := func(what string, code cdds.Code, says string, then func(*store.Tx) error) {
		t.Helper()
		_, err := from.into(t, to, then)
		if err == nil || cdds.CodeOf(err) != code || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", what, err)
		}
		equal(t, "left after: "+what, len(got(to.st.Occupants(t.Context(), ""))(t)), 0)
	}
	fails("an error at the end", cdds.CodeOf(broken), "last moment", func(*store.Tx) error { return broken })
	ctx, cancel := context.WithCancel(t.Context())
	_, err := to.st.CopyIn(ctx, store.CopyIn{From: from.st, Then: nothing, Told: func(store.TableRows) { cancel() }})
	if err == nil {
		t.Error("a copy that was broken off has ended well")
	}
	equal(t, "left after an interruption", len(got(to.st.Occupants(t.Context(), ""))(t)), 0)

	noError(t, from.exec(`UPDATE jobs SET title = $1`, "a\x00b"))
	fails("a text with NUL", cdds.CodeInvalid, "row 1 of jobs has in title", nothing)
	noError(t, from.exec(`UPDATE jobs SET title = CAST($1 AS TEXT)`, []byte("a\xffb")))
	fails("a text that is not UTF-8", cdds.CodeInvalid, "row 1 of jobs has in title", nothing)
	noError(t, from.exec(`UPDATE jobs SET title = 'ab'`))
	noError(t, from.exec(`UPDATE runs SET attempt = $1 WHERE id = 'waiting'`, int64(math.MaxInt32)+1))
	fails("a number that is too large", cdds.CodeInvalid, "of runs has in attempt", nothing)
	noError(t, from.exec(`UPDATE runs SET attempt = 1 WHERE id = 'waiting'`))
	noError(t, from.exec(`PRAGMA foreign_keys = OFF`))
	noError(t, from.exec(`UPDATE runs SET job_id = 'none' WHERE id = 'waiting'`))
	fails("a reference to nothing", cdds.CodeInternal, "check the references", nothing)
	noError(t, from.exec(`UPDATE runs SET job_id = 'job' WHERE id = 'waiting'`))

	equal(t, "schema", dumpLines(t, to.st.DB(), schemaDumps()[store.Postgres]), schema)
	_, err = from.into(t, to, nothing)
	noError(t, err)
}

// TestCopyInRefuses what is no move from SQLite into an empty PostgreSQL of the
// same version.
func TestCopyInRefuses(t *testing.T) {
	t.Parallel()
	from, to := fullSource(t), emptyTarget(t)
	refused := func(what string, from, to *world, code cdds.Code, says string) {
		t.Helper()
		_, err := from.into(t, to, nothing)
		if cdds.CodeOf(err) != code || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("the other way", to, from, cdds.CodeInvalid, "PostgreSQL")
	refused("from PostgreSQL", emptyTarget(t), to, cdds.CodeInvalid, "SQLite")
	old := &world{st: openStore(t, newDSN(t, store.SQLite))}
	noError(t, old.st.MigrateTo(t.Context(), 13))
	refused("an older version", old, to, cdds.CodeUnavailable, "schema version 13")
	bare := &world{st: openStore(t, newDSN(t, store.Postgres))}
	refused("a target without schema", from, bare, cdds.CodeUnavailable, "schema version 0")

	noError(t, from.exec(`CREATE TABLE forgotten (id TEXT) STRICT`))
	refused("a table that PostgreSQL lacks", from, to, cdds.CodeInternal, "PostgreSQL has no forgotten.id")
	noError(t, from.exec(`DROP TABLE forgotten`))
	noError(t, to.exec(`ALTER TABLE users ADD COLUMN nickname TEXT`))
	refused("a column that SQLite lacks", from, to, cdds.CodeInternal, "SQLite has no users.nickname")
	noError(t, to.exec(`ALTER TABLE users DROP COLUMN nickname`))
	noError(t, to.exec(`CREATE TABLE river_job (id BIGINT); INSERT INTO river_job VALUES (1)`))
	noError(t, from.exec(`CREATE TABLE river_other (id TEXT) STRICT`))

	noError(t, to.exec(`INSERT INTO tenants (id, name, source_id, created_at) VALUES ('t', 'T', 1, 1)`))
	refused("a target with rows", from, to, cdds.CodeConflict, "rows have appeared in tenants")
	noError(t, to.exec(`DELETE FROM tenants`))
	_, err := from.into(t, to, nothing)
	noError(t, err)
}

// TestCopyInNeedsTheOwner gives it the role that the service works with, which
// may not touch the schema.
func TestCopyInNeedsTheOwner(t *testing.T) {
	t.Parallel()
	from, to := fullSource(t), emptyTarget(t)
	for _, statement := range []string{`CREATE ROLE move_app LOGIN`, `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO move_app`} {
		noError(t, to.exec(statement))
	}
	t.Cleanup(func() {
		noError(t, to.exec(`DROP OWNED BY move_app`))
		noError(t, to.exec(`DROP ROLE move_app`))
	})
	name := strings.TrimSpace(dumpLines(t, to.st.DB(), `SELECT current_database()`))
	app := openStore(t, postgres.Server(t).DSN(name, "move_app"))
	_, err := from.into(t, &world{st: app}, nothing)
	wantCode(t, err, cdds.CodeForbidden)
	equal(t, "left behind", len(got(to.st.Occupants(t.Context(), ""))(t)), 0)
}

// TestOccupants names what is in a database, of whatever program, and nothing
// that migrations make.
func TestOccupants(t *testing.T) {
	t.Parallel()
	for _, kind := range []store.Dialect{store.SQLite, store.Postgres} {
		w := &world{st: openStore(t, newDSN(t, kind))}
		occupants := func() []store.TableRows { return got(w.st.Occupants(t.Context(), "river_"))(t) }
		equal(t, "of a bare database", len(occupants()), 0)
		noError(t, w.st.Migrate(t.Context()))
		equal(t, "of a new database", len(occupants()), 0)
		for _, statement := range []string{
			`CREATE TABLE invoices (id INTEGER)`, `INSERT INTO invoices (id) VALUES (1), (2)`, `CREATE TABLE unused (id INTEGER)`,
			`CREATE TABLE river_job (id INTEGER)`, `INSERT INTO river_job (id) VALUES (1)`, `INSERT INTO restores (restored_at, kept_until) VALUES (1, 2)`,
		} {
			noError(t, w.exec(statement))
		}
		equal(t, "occupants", occupants(), []store.TableRows{{Table: "invoices", Rows: 2}, {Table: "restores", Rows: 1}})
	}
}

// TestUnmovable counts all rows and names what cannot be moved.
func TestUnmovable(t *testing.T) {
	t.Parallel()
	w := fullSource(t)
	tables, hindrances, err := w.st.Unmovable(t.Context(), "river_")
	noError(t, err)
	equal(t, "hindrances", len(hindrances), 0)
	rows, _ := w.rowsOf(t)
	equal(t, "tables", len(tables), len(rows))
	for _, c := range tables {
		equal(t, "rows of "+c.Table, int(c.Rows), len(rows[c.Table]))
	}
	noError(t, w.exec(`UPDATE tenants SET name = $1 WHERE id = 'tenant-b'`, "a\x00b"))
	noError(t, w.exec(`PRAGMA foreign_keys = OFF`))
	noError(t, w.exec(`UPDATE certificates SET user_id = 'nobody'`))
	_, hindrances, err = w.st.Unmovable(t.Context(), "river_")
	noError(t, err)
	equal(t, "number of hindrances", len(hindrances), 2)
	for i, want := range []string{"A row of certificates", "row 2 of tenants has in name"} {
		if !strings.Contains(hindrances[i], want) {
			t.Errorf("%q does not say %q", hindrances[i], want)
		}
	}
}

// TestUnmovableSeesDamage flips bytes in the middle of a file.
func TestUnmovableSeesDamage(t *testing.T) {
	t.Parallel()
	w := fullSource(t)
	path := filepath.Join(t.TempDir(), "copy.db")
	noError(t, w.st.BackUp(t.Context(), path))
	text := got(os.ReadFile(path))(t)
	at := bytes.Index(text, []byte("CN=Ann"))
	for i := at - 200; i < at; i++ {
		text[i] ^= 0x55
	}
	noError(t, os.WriteFile(path, text, 0o600))
	_, hindrances, err := openStore(t, path).Unmovable(t.Context(), "")
	if err == nil && (len(hindrances) == 0 || !strings.Contains(hindrances[0], "damaged")) {
		t.Errorf("hindrances: %v", hindrances)
	}
}
