package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"cdds"
	"cdds/pgtest"
	"cdds/source"
	"cdds/source/sourcetest"
)

const password = "s3cret-w0rd"

// await waits until something is so, and gives up after a minute.
func await(t *testing.T, so func() bool) {
	t.Helper()
	for range 6000 {
		if so() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("waited in vain")
}

// wantError checks an error's code and words, and that it keeps the password.
func wantError(t *testing.T, err error, code cdds.Code, words ...string) {
	t.Helper()
	var ours *cdds.Error
	if !errors.As(err, &ours) || ours.Code != code || ours.Hint == "" {
		t.Fatalf("got %v, want %s and a hint", err, code)
	}
	text := fmt.Sprintf("%s %s %+v", ours.Error(), ours.Hint, ours.Err)
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q does not say %q", text, word)
		}
	}
	if strings.Contains(text, password) || strings.Contains(text, "\n") {
		t.Errorf("%q tells the password, or has several lines", text)
	}
}

// with returns a DSN with another user, password and database.
func with(t *testing.T, dsn, user, database string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	if database != "" {
		u.Path = "/" + database
	}
	return u.String()
}

func TestDSNIsRefusedWithoutRepeatingIt(t *testing.T) {
	for _, dsn := range []string{
		"postgres://user:" + password + "@[::1/db", "postgres://user:" + password + "@host:port/db", "host=x password=" + password + " port=none",
		"postgres://user:" + password + "@host/db?sslmode=" + password, "postgres://user:" + password + "%zz@host/db",
	} {
		_, err := Open(t.Context(), dsn, Options{})
		wantError(t, err, cdds.CodeInvalid, "DSN")
	}
}

func TestSignInFaults(t *testing.T) {
	server := pgtest.Start(t)
	dsn := server.Database(t, "")
	conn := connect(t, dsn)
	exec(t, conn, "create role reader login password 'another'; create role crowded login connection limit 0")
	var path string
	if err := conn.QueryRow(t.Context(), "show hba_file").Scan(&path); err != nil {
		t.Fatal(err)
	}
	exec(t, conn, fmt.Sprintf("copy (values ('host all reader all scram-sha-256'), ('host all postgres,crowded all trust'), ('local all all trust')) to '%s'", path))
	exec(t, conn, "select pg_reload_conf()")
	for _, test := range []struct {
		name, dsn, word string
		code            cdds.Code
	}{
		{"wrong password", with(t, dsn, "reader", ""), "wrong user or password", cdds.CodeInvalid},
		{"unknown user", with(t, dsn, "nobody", ""), "pg_hba.conf", cdds.CodeInvalid},
		{"unknown database", with(t, dsn, "postgres", "none"), "no such database", cdds.CodeInvalid},
		{"no connection left", with(t, dsn, "crowded", ""), "no free connection", cdds.CodeUnavailable},
		{"nobody listens", "postgres://reader:" + password + "@127.0.0.1:1/db", "nothing listens", cdds.CodeUnavailable},
		{"unknown host", "postgres://reader:" + password + "@host.invalid/db", "cannot be found by its name", cdds.CodeUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t, test.dsn, Options{})
			_, err := s.Snapshot(t.Context())
			wantError(t, err, test.code, test.word)
			_, err = s.Check(t.Context())
			wantError(t, err, test.code, test.word)
			_, err = s.MediaTypes(t.Context(), 1)
			wantError(t, err, test.code, test.word)
		})
	}
}

func TestMissingThings(t *testing.T) {
	dsn, conn := history(t, servers.Server(t))
	exec(t, conn, "drop table interaction_chat")
	exec(t, conn, "alter table contact drop mergeid")
	asReader := reader(t, dsn, conn, "")
	exec(t, conn, "revoke select on attachment from reader_"+conn.Config().Database)
	s := open(t, dsn, Options{})
	_, err := read(t, s, all(source.Interaction), source.Range{}, drop)
	wantError(t, err, cdds.CodeInvalid, "interaction_chat")
	_, err = read(t, s, all(source.Contact), source.Range{}, drop)
	wantError(t, err, cdds.CodeInvalid, "mergeid")
	s = open(t, asReader, Options{})
	_, err = read(t, s, all(source.Attachment), source.Range{}, drop)
	wantError(t, err, cdds.CodeInvalid, "attachment", "Grant SELECT")
	s = open(t, dsn, Options{Mapping: load(t, "interaction: {table: nowhere.interaction}")})
	_, err = s.MediaTypes(t.Context(), 1)
	wantError(t, err, cdds.CodeInvalid, "nowhere.interaction")
	s = open(t, dsn, Options{Mapping: load(t, "interaction: {columns: {tenantId: queuename}}")})
	_, err = read(t, s, all(source.Interaction), source.Range{}, drop)
	wantError(t, err, cdds.CodeInvalid, "operator")
}

