package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// secret stands in the DSNs of these tests and must not come out anywhere. The
// servers of the tests ask for no password.
const secret = "sesame-4711"

// history makes a PostgreSQL Contact History with interactions of the given
// numbers of tenants, and returns its DSN.
func history(t testing.TB, name string, numbers ...int) string {
	t.Helper()
	schema, err := os.ReadFile("../../../shared/data/contact-history.sql")
	must(t, err)
	dsn := servers.Database(t)
	db, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	defer db.Close(context.Background())
	_, err = db.Exec(t.Context(), string(schema))
	must(t, err)
	for _, number := range numbers {
		_, err = db.Exec(t.Context(), `insert into interaction (id, tenantid, entitytypeid, mediatypeid, typeid, status, startdate, subject)
			select $1::text || '-' || $2::int || '-' || i, $2::int, 3, $1::text || '-' || $2::int, 'Inbound', 3, timestamptz '2024-01-01Z' + i * interval '1 hour', 'of ' || $1::text
			from generate_series(1, 40 + $2::int) i`, name, number)
		must(t, err)
	}
	return dsn
}

// withPassword puts the secret into a DSN.
func withPassword(t testing.TB, dsn string) string {
	t.Helper()
	address, err := url.Parse(dsn)
	must(t, err)
	address.User = url.UserPassword(address.User.Username(), secret)
	return address.String()
}

// keys returns the ids of the interactions that a run has exported.
func (c *client) keys(r runAnswer, key string) []string {
	c.t.Helper()
	dir := c.t.TempDir()
	for _, a := range c.artifacts(r.ID) {
		openArtifact(c.t, c.download(a, "der", dir), key, dir)
	}
	var ids []string
	eachLine(c.t, filepath.Join(dir, "Interaction-[0-9a-f]*.json"), func(_ int, line []byte) {
		var record struct{ IxnID string }
		must(c.t, json.Unmarshal(line, &record))
		ids = append(ids, record.IxnID)
	})
	slices.Sort(ids)
	return ids
}

// postgresKeys returns the ids that a tenant has in a PostgreSQL history.
func postgresKeys(t testing.TB, dsn string, number int) []string {
	t.Helper()
	db, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	defer db.Close(context.Background())
	rows, err := db.Query(t.Context(), `select id from interaction where tenantid = $1`, number)
	must(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	slices.Sort(ids)
	return ids
}

// sqliteKeys returns the ids that are in a SQLite history.
func sqliteKeys(t testing.TB, path string) (ids []string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	must(t, err)
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `select id from interaction`)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var id string
		must(t, rows.Scan(&id))
		ids = append(ids, id)
	}
	must(t, rows.Err())
	slices.Sort(ids)
	return ids
}

// addUser adds an administrator of a tenant, signs in and imports a certificate.
func (s *runningService) addUser(t testing.TB, data, tenant, certificate string) *client {
	t.Helper()
	const password = "a long enough password"
	name := "admin-of-" + tenant
	commandOK(t, password+"\n", "user", "add", name, "--data", data, "--tenant", tenant, "--role", "administrator", "--password-stdin")
	c := s.signIn(t, name, password)
	pem, err := os.ReadFile(certificate)
	must(t, err)
	c.ok("PUT", "/me/certificate", pem, nil)
	return c
}

