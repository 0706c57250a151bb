package door

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestRate takes a burst, is told how long to wait, and may go on after that.
func TestRate(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := NewRate(2)
	for i := range 40 {
		if wait := r.Take("ann", now); wait != 0 {
			t.Fatalf("request %d has to wait %s", i, wait)
		}
	}
	for range 3 { // refused requests do not make the wait longer
		if wait := r.Take("ann", now); wait != 500*time.Millisecond {
			t.Fatalf("the wait is %s", wait)
		}
	}
	if wait := r.Take("bob", now); wait != 0 {
		t.Errorf("another key has to wait %s", wait)
	}
	if wait := r.Take("ann", now.Add(500*time.Millisecond)); wait != 0 {
		t.Errorf("after the wait there is one of %s", wait)
	}
	if wait := NewRate(0).Take("ann", now); wait != 0 {
		t.Errorf("no rate, and a wait of %s", wait)
	}
}

// TestRateMemory sends 100,000 keys through: the memory stays that of 10,000,
// and one that is in use stays known while others have been quiet.
func TestRateMemory(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := NewRate(1)
	for i := range maxKeys - 1 {
		r.Take(fmt.Sprint("quiet ", i), now)
	}
	now = now.Add(time.Minute)
	for range 30 {
		r.Take("busy", now)
	}
	r.Take("new", now)
	if len(r.keys) != 2 {
		t.Errorf("%d keys are kept though all but two have been quiet", len(r.keys))
	}
	if r.Take("busy", now) == 0 {
		t.Error("the busy key was forgotten before quiet ones")
	}
	for i := range 10 * maxKeys {
		r.Take(fmt.Sprint("flood ", i), now)
	}
	if len(r.keys) > maxKeys {
		t.Errorf("%d keys are kept", len(r.keys))
	}
}

func TestSlots(t *testing.T) {
	s := NewSlots(3, 2)
	leave := func(key string) func() {
		t.Helper()
		leave, ok := s.Enter(key)
		if !ok {
			t.Fatalf("%s is refused", key)
		}
		return leave
	}
	full := func(key string) {
		t.Helper()
		if _, ok := s.Enter(key); ok {
			t.Fatalf("%s is let in", key)
		}
	}
	first, second := leave("ann"), leave("ann")
	full("ann")
	third := leave("bob")
	full("cid")
	first()
	first() // once is enough
	leave("cid")()
	second()
	third()
	if s.used != 0 || len(s.by) != 0 {
		t.Errorf("%d places are in use, by %v", s.used, s.by)
	}
	if _, ok := (*Slots)(nil).Enter("ann"); !ok {
		t.Error("no slots refuse somebody")
	}
}

// TestClientAddress believes proxies that are trusted, and nobody else.
func TestClientAddress(t *testing.T) {
	proxies, err := ParseProxies([]string{"10.0.0.0/8", "192.0.2.1", "2001:db8::/32"})
	must(t, err)
	for _, test := range []struct{ remote, forwarded, want string }{
		{"198.51.100.7:5000", "203.0.113.9", "198.51.100.7:5000"}, // no proxy of ours: invented
		{"10.1.1.1:5000", "", "10.1.1.1:5000"},
		{"10.1.1.1:5000", "203.0.113.9", "203.0.113.9:0"},
		{"10.1.1.1:5000", "1.1.1.1, 203.0.113.9", "203.0.113.9:0"}, // the first is the client's own invention
		{"10.1.1.1:5000", "203.0.113.9, 192.0.2.1,10.2.2.2", "203.0.113.9:0"},
		{"10.1.1.1:5000", "garbage", "10.1.1.1:5000"},
		{"10.1.1.1:5000", "garbage, 192.0.2.1", "192.0.2.1:0"},
		{"[::ffff:10.1.1.1]:5000", "203.0.113.9:1234", "203.0.113.9:0"},
		{"[2001:db8::1]:5000", "[2001:db9::2]:99", "[2001:db9::2]:0"},
	} {
		got := ""
		h := proxies.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }))
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = test.remote
		if test.forwarded != "" {
			r.Header.Set("X-Forwarded-For", test.forwarded)
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got != test.want {
			t.Errorf("%s by %q is %s, want %s", test.remote, test.forwarded, got, test.want)
		}
	}
	if _, err := ParseProxies([]string{"proxy.example"}); err == nil {
		t.Error("a name passes as an address")
	}
	for address, want := range map[string]string{"192.0.2.7": "192.0.2.7", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "nonsense": "nonsense", "::ffff:192.0.2.7": "::ffff:192.0.2.7"} {
		if got := Network(address); got != want {
			t.Errorf("%s is counted as %s, want %s", address, got, want)
		}
	}
}

