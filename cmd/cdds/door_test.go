package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ownPair writes a certificate for 127.0.0.1 with its key over what was there,
// and returns the certificate as an authority to trust.
func ownPair(t testing.TB, dir, name string) (cert, key string, trusted *x509.CertPool) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	text := selfSigned(t, template, &private.PublicKey, private)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	keyText := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	for _, line := range strings.Split(string(keyText), "\n") {
		if !strings.HasPrefix(line, "-----") {
			spoken.secret("line of the TLS key", line)
		}
	}
	cert, key = filepath.Join(dir, "tls-cert.pem"), filepath.Join(dir, "tls-key.pem")
	must(t, os.WriteFile(cert, text, 0o600))
	must(t, os.WriteFile(key, keyText, 0o600))
	trusted = x509.NewCertPool()
	trusted.AppendCertsFromPEM(text)
	return cert, key, trusted
}

// over returns a client that trusts one certificate and follows no redirect.
func over(t testing.TB, trusted *x509.CertPool) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	return &http.Client{
		Jar: jar, Timeout: waitTime, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, DisableKeepAlives: true, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// TestTLS signs in and downloads over TLS, is sent there from plain HTTP, and
// meets a renewed certificate after SIGHUP, without a restart.
func TestTLS(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "200", "--contacts", "20")
	dir := t.TempDir()
	cert, key, trusted := ownPair(t, dir, "first")
	p := start(t, 0o022, nil, "--data", data, "--tls-cert", cert, "--tls-key", key, "--redirect-http", "127.0.0.1:0")
	if !strings.HasPrefix(p.url, "https://127.0.0.1:") {
		t.Fatalf("it listens at %s", p.url)
	}
	c := &client{t: t, base: p.url + "/api/v1", http: over(t, trusted)}
	status, header, _ := c.do("POST", "/session", object{"username": out.Username, "password": out.Password}, nil)
	cookie := header.Get("Set-Cookie")
	if status != 200 || !strings.HasPrefix(cookie, "__Host-cdds_session=") || !strings.Contains(cookie, "Secure") || !strings.Contains(cookie, "HttpOnly") {
		t.Fatalf("status %d, cookie %q", status, cookie)
	}
	if hsts := header.Get("Strict-Transport-Security"); hsts != "max-age=31536000" {
		t.Errorf("HSTS is %q", hsts)
	}
	r := finished(t, c.export(nil))
	a := c.artifacts(r.ID)[0]
	c.download(a, "der", dir) // over HTTP/2

	_, after, _ := strings.Cut(p.said(), `msg="sending plain HTTP to HTTPS" address=`)
	plain := strings.Fields(after)[0]
	response, err := c.http.Get("http://" + plain + "/jobs?x=1")
	must(t, err)
	must(t, response.Body.Close())
	if to := response.Header.Get("Location"); response.StatusCode != http.StatusPermanentRedirect || to != p.url+"/jobs?x=1" {
		t.Errorf("plain HTTP gives %d and leads to %q", response.StatusCode, to)
	}
	response, err = http.Get("http://" + strings.TrimPrefix(p.url, "https://") + "/")
	if err == nil {
		must(t, response.Body.Close())
		if response.StatusCode < 400 {
			t.Errorf("plain HTTP at the port of HTTPS gives %d", response.StatusCode)
		}
	}

	_, _, renewed := ownPair(t, dir, "second")
	must(t, p.cmd.Process.Signal(syscall.SIGHUP))
	fresh := &client{t: t, base: c.base, http: over(t, renewed)}
	for deadline := time.Now().Add(waitTime); ; time.Sleep(10 * time.Millisecond) {
		if response, err := fresh.http.Get(p.url + "/healthz"); err == nil {
			must(t, response.Body.Close())
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the renewed certificate is not shown")
		}
	}
}

