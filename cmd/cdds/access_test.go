package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestRolesAndTenants signs in users of all roles and of another tenant, and
// tries what each may not do.
func TestRolesAndTenants(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "100", "--contacts", "10")
	const password = "a long enough password"
	for name, role := range map[string]string{"exp": "exporter", "view": "viewer", "nobody": "none"} {
		commandOK(t, password+"\n", "user", "add", name, "--data", data, "--tenant", out.Tenant, "--role", role, "--password-stdin")
	}
	commandOK(t, password+"\n", "user", "add", "stranger", "--data", data, "--tenant", "other", "--tenant-id", "202", "--role", "administrator", "--password-stdin")
	s := serve(t, "--data", data)
	admin := s.signIn(t, out.Username, out.Password)
	r := finished(t, admin.export(nil))
	a := admin.artifacts(r.ID)[0]
	var job jobAnswer
	admin.ok("POST", "/jobs", jobBody(object{"schedule": object{"kind": "daily", "every": 1, "at": "02:00"}}), &job)

	// What there is, and what each role gets for asking.
	requests := []struct {
		method, path                      string
		exporter, viewer, nobody, outside int
	}{
		{"GET", "/me", 200, 200, 200, 200},
		{"GET", "/jobs", 200, 403, 403, 200},
		{"GET", "/jobs/" + job.ID, 200, 403, 403, 404},
		{"PUT", "/jobs/" + job.ID, 403, 403, 403, 404},
		{"DELETE", "/jobs/" + job.ID, 403, 403, 403, 404},
		{"POST", "/jobs/" + job.ID + "/suspend", 403, 403, 403, 404},
		{"POST", "/jobs/" + job.ID + "/resume", 403, 403, 403, 404},
		{"POST", "/jobs/" + job.ID + "/runs", 201, 403, 403, 404},
		{"GET", "/runs", 200, 200, 403, 200},
		{"GET", "/runs/" + r.ID, 200, 200, 403, 404},
		{"GET", "/runs/" + r.ID + "/manifest", 200, 200, 403, 404},
		{"POST", "/runs/" + r.ID + "/cancel", 409, 403, 403, 404},
		{"POST", "/runs/" + r.ID + "/retry", 409, 403, 403, 404},
		{"DELETE", "/runs/" + r.ID, 403, 403, 403, 404},
		{"GET", "/artifacts", 200, 403, 403, 200},
		{"GET", "/artifacts/" + a.ID, 200, 403, 403, 404},
		{"GET", "/artifacts/" + a.ID + "/content", 200, 403, 403, 404},
		{"DELETE", "/artifacts/" + a.ID, 403, 403, 403, 404},
		{"GET", "/me/certificate", 404, 403, 403, 404},
	}
	users := map[string]*client{"exporter": s.signIn(t, "exp", password), "viewer": s.signIn(t, "view", password), "nobody": s.signIn(t, "nobody", password), "outside": s.signIn(t, "stranger", password)}
	unknown := &client{t, s.url + "/api/v1", http.DefaultClient}
	for _, q := range requests {
		var body any
		if q.method == "PUT" {
			body = jobBody(object{"schedule": object{"kind": "daily", "every": 2, "at": "02:00"}})
		}
		for who, want := range map[string]int{"exporter": q.exporter, "viewer": q.viewer, "nobody": q.nobody, "outside": q.outside} {
			if got, _, text := users[who].do(q.method, q.path, body, nil); got != want {
				t.Errorf("%s, %s %s: status %d in place of %d: %.200s", who, q.method, q.path, got, want, text)
			}
		}
		if got, _, _ := unknown.do(q.method, q.path, body, nil); got != 401 {
			t.Errorf("without a session, %s %s: status %d", q.method, q.path, got)
		}
	}
	for _, path := range []string{"/jobs", "/runs", "/artifacts"} {
		var l list[json.RawMessage]
		users["outside"].ok("GET", path, nil, &l)
		if l.Total != 0 || len(l.Items) != 0 {
			t.Errorf("the other tenant sees %d of %s", l.Total, path)
		}
	}
	p := users["nobody"].fails(403, "GET", "/runs", nil)
	if !strings.Contains(p.Detail, "Access Denied") {
		t.Errorf("a user without a role reads %q", p.Detail)
	}
}

