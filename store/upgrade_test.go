package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

// The instants of the old rows, in microseconds since 1970.
const (
	oldStart = 1_700_000_000_000_000
	oldEnd   = oldStart + 60_000_000
	farEnd   = 4_000_000_000_000_000
)

// oldSpec is a job definition as the first version has kept it.
const oldSpec = `{"version":1,"title":"Chats","source":"contact_history","type":"interaction","mediaTypes":["chat"],"schedule":{"kind":"hourly","every":4},"timeframe":{"kind":"hour"}}`

// oldRow is a statement that writes what a program of the versions from..before
// would have written; before 0 is up to today.
type oldRow struct {
	from, before int64
	query        string
	args         []any
}

// oldRows fill a database of any version. A migration that changes the form of
// a table ends the rows of the form before, and brings rows of its own.
func oldRows() []oldRow {
	const jobColumns = `INSERT INTO jobs (id, tenant_id, owner_id, title, title_lower, source, type, spec, state, first_start, next_run_at, created_at, updated_at)
		VALUES ('job', 'tenant-a', 'user-a', 'Chats', 'chats', 'contact_history', 'interaction', $1, 'active', $2, $3, $2, $2)`
	const run = `INSERT INTO runs (id, tenant_id, job_id, owner_id, title, title_lower, source, type, spec, state, triggered_by, scheduled_for, due_at, window_start, window_end,
			window_frozen, attempt, faults, created_at, started_at, finished_at, updated_at, records, total_records, encoded_bytes, records_per_second, no_data, artifacts, bytes,
			failure_code, failure_message, failure_hint)
		VALUES ($1, 'tenant-a', 'job', 'user-a', 'Chats', 'chats', 'contact_history', 'interaction', $2, $3, 'manual', $4, $4, $4, $5, $6, 1, 0, $4, $7, $8, $4, 7, 7, 700, 3.5, $9, $10, 70, $11, $12, $13)`
	return []oldRow{
		{query: `INSERT INTO tenants (id, name, source_id, created_at) VALUES ('tenant-a', 'Alpha', 101, 1), ('tenant-b', 'Beta', 102, 1)`},
		{before: 10, query: `INSERT INTO users (id, tenant_id, username, password_hash, role, active, created_at) VALUES ('user-a', 'tenant-a', 'Ann', 'h1', 'administrator', $1, 1)`, args: []any{true}},
		{from: 10, query: `INSERT INTO users (id, tenant_id, username, username_lower, password_hash, role, active, created_at) VALUES ('user-a', 'tenant-a', 'Ann', 'ann', 'h1', 'administrator', $1, 1)`, args: []any{true}},
		{query: `INSERT INTO certificates (user_id, tenant_id, der, subject, issuer, serial, not_before, not_after, fingerprint, key_bits, imported_at)
			VALUES ('user-a', 'tenant-a', $1, 'CN=Ann', 'CN=Ann', '7', 1, 2, 'f1', 2048, 1)`, args: []any{[]byte("der")}},
		{before: 12, query: `INSERT INTO sessions (token_hash, tenant_id, user_id, created_at, seen_at, expires_at, remember) VALUES ('s1', 'tenant-a', 'user-a', 1, 1, $1, $2)`, args: []any{int64(farEnd), true}},
		{from: 12, query: `INSERT INTO sessions (token_hash, id, tenant_id, user_id, created_at, seen_at, expires_at) VALUES ('s1', 'session', 'tenant-a', 'user-a', 1, 1, $1)`, args: []any{int64(farEnd)}},
		{query: `INSERT INTO idempotency_keys (user_id, key, tenant_id, request, object_id, created_at) VALUES ('user-a', 'k', 'tenant-a', 'r', 'job', 1)`},
		{before: 14, query: `INSERT INTO audit (tenant_id, user_id, username, action, object, detail, address, words, at) VALUES ('tenant-a', 'user-a', 'Ann', 'job.create', 'job', 'Chats', '192.0.2.7', 'ann', 5)`},
		{query: jobColumns, args: []any{oldSpec, int64(oldStart), int64(farEnd)}},
		{query: run, args: []any{"done", oldSpec, "finished", int64(oldStart), int64(oldEnd), true, int64(oldStart), int64(oldEnd), false, 1, nil, nil, nil}},
		{query: run, args: []any{"broken", oldSpec, "failed", int64(oldStart), int64(oldEnd), true, int64(oldStart), int64(oldEnd), false, 0, "unavailable", "It was down.", "Wait."}},
		{query: run, args: []any{"going", oldSpec, "in_progress", int64(oldStart), int64(oldEnd), true, int64(oldStart), nil, false, 0, nil, nil, nil}},
		{query: run, args: []any{"waiting", oldSpec, "queued", int64(oldStart), int64(oldEnd), false, nil, nil, false, 0, nil, nil, nil}},
		{query: `UPDATE jobs SET latest_run_id = 'done'`},
		{query: `INSERT INTO attempts (run_id, number, tenant_id, node, started_at, finished_at, error) VALUES ('done', 1, 'tenant-a', 'node-1', 1, 2, ''), ('going', 1, 'tenant-a', 'node-1', 1, NULL, '')`},
		{query: `INSERT INTO manifests (run_id, tenant_id, body) VALUES ('done', 'tenant-a', $1)`, args: []any{[]byte(`{"run":"done"}`)}},
		{query: `INSERT INTO artifacts (id, tenant_id, run_id, job_id, title, title_lower, type, name, key, part, parts, size, sha256, recipients, created_at, expires_at)
			VALUES ('artifact', 'tenant-a', 'done', 'job', 'Chats', 'chats', 'interaction', 'export-done.zip.p7m', 'k/1', 1, 1, 70, 'ab', '["f1"]', $1, $2)`, args: []any{int64(oldEnd), int64(farEnd)}},
		{from: 11, query: `UPDATE tenants SET source_name = 'east', max_runs = 3 WHERE id = 'tenant-a'`},
		{from: 4, query: `INSERT INTO restores (restored_at, kept_until) VALUES (9, $1)`, args: []any{int64(farEnd)}},
		{from: 5, before: 17, query: `INSERT INTO checkpoints (run_id, part, tenant_id, attempt, key, body, created_at) VALUES ('going', 1, 'tenant-a', 1, 'k/2', $1, 1)`, args: []any{[]byte("{}")}},
		{from: 17, query: `INSERT INTO run_cuts (run_id, tenant_id, recipients, encryption, snapshot, total, exact) VALUES ('going', 'tenant-a', $1, 'compatible', '', 7, $2)`, args: []any{[]byte("der"), true}},
		{from: 17, query: `INSERT INTO run_ranges (run_id, number, tenant_id, body, state, attempt, helper, node, beat, faults, records, encoded_bytes, waiting, parts, stored_bytes, ends_early, uncut)
			VALUES ('going', 1, 'tenant-a', $1, 'taken', 1, $2, 'node-1', 9, 0, 7, 700, '', 1, 70, $3, $3)`, args: []any{[]byte("{}"), true, false}},
		{from: 17, query: `INSERT INTO checkpoints (run_id, range_number, part, tenant_id, attempt, key, body, created_at) VALUES ('going', 1, 1, 'tenant-a', 1, 'k/2', $1, 1)`, args: []any{[]byte("{}")}},
		{from: 6, query: `INSERT INTO tokens (id, token_hash, tenant_id, user_id, name, scopes, created_at, expires_at) VALUES ('token', 't1', 'tenant-a', 'user-a', 'nightly', 'read,run', 1, $1)`, args: []any{int64(farEnd)}},
		{from: 7, query: `INSERT INTO sign_in_failures (subject, failures, last_at) VALUES ('subject', 4, 8)`},
		{from: 13, query: `INSERT INTO identities (issuer, subject, tenant_id, user_id, created_at) VALUES ('https://id.example.com', '42', 'tenant-a', 'user-a', 1)`},
		{from: 16, query: `INSERT INTO encryption_choices (user_id, tenant_id, encryption, chosen_at) VALUES ('user-a', 'tenant-a', 'authenticated', 1)`},
		{from: 16, query: `INSERT INTO recipients (id, tenant_id, title, der, subject, issuer, serial, not_before, not_after, fingerprint, key_bits, added_by, added_at)
			VALUES ('recipient', 'tenant-a', 'Escrow', $1, 'CN=E', 'CN=E', '8', 1, 2, 'f2', 2048, 'Ann', 1)`, args: []any{[]byte("der")}},
	}
}

