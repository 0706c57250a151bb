package main

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cdds/signon/signontest"
)

// serveSignOn starts the service with single sign-on at a provider. The address
// that browsers use is invented, since the service's own is not known before it
// listens: tourist goes to the real one instead.
func serveSignOn(t *testing.T, data string, fake *signontest.Provider, args ...string) *runningService {
	t.Helper()
	file := filepath.Join(t.TempDir(), "client-secret")
	must(t, os.WriteFile(file, []byte(signontest.ClientSecret+"\n"), 0o600))
	return serve(t, append([]string{"--data", data, "--verbose", "--oidc-issuer", fake.URL, "--oidc-client-id", signontest.ClientID,
		"--oidc-client-secret-file", file, "--oidc-redirect-base", "http://127.0.0.1:1", "--oidc-name", "Example", "--oidc-tenant", "demo",
		"--oidc-roles", "admins=administrator;staff=viewer"}, args...)...)
}

// tourist is a browser that follows no redirect by itself.
type tourist struct {
	*client
	service *runningService
}

func newTourist(t *testing.T, s *runningService) *tourist {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &tourist{&client{t: t, base: s.url + "/api/v1", http: &http.Client{Jar: jar, Timeout: waitTime, CheckRedirect: stay}}, s}
}

// leave begins to sign in and returns what the provider sends the browser back
// with.
func (b *tourist) leave(from any) url.Values {
	b.t.Helper()
	var begun struct{ URL string }
	b.ok("POST", "/oidc/sign-in", object{"from": from}, &begun)
	back, err := url.Parse(b.goTo(begun.URL))
	must(b.t, err)
	if back.Host != "127.0.0.1:1" || back.Path != "/api/v1/oidc/callback" {
		b.t.Fatalf("the provider leads to %s", back)
	}
	return back.Query()
}

// goTo follows one link and returns where it leads.
func (b *tourist) goTo(address string) string {
	b.t.Helper()
	answer, err := b.http.Get(address)
	must(b.t, err)
	must(b.t, answer.Body.Close())
	return answer.Header.Get("Location")
}

// comeBack comes back from the provider and returns where the service leads.
func (b *tourist) comeBack(with url.Values) string {
	b.t.Helper()
	return b.goTo(b.service.url + "/api/v1/oidc/callback?" + with.Encode())
}

func person(name string, more object) signontest.Behaviour {
	claims := object{"sub": "subject of " + name, "preferred_username": name}
	for claim, value := range more {
		claims[claim] = value
	}
	return signontest.Behaviour{Person: claims}
}

// TestSingleSignOn goes the whole way over HTTP: who gets in, as what, where to,
// and who does not.
func TestSingleSignOn(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "20", "--contacts", "5")
	fake := signontest.Start(t)
	s := serveSignOn(t, data, fake)

	t.Run("in and out", func(t *testing.T) {
		fake.Behave(person("ann", object{"groups": []string{"staff"}, "sid": "1"}))
		b := newTourist(t, s)
		if to := b.comeBack(b.leave("/history?state=failed")); to != "/history?state=failed" {
			t.Fatalf("led to %q", to)
		}
		var me struct {
			Username, Tenant, Role string
			SingleSignOn           bool
		}
		b.ok("GET", "/me", nil, &me)
		if me.Username != "ann" || me.Tenant != "demo" || me.Role != "viewer" || !me.SingleSignOn {
			t.Fatalf("signed in as %+v", me)
		}
		var setUp struct{ Name, EndSessionURL *string }
		b.ok("DELETE", "/session", nil, nil)
		b.ok("GET", "/oidc?signedOut=true", nil, &setUp)
		if setUp.EndSessionURL == nil || *setUp.EndSessionURL != fake.URL+"/end?client_id="+signontest.ClientID || *setUp.Name != "Example" {
			t.Fatalf("offers %+v", setUp)
		}
		b.fails(401, "GET", "/me", nil)
		b.fails(401, "POST", "/session", object{"username": "ann", "password": "anything at all"})
	})
	t.Run("where it leads", func(t *testing.T) {
		fake.Behave(person("admin of them", object{"groups": []string{"staff", "admins"}}))
		for from, want := range map[any]string{nil: "/jobs", "": "/jobs", "/artifacts?sort=-size": "/artifacts?sort=-size", "//a.example/": "/jobs", "https://a.example/": "/jobs",
			"/\\a.example": "/jobs", "/\t/a.example": "/jobs", "javascript:alert(1)": "/jobs", "/api/v1/session": "/jobs", "/sign-in": "/jobs"} {
			b := newTourist(t, s)
			if to := b.comeBack(b.leave(from)); to != want {
				t.Errorf("from %q it leads to %q, want %q", from, to, want)
			}
		}
	})
	t.Run("no group", func(t *testing.T) {
		fake.Behave(person("guest", nil))
		b := newTourist(t, s)
		if to := b.comeBack(b.leave(nil)); to != "/history" {
			t.Fatalf("led to %q", to)
		}
		if p := b.fails(403, "GET", "/runs", nil); !strings.HasPrefix(p.Detail, "Access Denied") {
			t.Errorf("refused with %+v", p)
		}
	})
	t.Run("back-channel logout", func(t *testing.T) {
		fake.Behave(person("ann", object{"groups": []string{"staff"}, "sid": "2"}))
		b := newTourist(t, s)
		b.comeBack(b.leave(nil))
		send := func(token string) int {
			answer, err := http.PostForm(s.url+"/api/v1/oidc/backchannel-logout", url.Values{"logout_token": {token}})
			must(t, err)
			must(t, answer.Body.Close())
			if answer.Header.Get("Cache-Control") != "no-store" {
				t.Error("the answer may be cached")
			}
			return answer.StatusCode
		}
		good := fake.Logout("1", func(c map[string]any) { c["sid"] = "2" })
		for what, token := range map[string]string{"none": "", "of nobody": fake.Logout("2", nil), "an ID token": fake.Logout("3", func(c map[string]any) { c["sid"], c["nonce"] = "2", "n" })} {
			if status := send(token); status != 400 {
				t.Errorf("%s: status %d", what, status)
			}
		}
		b.ok("GET", "/me", nil, nil)
		if status := send(good); status != 200 {
			t.Fatalf("status %d", status)
		}
		b.fails(401, "GET", "/me", nil)
		if status := send(good); status != 400 {
			t.Errorf("the same token again: status %d", status)
		}
	})
	t.Run("refusals", func(t *testing.T) { signOnRefusals(t, s, fake, out) })
	s.stop()
	for _, secret := range []string{signontest.ClientSecret, "an access token", "code-"} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// signOnRefusals has the ways to come back that give no session.
