package signon_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/signon"
	"cdds/signon/signontest"
)

const redirectURL = "http://127.0.0.1:1/api/v1/oidc/callback"

func config(issuer string) signon.Config {
	return signon.Config{Issuer: issuer, ClientID: signontest.ClientID, ClientSecret: signontest.ClientSecret,
		RedirectURL: redirectURL, Scopes: []string{"email", "openid"}, Now: time.Now}
}

func newProvider(t *testing.T, cfg signon.Config) *signon.Provider {
	t.Helper()
	p, err := signon.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// visit goes to the provider as the browser of the attempt "secret" does, and
// returns what it comes back with.
func visit(t *testing.T, p *signon.Provider) url.Values {
	t.Helper()
	address, err := p.AuthURL(t.Context(), "secret")
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	back := answer.Header.Get("Location")
	if answer.StatusCode != http.StatusFound || !strings.HasPrefix(back, redirectURL+"?") {
		t.Fatalf("the provider answers %d and leads to %q", answer.StatusCode, back)
	}
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// wantRefusal fails the test unless err has the reason, and returns its text.
func wantRefusal(t *testing.T, what string, err error, want cdds.SignOnRefusal) string {
	t.Helper()
	var reason cdds.SignOnRefusal
	if !errors.As(err, &reason) || reason != want {
		t.Fatalf("%s: got %v, want the refusal %q", what, err, want)
	}
	for _, secret := range []string{signontest.ClientSecret, "an access token", "what was sent"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error holds %q", what, secret)
		}
	}
	return err.Error()
}

func TestClaims(t *testing.T) {
	fake := signontest.Start(t)
	fake.Behave(signontest.Behaviour{
		Person:   map[string]any{"sub": "s-1", "sid": "at-the-provider", "preferred_username": "ann"},
		UserInfo: map[string]any{"groups": []string{"staff"}, "preferred_username": "somebody else", "iss": "elsewhere"},
	})
	p := newProvider(t, config(fake.URL))
	back := visit(t, p)
	if back.Get("state") != signon.Attempt("secret").State() {
		t.Fatalf("the state came back as %q", back.Get("state"))
	}
	claims, err := p.Claims(t.Context(), "secret", back.Get("code"), back.Get("iss"))
	if err != nil {
		t.Fatal(err)
	}
	for claim, want := range map[string]string{"iss": fake.URL, "sub": "s-1", "sid": "at-the-provider", "preferred_username": "ann", "groups": "[staff]"} {
		if got := fmt.Sprint(claims[claim]); got != want {
			t.Errorf("%s is %q, want %q", claim, got, want)
		}
	}
	_, err = p.Claims(t.Context(), "secret", back.Get("code"), "")
	wantRefusal(t, "the same code again", err, cdds.RefusedToken)
}

// TestTokensThatDoNotHold lets the provider misbehave in one way at a time.
func TestTokensThatDoNotHold(t *testing.T) {
	fake := signontest.Start(t)
	p := newProvider(t, config(fake.URL))
	person := map[string]any{"sub": "s-1"}
	spoilt := func(claim string, value any) signontest.Behaviour {
		return signontest.Behaviour{Person: person, Spoil: func(c map[string]any) {
			if c[claim] = value; value == nil {
				delete(c, claim)
			}
		}}
	}
	for what, c := range map[string]struct {
		behaviour signontest.Behaviour
		cause     string
	}{
		"another nonce":          {spoilt("nonce", signon.Attempt("secret").State()), "another nonce"},
		"no nonce":               {spoilt("nonce", nil), "another nonce"},
		"another audience":       {spoilt("aud", "another client"), "audience"},
		"two audiences":          {spoilt("aud", []string{signontest.ClientID, "another"}), "another client"},
		"another party":          {spoilt("azp", "another client"), "another client"},
		"expired":                {spoilt("exp", time.Now().Add(-time.Second).Unix()), "expired"},
		"no end":                 {spoilt("exp", nil), "expired"},
		"not valid yet":          {spoilt("nbf", time.Now().Add(time.Hour).Unix()), "nbf"},
		"another issuer":         {spoilt("iss", "https://issuer.example"), "different provider"},
		"another access token":   {spoilt("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), "access token"},
		"unsigned (alg none)":    {signontest.Behaviour{Person: person, Unsigned: true}, "malformed jwt"},
		"no ID token":            {signontest.Behaviour{Person: person, NoToken: true}, "no ID token"},
		"user info of another":   {signontest.Behaviour{Person: person, UserInfo: map[string]any{"sub": "s-2"}}, "another subject"},
		"user info of nobody":    {signontest.Behaviour{Person: person, UserInfo: map[string]any{"sub": ""}}, "another subject"},
		"claims of another kind": {spoilt("sub", []string{"s-1"}), "unmarshal"},
	} {
		fake.Behave(c.behaviour)
		back := visit(t, p)
		_, err := p.Claims(t.Context(), "secret", back.Get("code"), back.Get("iss"))
		if text := wantRefusal(t, what, err, cdds.RefusedToken); !strings.Contains(text, c.cause) {
			t.Errorf("%s: the cause is %q, want %q in it", what, text, c.cause)
		}
	}
	fake.Behave(spoilt("azp", signontest.ClientID))
	back := visit(t, p)
	if _, err := p.Claims(t.Context(), "secret", back.Get("code"), back.Get("iss")); err != nil {
		t.Fatal("the right party is refused:", err)
	}
}

func TestCodesThatAreNotRedeemed(t *testing.T) {
	fake := signontest.Start(t)
	fake.Behave(signontest.Behaviour{Person: map[string]any{"sub": "s-1"}})
	p := newProvider(t, config(fake.URL))
	code := func() string { return visit(t, p).Get("code") }
	for what, try := range map[string]func() error{
		"no code":             func() error { _, err := p.Claims(t.Context(), "secret", "", fake.URL); return err },
		"from another issuer": func() error { _, err := p.Claims(t.Context(), "secret", code(), "https://issuer.example"); return err },
		"an invented code":    func() error { _, err := p.Claims(t.Context(), "secret", "invented", fake.URL); return err },
		"another browser's":   func() error { _, err := p.Claims(t.Context(), "another secret", code(), fake.URL); return err },
		"no verifier":         func() error { _, err := p.Claims(t.Context(), "", code(), fake.URL); return err },
		"a wrong client secret": func() error {
			cfg := config(fake.URL)
			cfg.ClientSecret = "another secret"
			_, err := newProvider(t, cfg).Claims(t.Context(), "secret", code(), fake.URL)
			return err
		},
	} {
		wantRefusal(t, what, try(), cdds.RefusedToken)
	}
}

// TestAttempt: the three values of an attempt tell nothing of each other or of
// the secret, and no empty attempt is ever the right one.
func TestAttempt(t *testing.T) {
	a := signon.Attempt("secret")
	if !a.Returned(a.State()) || a.Returned("") || a.Returned(signon.Attempt("other").State()) || signon.Attempt("").Returned(signon.Attempt("").State()) {
		t.Fatal("the state is not told from others")
	}
	fake := signontest.Start(t)
	address, err := newProvider(t, config(fake.URL)).AuthURL(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	asked := u.Query()
	seen := map[string]bool{string(a): true}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		value := asked.Get(name)
		if len(value) != 43 || seen[value] {
			t.Errorf("%s is %q", name, value)
		}
		seen[value] = true
	}
	if got := asked.Get("scope"); got != "openid email" {
		t.Errorf("the scopes are %q", got)
	}
	if asked.Get("code_challenge_method") != "S256" || asked.Get("client_secret") != "" {
		t.Errorf("asked for %v", asked)
	}
}

// TestProviderThatIsDown: no service fails for it, and the next one who wants to
// sign in finds it again.
func TestProviderThatIsDown(t *testing.T) {
	fake := signontest.Start(t)
	fake.Behave(signontest.Behaviour{Down: true})
	p := newProvider(t, config(fake.URL))
	for range 2 {
		wantRefusal(t, "down", p.Ready(t.Context()), cdds.RefusedUnavailable)
	}
	fake.Behave(signontest.Behaviour{Person: map[string]any{"sub": "s-1"}})
	if err := p.Ready(t.Context()); err != nil {
		t.Fatal("up again:", err)
	}
	back := visit(t, p)
	fake.Behave(signontest.Behaviour{Down: true})
	_, err := p.Claims(t.Context(), "secret", back.Get("code"), fake.URL)
	wantRefusal(t, "down in the middle", err, cdds.RefusedUnavailable)
	end, err := p.EndSessionURL(t.Context())
	if err != nil || end != fake.URL+"/end?client_id="+signontest.ClientID {
		t.Fatalf("the end of the session is at %q, %v", end, err)
	}
}

// TestProvidersThatAreNotBelieved: a discovery document of another issuer, one
// without endpoints, one whose endpoints can be read on the way, one that leads
// elsewhere, and one that is too long.
func TestProvidersThatAreNotBelieved(t *testing.T) {
	const good = `{"issuer": "SELF", "authorization_endpoint": "SELF/a", "token_endpoint": "SELF/t", "jwks_uri": "SELF/k"}`
	ready := func(body string, redirected bool) error {
		var self string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if redirected && r.URL.Path != "/elsewhere" {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return
			}
			fmt.Fprint(w, strings.ReplaceAll(body, "SELF", self))
		}))
		defer server.Close()
		self = server.URL
		return newProvider(t, config(self)).Ready(t.Context())
	}
	if err := ready(good, false); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"another issuer": ready(strings.Replace(good, "SELF", "https://issuer.example", 1), false),
		"no endpoints":   ready(`{"issuer": "SELF"}`, false),
		"without TLS":    ready(strings.Replace(good, "SELF/a", "http://issuer.example/a", 1), false),
		"keys in clear":  ready(strings.Replace(good, "SELF/k", "http://issuer.example/k", 1), false),
		"no JSON":        ready("<html>", false),
		"too long":       ready(strings.Replace(good, "{", `{"more": "`+strings.Repeat("x", 2<<20)+`", `, 1), false),
		"a redirect":     ready(good, true),
	} {
		wantRefusal(t, what, err, cdds.RefusedUnavailable)
	}
}