// TestTenantsDataStayApart has two tenants share the deployment's source, and
// two that have a source of their own in which both have the number of the
// first. All export at once: each gets what is its own and nothing else, and so
// do the lists of media types. No password comes out on the way.
func TestTenantsDataStayApart(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "150", "--contacts", "20")
	shared, gamma := history(t, "shared", 101, 202), history(t, "gamma", 101, 202)
	dsnFile := filepath.Join(t.TempDir(), "gamma.dsn")
	must(t, os.WriteFile(dsnFile, []byte(withPassword(t, gamma)+"\n"), 0o600))
	settings := filepath.Join(t.TempDir(), "cdds.yaml")
	must(t, os.WriteFile(settings, []byte("source: "+withPassword(t, shared)+"\nsources:\n  gamma-history:\n    dsnFile: "+dsnFile+
		"\n    connections: 2\n  delta-history:\n    dsn: sqlite:"+out.Source+"\n    rowsPerSecond: 100000\n"), 0o600))
	for _, args := range [][]string{
		{"Beta", "--tenant-id", "202"}, {"Gamma", "--tenant-id", "101", "--source-name", "gamma-history"},
		{"Delta", "--tenant-id", "101", "--source-name", "delta-history", "--retention-days", "7"},
	} {
		commandOK(t, "", append([]string{"tenant", "add", "--data", data}, args...)...)
	}
	s := serve(t, "--config", settings, "--data", data)
	clients := map[string]*client{out.Tenant: s.signIn(t, out.Username, out.Password)}
	for _, name := range []string{"Beta", "Gamma", "Delta"} {
		clients[name] = s.addUser(t, data, name, out.Certificate)
	}
	want := map[string][]string{
		out.Tenant: postgresKeys(t, shared, 101), "Beta": postgresKeys(t, shared, 202),
		"Gamma": postgresKeys(t, gamma, 101), "Delta": sqliteKeys(t, out.Source),
	}
	jobs := map[string]jobAnswer{}
	for name, c := range clients {
		var job jobAnswer
		c.ok("POST", "/jobs", jobBody(nil), &job)
		jobs[name] = job
	}
	for name, c := range clients {
		var runs list[runAnswer]
		c.ok("GET", "/runs?job="+jobs[name].ID, nil, &runs)
		run := finished(t, c.await(runs.Items[0].ID))
		if got := c.keys(run, out.Key); len(got) == 0 || !slices.Equal(got, want[name]) {
			t.Errorf("%s exported %d interactions and has %d, or others", name, len(got), len(want[name]))
		}
		days := map[string]int{"Delta": 7}[name]
		if days == 0 {
			days = 30
		}
		if kept := c.artifacts(run.ID)[0].RemainingDays; kept != days {
			t.Errorf("the artifact of %s is kept for %d days, want %d", name, kept, days)
		}
	}
	for name, media := range map[string]string{out.Tenant: "shared-101", "Beta": "shared-202", "Gamma": "gamma-101"} {
		var types struct{ MediaTypes []string }
		clients[name].ok("GET", "/media-types", nil, &types)
		if !slices.Equal(types.MediaTypes, []string{media}) {
			t.Errorf("%s is offered %v, want %s", name, types.MediaTypes, media)
		}
		var preview struct{ EstimatedRecords int }
		clients[name].ok("POST", "/jobs/preview", jobBody(nil), &preview)
		if preview.EstimatedRecords != len(want[name]) {
			t.Errorf("%s is told of %d records, want %d", name, preview.EstimatedRecords, len(want[name]))
		}
	}
	checks := commandOK(t, "", "source", "check", "--config", settings, "--data", data)
	for _, name := range []string{"default", "gamma-history", "delta-history"} {
		if !strings.Contains(checks, name+": ") {
			t.Errorf("source check says nothing of %s", name)
		}
	}
	s.stop()
	if strings.Contains(s.log.String()+checks, secret) {
		t.Error("a password came out")
	}
	stored, err := os.ReadFile(filepath.Join(data, "cdds.db"))
	must(t, err)
	if strings.Contains(string(stored), secret) {
		t.Error("a password is in the metadata")
	}
}

