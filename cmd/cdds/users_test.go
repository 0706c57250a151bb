package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// userAnswer is a user in an answer.
type userAnswer struct {
	ID, Username, State string
	Role                *string
	Jobs                int
	Password            *string
}

// users returns the names of a list, in its order.
func (c *client) users(query string) []string {
	c.t.Helper()
	var l list[userAnswer]
	c.ok("GET", "/users?"+query, nil, &l)
	names := []string{}
	for _, u := range l.Items {
		names = append(names, u.Username)
	}
	return names
}

// addUser makes a user with the long password by the API.
func (c *client) addUser(name, role string) userAnswer {
	c.t.Helper()
	var u userAnswer
	c.ok("POST", "/users", object{"username": name, "role": role, "password": longPassword}, &u)
	return u
}

const longPassword = "a long enough password"

func TestUsersOverTheAPI(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	s := serve(t, "--data", data)
	admin := s.signIn(t, out.Username, out.Password)
	admin.addUser("Vera", "viewer")
	admin.addUser("erin", "exporter")
	nora := userAnswer{}
	admin.ok("POST", "/users", object{"username": "nora"}, &nora)
	if nora.Role != nil || nora.State != "active" || nora.Password == nil {
		t.Fatalf("a user by name alone: %+v", nora)
	}
	s.signIn(t, "nora", *nora.Password)
	admin.ok("POST", "/users/"+nora.ID+"/deactivate", nil, nil)

	for query, want := range map[string][]string{
		"":                            {"admin", "erin", "nora", "Vera"},
		"sort=-username":              {"Vera", "nora", "erin", "admin"},
		"sort=createdAt&limit=2":      {"admin", "Vera"},
		"q=ER":                        {"erin", "Vera"},
		"role=exporter,none":          {"erin", "nora"},
		"state=deactivated":           {"nora"},
		"role=viewer&state=active":    {"Vera"},
		"q=" + nora.ID:                {"nora"},
		"q=nobody":                    {},
		"sort=role&role=viewer&q=era": {"Vera"},
	} {
		if got := admin.users(query); !slices.Equal(got, want) {
			t.Errorf("users?%s: %q, want %q", query, got, want)
		}
	}
	var page list[userAnswer]
	admin.ok("GET", "/users?limit=3", nil, &page)
	if page.Total != 4 || page.NextCursor == nil {
		t.Fatalf("a page of three: %+v", page)
	}
	if rest := admin.users("limit=3&cursor=" + url.QueryEscape(*page.NextCursor)); !slices.Equal(rest, []string{"Vera"}) {
		t.Errorf("the rest is %q", rest)
	}
	for path, status := range map[string]int{"/users?role=king": 422, "/users?state=gone": 422, "/users?sort=password": 422, "/users/missing": 404} {
		admin.fails(status, "GET", path, nil)
	}
	for field, body := range map[string]object{
		"username": {"username": ""}, "password": {"username": "x", "password": "short"}, "role": {"username": "x", "role": ""},
	} {
		p := admin.fails(422, "POST", "/users", body)
		if len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%v: errors %+v", body, p.Errors)
		}
	}
	if p := admin.fails(422, "POST", "/users", object{"username": "", "password": "short", "role": "king"}); len(p.Errors) != 3 {
		t.Errorf("all fields at once: %+v", p.Errors)
	}
	admin.fails(409, "POST", "/users", object{"username": "erin"})
}

// TestAPasswordIsShownOnce repeats a create under its key.
func TestAPasswordIsShownOnce(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	s := serve(t, "--data", data)
	admin := s.signIn(t, out.Username, out.Password)
	create := func(body object) (int, userAnswer) {
		status, _, text := admin.do("POST", "/users", body, map[string]string{"Idempotency-Key": "one"})
		var u userAnswer
		must(t, json.Unmarshal(text, &u))
		return status, u
	}
	status, first := create(object{"username": "once", "role": "viewer"})
	if status != http.StatusCreated || first.Password == nil {
		t.Fatalf("status %d: %+v", status, first)
	}
	status, again := create(object{"username": "once", "role": "viewer"})
	if status != http.StatusCreated || again.ID != first.ID || again.Password != nil {
		t.Errorf("repeated: status %d, password shown %t", status, again.Password != nil)
	}
	if status, _ = create(object{"username": "once", "role": "exporter"}); status != http.StatusConflict {
		t.Errorf("another request with the same key: status %d", status)
	}
	s.signIn(t, "once", *first.Password)
	s.stop()
	kept, err := os.ReadFile(data + "/cdds.db")
	must(t, err)
	if strings.Contains(string(kept)+s.log.String(), *first.Password) {
		t.Error("the password is in the database or in the log")
	}
}

