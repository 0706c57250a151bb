package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"testing"
	"time"
)

// rule is who may call an operation, written down here apart from the product.
// A token needs one of the scopes besides its user's role; no scopes means that
// no token may.
type rule struct {
	roles  []string
	scopes []string
}

// rules has every operation of the API. One that is missing fails the test, so
// that no endpoint comes without a decision about it.
func rules() map[string]rule {
	everybody := []string{"administrator", "exporter", "viewer", "none"}
	administrator, exporters, seers := []string{"administrator"}, []string{"administrator", "exporter"}, []string{"administrator", "exporter", "viewer"}
	read, start, download, administer := []string{"read"}, []string{"run"}, []string{"download"}, []string{"administer"}
	any := []string{"read", "run", "download", "administer"}
	return map[string]rule{
		"get-me": {everybody, any}, "sign-out": {everybody, nil},
		"list-sessions": {everybody, nil}, "end-session": {everybody, nil}, "end-other-sessions": {everybody, nil},
		"get-certificate": {exporters, nil}, "put-certificate": {exporters, nil}, "delete-certificate": {exporters, nil},
		"list-recipients": {exporters, read}, "add-recipient": {administrator, nil}, "remove-recipient": {administrator, nil}, "put-encryption": {exporters, nil},
		"list-tokens": {seers, nil}, "create-token": {seers, nil}, "revoke-token": {seers, nil},
		"change-password": {everybody, nil},
		"list-users":      {administrator, administer}, "get-user": {administrator, administer}, "create-user": {administrator, administer}, "edit-user": {administrator, administer},
		"deactivate-user": {administrator, administer}, "activate-user": {administrator, administer}, "reset-password": {administrator, administer}, "take-over": {administrator, administer},
		"list-jobs": {exporters, read}, "get-job": {exporters, read}, "create-job": {administrator, administer}, "edit-job": {administrator, administer},
		"delete-job": {administrator, administer}, "suspend-job": {administrator, administer}, "resume-job": {administrator, administer},
		"preview-job": {administrator, administer}, "list-media-types": {administrator, administer},
		"list-runs": {seers, read}, "get-run": {seers, read}, "get-manifest": {seers, read}, "events": {seers, read}, "get-overview": {seers, read},
		"start-run": {exporters, start}, "cancel-run": {exporters, start}, "retry-run": {exporters, start}, "delete-run": {administrator, administer},
		"list-downloads": {exporters, read}, "list-audit": {administrator, read}, "export-audit": {administrator, read},
		"get-tenant":     {administrator, administer},
		"list-nodes":     {administrator, administer},
		"list-artifacts": {exporters, read}, "get-artifact": {exporters, read}, "download-artifact": {exporters, download},
		"archive-artifacts": {exporters, download}, "archive-artifacts-by-link": {exporters, download}, "delete-artifact": {administrator, administer},
	}
}

// public are the operations that need no caller.
func public() []string {
	return []string{"sign-in", "get-schema", "get-single-sign-on", "begin-single-sign-on", "finish-single-sign-on", "backchannel-logout"}
}

// call is one operation as the document names it, and a path of it.
type call struct{ id, method, path string }

// asker is one kind of caller: a role of a tenant, with a session or with a
// token of some scopes.
type asker struct {
	role, tenant, credential string
	scopes                   []string // of the token; nil for a session
	client                   *http.Client
	bearer                   string
}

// observed is what an asker got for a call.
type observed struct {
	asker  asker
	call   call
	status int
}

// expected says whether a status is right for an asker, by the given rules.
func expected(r map[string]rule, o observed) bool {
	one, known := r[o.call.id]
	switch {
	case !known:
		return false
	case o.asker.role == "nobody":
		return o.status == http.StatusUnauthorized
	case !slices.Contains(one.roles, o.asker.role), o.asker.scopes != nil && !slices.ContainsFunc(o.asker.scopes, func(s string) bool { return slices.Contains(one.scopes, s) }):
		return o.status == http.StatusForbidden
	case o.asker.tenant == "other" && strings.Contains(o.call.path, "{"):
		return o.status == http.StatusNotFound
	}
	return o.status != http.StatusUnauthorized && o.status != http.StatusForbidden && o.status < http.StatusInternalServerError
}