func TestSettingsThatCannotWork(t *testing.T) {
	for what, change := range map[string]func(*signon.Config){
		"no issuer":               func(c *signon.Config) { c.Issuer = "" },
		"an issuer without TLS":   func(c *signon.Config) { c.Issuer = "http://issuer.example" },
		"an issuer with a query":  func(c *signon.Config) { c.Issuer = "https://issuer.example?a=b" },
		"an issuer with a user":   func(c *signon.Config) { c.Issuer = "https://a:b@issuer.example" },
		"no client":               func(c *signon.Config) { c.ClientID = "" },
		"no redirect base":        func(c *signon.Config) { c.RedirectURL = "/api/v1/oidc/callback" },
		"a redirect without TLS":  func(c *signon.Config) { c.RedirectURL = "http://cdds.example/api/v1/oidc/callback" },
		"a redirect that is none": func(c *signon.Config) { c.RedirectURL = "javascript:alert(1)" },
		"a loopback in the name":  func(c *signon.Config) { c.Issuer = "http://localhost.example" },
		"a loopback as a name":    func(c *signon.Config) { c.Issuer = "http://127.0.0.1.example" },
	} {
		cfg := config("https://issuer.example")
		change(&cfg)
		if _, err := signon.New(cfg); cdds.CodeOf(err) != cdds.CodeInvalid {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

func TestLogoutTokens(t *testing.T) {
	fake := signontest.Start(t)
	p := newProvider(t, config(fake.URL))
	both := func(c map[string]any) { c["sub"], c["sid"] = "s-1", "session" }
	out, err := p.Logout(t.Context(), fake.Logout("id", both))
	if want := (cdds.ProviderLogout{Issuer: fake.URL, Subject: "s-1", ProviderSession: "session", TokenID: "id"}); err != nil || out != want {
		t.Fatalf("got %+v, %v", out, err)
	}
	with := func(claim string, value any) string {
		return fake.Logout("id", func(c map[string]any) {
			both(c)
			if c[claim] = value; value == nil {
				delete(c, claim)
			}
		})
	}
	var claims map[string]any
	fake.Logout("id", func(c map[string]any) { both(c); claims = c })
	for what, token := range map[string]string{
		"nobody":           fake.Logout("id", nil),
		"no event":         with("events", map[string]any{}),
		"no events":        with("events", nil),
		"an ID token":      with("nonce", "n"),
		"no id":            with("jti", nil),
		"expired":          with("exp", time.Now().Add(-time.Minute).Unix()),
		"no end":           with("exp", nil),
		"old":              with("iat", time.Now().Add(-time.Hour).Unix()),
		"no time":          with("iat", nil),
		"of the future":    with("iat", time.Now().Add(time.Hour).Unix()),
		"another audience": with("aud", "another"),
		"another issuer":   with("iss", "https://issuer.example"),
		"another kind":     fake.Sign(claims, "at+jwt"),
		"no token":         "",
		"garbage":          "a.b.c",
	} {
		_, err := p.Logout(t.Context(), token)
		wantRefusal(t, what, err, cdds.RefusedToken)
	}
	good := with("sub", "s-1")
	fake.Behave(signontest.Behaviour{Unsigned: true})
	_, err = p.Logout(t.Context(), with("sub", "s-1"))
	wantRefusal(t, "unsigned", err, cdds.RefusedToken)
	_, err = p.Logout(t.Context(), good[:len(good)-8]+"AAAAAAAA")
	wantRefusal(t, "a broken signature", err, cdds.RefusedToken)
}
