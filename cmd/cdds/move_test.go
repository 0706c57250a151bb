package main

import (
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cdds"
	"cdds/store"
)

// The history of a living installation: so many records of a text that does not
// compress, so that a split run has several parts.
const (
	livingRecords  = 400
	livingTextSize = 12 << 10
)

// living is an installation in use: users, jobs of all kinds, runs in all
// states, files, tokens, sessions.
type living struct {
	data, source string
	out          demoOutput
	token        string
	session      *client // of the administrator, signed in before the move
	finished     []runAnswer
	total        int64             // of the runs
	history      map[string]string // the answers about the runs that have ended, by id
	hourly       string            // id of a job that is due
	due          time.Time         // since when
	working      string            // id of a run that was killed midway
	queued       string            // id of the run behind it
	later        string            // id of a run that waits for its settling delay
}

// noise is a text that does not compress.
func noise(t testing.TB) string {
	t.Helper()
	b := make([]byte, livingTextSize)
	_, err := rand.Read(b)
	must(t, err)
	return base64.StdEncoding.EncodeToString(b)
}

// newLiving makes the installation, calls whileItRuns while its service has
// nothing to do, and kills it later in the middle of a run.
func newLiving(t *testing.T, whileItRuns func(l *living)) *living {
	t.Helper()
	dsn, db := emptyHistory(t)
	for i := range livingRecords {
		_, err := db.Exec(t.Context(), `insert into interaction (id, tenantid, entitytypeid, mediatypeid, typeid, status, startdate, text)
			values ($1, 101, 7, 'webform', 'Inbound', 3, '2020-01-01', $2)`, fmt.Sprint("i", i), noise(t))
		must(t, err)
	}
	l := &living{source: dsn}
	l.data, l.out = demo(t, "--interactions", "10", "--contacts", "5")
	escrow := newOfficer(t, "escrow", "400")
	commandOK(t, "", "recipient", "add", "--data", l.data, "--tenant", l.out.Tenant, "Escrow", escrow.certificate)
	commandOK(t, "a password of some length\n", "user", "add", "vera", "--data", l.data, "--tenant", l.out.Tenant, "--role", "viewer", "--password-stdin")
	commandOK(t, "a password of some length\n", "user", "add", "olga", "--data", l.data, "--tenant", "other", "--tenant-id", "202", "--role", "administrator", "--password-stdin")
	l.token = strings.TrimSpace(commandOK(t, "", "token", "create", "nightly", "--data", l.data, "--user", l.out.Username))
	l.past(t, db, whileItRuns)
	l.present(t)
	return l
}

// past fills History, and calls whileItRuns then.
func (l *living) past(t *testing.T, db *pgx.Conn, whileItRuns func(l *living)) {
	t.Helper()
	s := serve(t, "--data", l.data, "--source", l.source)
	c := s.signIn(t, l.out.Username, l.out.Password)
	l.session = c
	l.finished = append(l.finished, finished(t, c.export(nil)), finished(t, c.export(object{"splitSize": 1 << 20})), finished(t, c.export(object{"type": "contact"})))
	for kind, schedule := range map[string]object{
		"once":    {"kind": "once", "startAt": "2100-01-01T00:00:00Z"},
		"hourly":  {"kind": "hourly", "every": 1},
		"daily":   {"kind": "daily", "every": 2, "at": "02:00", "timeZone": "Europe/Berlin"},
		"weekly":  {"kind": "weekly", "weekday": "sunday", "at": "03:00"},
		"monthly": {"kind": "monthly", "day": 31, "at": "23:59"},
	} {
		frame := object{"kind": "all"}
		switch kind {
		case "hourly":
			frame = object{"kind": "hour"}
		case "daily":
			frame = object{"kind": "sinceLast", "start": "2019-01-01T00:00:00Z"}
		}
		var job jobAnswer
		c.ok("POST", "/jobs", jobBody(object{"title": "Job " + kind, "schedule": schedule, "timeframe": frame}), &job)
		if kind == "hourly" {
			l.hourly = job.ID
		}
		if kind == "monthly" {
			c.ok("POST", "/jobs/"+job.ID+"/suspend", nil, nil)
		}
	}
	open := lockTable(t, l.source)
	canceled := c.runNow(jobBody(object{"title": "Canceled"}))
	c.awaitState(canceled, "in_progress")
	c.ok("POST", "/runs/"+canceled+"/cancel", nil, nil)
	open()
	c.await(canceled)
	rename := func(from, to string) {
		_, err := db.Exec(t.Context(), "alter table "+from+" rename to "+to)
		must(t, err)
	}
	rename("interaction", "hidden")
	if r := c.export(object{"title": "Fails"}); r.State != "failed" {
		t.Fatalf("a run without its table is %s", r.State)
	}
	rename("hidden", "interaction")
	if l.total, l.history = c.ended(); len(l.history) != 5 {
		t.Fatalf("%d runs have ended", len(l.history))
	}
	whileItRuns(l)
	s.stop()
}