// TestTLSSettings refuses what cannot work, and says what to do.
func TestTLSSettings(t *testing.T) {
	t.Parallel()
	data, _ := demo(t, "--interactions", "10", "--contacts", "5")
	cert, key, _ := ownPair(t, t.TempDir(), "one")
	open := filepath.Join(t.TempDir(), "open.pem")
	text, err := os.ReadFile(key)
	must(t, err)
	must(t, os.WriteFile(open, text, 0o600))
	must(t, os.Chmod(open, 0o644))
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"no key":               {[]string{"--tls-cert", cert}, "--tls-key"},
		"redirect without TLS": {[]string{"--redirect-http", "127.0.0.1:0"}, "--tls-cert"},
		"swapped":              {[]string{"--tls-cert", key, "--tls-key", cert}, "HTTPS cannot be served"},
		"key open to others":   {[]string{"--tls-cert", cert, "--tls-key", open}, "chmod 600 " + open},
		"no proxy's address":   {[]string{"--trusted-proxy", "proxy.example"}, "10.0.0.0/8"},
		"rate below 0":         {[]string{"--user-rate=-1"}, "makes sense"},
		"no downloads":         {[]string{"--downloads-per-user", "0"}, "makes sense"},
	} {
		_, errs, code := command(t, "", append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, test.args...)...)
		if code != 2 || !strings.Contains(errs, test.says) {
			t.Errorf("%s: exit code %d: %s", name, code, errs)
		}
	}
}

// TestPlainHTTPIsNoticed warns of passwords that would cross a network in the
// clear, and of nothing else.
func TestPlainHTTPIsNoticed(t *testing.T) {
	for address, far := range map[string]bool{"127.0.0.1": false, "::1": false, "0.0.0.0": true, "::": true, "192.0.2.7": true} {
		listener := &net.TCPAddr{IP: net.ParseIP(address), Port: 80}
		for _, f := range []listenFlags{{}, {Secure: true}, {TLSCert: "cert.pem"}} {
			if got, want := f.inTheClear(listener), far && !f.secure(); got != want {
				t.Errorf("%s, secure %t: %t", address, f.secure(), got)
			}
		}
	}
}

// TestHeadersOfEveryAnswer asks for pages, data, downloads and errors of all
// kinds: each answer has the headers that browsers go by.
func TestHeadersOfEveryAnswer(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "50", "--contacts", "5")
	s := serve(t, "--data", data, "--secure")
	c := s.signInSecure(t, out)
	r := finished(t, c.export(nil))
	content := "/api/v1/artifacts/" + c.artifacts(r.ID)[0].ID + "/content"
	root := &client{t: t, base: s.url, http: c.http}
	for _, ask := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/", 200}, {"GET", "/jobs", 0}, {"GET", "/assets/none.js", 404}, {"POST", "/", 0}, {"GET", "/healthz", 204}, {"GET", "/readyz", 200},
		{"GET", "/api/v1/jobs", 200}, {"GET", "/api/v1/me", 200}, {"GET", "/api/v1/jobs/none", 404}, {"GET", "/api/v1/none", 404}, {"PATCH", "/api/v1/jobs", 405},
		{"GET", "/api/v1/jobs?nonsense=1", 422}, {"POST", "/api/v1/jobs", 0}, {"GET", content, 200}, {"GET", "/api/v1/openapi.json", 200},
		{"GET", "/api/v1/schemas/interaction", 0}, {"GET", "/api/v1/runs/" + r.ID + "/manifest", 200},
	} {
		status, header, _ := root.do(ask.method, ask.path, nil, map[string]string{"Cookie": c.bearerCookie()})
		if ask.status != 0 && status != ask.status {
			t.Errorf("%s %s: status %d in place of %d", ask.method, ask.path, status, ask.status)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Strict-Transport-Security": "max-age=31536000",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q", ask.method, ask.path, name, got)
			}
		}
		policy := header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "script-src 'unsafe") || strings.Contains(policy, "script-src *") {
			t.Errorf("%s %s: the content policy is %q", ask.method, ask.path, policy)
		}
		if !strings.Contains(header.Get("Permissions-Policy"), "camera=()") {
			t.Errorf("%s %s: no Permissions-Policy", ask.method, ask.path)
		}
		if strings.HasPrefix(ask.path, "/api/") && header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s: Cache-Control is %q", ask.method, ask.path, header.Get("Cache-Control"))
		}
		if strings.HasPrefix(ask.path, "/api/") != strings.HasPrefix(header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s %s: Content-Disposition is %q", ask.method, ask.path, header.Get("Content-Disposition"))
		}
	}
}

