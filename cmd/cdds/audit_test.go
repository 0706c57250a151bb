package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cdds/store"
)

// auditLine is a line of the log, as the API and the commands give it.
type auditLine struct {
	Number                                                                   int64
	At                                                                       time.Time
	Username, UserID, TokenID, Action, Object, Detail, Result, Address, Hash string
	Times                                                                    int64
}

// newest returns the newest line of the tenant's log.
func (c *client) newest() auditLine {
	c.t.Helper()
	var page list[auditLine]
	c.ok("GET", "/audit?limit=1", nil, &page)
	if len(page.Items) == 0 {
		c.t.Fatal("the audit log is empty")
	}
	return page.Items[0]
}

// changes says for each operation that changes something, or hands something
// out, how a call of it succeeds. It makes what the call needs and returns the
// path's id and the body; sender is who calls, the administrator where nil.
type changes struct {
	t     *testing.T
	s     *runningService
	admin *client
	out   demoOutput
	count int
}

type request struct {
	id, query string
	body      any
	sender    *client
	lines     int // that it writes; 0: one
}

// job makes a recurring job.
func (x *changes) job() string {
	var job jobAnswer
	x.count++
	x.admin.ok("POST", "/jobs", jobBody(object{"title": fmt.Sprint("Job ", x.count), "schedule": object{"kind": "daily", "every": 1, "at": "02:00"}}), &job)
	return job.ID
}

func (x *changes) run() string { return finished(x.t, x.admin.export(object{"type": "contact"})).ID }

func (x *changes) artifact() string { return x.admin.artifacts(x.run())[0].ID }

// canceled makes a run that was canceled.
func (x *changes) canceled(cancel bool) string {
	var run runAnswer
	// Its attempt waits for the settling delay, so that it can be canceled.
	var job jobAnswer
	x.admin.ok("POST", "/jobs", jobBody(object{"settlingMinutes": 600}), &job)
	var runs list[runAnswer]
	x.admin.ok("GET", "/runs?job="+job.ID, nil, &runs)
	run = runs.Items[0]
	if cancel {
		x.admin.ok("POST", "/runs/"+run.ID+"/cancel", nil, nil)
	}
	return run.ID
}

func (x *changes) token() string {
	var token struct{ ID string }
	x.count++
	x.admin.ok("POST", "/me/tokens", x.newToken(), &token)
	return token.ID
}

func (x *changes) newToken() object {
	x.count++
	return object{"name": fmt.Sprint("token ", x.count), "scopes": []string{"read"}, "expiresAt": time.Now().Add(24 * time.Hour)}
}

func (x *changes) certificate() []byte {
	pem, err := os.ReadFile(x.out.Certificate)
	must(x.t, err)
	return pem
}

// recipes has every operation of the API that changes or hands out something. A
// new one fails TestEveryChangeIsAudited until it stands here, and then unless
// it writes its line.
func (x *changes) recipes() map[string]func() request {
	recurring := func(hours int) object {
		return jobBody(object{"schedule": object{"kind": "hourly", "every": hours}})
	}
	return map[string]func() request{
		"sign-in":            func() request { return request{body: object{"username": x.out.Username, "password": x.out.Password}} },
		"sign-out":           func() request { return request{sender: x.s.signIn(x.t, x.out.Username, x.out.Password)} },
		"put-certificate":    func() request { return request{body: x.certificate()} },
		"delete-certificate": func() request { return request{} },
		"create-token":       func() request { return request{body: x.newToken()} },
		"revoke-token":       func() request { return request{id: x.token()} },
		"create-job":         func() request { return request{body: recurring(4)} },
		"edit-job":           func() request { return request{id: x.job(), body: recurring(5)} },
		"suspend-job":        func() request { return request{id: x.job()} },
		"resume-job": func() request {
			id := x.job()
			x.admin.ok("POST", "/jobs/"+id+"/suspend", nil, nil)
			return request{id: id}
		},
		"delete-job":                func() request { return request{id: x.job()} },
		"start-run":                 func() request { return request{id: x.job()} },
		"cancel-run":                func() request { return request{id: x.canceled(false)} },
		"retry-run":                 func() request { return request{id: x.canceled(true)} },
		"delete-run":                func() request { return request{id: x.canceled(true)} },
		"delete-artifact":           func() request { return request{id: x.artifact()} },
		"download-artifact":         func() request { return request{id: x.artifact()} },
		"archive-artifacts":         func() request { return request{body: object{"ids": []string{x.artifact()}}} },
		"archive-artifacts-by-link": func() request { return request{query: "?ids=" + x.artifact()} },
		"export-audit":              func() request { return request{query: "?format=csv"} },
	}
}