// present leaves runs that have not ended: one is cut off by a kill behind its
// first part, another waits for it, and a third for late records.
func (l *living) present(t *testing.T) {
	t.Helper()
	p := start(t, 0o077, nil, "--data", l.data, "--source", l.source, "--source-rows-per-second", "30")
	c := l.session.at(p.runningService)
	var job jobAnswer
	c.ok("POST", "/jobs", jobBody(object{"title": "Works", "splitSize": 1 << 20, "schedule": object{"kind": "weekly", "weekday": "sunday", "at": "05:00"}}), &job)
	for _, id := range []*string{&l.working, &l.queued} {
		var r runAnswer
		c.ok("POST", "/jobs/"+job.ID+"/runs", nil, &r)
		*id = r.ID
	}
	l.later = c.runNow(jobBody(object{"title": "Late records", "settlingMinutes": 1440}))
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(l.data, "cdds.db"))
	must(t, err)
	for deadline := time.Now().Add(waitTime); ; time.Sleep(10 * time.Millisecond) {
		parts, err := st.Checkpoints(t.Context(), l.working)
		must(t, err)
		if len(parts) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no part of the run was stored: %s", p.said())
		}
	}
	p.kill()
	if r, err := st.RunByID(t.Context(), l.working); err != nil || r.State != cdds.RunInProgress {
		t.Fatalf("the run that should be cut off is %s (%v)", r.State, err)
	}
	// As if the service had been down for three hours before.
	l.due = time.Now().UTC().Truncate(time.Hour).Add(-3 * time.Hour)
	_, err = st.DB().Exec(`UPDATE jobs SET first_start = $1, next_run_at = $1 WHERE id = $2`, l.due.UnixMicro(), l.hourly)
	must(t, err)
	must(t, st.Close())
}

// ended returns how many runs there are, and what is said about each of those
// that have ended.
func (c *client) ended() (total int64, answers map[string]string) {
	c.t.Helper()
	var runs list[runAnswer]
	c.ok("GET", "/runs?limit=100&state=finished,failed,canceled", nil, &runs)
	answers = map[string]string{}
	for _, r := range runs.Items {
		_, _, text := c.do("GET", "/runs/"+r.ID, nil, nil)
		answers[r.ID] = string(text)
	}
	c.ok("GET", "/runs?limit=1", nil, &runs)
	return runs.Total, answers
}