// signInSecure signs in where cookies are Secure but the test speaks plain HTTP:
// the cookie is sent by hand, which the client's jar would not do.
func (s *runningService) signInSecure(t testing.TB, out demoOutput) *client {
	t.Helper()
	c := &client{t: t, base: s.url + "/api/v1", http: &http.Client{Timeout: waitTime}}
	status, header, _ := c.do("POST", "/session", object{"username": out.Username, "password": out.Password}, nil)
	if status != 200 {
		t.Fatalf("sign-in: status %d", status)
	}
	cookie, _, _ := strings.Cut(header.Get("Set-Cookie"), ";")
	c.http.Transport = withCookie(cookie)
	return c
}

// withCookie is a transport that adds a cookie to each request.
type withCookie string

// RoundTrip sends the request with the cookie.
func (w withCookie) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Cookie", string(w))
	return http.DefaultTransport.RoundTrip(r)
}

func (c *client) bearerCookie() string { return string(c.http.Transport.(withCookie)) }

// limitedAnswer checks that an answer is 429, of the common form, and says when
// to come again.
func limitedAnswer(t testing.TB, what string, status int, header http.Header, text []byte) {
	t.Helper()
	var p problem
	must(t, json.Unmarshal(text, &p))
	wait, err := strconv.Atoi(header.Get("Retry-After"))
	if status != http.StatusTooManyRequests || err != nil || wait < 1 || p.Code != "limited" || p.Hint == "" || header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: status %d, Retry-After %q: %s", what, status, header.Get("Retry-After"), text)
	}
}

// TestRates asks more than a user and an address may: each is told to wait,
// while others are not.
func TestRates(t *testing.T) {
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	commandOK(t, "a-password-of-bob", "user", "add", "bob", "--data", data, "--tenant", out.Tenant, "--role", "viewer", "--password-stdin")
	s := serve(t, "--data", data, "--user-rate", "0.1", "--address-rate", "0.5", "--trusted-proxy", "127.0.0.1")
	ann, bob := s.signIn(t, out.Username, out.Password), s.signIn(t, "bob", "a-password-of-bob")
	for range 2 { // 20 seconds' worth
		ann.ok("GET", "/me", nil, nil)
	}
	status, header, text := ann.do("GET", "/me", nil, nil)
	limitedAnswer(t, "a user", status, header, text)
	bob.ok("GET", "/me", nil, nil)

	nobody := &client{t: t, base: s.url + "/api/v1", http: &http.Client{Timeout: waitTime}}
	from := func(address string) (int, http.Header, []byte) {
		return nobody.do("GET", "/jobs", nil, map[string]string{"X-Forwarded-For": address})
	}
	for range 10 {
		if status, _, _ := from("203.0.113.7"); status != http.StatusUnauthorized {
			t.Fatalf("an unknown caller gets %d", status)
		}
	}
	status, header, text = from("203.0.113.7")
	limitedAnswer(t, "an address", status, header, text)
	status, header, text = nobody.do("POST", "/session", object{"username": "x", "password": "y"}, map[string]string{"X-Forwarded-For": "198.51.100.1, 203.0.113.7"})
	limitedAnswer(t, "a sign-in from there", status, header, text)
	if status, _, _ := from("203.0.113.8"); status != http.StatusUnauthorized {
		t.Errorf("another address gets %d", status)
	}
	bob.ok("GET", "/me", nil, nil) // who is signed in does not count by address
}

// TestForwardedIsNotBelieved sends invented addresses without a trusted proxy:
// all of them are counted as the one that they come from.
func TestForwardedIsNotBelieved(t *testing.T) {
	data, _ := demo(t, "--interactions", "10", "--contacts", "5")
	s := serve(t, "--data", data, "--address-rate", "0.1")
	c := &client{t: t, base: s.url + "/api/v1", http: &http.Client{Timeout: waitTime}}
	last := 0
	for i := range 3 {
		last, _, _ = c.do("GET", "/me", nil, map[string]string{"X-Forwarded-For": "203.0.113." + strconv.Itoa(i)})
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the third request gets %d", last)
	}
}

