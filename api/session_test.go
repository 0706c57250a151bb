package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cdds"
	"cdds/api"
	"cdds/control"
	"cdds/store"
)

const password = "a long enough password"

// began is the moment at which these tests begin.
var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// place is the API with a clock that the test moves, and with ann in it.
type place struct {
	url   string
	st    *store.Store
	clock atomic.Int64 // since began
}

func (p *place) now() time.Time { return began.Add(time.Duration(p.clock.Load())) }

// pass lets time pass.
func (p *place) pass(d time.Duration) { p.clock.Add(int64(d)) }

func newPlace(t *testing.T, secure bool) *place {
	t.Helper()
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "cdds.db"))
	must(t, err)
	t.Cleanup(func() { must(t, st.Close()) })
	must(t, st.Migrate(t.Context()))
	log := slog.New(slog.DiscardHandler)
	p := &place{st: st}
	ctl := control.New(control.Config{Store: st, Log: log})
	_, err = ctl.AddUser(t.Context(), control.NewUser{Username: "ann", Password: password, Role: cdds.RoleViewer, Tenant: "Alpha", TenantSourceID: 101}, began)
	must(t, err)
	server := httptest.NewServer(api.Handler(t.Context(), api.Config{Store: st, Control: ctl, Version: "test", SecureCookies: secure, Now: p.now, Log: log}))
	t.Cleanup(server.Close)
	p.url = server.URL + api.Prefix
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// browser keeps cookies by their names, as a browser does, and shows what was
// set.
type browser struct {
	t       testing.TB
	place   *place
	mu      sync.Mutex
	cookies map[string]*http.Cookie
}

func (p *place) browser(t testing.TB) *browser {
	return &browser{t: t, place: p, cookies: map[string]*http.Cookie{}}
}

// copied is another client with the same cookies.
func (b *browser) copied() *browser {
	c := b.place.browser(b.t)
	for name, cookie := range b.cookies {
		c.cookies[name] = cookie
	}
	return c
}

// value is a cookie's value, or "".
func (b *browser) value(name string) string {
	if c := b.cookies[name]; c != nil {
		return c.Value
	}
	return ""
}