// TestUpgradeFromEveryVersion fills a database of each version that there ever
// was, brings it to today's, and finds everything again, fit to be worked with.
func TestUpgradeFromEveryVersion(t *testing.T) {
	t.Parallel()
	for _, kind := range []store.Dialect{store.SQLite, store.Postgres} {
		versions := openStore(t, "sqlite:"+t.TempDir()+"/versions.db").MigrationVersions()
		for _, version := range versions {
			t.Run(fmt.Sprintf("%s/%04d", kind, version), func(t *testing.T) {
				t.Parallel()
				dsn := newDSN(t, kind)
				fillOld(t, openStore(t, dsn), version)
				w := &world{st: openStore(t, dsn)} // the new program
				if last := versions[len(versions)-1]; version < last {
					wantCode(t, w.st.Ready(t.Context()), cdds.CodeUnavailable)
				}
				noError(t, w.st.Migrate(t.Context()))
				noError(t, w.st.Ready(t.Context()))
				w.findOld(t)
				w.findLater(t, version)
				w.goOn(t)
			})
		}
	}
}

// fillOld brings an empty database to a version and fills it.
func fillOld(t *testing.T, st *store.Store, version int64) {
	t.Helper()
	noError(t, st.MigrateTo(t.Context(), version))
	w := &world{st: st}
	for _, row := range oldRows() {
		if row.from <= version && (row.before == 0 || version < row.before) {
			if err := w.exec(row.query, row.args...); err != nil {
				t.Fatalf("fill version %d: %v\n%s", version, err, row.query)
			}
		}
	}
	if version >= 14 { // its lines are chained
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			return tx.InsertAudit(ctx, store.AuditEntry{TenantID: "tenant-a", UserID: "user-a", Username: "Ann", Action: "job.create", Object: "job", Detail: "Chats", Address: "192.0.2.7", At: time.UnixMicro(5)})
		})
	}
}