// slow replaces the interactions by a view that takes its time for each.
func slow(t *testing.T) string {
	t.Helper()
	dsn, conn := history(t, servers.Server(t))
	exec(t, conn, "create view slow as select i.* from interaction i, lateral (select pg_sleep(100) where i.id <> '') s")
	return dsn
}

func TestStatementTimeout(t *testing.T) {
	s := open(t, slow(t), Options{Mapping: load(t, "interaction: {table: slow}"), StatementTimeout: 50 * time.Millisecond, MaxConns: 1})
	_, err := read(t, s, all(source.Interaction), source.Range{}, drop)
	wantError(t, err, cdds.CodeUnavailable, "too long")
	if n, err := read(t, s, all(source.Contact), source.Range{}, drop); n == 0 || err != nil {
		t.Errorf("after the timeout: %d records, %v", n, err)
	}
}

// TestLockedTable reads what somebody else rebuilds.
func TestLockedTable(t *testing.T) {
	dsn, conn := history(t, servers.Server(t))
	s := open(t, dsn, Options{LockTimeout: 50 * time.Millisecond})
	exec(t, conn, "begin; lock table contact")
	_, err := read(t, s, all(source.Contact), source.Range{}, drop)
	wantError(t, err, cdds.CodeUnavailable, "locked by another session")
	exec(t, conn, "commit")
	if n, err := read(t, s, all(source.Contact), source.Range{}, drop); n == 0 || err != nil {
		t.Errorf("after the lock: %d records, %v", n, err)
	}
}

// TestAdministratorCancels cancels a read at the server.
func TestAdministratorCancels(t *testing.T) {
	dsn := slow(t)
	conn := connect(t, dsn)
	s := open(t, dsn, Options{Mapping: load(t, "interaction: {table: slow}"), ApplicationName: "unwanted"})
	done := make(chan error, 1)
	go func() {
		_, err := read(t, s, all(source.Interaction), source.Range{}, drop)
		done <- err
	}()
	await(t, func() bool {
		var n int
		const cancel = "select count(pg_cancel_backend(pid)) from pg_stat_activity where application_name = 'unwanted' and wait_event = 'PgSleep'"
		if err := conn.QueryRow(t.Context(), cancel).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n > 0
	})
	wantError(t, <-done, cdds.CodeUnavailable, "administrator", "canceled the read")
}

// TestEachFaultHasASentence holds that none of what servers report leaves a
// person without a hint, and that only what a new connection may cure is tried
// again on one.
func TestEachFaultHasASentence(t *testing.T) {
	for code, test := range map[string]struct {
		word string
		code cdds.Code
		lost bool
	}{
		"28P01": {"password", cdds.CodeInvalid, false}, "28000": {"pg_hba.conf", cdds.CodeInvalid, false}, "3D000": {"no such database", cdds.CodeInvalid, false},
		"42501": {"right", cdds.CodeInvalid, false}, "42P01": {"lacks", cdds.CodeInvalid, false}, "42883": {"do not fit", cdds.CodeInvalid, false},
		"XX001": {"damaged", cdds.CodeInvalid, false}, "XX000": {"XX000", cdds.CodeUnavailable, false}, "99999": {"99999", cdds.CodeUnavailable, false},
		"57P01": {"stopped or restarted", cdds.CodeUnavailable, true}, "57P02": {"restarted", cdds.CodeUnavailable, true}, "57P03": {"starting", cdds.CodeUnavailable, true},
		"40001": {"recovery conflict", cdds.CodeUnavailable, true}, "53300": {"no free connection", cdds.CodeUnavailable, true}, "53200": {"memory", cdds.CodeUnavailable, false},
		"58030": {"disk", cdds.CodeUnavailable, false}, "08006": {"broke", cdds.CodeUnavailable, true}, "25P03": {"idle", cdds.CodeUnavailable, true}, "": {"error", cdds.CodeUnavailable, false},
	} {
		err := failure(t.Context(), fmt.Errorf("read: %w", &pgconn.PgError{Code: code, Message: "permission denied"}))
		wantError(t, err, test.code, test.word)
		if errors.Is(err, source.ErrLost) != test.lost {
			t.Errorf("%s: tried again on a new connection: %v", code, !test.lost)
		}
	}
	refused := failure(t.Context(), &pgconn.PgError{Code: "08P01", Message: "unsupported startup parameter: jit"})
	wantError(t, refused, cdds.CodeInvalid, "pooler", "jit")
}