// TestCompress compresses JSON to GET, and nothing else.
func TestCompress(t *testing.T) {
	long := strings.Repeat("a long answer ", 1000)
	for _, test := range []struct {
		method, accept, kind, body string
		squeezed                   bool
	}{
		{"GET", "gzip", "application/json", long, true},
		{"GET", "", "application/json", long, false},
		{"GET", "gzip", "application/json", "short", false},
		{"POST", "gzip", "application/json", long, false},
		{"GET", "gzip", "application/problem+json", long, false},
		{"GET", "gzip", "text/event-stream", long, false},
		{"GET", "gzip", "application/pkcs7-mime", long, false},
		{"GET", "gzip", "application/x-tar", long, false},
		{"GET", "gzip", "application/octet-stream", long, false},
	} {
		h, err := Compress(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", test.kind)
			if _, err := w.Write([]byte(test.body)); err != nil {
				t.Error(err)
			}
		}))
		must(t, err)
		r := httptest.NewRequest(test.method, "/", nil)
		r.Header.Set("Accept-Encoding", test.accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if squeezed := w.Header().Get("Content-Encoding") == "gzip"; squeezed != test.squeezed || squeezed && w.Body.Len() > len(test.body)/10 {
			t.Errorf("%+.60v: encoding %q, %d bytes", test, w.Header().Get("Content-Encoding"), w.Body.Len())
		}
	}
}

// TestHeaders holds the headers of every answer, and that of TLS alone.
func TestHeaders(t *testing.T) {
	for _, secure := range []bool{true, false} {
		w := httptest.NewRecorder()
		Headers(http.NotFoundHandler(), secure).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if !strings.Contains(w.Header().Get("Permissions-Policy"), "camera=()") {
			t.Errorf("Permissions-Policy is %q", w.Header().Get("Permissions-Policy"))
		}
		if (w.Header().Get("Strict-Transport-Security") != "") != secure {
			t.Errorf("secure %t: HSTS %q", secure, w.Header().Get("Strict-Transport-Security"))
		}
	}
}

// TestRedirect keeps the host and the path, and takes no nonsense for a host.
func TestRedirect(t *testing.T) {
	for _, test := range []struct{ host, path, port, want string }{
		{"cdds.example", "/jobs?x=1", "443", "https://cdds.example/jobs?x=1"},
		{"cdds.example:80", "/", "8443", "https://cdds.example:8443/"},
		{"[2001:db8::1]:80", "/", "443", "https://[2001:db8::1]/"},
		{"[2001:db8::1]", "/", "8443", "https://[2001:db8::1]:8443/"},
		{"cdds.example", "//evil.example/", "443", "https://cdds.example//evil.example/"},
		{"user@evil.example", "/", "443", ""},
		{"", "/", "443", ""},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Host, r.URL.Path = test.host, ""
		u, err := r.URL.Parse("http://x" + test.path)
		must(t, err)
		r.URL = u
		w := httptest.NewRecorder()
		Redirect(test.port).ServeHTTP(w, r)
		if got := w.Header().Get("Location"); got != test.want || (w.Code != http.StatusPermanentRedirect) != (test.want == "") {
			t.Errorf("%s%s leads to %q with %d, want %q", test.host, test.path, got, w.Code, test.want)
		}
	}
}