// TestATenantIsShownToItsAdministrator follows a tenant from its limits to what
// it uses, and to a source that nobody has set, of which doctor speaks too.
func TestATenantIsShownToItsAdministrator(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "50", "--contacts", "5")
	commandOK(t, "", "tenant", "edit", out.Tenant, "--data", data, "--max-runs", "2", "--max-storage", "1GiB")
	s := serve(t, "--data", data)
	c := s.signIn(t, out.Username, out.Password)
	run := finished(t, c.export(nil))
	shown := func() string {
		_, _, body := c.do("GET", "/tenant", nil, nil)
		return strings.TrimSpace(string(body))
	}
	var use struct {
		Use struct{ StorageBytes int64 }
	}
	must(t, json.Unmarshal([]byte(shown()), &use))
	if size := c.artifacts(run.ID)[0].Size; use.Use.StorageBytes != size {
		t.Errorf("the tenant uses %d bytes and has stored %d", use.Use.StorageBytes, size)
	}
	want := `{"name":"` + out.Tenant + `","number":101,"source":{"name":"default","answers":true,"reason":null},` +
		`"limits":{"runs":2,"storageBytes":1073741824,"retentionDays":30},"use":{"runs":0,"waiting":0,"artifacts":1,"storageBytes":`
	if got := shown(); !strings.HasPrefix(got, want) {
		t.Errorf("the tenant is shown as\n%s, want\n%s", got, want)
	}

	commandOK(t, "", "tenant", "edit", out.Tenant, "--data", data, "--source-name", "acme-history", "--max-runs", "0", "--max-storage", "0", "--retention-days", "9")
	want = `"source":{"name":"acme-history","answers":false,"reason":"The settings of this service have no source named \"acme-history\". The operator adds it`
	if got := shown(); !strings.Contains(got, want) || !strings.Contains(got, `"limits":{"runs":null,"storageBytes":null,"retentionDays":9}`) {
		t.Errorf("the tenant is shown as %s", got)
	}
	failed := c.export(nil)
	if failed.State != "failed" || len(failed.Attempts) != 1 || !strings.Contains(failed.Error.Message, "acme-history") {
		t.Errorf("the run is %s after %d attempts: %+v", failed.State, len(failed.Attempts), failed.Error)
	}
	c.fails(422, "GET", "/media-types", nil)
	diagnosis, _, code := command(t, "", "doctor", "--data", data)
	if code == 0 || !strings.Contains(diagnosis, "BROKEN  source of tenant "+out.Tenant+": the settings have no source named acme-history") {
		t.Errorf("doctor ends with %d and says:\n%s", code, diagnosis)
	}
}

// TestTenantCommands adds, changes and lists tenants.
func TestTenantCommands(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	commandOK(t, "", "tenant", "add", "Acme", "--data", data, "--tenant-id", "7", "--max-storage", "20GiB", "--max-runs", "3")
	commandOK(t, "", "tenant", "add", "Beta", "--data", data, "--tenant-id", "7", "--source-name", "beta-history")
	if text := commandOK(t, "", "tenant", "edit", "Acme", "--data", data, "--rename", "Acme Ltd", "--retention-days", "90"); text != "Tenant Acme Ltd\n  number     7\n"+
		"  source     default\n  running    0 of 3 (0 waiting)\n  storage    0 B of 20 GiB\n  retention  90 days\n" {
		t.Errorf("edit says\n%s", text)
	}
	table := commandOK(t, "", "tenant", "list", "--data", data)
	if want := "NAME      TENANT-ID  SOURCE        RUNS         STORAGE        RETENTION\n" +
		"Acme Ltd  7          default       0 of 3       0 B of 20 GiB  90 days\n" +
		"Beta      7          beta-history  0, no limit  0 B, no limit  the deployment's\n"; table != want {
		t.Errorf("list says\n%s", table)
	}
	want := `{"name":"Beta","tenantId":7,"source":"beta-history","maxRuns":0,"maxStorageBytes":0,"retentionDays":0,"running":0,"waiting":0,"storageBytes":0}`
	if got := strings.TrimSpace(commandOK(t, "", "tenant", "show", "Beta", "--data", data, "--output", "json")); got != want {
		t.Errorf("show says %s", got)
	}
	for _, bad := range []struct {
		code int
		args []string
	}{
		{1, []string{"add", "Gamma", "--tenant-id", "7"}},
		{1, []string{"edit", "Beta", "--source-name", "default"}},
		{2, []string{"add", "Gamma"}},
		{2, []string{"add", "Gamma", "--tenant-id", "8", "--max-storage", "much"}},
		{2, []string{"add", "Gamma", "--tenant-id", "8", "--source-name", "postgres://u:" + secret + "@h/d"}},
		{3, []string{"edit", "Gamma", "--max-runs", "1"}},
		{3, []string{"show", "Gamma"}},
	} {
		_, errs, code := command(t, "", append(append([]string{"tenant"}, bad.args...), "--data", data)...)
		if code != bad.code || strings.Contains(errs, secret) {
			t.Errorf("%v: exit code %d, want %d: %s", bad.args, code, bad.code, errs)
		}
	}
}