// TestSignIn tries wrong credentials, signs out, and sends from another site.
func TestSignIn(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	s := serve(t, "--data", data)
	c := s.signIn(t, out.Username, out.Password)
	unknown := &client{t, s.url + "/api/v1", &http.Client{Timeout: waitTime}}
	var texts []string
	for _, cred := range []object{{"username": out.Username, "password": "wrong"}, {"username": "nobody", "password": "wrong"}, {"username": out.Username, "tenant": "none", "password": out.Password}} {
		p := unknown.fails(401, "POST", "/session", cred)
		texts = append(texts, p.Detail+p.Hint)
	}
	if texts[0] != texts[1] || texts[1] != texts[2] {
		t.Errorf("refusals differ: %q", texts)
	}
	status, _, _ := c.do("POST", "/jobs", jobBody(nil), map[string]string{"Sec-Fetch-Site": "cross-site"})
	if status != 403 {
		t.Errorf("a request from another site gave status %d", status)
	}
	c.ok("DELETE", "/session", nil, nil)
	c.fails(401, "GET", "/me", nil)
	// A new password ends the sessions.
	again := s.signIn(t, out.Username, out.Password)
	commandOK(t, "another long password\n", "user", "passwd", out.Username, "--data", data, "--tenant", out.Tenant, "--password-stdin")
	again.fails(401, "GET", "/me", nil)
	s.signIn(t, out.Username, "another long password")
}

// TestIdempotencyKey repeats a create: it makes one job.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	c := serve(t, "--data", data).signIn(t, out.Username, out.Password)
	key := map[string]string{"Idempotency-Key": "one"}
	ids := map[string]bool{}
	for range 3 {
		status, _, text := c.do("POST", "/jobs", jobBody(nil), key)
		var job jobAnswer
		must(t, json.Unmarshal(text, &job))
		if status != 201 {
			t.Fatalf("status %d", status)
		}
		ids[job.ID] = true
	}
	if len(ids) != 1 {
		t.Errorf("%d jobs", len(ids))
	}
	if status, _, _ := c.do("POST", "/jobs", jobBody(object{"title": "other"}), key); status != 409 {
		t.Errorf("another request with the same key: status %d", status)
	}
}

// TestCommandLine checks exit codes and messages.
func TestCommandLine(t *testing.T) {
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	for name, test := range map[string]struct {
		args  []string
		stdin string
		code  int
		says  string
	}{
		"help":              {args: []string{"--help"}, code: 0},
		"version":           {args: []string{"--version"}, code: 0},
		"no command":        {args: nil, code: 2},
		"unknown command":   {args: []string{"frobnicate"}, code: 2},
		"unknown flag":      {args: []string{"serve", "--fast"}, code: 2},
		"short password":    {args: []string{"user", "add", "x", "--data", data, "--tenant", "demo", "--password-stdin"}, stdin: "short", code: 2, says: "12 to 256"},
		"new tenant":        {args: []string{"user", "add", "x", "--data", data, "--tenant", "new", "--password-stdin"}, stdin: "long enough password", code: 2, says: "tenant-id"},
		"same user twice":   {args: []string{"user", "add", "admin", "--data", data, "--tenant", "demo", "--password-stdin"}, stdin: "long enough password", code: 1},
		"unknown user":      {args: []string{"user", "passwd", "x", "--data", data, "--password-stdin"}, stdin: "long enough password", code: 3},
		"unknown tenant":    {args: []string{"user", "list", "--data", data, "--tenant", "x"}, code: 3},
		"bad source":        {args: []string{"source", "check", "--source", "oracle://x"}, code: 2},
		"good source":       {args: []string{"source", "check", "--data", data}, code: 0},
		"sessions for ever": {args: []string{"serve", "--data", data, "--session-max", "9999h"}, code: 2, says: "session-max"},
		"migrate":           {args: []string{"migrate", "--data", data}, code: 0},
		"doctor":            {args: []string{"doctor", "--data", data}, code: 0},
		"doctor, no source": {args: []string{"doctor", "--data", data, "--source", "sqlite:/nowhere"}, code: 1},
		"demo again":        {args: []string{"demo", "--data", data, "--if-missing"}, code: 0},
		"list":              {args: []string{"user", "list", "--data", data, "--output", "json"}, code: 0},
	} {
		stdout, errs, code := command(t, test.stdin, test.args...)
		if code != test.code || !strings.Contains(errs, test.says) {
			t.Errorf("%s: exit code %d: %s%s", name, code, stdout, errs)
		}
	}
	if users := commandOK(t, "", "user", "list", "--data", data, "--output", "json"); !strings.Contains(users, `"username":"`+out.Username+`"`) {
		t.Errorf("users: %s", users)
	}
	// Two services must not share an embedded database.
	serve(t, "--data", data)
	if _, errs, code := command(t, "", "serve", "--data", data, "--listen", "127.0.0.1:0"); code != 1 || !strings.Contains(errs, "Another cdds serve") {
		t.Errorf("a second service: exit code %d: %s", code, errs)
	}
}

// TestRetention lets artifacts expire after two seconds.
func TestRetention(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "50", "--contacts", "5")
	c := serve(t, "--data", data, "--retention", "1s").signIn(t, out.Username, out.Password)
	r := finished(t, c.export(nil))
	for deadline := time.Now().Add(waitTime); len(c.artifacts(r.ID)) > 0; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the artifact did not expire")
		}
	}
	finished(t, c.await(r.ID)) // History keeps the run
}