func signOnRefusals(t *testing.T, s *runningService, fake *signontest.Provider, out demoOutput) {
	good := person("ann", object{"groups": []string{"staff"}})
	with := func(key, value string) func(*tourist, url.Values) {
		return func(_ *tourist, back url.Values) {
			if back.Set(key, value); value == "" {
				back.Del(key)
			}
		}
	}
	for what, c := range map[string]struct {
		behaviour signontest.Behaviour
		change    func(*tourist, url.Values)
		reason    string
	}{
		"no state":        {good, with("state", ""), "attempt"},
		"another state":   {good, with("state", strings.Repeat("A", 43)), "attempt"},
		"another browser": {good, func(b *tourist, _ url.Values) { b.http.Jar = newTourist(t, s).http.Jar }, "attempt"},
		"a replayed state": {good, func(b *tourist, back url.Values) {
			cookies := b.http.Jar.Cookies(mustParse(t, s.url))
			b.comeBack(back)
			b.http.Jar = newTourist(t, s).http.Jar
			b.http.Jar.SetCookies(mustParse(t, s.url), cookies)
		}, "attempt"},
		"no code":             {good, with("code", ""), "token"},
		"an invented code":    {good, with("code", "invented"), "token"},
		"another provider":    {good, with("iss", "https://issuer.example"), "token"},
		"another nonce":       {signontest.Behaviour{Person: good.Person, Spoil: func(c map[string]any) { c["nonce"] = "n" }}, nil, "token"},
		"unsigned":            {signontest.Behaviour{Person: good.Person, Unsigned: true}, nil, "token"},
		"the provider denies": {signontest.Behaviour{Denies: "access_denied"}, nil, "denied"},
		"words of a stranger": {signontest.Behaviour{Denies: "call 555-0100"}, nil, "denied"},
		"the provider is ill": {signontest.Behaviour{Denies: "server_error"}, nil, "unavailable"},
		"a local user's name": {person(out.Username, object{"groups": []string{"admins"}}), nil, "name"},
		"no name":             {signontest.Behaviour{Person: object{"sub": "\x00"}}, nil, "token"},
	} {
		fake.Behave(c.behaviour)
		b := newTourist(t, s)
		back := b.leave("/history")
		if c.change != nil {
			c.change(b, back)
		}
		to := mustParse(t, b.comeBack(back))
		if to.Host != "" || to.Path != "/sign-in" || to.Query().Get("refused") != c.reason {
			t.Errorf("%s: led to %s, want the reason %q", what, to, c.reason)
			continue
		}
		b.fails(401, "GET", "/me", nil)
		var said struct {
			Refusal *struct{ Detail, Hint string }
		}
		b.ok("GET", "/oidc?refused="+c.reason, nil, &said)
		if said.Refusal == nil || said.Refusal.Detail == "" || said.Refusal.Hint == "" {
			t.Errorf("%s: the sign-in page has nothing to say", what)
		}
	}
	var said struct{ Refusal *struct{ Detail string } }
	newTourist(t, s).ok("GET", "/oidc?refused="+url.QueryEscape("call 555-0100"), nil, &said)
	if said.Refusal != nil {
		t.Errorf("words of a stranger are shown: %+v", said)
	}
}

func mustParse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	must(t, err)
	return u
}

