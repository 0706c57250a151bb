package console

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// get asks a handler for a path and returns its answer.
func get(t *testing.T, h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestWithoutABuildThePageSaysHowToBuild(t *testing.T) {
	h, err := handler(fstest.MapFS{".gitkeep": {}})
	if err != nil {
		t.Fatal(err)
	}
	if w := get(t, h, "/"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "make build") {
		t.Errorf("/: %d %s", w.Code, w.Body)
	}
	if w := get(t, h, "/jobs"); w.Code != http.StatusNotFound {
		t.Errorf("/jobs: %d", w.Code)
	}
}

func TestHandler(t *testing.T) {
	h, err := handler(fstest.MapFS{
		"index.html":        {Data: []byte(`<meta nonce="__CSP_NONCE__">page`)},
		"favicon.svg":       {Data: []byte("<svg/>")},
		"assets/a-1.js":     {Data: []byte("script")},
		"assets/a-1.js.gz":  {Data: []byte("squeezed")},
		"assets/b-1.woff2":  {Data: []byte("font")},
		"assets/deep/c.css": {Data: []byte("style")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, accept string
		code         int
		body         string
		headers      map[string]string
	}{
		{"/", "", 200, "page", map[string]string{"Cache-Control": "no-store", "X-Frame-Options": "DENY"}},
		{"/jobs/7/edit", "", 200, "page", map[string]string{"Content-Type": "text/html; charset=utf-8"}},
		{"/api/v1/nothing", "", 404, "", nil},
		{"/assets/a-1.js", "gzip, br", 200, "squeezed", map[string]string{"Content-Encoding": "gzip", "Content-Type": "text/javascript; charset=utf-8", "Vary": "Accept-Encoding"}},
		{"/assets/a-1.js", "", 200, "script", map[string]string{"Content-Encoding": "", "Cache-Control": "public, max-age=31536000, immutable"}},
		{"/assets/a-1.js", "gzip;q=0", 200, "script", nil},
		{"/assets/b-1.woff2", "gzip", 200, "font", map[string]string{"Content-Encoding": ""}},
		{"/assets/none.js", "", 404, "", nil},
		{"/assets/deep", "", 404, "", nil},
		{"/favicon.svg", "", 200, "<svg/>", map[string]string{"Content-Type": "image/svg+xml"}},
	} {
		w := get(t, h, c.path, "Accept-Encoding", c.accept)
		if w.Code != c.code || c.body != "" && !strings.Contains(w.Body.String(), c.body) {
			t.Errorf("%s: %d %q, want %d %q", c.path, w.Code, w.Body, c.code, c.body)
		}
		for name, want := range c.headers {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", c.path, name, got, want)
			}
		}
	}
}

// TestEachAnswerHasItsNonce holds that the page's nonce is the policy's, and
// never the same twice.
func TestEachAnswerHasItsNonce(t *testing.T) {
	h, err := handler(fstest.MapFS{"index.html": {Data: []byte(`<meta nonce="__CSP_NONCE__">`)}})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for range 3 {
		w := get(t, h, "/")
		_, rest, _ := strings.Cut(w.Body.String(), `nonce="`)
		nonce, _, _ := strings.Cut(rest, `"`)
		policy := w.Header().Get("Content-Security-Policy")
		if len(nonce) < 20 || seen[nonce] || !strings.Contains(policy, "'nonce-"+nonce+"'") || strings.Contains(policy, "unsafe") {
			t.Errorf("nonce %q, policy %q", nonce, policy)
		}
		seen[nonce] = true
	}
}