// TestWhatEnds changes users who have a session, a token and an event stream
// each, and looks what still works.
func TestWhatEnds(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	s := serve(t, "--data", data)
	admin := s.signIn(t, out.Username, out.Password)
	for name, c := range map[string]struct {
		path, method string
		body         object
		token        bool // still works
	}{
		"deactivated": {"/deactivate", "POST", nil, false},
		"demoted":     {"", "PUT", object{"role": nil}, false},
		"promoted":    {"", "PUT", object{"role": "administrator"}, true},
		"reset":       {"/password", "POST", object{"password": "another long password"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			user := admin.addUser(name, "exporter")
			session := s.signIn(t, name, longPassword)
			var token struct{ Secret string }
			session.ok("POST", "/me/tokens", object{"name": "script", "scopes": []string{"read"}, "expiresAt": time.Now().Add(time.Hour)}, &token)
			bearer := map[string]string{"Authorization": "Bearer " + token.Secret}
			bySession, byToken := session.listen(t, nil), session.listen(t, bearer)
			admin.ok(c.method, "/users/"+user.ID+c.path, c.body, nil)
			session.fails(401, "GET", "/me", nil)
			if err := bySession(); err != nil {
				t.Errorf("the stream of the session: %v", err)
			}
			status, _, _ := (&client{t, session.base, &http.Client{Timeout: waitTime}}).do("GET", "/runs", nil, bearer)
			if (status == http.StatusOK) != c.token {
				t.Errorf("the token gives status %d", status)
			}
			if !c.token {
				if err := byToken(); err != nil {
					t.Errorf("the stream of the token: %v", err)
				}
			}
		})
	}
}

// listen opens an event stream and returns how to wait until the service ends it.
func (c *client) listen(t *testing.T, header map[string]string) func() error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitTime)
	req, err := http.NewRequestWithContext(ctx, "GET", c.base+"/events", nil)
	must(t, err)
	client := c.http
	for key, value := range header {
		req.Header.Set(key, value)
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	must(t, err)
	t.Cleanup(func() { cancel(); resp.Body.Close() })
	stream := bufio.NewReader(resp.Body)
	first, err := stream.ReadString('\n')
	must(t, err)
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(first, "event: ping") {
		t.Fatalf("the stream begins with status %d, %q", resp.StatusCode, first)
	}
	return func() error {
		_, err := io.Copy(io.Discard, stream)
		return errors.Join(err, ctx.Err())
	}
}

// TestLastAdministrator tries to leave a tenant without one.
func TestLastAdministrator(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	admin := serve(t, "--data", data).signIn(t, out.Username, out.Password)
	var l list[userAnswer]
	admin.ok("GET", "/users", nil, &l)
	me := l.Items[0].ID
	for _, request := range []struct {
		method, path string
		body         object
	}{{"POST", "/deactivate", nil}, {"PUT", "", object{"role": "viewer"}}, {"PUT", "", object{"role": nil}}} {
		if p := admin.fails(409, request.method, "/users/"+me+request.path, request.body); p.Hint == "" {
			t.Errorf("%+v: no hint", request)
		}
	}
	admin.fails(409, "POST", "/users/"+me+"/password", object{})
	if _, errs, code := command(t, "", "user", "role", out.Username, "exporter", "--data", data); code != 1 || !strings.Contains(errs, "last active administrator") {
		t.Errorf("by the command line: exit code %d: %s", code, errs)
	}
	admin.addUser("second", "administrator")
	admin.ok("POST", "/users/"+me+"/deactivate", nil, nil)
	admin.fails(401, "GET", "/me", nil)
}

func TestOwnPassword(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	s := serve(t, "--data", data)
	s.signIn(t, out.Username, out.Password).addUser("vera", "viewer")
	here, elsewhere := s.signIn(t, "vera", longPassword), s.signIn(t, "vera", longPassword)
	for field, body := range map[string]object{
		"current":  {"current": "not the present one", "password": "another long password"},
		"password": {"current": longPassword, "password": "short"},
	} {
		if p := here.fails(422, "PUT", "/me/password", body); len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%s: errors %+v", field, p.Errors)
		}
	}
	here.ok("PUT", "/me/password", object{"current": longPassword, "password": "another long password"}, nil)
	here.ok("GET", "/me", nil, nil)
	elsewhere.fails(401, "GET", "/me", nil)
	s.signIn(t, "vera", "another long password")
	for range 5 {
		here.fails(422, "PUT", "/me/password", object{"current": "a guess", "password": longPassword})
	}
	if _, header, _ := here.do("PUT", "/me/password", object{"current": "a guess", "password": longPassword}, nil); header.Get("Retry-After") == "" {
		t.Error("guessing goes on")
	}
}