// findOld looks for what databases of all versions have.
func (w *world) findOld(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	equal(t, "tenants", len(got(w.st.Tenants(ctx))(t)), 2)
	users := got(w.st.UserRows(ctx, store.UserQuery{TenantID: "tenant-a", Text: "aNN"}))(t).Items
	equal(t, "users that a search finds", len(users), 1)
	user := got(w.st.User(ctx, "user-a"))(t)
	equal(t, "user", []any{user.Username, user.TenantName, user.Role, user.Active, user.PasswordHash}, []any{"Ann", "Alpha", cdds.RoleAdministrator, true, "h1"})
	equal(t, "certificate", got(w.st.Certificate(ctx, "user-a"))(t).Fingerprint, "f1")

	job := got(w.st.JobRow(ctx, "tenant-a", "job"))(t)
	equal(t, "job", []any{job.Spec.Title, job.Spec.MediaTypes, job.Spec.Schedule.Every, job.Spec.Compression, job.OwnerName, job.LatestRun.ID},
		[]any{"Chats", []string{"chat"}, 4, cdds.CompressionDefault, "Ann", "done"})
	latest := got(w.st.Jobs(ctx, store.JobQuery{TenantID: "tenant-a", RunStates: []string{string(cdds.RunFinished)}}))(t).Items
	equal(t, "jobs whose latest run has finished", len(latest), 1)

	window := cdds.Window{Start: time.UnixMicro(oldStart).UTC(), End: time.UnixMicro(oldEnd).UTC()}
	for id, state := range map[string]cdds.RunState{"done": cdds.RunFinished, "broken": cdds.RunFailed, "going": cdds.RunInProgress, "waiting": cdds.RunQueued} {
		run := got(w.st.Run(ctx, "tenant-a", id))(t)
		equal(t, "run "+id, []any{run.State, run.Window, run.Progress.Records}, []any{state, window, int64(7)})
	}
	equal(t, "attempts", len(got(w.st.Attempts(ctx, "done"))(t)), 1)
	equal(t, "manifest", string(got(w.st.Manifest(ctx, "tenant-a", "done"))(t)), `{"run":"done"}`)
	artifact := got(w.st.Artifact(ctx, "tenant-a", "artifact"))(t)
	equal(t, "artifact", []any{artifact.Size, artifact.Recipients, artifact.Encryption}, []any{int64(70), []string{"f1"}, cdds.EncryptionCompatible})

	check := got(w.st.CheckChain(ctx, "tenant-a", nil))(t)
	equal(t, "break of the audit log", check.Broken, nil)
	lines := got(w.st.Audit(ctx, store.AuditQuery{TenantID: "tenant-a"}))(t).Items
	equal(t, "lines of the audit log", len(lines), 1)
	equal(t, "line", []any{lines[0].Action, lines[0].Detail, lines[0].At}, []any{"job.create", "Chats", time.UnixMicro(5).UTC()})
}

