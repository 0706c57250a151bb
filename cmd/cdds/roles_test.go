package main

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// sqlOf returns the SQL of a document's code blocks of one name, with
// passwords and the names of databases put in.
func sqlOf(t testing.TB, document, name string, with ...string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + document)
	must(t, err)
	found := regexp.MustCompile("(?s)```sql"+name+"\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(found) == 0 {
		t.Fatalf("%s has no SQL %q", document, name)
	}
	var all strings.Builder
	for _, block := range found {
		all.WriteString(block[1])
	}
	return strings.NewReplacer(append([]string{"'…'", "'a-password-of-a-role'"}, with...)...).Replace(all.String())
}

// TestLeastRights applies the SQL of the documents to a PostgreSQL of its own,
// migrates as the owner, and works with the roles that may least.
func TestLeastRights(t *testing.T) {
	t.Parallel()
	server := servers.Server(t)
	admin := func(database string) *pgx.Conn {
		conn, err := pgx.Connect(t.Context(), server.DSN(database, "postgres"))
		must(t, err)
		t.Cleanup(func() { must(t, conn.Close(context.Background())) })
		return conn
	}
	do := func(conn *pgx.Conn, sql string) {
		t.Helper()
		// One by one: a database is not created within a transaction.
		for _, statement := range strings.SplitAfter(sql, ";\n") {
			_, err := conn.Exec(t.Context(), statement)
			must(t, err)
		}
	}
	history, historyAdmin := emptyHistory(t)
	do(historyAdmin, sqlOf(t, "source-protection.md", "", "database ucs", "database "+historyAdmin.Config().Database))
	_, err := historyAdmin.Exec(t.Context(), `insert into interaction (id, tenantid, entitytypeid, mediatypeid, typeid, status, startdate, text)
		select 'i' || n, 101, 7, 'webform', 'Inbound', 3, '2020-01-01', 'text' from generate_series(1, 200) n`)
	must(t, err)
	root := admin("postgres")
	do(root, sqlOf(t, "operations-security.md", " metadata"))
	metadata := admin("cdds")
	t.Cleanup(func() {
		must(t, metadata.Close(context.Background()))
		for _, statement := range []string{"drop database cdds with (force)", "drop owned by cdds_reader", "drop role cdds_owner", "drop role cdds_app"} {
			if _, err := root.Exec(context.Background(), statement); err != nil {
				t.Errorf("%s: %v", statement, err)
			}
		}
	})
	do(metadata, sqlOf(t, "operations-security.md", " metadata-database"))
	asOwner, asApp := server.DSN("cdds", "cdds_owner"), server.DSN("cdds", "cdds_app")
	asReader := strings.Replace(history, "postgres@", "cdds_reader@", 1)

	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	if _, errs, code := command(t, "", "serve", "--data", data, "--database", asApp, "--listen", "127.0.0.1:0"); code != 1 || !strings.Contains(errs, "schema") {
		t.Errorf("before the migration: exit code %d: %s", code, errs)
	}
	commandOK(t, "", "migrate", "--database", asOwner, "--data", data)
	do(metadata, sqlOf(t, "operations-security.md", " after-migration"))
	commandOK(t, "a-password-of-ann", "user", "add", "ann", "--data", data, "--database", asApp, "--tenant", "T", "--tenant-id", "101", "--role", "administrator", "--password-stdin")
	if found := commandOK(t, "", "source", "check", "--source", asReader); strings.Contains(found, "warning") {
		t.Errorf("the source's role: %s", found)
	}

	// A day of the service.
	s := serve(t, "--data", data, "--database", asApp, "--source", asReader)
	c := s.signIn(t, "ann", "a-password-of-ann")
	cert, err := os.ReadFile(out.Certificate)
	must(t, err)
	c.ok("PUT", "/me/certificate", cert, nil)
	r := finished(t, c.export(nil))
	if r.Progress.Records != 200 {
		t.Errorf("%d records", r.Progress.Records)
	}
	c.download(c.artifacts(r.ID)[0], "der", t.TempDir())
	var job jobAnswer
	c.ok("POST", "/jobs", jobBody(object{"settlingMinutes": 60}), &job)
	c.ok("POST", "/runs/"+job.LatestRun.ID+"/cancel", nil, nil)
	c.ok("DELETE", "/jobs/"+job.ID, nil, nil)
	c.ok("POST", "/me/tokens", object{"name": "one", "scopes": []string{"read"}, "expiresAt": "2027-01-01T00:00:00Z"}, nil)
	c.ok("DELETE", "/runs/"+r.ID, nil, nil)
	s.stop()
	for _, line := range strings.Split(s.log.String(), "\n") {
		if strings.Contains(line, "permission denied") || strings.Contains(line, "42501") {
			t.Errorf("a right is missing: %s", line)
		}
	}
	refused(t, asApp, "update audit set username = ''", "delete from audit", "truncate audit", "create table mine (x int)", "drop table audit",
		"alter table audit disable trigger all", "insert into goose_db_version (version_id, is_applied) values (99, true)")
	refused(t, asReader, "insert into contact (id) values ('x')", "update interaction set text = ''", "delete from attachment", "create table mine (x int)")
}

// refused holds that a role may not do these things.
func refused(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	defer conn.Close(context.Background())
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}