// send sends a request and returns its status and body.
func (b *browser) send(method, path string, body any) (int, []byte) {
	b.t.Helper()
	text, err := json.Marshal(body)
	must(b.t, err)
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.place.url+path, bytes.NewReader(text))
	must(b.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0")
	b.mu.Lock()
	for _, cookie := range b.cookies {
		req.AddCookie(cookie)
	}
	b.mu.Unlock()
	resp, err := http.DefaultClient.Do(req)
	must(b.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	must(b.t, err)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, cookie := range resp.Cookies() {
		b.cookies[cookie.Name] = cookie
		if cookie.MaxAge < 0 {
			delete(b.cookies, cookie.Name)
		}
	}
	return resp.StatusCode, answer
}

// want sends a request that must be answered with a status.
func (b *browser) want(status int, method, path string, body any) []byte {
	b.t.Helper()
	got, answer := b.send(method, path, body)
	if got != status {
		b.t.Fatalf("%s %s: status %d in place of %d: %s", method, path, got, status, answer)
	}
	return answer
}

func (b *browser) signIn(remember bool) {
	b.t.Helper()
	b.want(http.StatusOK, "POST", "/session", map[string]any{"username": "ann", "password": password, "remember": remember})
}

// places lists where ann is signed in.
func (b *browser) places() []api.Session {
	b.t.Helper()
	var list struct{ Items []api.Session }
	must(b.t, json.Unmarshal(b.want(http.StatusOK, "GET", "/sessions", nil), &list))
	return list.Items
}

func TestCookies(t *testing.T) {
	for name, c := range map[string]struct {
		secure, remember bool
		want             []string
	}{
		"a session":     {false, false, []string{"cdds_session"}},
		"remembered":    {false, true, []string{"cdds_remember", "cdds_session"}},
		"TLS":           {true, false, []string{"__Host-cdds_session"}},
		"TLS, and both": {true, true, []string{"__Host-cdds_remember", "__Host-cdds_session"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newPlace(t, c.secure).browser(t)
			b.signIn(c.remember)
			var names []string
			for name, cookie := range b.cookies {
				names = append(names, name)
				if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Secure != c.secure || cookie.Path != "/" || cookie.Domain != "" {
					t.Errorf("the cookie is %s", cookie.Raw)
				}
				if lasts := !cookie.Expires.IsZero(); lasts != strings.HasSuffix(name, "cdds_remember") {
					t.Errorf("the cookie is %s", cookie.Raw)
				}
				if len(cookie.Value) != 43 { // 256 bits in base64
					t.Errorf("%s has a value of %d characters", name, len(cookie.Value))
				}
			}
			slices.Sort(names)
			if !slices.Equal(names, c.want) {
				t.Errorf("the cookies are %q, want %q", names, c.want)
			}
			b.want(http.StatusNoContent, "DELETE", "/session", nil)
			if len(b.cookies) != 0 {
				t.Errorf("signed out, the browser keeps %v", b.cookies)
			}
		})
	}
}

// TestSignInRotates: a cookie from before a sign-in is worth nothing after it.
func TestSignInRotates(t *testing.T) {
	b := newPlace(t, false).browser(t)
	b.signIn(true)
	before := b.copied()
	b.signIn(false)
	if b.value("cdds_session") == before.value("cdds_session") || b.value("cdds_remember") != "" {
		t.Fatal("the cookies are still there")
	}
	before.want(http.StatusUnauthorized, "GET", "/me", nil)
	b.want(http.StatusOK, "GET", "/me", nil)
	if places := b.places(); len(places) != 1 || !places[0].Current || places[0].Remembered {
		t.Fatalf("signed in at %+v", places)
	}
}

// TestRememberedAcrossRestarts closes the browser, lets the session end, and
// comes back; until its time is over.
func TestRememberedAcrossRestarts(t *testing.T) {
	p := newPlace(t, false)
	b := p.browser(t)
	b.signIn(true)
	first := b.copied()
	delete(b.cookies, "cdds_session") // the browser was closed
	p.pass(time.Minute)
	b.want(http.StatusOK, "GET", "/me", nil)
	if b.value("cdds_session") == "" || b.value("cdds_remember") == first.value("cdds_remember") {
		t.Fatal("the browser got no new session and secret")
	}
	delete(first.cookies, "cdds_remember")
	first.want(http.StatusUnauthorized, "GET", "/me", nil)
	for range 29 {
		p.pass(24 * time.Hour)
		b.want(http.StatusOK, "GET", "/runs", nil) // any request will do
	}
	if places := b.places(); len(places) != 1 || !places[0].Current || !places[0].Remembered || !places[0].SignedIn || places[0].Browser != "Firefox 131 on Linux" {
		t.Fatalf("signed in at %+v", places)
	}
	p.pass(24 * time.Hour)
	b.want(http.StatusUnauthorized, "GET", "/me", nil)
}

// TestAStolenCookie: the second of two who show the same cookie ends what the
// first got for it.
func TestAStolenCookie(t *testing.T) {
	p := newPlace(t, false)
	b := p.browser(t)
	b.signIn(true)
	p.pass(time.Hour)
	thief := b.copied()
	thief.want(http.StatusOK, "GET", "/me", nil)
	p.pass(cdds.RememberGrace)
	thief.want(http.StatusOK, "GET", "/me", nil)
	answer := b.want(http.StatusUnauthorized, "GET", "/me", nil)
	if !strings.Contains(string(answer), "copied") {
		t.Errorf("the owner reads %s", answer)
	}
	thief.want(http.StatusUnauthorized, "GET", "/me", nil)
	b.signIn(true)
	b.want(http.StatusOK, "GET", "/me", nil)
}

// TestRequestsSideBySide sends what a page asks for when it comes back after its
// session has ended. Whichever answer comes last, the browser can go on.
func TestRequestsSideBySide(t *testing.T) {
	p := newPlace(t, false)
	b := p.browser(t)
	b.signIn(true)
	old := b.copied()
	p.pass(time.Hour)
	var all sync.WaitGroup
	for range 4 {
		for _, path := range []string{"/me", "/runs", "/sessions"} {
			all.Go(func() {
				if status, answer := b.send("GET", path, nil); status != http.StatusOK {
					t.Errorf("GET %s: status %d: %s", path, status, answer)
				}
			})
		}
	}
	all.Wait()
	if places := b.places(); len(places) != 1 {
		t.Errorf("signed in at %+v", places)
	}
	lost := old.copied() // as if no answer had come
	p.pass(cdds.RememberGrace - time.Second)
	lost.want(http.StatusOK, "GET", "/me", nil)
	if lost.value("cdds_session") != b.value("cdds_session") || lost.value("cdds_remember") != b.value("cdds_remember") {
		t.Error("the same secret got another answer")
	}
	p.pass(time.Hour)
	b.want(http.StatusOK, "GET", "/me", nil)
}

// TestSessionsOfOnesOwn lists and ends them.
func TestSessionsOfOnesOwn(t *testing.T) {
	p := newPlace(t, false)
	here, plain, kept, away := p.browser(t), p.browser(t), p.browser(t), p.browser(t)
	for _, b := range []*browser{away, kept, plain, here} {
		b.signIn(b != plain)
		p.pass(time.Minute)
	}
	p.pass(25 * time.Minute)
	for _, b := range []*browser{kept, plain, here} {
		b.want(http.StatusOK, "GET", "/me", nil)
	}
	p.pass(10 * time.Minute) // away has idled
	type seen struct{ current, signedIn, remembered bool }
	var got []seen
	places := here.places()
	for _, s := range places {
		got = append(got, seen{s.Current, s.SignedIn, s.Remembered})
	}
	if !slices.Equal(got, []seen{{true, true, true}, {false, true, true}, {false, true, false}, {false, false, true}}) {
		t.Fatalf("signed in at %+v", places)
	}
	here.want(http.StatusNotFound, "DELETE", "/sessions/missing", nil)
	here.want(http.StatusNoContent, "DELETE", "/sessions/"+places[1].ID, nil)
	kept.want(http.StatusUnauthorized, "GET", "/me", nil)
	if answer := here.want(http.StatusOK, "DELETE", "/sessions", nil); !strings.Contains(string(answer), `"ended":2`) {
		t.Errorf("the answer is %s", answer)
	}
	for _, b := range []*browser{plain, away} {
		b.want(http.StatusUnauthorized, "GET", "/me", nil)
	}
	if places := here.places(); len(places) != 1 || !places[0].Current {
		t.Errorf("signed in at %+v", places)
	}
}

// TestAnOpenPageKeepsNobodySignedIn: the stream of events goes on by itself, and
// is no sign that somebody is there.
func TestAnOpenPageKeepsNobodySignedIn(t *testing.T) {
	p := newPlace(t, false)
	b := p.browser(t)
	b.signIn(false)
	for range 2 {
		p.pass(20 * time.Minute)
		req, err := http.NewRequestWithContext(t.Context(), "GET", p.url+"/events", nil)
		must(t, err)
		req.AddCookie(b.cookies["cdds_session"])
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		if want := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[p.now().Before(began.Add(30*time.Minute))]; resp.StatusCode != want {
			t.Errorf("after %s: status %d, want %d", p.now().Sub(began), resp.StatusCode, want)
		}
		must(t, resp.Body.Close())
	}
}

// TestAStreamEndsWithItsSession signs out beside an open stream of events.
func TestAStreamEndsWithItsSession(t *testing.T) {
	t.Parallel()
	p := newPlace(t, false)
	b := p.browser(t)
	b.signIn(false)
	req, err := http.NewRequestWithContext(t.Context(), "GET", p.url+"/events", nil)
	must(t, err)
	req.AddCookie(b.cookies["cdds_session"])
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	b.want(http.StatusNoContent, "DELETE", "/session", nil)
	text, err := io.ReadAll(resp.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) { // an abrupt end will do, as clients connect again after either
		t.Error(err)
	}
	if !strings.Contains(string(text), "event: ping") {
		t.Errorf("the stream began with %q", text)
	}
}

// TestOtherSitesSendNothing: a form or script of another site is refused before
// anybody is looked for, whatever cookies come with it.
func TestOtherSitesSendNothing(t *testing.T) {
	p := newPlace(t, false)
	b := p.browser(t)
	b.signIn(false)
	for name, c := range map[string]struct {
		method, header, value string
		want                  int
	}{
		"another site":              {"DELETE", "Sec-Fetch-Site", "cross-site", http.StatusForbidden},
		"another host of this site": {"DELETE", "Sec-Fetch-Site", "same-site", http.StatusForbidden},
		"an older browser":          {"DELETE", "Origin", "https://evil.example", http.StatusForbidden},
		"this site":                 {"DELETE", "Sec-Fetch-Site", "same-origin", http.StatusNotFound},
		"a script without browser":  {"DELETE", "X-Nothing", "", http.StatusNotFound},
		"a link to here":            {"GET", "Sec-Fetch-Site", "cross-site", http.StatusMethodNotAllowed},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, p.url+"/sessions/missing", nil)
		must(t, err)
		req.Header.Set(c.header, c.value)
		req.AddCookie(b.cookies["cdds_session"])
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		must(t, resp.Body.Close())
		if resp.StatusCode != c.want {
			t.Errorf("%s: status %d, want %d", name, resp.StatusCode, c.want)
		}
		if c.want != http.StatusForbidden {
			continue
		}
		var problem api.Problem
		if err := json.Unmarshal(body, &problem); err != nil || problem.Code != "forbidden" || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: the refusal is no problem: %v, %s %s", name, err, resp.Header.Get("Content-Type"), body)
		}
	}
	b.want(http.StatusOK, "GET", "/me", nil)
}