// TestBadSettingsOfSourcesNameNoSecret gives settings with mistakes of all
// kinds, beside a password: the refusal says what is wrong, and not the password.
func TestBadSettingsOfSourcesNameNoSecret(t *testing.T) {
	data, _ := demo(t, "--interactions", "10", "--contacts", "2")
	dsn := "postgres://cdds:" + secret + "@127.0.0.1:1/history"
	good := "{dsn: '" + dsn + "'}"
	for _, c := range []struct{ settings, says string }{
		{"sources: {acme: {dsn: '" + dsn + "', colour: red}}", "colour is not a setting"},
		{"sources: {acme: {dsn: '" + dsn + "', connections: many}}", "connections has the wrong type"},
		{"sources: {acme: {dsn: ['" + dsn + "']}}", "dsn has the wrong type"},
		{"sources: {acme: '" + dsn + "'}", "acme that cannot be read"},
		{"sources: '" + dsn + "'", "not a mapping of names"},
		{"sources: {Acme: " + good + "}", "has a name that"},
		{"sources: {default: " + good + "}", "has a name that"},
		{"sources: {acme: {mapping: m.yaml}}", "without dsn or dsnFile"},
		{"sources: {acme: {dsn: '" + dsn + "', dsnFile: f}}", "without dsn or dsnFile, or with both"},
		{"sources: {acme: {'dsn:" + dsn + "': x}}", "not known"},
		{"sources: {acme: " + good + ", beta: " + good + "}", "acme and beta have the same DSN"},
		{"source: '" + dsn + "'\nsources: {acme: " + good + "}", "default and acme have the same DSN"},
		{"sources: {acme: {dsn: '" + dsn + "'}\nother: [", "not valid YAML, line"},
		{"sources: {acme: {dsn: \"" + dsn + "}}", "not valid YAML"},
		{"sources: {acme: {dsn: 'mysql://cdds:" + secret + "@h/d'}}", "Source acme: The source is neither"},
		{"sources: {acme: {dsn: 'postgres://cdds:" + secret + "@h:port/d'}}", "Source acme: The source's DSN cannot be read"},
		{"sources: {acme: {dsn: '" + dsn + "', timeout: soon}}", "not a duration"},
		{"sources: {acme: {dsn: '" + dsn + "', rowsPerSecond: -1}}", "below what makes sense"},
		{"sources: {acme: {dsnFile: /nowhere/" + "dsn}}", "file with the DSN of the source acme cannot be read"},
		{"sources: {acme: {dsn: '" + dsn + "'}}", "Source acme: "}, // nobody answers there
	} {
		path := filepath.Join(t.TempDir(), "cdds.yaml")
		must(t, os.WriteFile(path, []byte(c.settings+"\n"), 0o600))
		_, errs, code := command(t, "", "source", "check", "--data", data, "--config", path)
		if code == 0 || !strings.Contains(errs, c.says) || strings.Contains(errs, secret) {
			t.Errorf("%s\ngives exit code %d and %s", c.settings, code, errs)
		}
		diagnosis, errs, code := command(t, "", "doctor", "--data", data, "--config", path)
		if code == 0 || strings.Contains(diagnosis+errs, secret) {
			t.Errorf("%s\ndoctor gives exit code %d and\n%s%s", c.settings, code, diagnosis, errs)
		}
	}
}

// TestSourcesByEnvironment gives the sources as text, as a container does.
func TestSourcesByEnvironment(t *testing.T) {
	data, out := demo(t, "--interactions", "10", "--contacts", "2")
	t.Setenv("CDDS_SOURCES", `{"acme-history": {"dsn": "sqlite:`+out.Source+`"}}`)
	t.Setenv("CDDS_SOURCE", "sqlite:"+filepath.Join(t.TempDir(), "none.db"))
	var found []map[string]any
	must(t, json.Unmarshal([]byte(commandOK(t, "", "source", "check", "--data", data, "--only", "acme-history", "--output", "json")), &found))
	sources := map[any]bool{}
	for _, f := range found {
		sources[f["source"]] = true
	}
	if got := slices.Collect(maps.Keys(sources)); len(got) != 1 || got[0] != "acme-history" {
		t.Errorf("checked: %v", got)
	}
	if _, _, code := command(t, "", "source", "check", "--data", data, "--only", "beta-history"); code != 3 {
		t.Errorf("an unknown source: exit code %d", code)
	}
	t.Setenv("CDDS_SOURCES", "acme: [postgres://cdds:"+secret)
	if _, errs, code := command(t, "", "source", "check", "--data", data); code != 2 || strings.Contains(errs, secret) {
		t.Errorf("text that is no YAML: exit code %d, %s", code, errs)
	}
}