// metadataRows returns all rows of all tables of a database but for the
// queue's, sorted, by table.
func metadataRows(t testing.TB, dsn string) map[string][]string {
	t.Helper()
	driver, query := "sqlite", `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
	if strings.HasPrefix(dsn, "postgres") {
		driver, query = "pgx", `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`
	}
	db, err := sql.Open(driver, strings.TrimPrefix(dsn, "sqlite:"))
	must(t, err)
	defer func() { must(t, db.Close()) }()
	all := map[string][]string{}
	for _, name := range queryLines(t, db, query) {
		table := strings.TrimSpace(name)
		table = table[strings.Index(table, "=")+1:]
		if !strings.HasPrefix(table, "river_") && !strings.HasPrefix(table, "goose_") {
			all[table] = queryLines(t, db, `SELECT * FROM `+table)
		}
	}
	return all
}

// queryLines returns the rows of a query as texts, sorted.
func queryLines(t testing.TB, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.Query(query)
	must(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	must(t, err)
	var lines []string
	for rows.Next() {
		cells := make([]any, len(columns))
		for i := range cells {
			cells[i] = new(any)
		}
		must(t, rows.Scan(cells...))
		texts := make([]string, len(columns))
		for i, name := range columns {
			v := *cells[i].(*any)
			if flag, is := v.(bool); is {
				v = map[bool]int64{true: 1}[flag]
			}
			texts[i] = fmt.Sprintf("%s=%v", name, v)
		}
		slices.Sort(texts)
		lines = append(lines, strings.Join(texts, " "))
	}
	must(t, rows.Err())
	slices.Sort(lines)
	return lines
}

// TestMoveALivingInstallation moves an installation in use to PostgreSQL and to
// another artifact storage, and goes on with it there: nothing is lost, nothing
// is doubled, and the old folder does not start any more.
func TestMoveALivingInstallation(t *testing.T) {
	dsn, artifacts := servers.Database(t), "file://"+filepath.Join(t.TempDir(), "artifacts")
	target := []string{"--database", dsn, "--artifacts", artifacts}
	l := newLiving(t, func(l *living) {
		l.ahead(t, artifacts)
		l.checkWhileItRuns(t, target)
	})
	before := metadataRows(t, "sqlite:"+filepath.Join(l.data, "cdds.db"))
	var report moveReport
	text := commandOK(t, "", append([]string{"migrate", "--from", l.data, "--output", "json"}, target...)...)
	must(t, json.Unmarshal([]byte(text), &report))
	if !report.Moved || report.Tables["runs"] != int64(len(before["runs"])) || len(report.Tables) != len(before) || report.Files.Present < 4 || report.Files.Copied < 1 || len(report.Damaged) != 0 {
		t.Errorf("the report says %s", text)
	}
	l.compare(t, before, metadataRows(t, dsn))
	l.refusesToStart(t)
	s := serve(t, append([]string{"--data", t.TempDir(), "--source", l.source}, target...)...)
	l.goesOn(t, s, dsn)
}

// ahead copies most files while the service runs.
func (l *living) ahead(t *testing.T, artifacts string) {
	t.Helper()
	var report moveReport
	text := commandOK(t, "", "migrate", "--from", l.data, "--artifacts", artifacts, "--artifacts-only", "--output", "json")
	must(t, json.Unmarshal([]byte(text), &report))
	if report.Moved || report.Files.Copied < 4 || report.Files.Present != 0 || report.Files.Bytes < 1<<20 {
		t.Errorf("the first copy says %s", text)
	}
}

// checkWhileItRuns asks what would be moved.
func (l *living) checkWhileItRuns(t *testing.T, target []string) {
	t.Helper()
	var report moveReport
	text := commandOK(t, "", append([]string{"migrate", "--from", l.data, "--check", "--output", "json"}, target...)...)
	must(t, json.Unmarshal([]byte(text), &report))
	if report.Moved || !report.Running || len(report.Hindrances) != 0 || report.Tables["runs"] != l.total || report.Files.ToCopy < 3 {
		t.Errorf("the check says %s", text)
	}
	if _, errs, code := command(t, "", append([]string{"migrate", "--from", l.data}, target...)...); code != 1 || !strings.Contains(errs, "Stop it") {
		t.Errorf("a move beside the service ended with %d: %s", code, errs)
	}
}

// compare holds all rows of both sides against each other. What the move itself
// writes is all that may differ: the run that was cut off has its next attempt,
// and each chain of the audit log a line more.
func (l *living) compare(t *testing.T, before, after map[string][]string) {
	t.Helper()
	if len(before) != len(after) {
		t.Errorf("%d tables became %d", len(before), len(after))
	}
	for table, rows := range before {
		lost := slices.DeleteFunc(slices.Clone(rows), func(row string) bool { return slices.Contains(after[table], row) })
		added := slices.DeleteFunc(slices.Clone(after[table]), func(row string) bool { return slices.Contains(rows, row) })
		switch table {
		case "runs", "attempts":
			if len(lost) != 1 || len(added) != 1 || !strings.Contains(lost[0], l.working) || !strings.Contains(added[0], l.working) {
				t.Errorf("%s: %d rows are lost and %d new", table, len(lost), len(added))
			}
		case "audit":
			if len(lost) != 0 || len(added) != 3 {
				t.Errorf("%s: %d rows are lost and %d new", table, len(lost), len(added))
			}
		default:
			if len(lost)+len(added) != 0 {
				t.Errorf("%s: %d rows are lost and %d new", table, len(lost), len(added))
			}
		}
	}
}

// refusesToStart tries what could use the old database.
func (l *living) refusesToStart(t *testing.T) {
	t.Helper()
	for _, args := range [][]string{
		{"serve", "--listen", "127.0.0.1:0"}, {"migrate"}, {"user", "list"}, {"backup", "--to", filepath.Join(t.TempDir(), "b")}, {"verify"},
		{"restore", "--from", filepath.Join(l.data, "cdds.db")}, {"restore", "--settle"}, {"audit", "verify"}, {"demo"},
	} {
		_, errs, code := command(t, "", append(args, "--data", l.data)...)
		if code != 1 || !strings.Contains(errs, "was moved to postgres://127.0.0.1:") || !strings.Contains(errs, "cdds.db.moved") {
			t.Errorf("cdds %v on the old folder ended with %d: %s", args, code, errs)
		}
	}
}

// goesOn works with the service on the other side.
func (l *living) goesOn(t *testing.T, s *runningService, dsn string) {
	t.Helper()
	l.session.at(s).ok("GET", "/me", nil, nil)
	c := s.signIn(t, l.out.Username, l.out.Password)
	s.signIn(t, "olga", "a password of some length")
	bearer := &client{t: t, base: s.url + "/api/v1", http: &http.Client{Timeout: waitTime}}
	if status, _, text := bearer.do("GET", "/runs", nil, map[string]string{"Authorization": "Bearer " + l.token}); status != http.StatusOK {
		t.Errorf("the token gives %d: %s", status, text)
	}
	_, history := c.ended()
	for id, old := range l.history {
		if history[id] != old {
			t.Errorf("History says %s in place of %s", history[id], old)
		}
	}
	for _, r := range l.finished[:2] {
		c.holdsEachOnce(r.ID, l.out.Key, livingRecords)
	}
	working := finished(t, c.await(l.working))
	if len(working.Attempts) != 2 || working.Attempts[0].Error == nil || !strings.Contains(*working.Attempts[0].Error, "moved to another database") {
		t.Errorf("the run that was cut off says %+v", working.Attempts)
	}
	c.holdsEachOnce(l.working, l.out.Key, livingRecords)
	if first := c.artifacts(l.working)[0]; !strings.Contains(l.keyOf(t, dsn, first.ID), "/attempt-1/") {
		t.Error("the part from before the move was exported anew")
	}
	finished(t, c.await(l.queued))
	c.holdsEachOnce(l.queued, l.out.Key, livingRecords)
	l.startsWhatIsDue(t, c)
	var later runAnswer
	c.ok("GET", "/runs/"+l.later, nil, &later)
	if later.State != "queued" {
		t.Errorf("the run that waits for late records is %s", later.State)
	}
	commandOK(t, "", "audit", "verify", "--data", t.TempDir(), "--database", dsn)
	finished(t, c.export(nil))
}

// keyOf returns where an artifact lies in the storage.
func (l *living) keyOf(t *testing.T, dsn, id string) string {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	return queryLines(t, db, `SELECT key FROM artifacts WHERE id = '`+id+`'`)[0]
}

// startsWhatIsDue waits until the job that was due is up to date: each hour has
// one run.
func (l *living) startsWhatIsDue(t *testing.T, c *client) {
	t.Helper()
	for deadline := time.Now().Add(waitTime); ; time.Sleep(20 * time.Millisecond) {
		var runs list[runAnswer]
		c.ok("GET", "/runs?limit=100&sort=scheduledFor&job="+l.hourly, nil, &runs)
		last := l.due.Add(time.Duration(len(runs.Items)) * time.Hour) // the next one
		if len(runs.Items) >= 4 && last.After(time.Now()) {
			for i, r := range runs.Items {
				if want := l.due.Add(time.Duration(i) * time.Hour); !r.ScheduledFor.Equal(want) {
					t.Errorf("occurrence %d is %s, want %s", i, r.ScheduledFor, want)
				}
				finished(t, c.await(r.ID))
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("of the hours since %s, %d have a run", l.due, len(runs.Items))
		}
	}
}