// TestCancelStopsTheServer cancels a read that waits for the server. The
// statement ends there too, and the one connection is free again.
func TestCancelStopsTheServer(t *testing.T) {
	dsn := slow(t)
	watcher := connect(t, dsn)
	s := open(t, dsn, Options{Mapping: load(t, "interaction: {table: slow}"), MaxConns: 1, ApplicationName: "canceled"})
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	snapshot, err := s.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	running := func() bool {
		var n int
		const active = "select count(*) from pg_stat_activity where application_name = 'canceled' and state = 'active'"
		if err := watcher.QueryRow(t.Context(), active).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n > 0
	}
	done := make(chan error, 1)
	go func() {
		_, err := snapshot.Read(ctx, all(source.Interaction), source.Range{}, drop)
		done <- err
	}()
	await(t, running)
	cancel(why)
	if err := <-done; !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	if err := snapshot.Close(); err != nil {
		t.Error(err)
	}
	await(t, func() bool { return !running() })
	if n, err := read(t, s, all(source.Contact), source.Range{}, drop); n == 0 || err != nil {
		t.Errorf("after the cancel: %d records, %v", n, err)
	}
}

// TestEmitErrorStopsTheServer ends a read from within that has far more to send
// than fits between the two. Were it read to its end, the transaction would
// still be good.
func TestEmitErrorStopsTheServer(t *testing.T) {
	dsn, conn := history(t, servers.Server(t))
	exec(t, conn, "update interaction set text = repeat('x', 1000000) where tenantid = 101")
	s := open(t, dsn, Options{MaxConns: 1})
	snapshot, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	if _, err := snapshot.Read(t.Context(), all(source.Interaction), source.Range{}, func(*source.Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	if _, err := snapshot.Count(t.Context(), all(source.Contact)); err == nil {
		t.Error("the read went on to its end")
	}
	if err := snapshot.Close(); err != nil {
		t.Error(err)
	}
	if n, err := read(t, s, all(source.Contact), source.Range{}, drop); n == 0 || err != nil {
		t.Errorf("after it: %d records, %v", n, err)
	}
}

// heavyHistory makes a history whose texts take long to send, and returns its
// DSN.
func heavyHistory(t *testing.T, server *pgtest.Server) string {
	t.Helper()
	dsn := server.Database(t, "")
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	create(t, conn, sourcetest.History(), referenceTypes())
	insert(t, conn, sourcetest.History(), referenceTypes())
	exec(t, conn, "update interaction set text = repeat('x', 1000000) where tenantid = 101")
	exec(t, conn, "checkpoint")
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dsn
}

// TestLostServer loses the server in the middle of a read, and gets it back.
func TestLostServer(t *testing.T) {
	server := pgtest.Start(t)
	dsn := heavyHistory(t, server)
	s := open(t, dsn, Options{})
	stopped := false
	_, err := read(t, s, all(source.Interaction), source.Range{}, func(*source.Record) error {
		if stopped {
			return nil
		}
		stopped = true
		return server.Stop()
	})
	wantError(t, err, cdds.CodeUnavailable)
	_, err = s.Snapshot(t.Context())
	wantError(t, err, cdds.CodeUnavailable, "nothing listens", "127.0.0.1")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	if n, err := read(t, s, all(source.Interaction), source.Range{}, drop); n == 0 || err != nil {
		t.Errorf("after the restart: %d records, %v", n, err)
	}
}

// TestTerminatedConnection ends one connection, as an administrator or a
// limit on idle transactions does.
func TestTerminatedConnection(t *testing.T) {
	dsn, conn := history(t, servers.Server(t))
	s := open(t, dsn, Options{ApplicationName: "terminated"})
	snapshot, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec(t, conn, "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'terminated'")
	_, err = snapshot.Count(t.Context(), all(source.Contact))
	wantError(t, err, cdds.CodeUnavailable, "ended the connection", "by itself")
	if err := snapshot.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if n, err := read(t, s, all(source.Contact), source.Range{}, drop); n == 0 || err != nil {
		t.Errorf("after it: %d records, %v", n, err)
	}
}

// TestIdleTimeout leaves a snapshot alone for longer than the server allows.
func TestIdleTimeout(t *testing.T) {
	dsn, conn := history(t, servers.Server(t))
	s := open(t, dsn, Options{ApplicationName: "idle", IdleTimeout: 20 * time.Millisecond})
	snapshot, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	await(t, func() bool {
		var n int
		if err := conn.QueryRow(t.Context(), "select count(*) from pg_stat_activity where application_name = 'idle'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
	_, err = snapshot.Count(t.Context(), all(source.Contact))
	wantError(t, err, cdds.CodeUnavailable)
	if err := snapshot.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}