// TestConcurrentDownloads holds downloads open: the next one is told to wait,
// all else is answered, and a client that stops to read loses its place.
func TestConcurrentDownloads(t *testing.T) {
	data, out := demo(t, "--interactions", "30000", "--contacts", "10")
	s := serve(t, "--data", data, "--downloads-per-user", "2", "--download-stall", "1s")
	c := s.signIn(t, out.Username, out.Password)
	r := finished(t, c.export(nil))
	a := c.artifacts(r.ID)[0]
	path := "/artifacts/" + a.ID + "/content"
	for range 2 {
		holdDownload(t, c, path)
	}
	// Both have begun; the kernel holds less than the rest of an artifact.
	if a.Size < 6<<20 {
		t.Fatalf("an artifact of %d bytes fits into the buffers", a.Size)
	}
	status, header, text := c.do("GET", path, nil, nil)
	limitedAnswer(t, "a third download", status, header, text)
	status, header, text = c.do("POST", "/artifacts/archive", object{"ids": []string{a.ID}}, nil)
	limitedAnswer(t, "an archive", status, header, text)
	c.ok("GET", "/me", nil, nil)
	for deadline := time.Now().Add(waitTime); ; time.Sleep(50 * time.Millisecond) {
		if status, _, body := c.do("GET", path, nil, nil); status == 200 && int64(len(body)) == a.Size {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("clients that do not read keep their places")
		}
	}
}

// holdDownload begins a download and reads no further than its headers.
func holdDownload(t *testing.T, c *client, path string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, c.base+path, nil)
	must(t, err)
	for _, cookie := range c.http.Jar.Cookies(req.URL) {
		req.AddCookie(cookie)
	}
	conn, err := net.Dial("tcp", req.URL.Host)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	must(t, conn.(*net.TCPConn).SetReadBuffer(16<<10))
	must(t, req.Write(conn))
	line, err := bufio.NewReaderSize(conn, 16).ReadString('\n')
	must(t, err)
	if !strings.Contains(line, "200") {
		t.Fatalf("the download begins with %q", line)
	}
}

// TestCompressedLists compares a list as gzip with the plain one, and holds
// that answers with a secret are never compressed.
func TestCompressedLists(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	c := serve(t, "--data", data).signIn(t, out.Username, out.Password)
	for i := range 50 {
		c.ok("POST", "/jobs", jobBody(object{"title": fmt.Sprint("Job ", i), "schedule": object{"kind": "hourly", "every": 4}}), nil)
	}
	asked := map[string]string{"Accept-Encoding": "gzip"}
	status, header, squeezed := c.do("GET", "/jobs?limit=50", nil, asked)
	_, _, plain := c.do("GET", "/jobs?limit=50", nil, map[string]string{"Accept-Encoding": "identity"})
	if status != 200 || header.Get("Content-Encoding") != "gzip" || len(squeezed) > len(plain)/4 {
		t.Fatalf("status %d, encoding %q, %d of %d bytes", status, header.Get("Content-Encoding"), len(squeezed), len(plain))
	}
	t.Logf("a list of 50 jobs: %d bytes, %d as gzip", len(plain), len(squeezed))
	reader, err := gzip.NewReader(bytes.NewReader(squeezed))
	must(t, err)
	text, err := io.ReadAll(reader)
	must(t, err)
	if !bytes.Equal(text, plain) {
		t.Error("the compressed list is another one")
	}
	_, header, _ = c.do("POST", "/me/tokens", object{"name": strings.Repeat("a ", 50), "scopes": []string{"read"}, "expiresAt": time.Now().Add(time.Hour).UTC()}, asked)
	if header.Get("Content-Encoding") != "" {
		t.Error("the answer with a new token is compressed")
	}
}