// findLater looks for what databases have from some version on.
func (w *world) findLater(t *testing.T, version int64) {
	t.Helper()
	ctx := t.Context()
	count := func(what string, from int64, n int) {
		t.Helper()
		want := 0
		if version >= from {
			want = 1
		}
		equal(t, what, n, want)
	}
	count("checkpoints", 5, len(got(w.st.Checkpoints(ctx, "going"))(t)))
	count("ranges", 17, len(got(w.st.Ranges(ctx, "going"))(t)))
	count("tokens", 6, len(got(w.st.TokensOf(ctx, "user-a"))(t)))
	count("failed sign-ins", 7, len(got(w.st.SignInFailures(ctx, []string{"subject"}))(t)))
	count("sessions", 12, len(got(w.st.SessionsOf(ctx, "user-a", now))(t)))
	count("recipients", 16, len(got(w.st.Recipients(ctx, "tenant-a"))(t)))
	if version >= 4 {
		equal(t, "latest restore", got(w.st.KeptBefore(ctx))(t), time.UnixMicro(9).UTC())
	}
	limit, source := 0, ""
	if version >= 11 {
		limit, source = 3, "east"
	}
	tenant := got(w.st.Tenant(ctx, "tenant-a"))(t)
	equal(t, "tenant's source and limit", []any{tenant.Source, tenant.Limits.Runs}, []any{source, limit})
	if version >= 13 {
		equal(t, "user of an identity", got(w.st.UserByIdentity(ctx, "https://id.example.com", "42"))(t).ID, "user-a")
	}
	encryption := cdds.EncryptionCompatible
	if version >= 16 {
		encryption = cdds.EncryptionAuthenticated
	}
	equal(t, "kind of encryption", got(w.st.Encryption(ctx, "user-a"))(t), encryption)
}

// goOn ends the run that was in progress, begins the one that waited, and sees
// that what is final stays.
func (w *world) goOn(t *testing.T) {
	t.Helper()
	w.tx(t, func(ctx context.Context, tx *store.Tx) error { // by whoever holds its range
		ref := store.RangeRef{RunID: "going", Number: 1, Attempt: 1}
		_, err := tx.FinishRange(ctx, ref, 1, cdds.Progress{}, nil)
		return err
	})
	going := got(w.st.RunByID(t.Context(), "going"))(t)
	if !w.finish(t, store.Outcome{RunID: "going", Attempt: 1, State: cdds.RunFinished, Now: now, Artifacts: []cdds.Artifact{w.artifact(going, 1, 1)}}) {
		t.Fatal("the run in progress could not be finished")
	}
	if !w.start(t, got(w.st.Run(t.Context(), "tenant-a", "waiting"))(t), 1) {
		t.Fatal("the run that waited could not be started")
	}
	if err := w.exec(`UPDATE runs SET state = 'queued', finished_at = NULL WHERE id = 'done'`); err == nil || !strings.Contains(err.Error(), "between these states") {
		t.Fatalf("a finished run was queued again: %v", err)
	}
	w.tx(t, func(ctx context.Context, tx *store.Tx) error {
		return tx.InsertAudit(ctx, store.AuditEntry{TenantID: "tenant-a", Username: "Ann", Action: "job.edit", Object: "job", At: now})
	})
	equal(t, "lines of the audit log", got(w.st.CheckChain(t.Context(), "tenant-a", nil))(t).Head.Number, 2)
}