// harmless are the operations that are no GET and change nothing all the same.
// Single sign-on changes something when it ends, which needs a provider:
// control's tests, and the browser's, look at its lines.
func harmless() []string {
	return []string{"preview-job", "begin-single-sign-on", "backchannel-logout"}
}

// audited returns the operations of the OpenAPI document that must write a
// line: all that are no GET, and those that hand out something else than JSON.
func audited(t *testing.T, c *client) map[string]call {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string
			Responses   map[string]struct{ Content map[string]json.RawMessage }
		}
	}
	c.ok("GET", "/openapi.json", nil, &document)
	calls := map[string]call{}
	for path, methods := range document.Paths {
		for method, op := range methods {
			hands := false
			for kind := range op.Responses["200"].Content {
				hands = hands || !strings.Contains(kind, "json") && kind != "text/event-stream" || kind == "application/jsonl"
			}
			if (method != "get" || hands) && !slices.Contains(harmless(), op.OperationID) {
				calls[op.OperationID] = call{op.OperationID, strings.ToUpper(method), path}
			}
		}
	}
	return calls
}

// TestEveryChangeIsAudited calls each operation of the OpenAPI document that
// changes or hands out something, with success, and demands a line of it with
// who, what, when, from where and the result.
func TestEveryChangeIsAudited(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "30", "--contacts", "10")
	s := serve(t, "--data", data)
	x := &changes{t: t, s: s, admin: s.signIn(t, out.Username, out.Password), out: out}
	calls, recipes := audited(t, x.admin), x.all()
	if len(calls) < 20 {
		t.Errorf("only %d operations that change something", len(calls))
	}
	// Without a certificate no job can be made, so its end comes last.
	order := slices.DeleteFunc(slices.Sorted(maps.Keys(calls)), func(id string) bool { return id == "delete-certificate" })
	for _, id := range append(order, "delete-certificate") {
		prepare, known := recipes[id]
		if !known {
			t.Errorf("%s has no recipe: say in recipes how a call of it succeeds", id)
			continue
		}
		r := prepare()
		sender := x.admin
		if r.sender != nil {
			sender = r.sender
		}
		before := x.admin.newest()
		c := calls[id]
		path := strings.TrimPrefix(strings.ReplaceAll(c.path, "{id}", r.id), "/api/v1") + r.query
		if status, _, text := sender.do(c.method, path, r.body, nil); status >= 300 {
			t.Errorf("%s: status %d: %.200s", id, status, text)
			continue
		}
		var added []auditLine
		var page list[auditLine]
		x.admin.ok("GET", "/audit?limit=20", nil, &page)
		for _, l := range page.Items {
			if l.Number > before.Number && l.Username == out.Username && l.Result == "done" {
				added = append(added, l)
			}
		}
		if len(added) != max(r.lines, 1) {
			t.Errorf("%s wrote %d lines: %+v", id, len(added), added)
			continue
		}
		l := added[0]
		if !strings.Contains(l.Action, ".") || l.UserID == "" || l.Address != "127.0.0.1" || l.At.IsZero() || l.Times != 1 || len(l.Hash) != 64 {
			t.Errorf("%s: the line says %+v", id, l)
		}
		t.Logf("%-26s %s", id, l.Action)
	}
	for id := range recipes {
		if _, there := calls[id]; !there {
			t.Errorf("%s is no operation any more", id)
		}
	}
}

// awaitRefused waits until a log has refused lines of all these, "action
// reason", and returns them. A tenant of "" is the deployment.
func awaitRefused(t *testing.T, data, tenant string, wanted ...string) map[string]auditLine {
	t.Helper()
	whose := []string{"--deployment"}
	if tenant != "" {
		whose = []string{"--tenant", tenant}
	}
	for deadline := time.Now().Add(waitTime); ; time.Sleep(100 * time.Millisecond) {
		var lines []auditLine
		must(t, json.Unmarshal([]byte(commandOK(t, "", append([]string{"audit", "list", "--data", data, "--result", "refused", "--output", "json"}, whose...)...)), &lines))
		found := map[string]auditLine{}
		for _, l := range lines {
			found[l.Action+" "+l.Detail] = l
		}
		missing := slices.DeleteFunc(slices.Clone(wanted), func(what string) bool { _, there := found[what]; return there })
		if len(missing) == 0 {
			return found
		}
		if time.Now().After(deadline) {
			t.Fatalf("the log of %q has no line of %q: %+v", tenant, missing, lines)
		}
	}
}