// TestSingleSignOnCookies: the attempt's cookie is for this host alone, no script
// reads it, and it does not live long.
func TestSingleSignOnCookies(t *testing.T) {
	t.Parallel()
	data, _ := demo(t, "--interactions", "20", "--contacts", "5")
	fake := signontest.Start(t)
	s := serveSignOn(t, data, fake, "--secure")
	answer, err := http.Post(s.url+"/api/v1/oidc/sign-in", "application/json", strings.NewReader("{}"))
	must(t, err)
	must(t, answer.Body.Close())
	i := slices.IndexFunc(answer.Cookies(), func(c *http.Cookie) bool { return c.Name == "__Host-cdds_sign_on" })
	if i < 0 {
		t.Fatalf("the cookies are %v", answer.Cookies())
	}
	c := answer.Cookies()[i]
	if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || len(c.Value) != 43 || time.Until(c.Expires) > 11*time.Minute {
		t.Errorf("the cookie is %v", c)
	}
	// A page of another site cannot begin a sign-in.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v1/oidc/sign-in", strings.NewReader("{}"))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", "https://a.example")
	answer, err = http.DefaultClient.Do(req)
	must(t, err)
	must(t, answer.Body.Close())
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("another site's page got %d", answer.StatusCode)
	}
}

// TestSingleSignOnWithoutProvider: the service starts while the provider is down,
// passwords work, the button says what is wrong, and all is well once it is up.
func TestSingleSignOnWithoutProvider(t *testing.T) {
	data, out := demo(t, "--interactions", "20", "--contacts", "5")
	fake := signontest.Start(t)
	fake.Behave(signontest.Behaviour{Down: true})
	s := serveSignOn(t, data, fake)
	s.signIn(t, out.Username, out.Password)
	b := newTourist(t, s)
	if p := b.fails(503, "POST", "/oidc/sign-in", object{}); p.Detail != "The identity provider cannot be reached." || p.Hint == "" {
		t.Errorf("the button says %+v", p)
	}
	var setUp struct{ Name, EndSessionURL *string }
	b.ok("GET", "/oidc?signedOut=true", nil, &setUp)
	if setUp.Name == nil || setUp.EndSessionURL != nil {
		t.Errorf("the page gets %+v", setUp)
	}
	fake.Behave(person("ann", nil))
	if to := b.comeBack(b.leave(nil)); to != "/history" {
		t.Errorf("up again, it leads to %q", to)
	}
}

// TestSingleSignOnSettings: what cannot work is said at the start, a secret is
// never shown, and without an issuer there is no single sign-on.
func TestSingleSignOnSettings(t *testing.T) {
	data, _ := demo(t, "--interactions", "20", "--contacts", "5")
	settings := filepath.Join(t.TempDir(), "cdds.yaml")
	must(t, os.WriteFile(settings, []byte("oidc-roles:\n  cn=admins,ou=groups: king\n"), 0o600))
	empty := filepath.Join(t.TempDir(), "empty")
	must(t, os.WriteFile(empty, []byte("\n"), 0o600))
	good := []string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--oidc-issuer", "https://issuer.example", "--oidc-client-id", "cdds",
		"--oidc-redirect-base", "https://cdds.example", "--oidc-tenant", "demo"}
	t.Setenv(secretVariable, "a secret of the environment")
	for what, c := range map[string]struct {
		more []string
		says string
	}{
		"no TLS":             {[]string{"--oidc-issuer", "http://issuer.example"}, "oidc-issuer"},
		"no redirect":        {[]string{"--oidc-redirect-base", ""}, "oidc-redirect-base"},
		"no client":          {[]string{"--oidc-client-id", ""}, "oidc-client-id"},
		"no tenant":          {[]string{"--oidc-tenant", ""}, "oidc-tenant"},
		"an unknown role":    {[]string{"--oidc-roles", "staff=king"}, "oidc-roles"},
		"a role by the file": {[]string{"--config", settings}, "cn=admins,ou=groups"},
		"too long":           {[]string{"--oidc-session-limit", "720h"}, "oidc-session-limit"},
		"no secret's file":   {[]string{"--oidc-client-secret-file", "/nowhere"}, "client secret"},
		"an empty secret":    {[]string{"--oidc-client-secret-file", empty}, "client secret"},
		"a secret as a flag": {[]string{"--oidc-client-secret", "on the command line"}, "unknown flag"},
	} {
		stdout, stderr, code := command(t, "", append(slices.Clone(good), c.more...)...)
		if code != 2 || !strings.Contains(stderr, c.says) || strings.Contains(stdout+stderr, "a secret of the environment") {
			t.Errorf("%s: exit code %d: %s%s", what, code, stdout, stderr)
		}
	}
	s := serve(t, "--data", data)
	b := newTourist(t, s)
	var setUp map[string]json.RawMessage
	b.ok("GET", "/oidc", nil, &setUp)
	if string(setUp["name"]) != "null" {
		t.Errorf("without an issuer the page gets %s", setUp)
	}
	b.fails(404, "POST", "/oidc/sign-in", object{})
	b.fails(404, "GET", "/oidc/callback?code=c&state=s", nil)
}