// TestWhoMayDoWhat tries every operation of the OpenAPI document with every
// role, of its own and of another tenant, with a session, with tokens of each
// scope, and with nothing.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "60", "--contacts", "10")
	const password = "a long enough password"
	for _, role := range []string{"administrator", "exporter", "viewer", "none"} {
		for _, tenant := range []string{out.Tenant, "other"} {
			commandOK(t, password+"\n", "user", "add", tenant+"-"+role, "--data", data, "--tenant", tenant, "--tenant-id", map[string]string{out.Tenant: "101", "other": "202"}[tenant], "--role", role, "--password-stdin")
		}
	}
	s := serve(t, "--data", data, "--user-rate", "0", "--address-rate", "0")
	owner := s.signIn(t, out.Username, out.Password)
	finishedRun := finished(t, owner.export(nil))
	ids := map[string]string{"runs": finishedRun.ID, "artifacts": owner.artifacts(finishedRun.ID)[0].ID, "tokens": "missing", "recipients": "missing"}
	var job jobAnswer
	owner.ok("POST", "/jobs", jobBody(object{"schedule": object{"kind": "daily", "every": 1, "at": "02:00"}}), &job)
	ids["jobs"] = job.ID
	var users list[struct{ ID string }]
	owner.ok("GET", "/users?q="+out.Username, nil, &users)
	ids["users"] = users.Items[0].ID

	var sessions struct{ Items []struct{ ID string } }
	owner.ok("GET", "/sessions", nil, &sessions)
	ids["sessions"] = sessions.Items[0].ID

	calls := documentedCalls(t, owner)
	var seen []observed
	for _, a := range askers(t, s, data, out.Tenant, password) {
		for _, c := range calls {
			if c.id == "sign-out" && a.role != "nobody" && a.scopes == nil {
				continue // TestSignIn signs out; here the session is needed
			}
			seen = append(seen, observed{a, c, a.ask(t, s.url, c, ids)})
		}
	}
	wrong := func(r map[string]rule) (lines []string) {
		for _, o := range seen {
			if !expected(r, o) {
				lines = append(lines, fmt.Sprintf("%s of the %s tenant with %s: %s %s (%s): status %d", o.asker.role, o.asker.tenant, o.asker.credential, o.call.method, o.call.path, o.call.id, o.status))
			}
		}
		return lines
	}
	for _, line := range wrong(rules()) {
		t.Error(line)
	}
	t.Logf("%d cases", len(seen))
	if len(seen) < 500 {
		t.Error("fewer than 500 cases")
	}
	// The test can fail: each of these changes of a rule is noticed.
	for _, id := range []string{"delete-job", "download-artifact", "get-manifest", "cancel-run", "create-token", "end-session", "reset-password"} {
		changed := rules()
		changed[id] = rule{[]string{"administrator", "exporter", "viewer", "none"}, []string{"read", "run", "download", "administer"}}
		if len(wrong(changed)) == 0 {
			t.Errorf("nothing notices that everybody may %s", id)
		}
		delete(changed, id)
		if len(wrong(changed)) == 0 {
			t.Errorf("nothing notices that %s has no rule", id)
		}
	}
	owner.ok("GET", "/jobs/"+job.ID, nil, nil) // nobody without the right has harmed anything
	owner.ok("GET", "/artifacts/"+ids["artifacts"], nil, nil)
}

// documentedCalls are the operations of the document, without the public ones.
func documentedCalls(t *testing.T, c *client) []call {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	c.ok("GET", "/openapi.json", nil, &document)
	var calls []call
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		for method, op := range document.Paths[path] {
			if !slices.Contains(public(), op.OperationID) {
				calls = append(calls, call{op.OperationID, strings.ToUpper(method), path})
			}
		}
	}
	return calls
}

// askers are all kinds of callers.
func askers(t *testing.T, s *runningService, data, tenant, password string) []asker {
	t.Helper()
	all := []asker{{role: "nobody", tenant: "no", credential: "nothing", client: &http.Client{}}}
	for _, role := range []string{"administrator", "exporter", "viewer", "none"} {
		for name, where := range map[string]string{tenant: "own", "other": "other"} {
			user := name + "-" + role
			jar, err := cookiejar.New(nil)
			must(t, err)
			session := &client{t: t, base: s.url + "/api/v1", http: &http.Client{Jar: jar, Timeout: waitTime}}
			session.ok("POST", "/session", object{"username": user, "password": password}, nil)
			all = append(all, asker{role: role, tenant: where, credential: "a session", client: session.http})
			for _, scopes := range []string{"read", "run", "download", "administer", "read,run,download,administer"} {
				var token struct{ Secret string }
				must(t, json.Unmarshal([]byte(commandOK(t, "", "token", "create", scopes, "--data", data, "--user", user, "--scopes", scopes, "--output", "json")), &token))
				all = append(all, asker{role, where, "a token to " + scopes, strings.Split(scopes, ","), &http.Client{}, token.Secret})
			}
		}
	}
	return all
}

// ask sends a call and returns the status of its answer. What would change or
// delete an object of one's own names one that does not exist: whether it is let
// through shows all the same.
func (a asker) ask(t *testing.T, url string, c call, ids map[string]string) int {
	t.Helper()
	noun := strings.Split(strings.TrimPrefix(c.path, "/api/v1/me"), "/")
	kind := noun[len(noun)-1]
	for known := range ids {
		if strings.Contains(c.path, "/"+known+"/{id}") {
			kind = known
		}
	}
	id := ids[kind]
	if a.tenant == "own" && c.method != http.MethodGet {
		id = "missing"
	}
	path := strings.NewReplacer("{id}", id, "{name}", "interaction").Replace(c.path)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	body := []byte("{}")
	switch c.id { // valid ones, so that the id alone can be refused
	case "edit-user":
		body = []byte(`{"role": "viewer"}`)
	case "edit-job":
		var err error
		body, err = json.Marshal(jobBody(object{"schedule": object{"kind": "daily", "every": 2, "at": "02:00"}}))
		must(t, err)
	}
	req, err := http.NewRequestWithContext(ctx, c.method, url+path, bytes.NewReader(body))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	if c.id == "put-certificate" {
		req.Header.Set("Content-Type", "application/x-pem-file")
	}
	if a.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+a.bearer)
	}
	resp, err := a.client.Do(req)
	must(t, err)
	must(t, resp.Body.Close()) // an event stream has no end
	return resp.StatusCode
}