// TestRefusedRequestsAreAudited tries what is not allowed in all ways, and finds
// each attempt in the log that it belongs to.
func TestRefusedRequestsAreAudited(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	const password = "a long enough password"
	commandOK(t, password+"\n", "user", "add", "view", "--data", data, "--tenant", out.Tenant, "--role", "viewer", "--password-stdin")
	commandOK(t, password+"\n", "user", "add", "stranger", "--data", data, "--tenant", "other", "--tenant-id", "202", "--role", "administrator", "--password-stdin")
	readOnly := strings.TrimSpace(commandOK(t, "", "token", "create", "reader", "--data", data, "--user", out.Username, "--scopes", "read"))
	s := serve(t, "--data", data)
	admin, viewer, stranger := s.signIn(t, out.Username, out.Password), s.signIn(t, "view", password), s.signIn(t, "stranger", password)
	nobody := &client{t: t, base: s.url + "/api/v1", http: &http.Client{Timeout: waitTime}}
	var job jobAnswer
	admin.ok("POST", "/jobs", jobBody(object{"schedule": object{"kind": "daily", "every": 1, "at": "02:00"}}), &job)

	for range 3 {
		viewer.fails(403, "DELETE", "/jobs/"+job.ID, nil)
	}
	viewer.fails(403, "GET", "/audit", nil)
	stranger.fails(404, "DELETE", "/jobs/"+job.ID, nil)
	stranger.fails(404, "GET", "/runs/what%20a%20customer%20said", nil)
	stranger.fails(404, "GET", "/me/certificate", nil) // no attempt at anything
	if status, _, _ := nobody.do("POST", "/jobs/"+job.ID+"/runs", nil, map[string]string{"Authorization": "Bearer " + readOnly}); status != 403 {
		t.Errorf("a token without the scope: status %d", status)
	}
	nobody.fails(401, "GET", "/jobs", nil)
	nobody.fails(401, "GET", "/me", nil) // as the console asks before it shows the sign-in page
	if status, _, _ := nobody.do("GET", "/runs", nil, map[string]string{"Authorization": "Bearer cdds_what-somebody-guessed"}); status != 401 {
		t.Errorf("an unknown token: status %d", status)
	}
	nobody.fails(401, "POST", "/session", object{"username": out.Username, "password": "typed by mistake"})
	nobody.fails(401, "POST", "/session", object{"username": "typed by mistake", "password": "x"})
	if status, _, _ := admin.do("DELETE", "/jobs/"+job.ID, nil, map[string]string{"Sec-Fetch-Site": "cross-site"}); status != 403 {
		t.Errorf("another site: status %d", status)
	}

	own := awaitRefused(t, data, out.Tenant, "job.delete forbidden", "audit.list forbidden", "run.start forbidden", "session.create unauthenticated")
	for what, want := range map[string]struct{ user, object string }{
		"job.delete forbidden": {"view", job.ID}, "audit.list forbidden": {"view", ""}, "run.start forbidden": {out.Username, job.ID}, "session.create unauthenticated": {out.Username, ""},
	} {
		l := own[what]
		if l.Username != want.user || l.Object != want.object || l.Address != "127.0.0.1" {
			t.Errorf("%s: %+v", what, l)
		}
	}
	if own["run.start forbidden"].TokenID == "" {
		t.Error("the line does not name the token that was used")
	}
	others := awaitRefused(t, data, "other", "job.delete not_found", "run.get not_found")
	if l := others["job.delete not_found"]; l.Username != "stranger" || l.Object != job.ID {
		t.Errorf("an id of another tenant: %+v", l)
	}
	if l := others["run.get not_found"]; l.Object != "" {
		t.Errorf("an id that is none: %+v", l)
	}
	tried := []string{"jobs.list unauthenticated", "runs.list unauthenticated", "session.create unauthenticated", "request.cross-site forbidden"}
	unknown := awaitRefused(t, data, "", tried...)
	for what, l := range unknown {
		if l.Username != "" || l.Address != "127.0.0.1" {
			t.Errorf("%s: %+v", what, l)
		}
	}
	if len(unknown) != len(tried) {
		t.Errorf("more than was tried: %+v", unknown)
	}
	s.stop()
	var lines []auditLine
	must(t, json.Unmarshal([]byte(commandOK(t, "", "audit", "list", "--data", data, "--tenant", out.Tenant, "--action", "job.delete", "--output", "json")), &lines))
	sum := int64(0)
	for _, l := range lines {
		sum += l.Times
	}
	if sum != 3 {
		t.Errorf("three refused deletions were counted as %d", sum)
	}
	// The service's own log has told the heads of before.
	head := regexp.MustCompile(`msg="audit head" head=(\S+)`).FindStringSubmatch(s.log.String())
	if head == nil {
		t.Fatal("the service's log has no head")
	}
	commandOK(t, "", "audit", "verify", "--data", data, "--expect", head[1])
}