// TestTakeOverOfJobs deactivates the owner of a job: its run fails without
// reading, and its retry is for who has taken the job over.
func TestTakeOverOfJobs(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "50", "--contacts", "5")
	s := serve(t, "--data", data)
	owner := s.signIn(t, out.Username, out.Password)
	second := owner.addUser("second", "administrator")
	var job jobAnswer
	owner.ok("POST", "/jobs", jobBody(object{"schedule": object{"kind": "weekly", "weekday": "monday", "at": "02:00"}, "settlingMinutes": 0}), &job)
	admin := s.signIn(t, "second", longPassword)
	var l list[userAnswer]
	admin.ok("GET", "/users?q="+out.Username, nil, &l)
	if l.Items[0].Jobs != 1 {
		t.Errorf("the owner has %d jobs in the list", l.Items[0].Jobs)
	}
	path := "/users/" + l.Items[0].ID
	admin.fails(409, "POST", path+"/take-over", nil)
	admin.ok("POST", path+"/deactivate", nil, nil)
	if p := admin.fails(409, "POST", "/jobs/"+job.ID+"/runs", nil); !strings.Contains(p.Hint, "takes over") {
		t.Errorf("a run for who is deactivated: %+v", p)
	}
	if p := admin.fails(409, "POST", path+"/take-over", nil); !strings.Contains(p.Detail, "certificate") {
		t.Errorf("without a certificate: %+v", p)
	}
	certificate, err := os.ReadFile(out.Certificate)
	must(t, err)
	admin.ok("PUT", "/me/certificate", certificate, nil)
	var taken struct{ Jobs int }
	admin.ok("POST", path+"/take-over", nil, &taken)
	if taken.Jobs != 1 {
		t.Errorf("%d jobs changed hands", taken.Jobs)
	}
	var run runAnswer
	admin.ok("POST", "/jobs/"+job.ID+"/runs", nil, &run)
	finished(t, admin.await(run.ID))
	var kept struct{ Owner string }
	admin.ok("GET", "/jobs/"+job.ID, nil, &kept)
	if kept.Owner != second.Username {
		t.Errorf("the job's owner is %s", kept.Owner)
	}
}

// TestUserCommands does by the command line what the console does.
func TestUserCommands(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	user := func(args ...string) string {
		t.Helper()
		return commandOK(t, longPassword+"\n", append([]string{"user"}, append(args, "--data", data)...)...)
	}
	user("add", "second", "--tenant", out.Tenant, "--role", "exporter", "--password-stdin")
	s := serve(t, "--data", data)
	s.signIn(t, out.Username, out.Password).ok("POST", "/jobs", jobBody(object{"schedule": object{"kind": "daily", "every": 1, "at": "02:00"}}), nil)
	second := s.signIn(t, "second", longPassword)
	user("role", "second", "administrator")
	second.fails(401, "GET", "/me", nil)
	second = s.signIn(t, "second", longPassword)
	if said := user("deactivate", out.Username); !strings.Contains(said, "jobs (1)") {
		t.Errorf("deactivate says %q", said)
	}
	if said := commandOK(t, "", "doctor", "--data", data); !strings.Contains(said, "jobs of demo/admin") || !strings.Contains(said, "takes them over") {
		t.Errorf("doctor says %q", said)
	}
	for what, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"by nobody":             {[]string{"take-over", out.Username, "--by", "nobody"}, 3, "nobody"},
		"by who is deactivated": {[]string{"take-over", out.Username, "--by", out.Username}, 4, "not an active administrator"},
		"without a certificate": {[]string{"take-over", out.Username, "--by", "second"}, 1, "certificate"},
		"of an active user":     {[]string{"take-over", "second", "--by", "second"}, 1, "is active"},
		"an unknown role":       {[]string{"role", "second", "king"}, 2, "king"},
		"the last one":          {[]string{"deactivate", "second"}, 1, "last active administrator"},
		"nobody":                {[]string{"activate", "nobody"}, 3, ""},
	} {
		if _, errs, code := command(t, "", append(append([]string{"user"}, test.args...), "--data", data)...); code != test.code || !strings.Contains(errs, test.says) {
			t.Errorf("%s: exit code %d: %s", what, code, errs)
		}
	}
	certificate, err := os.ReadFile(out.Certificate)
	must(t, err)
	second.ok("PUT", "/me/certificate", certificate, nil)
	if said := user("take-over", out.Username, "--by", "second"); !strings.Contains(said, "owns now: 1") {
		t.Errorf("take-over says %q", said)
	}
	user("activate", out.Username)
	s.signIn(t, out.Username, out.Password)
}