// TestAuditSearchAndExport searches the log over the API in all ways, and
// exports it.
func TestAuditSearchAndExport(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	const password = "a long enough password"
	commandOK(t, password+"\n", "user", "add", "=cmd|' /C calc'!A0", "--data", data, "--tenant", out.Tenant, "--role", "administrator", "--password-stdin")
	commandOK(t, password+"\n", "user", "add", "stranger", "--data", data, "--tenant", "other", "--tenant-id", "202", "--role", "administrator", "--password-stdin")
	s := serve(t, "--data", data)
	admin, formula, stranger := s.signIn(t, out.Username, out.Password), s.signIn(t, "=cmd|' /C calc'!A0", password), s.signIn(t, "stranger", password)
	began := time.Now()
	const jobs = 1200 // more than an export holds in memory
	st, err := openStore(t.Context(), dataFlags{Data: data}, false)
	must(t, err)
	user, err := openControl(st).UserNamed(t.Context(), out.Username, "")
	must(t, err)
	must(t, st.InTx(t.Context(), func(tx *store.Tx) error {
		for i := range jobs {
			if err := tx.InsertAudit(t.Context(), store.AuditEntry{TenantID: user.TenantID, UserID: user.ID, Username: user.Username, Action: "job.edit", Object: fmt.Sprint("job-", i), At: utcNow()}); err != nil {
				return err
			}
		}
		return nil
	}))
	must(t, st.Close())
	formula.ok("POST", "/me/tokens", object{"name": "+1+1", "scopes": []string{"read"}, "expiresAt": time.Now().Add(time.Hour)}, nil)

	total := func(query string) int64 {
		var page list[auditLine]
		admin.ok("GET", "/audit?"+query, nil, &page)
		return page.Total
	}
	all := total("")
	for query, want := range map[string]int64{
		"action=job.edit": jobs, "action=job.edit&q=JOB-11": 111, "user=" + out.Username + "&action=session.create": 1, "result=refused": 0, "result=done": all, "action=none": 0,
		"to=" + began.UTC().Add(-24*time.Hour).Format(time.RFC3339): 0, "from=" + began.UTC().Add(-24*time.Hour).Format(time.RFC3339): all, "q=%2B1": 1,
	} {
		if got := total(query); got != want {
			t.Errorf("%s: %d lines in place of %d", query, got, want)
		}
	}
	for _, query := range []string{"sort=colour", "result=perhaps", "from=yesterday", "limit=501", "cursor=x", "colour=red"} {
		admin.fails(422, "GET", "/audit?"+query, nil)
	}

	var lines []auditLine
	status, header, text := admin.do("GET", "/audit/export", nil, nil)
	for row := range bytes.Lines(text) {
		var l auditLine
		must(t, json.Unmarshal(row, &l))
		lines = append(lines, l)
	}
	if status != 200 || header.Get("Content-Type") != "application/jsonl" || !strings.Contains(header.Get("Content-Disposition"), ".jsonl") {
		t.Errorf("status %d, %v", status, header)
	}
	for i, l := range lines {
		if l.Number != int64(i+1) {
			t.Fatalf("line %d has the number %d", i+1, l.Number)
		}
	}
	if last := lines[len(lines)-1]; last.Action != "audit.export" || last.Username != out.Username || int64(len(lines)) != all+1 {
		t.Errorf("%d lines, the last is %+v", len(lines), last)
	}
	_, _, text = admin.do("GET", "/audit/export?format=csv&action=token.create", nil, nil)
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	must(t, err)
	if len(rows) != 2 || rows[1][2] != "'=cmd|' /C calc'!A0" || rows[1][7] != "'+1+1" {
		t.Errorf("rows: %q", rows)
	}
	_, _, text = stranger.do("GET", "/audit/export", nil, nil)
	if strings.Contains(string(text), "job.edit") || bytes.Count(text, []byte("\n")) != 4 {
		t.Errorf("the other tenant reads %s", text)
	}
	file := filepath.Join(t.TempDir(), "log.csv")
	commandOK(t, "", "audit", "export", "--data", data, "--tenant", out.Tenant, "--format", "csv", "--out", file)
	body, err := os.ReadFile(file)
	must(t, err)
	if rows, err := csv.NewReader(bytes.NewReader(body)).ReadAll(); err != nil || int64(len(rows)) != all+1+3 || rows[len(rows)-1][2] != "(operator)" {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	if _, _, code := command(t, "", "audit", "export", "--data", data, "--tenant", out.Tenant, "--out", file); code == 0 {
		t.Error("an export was written over a file")
	}
}
