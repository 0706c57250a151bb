package api_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestContentTypes signs in with bodies of several types: what is no JSON is not
// read, whatever it holds.
func TestContentTypes(t *testing.T) {
	p := newPlace(t, false)
	for sent, want := range map[string]int{
		"application/json":                  http.StatusOK,
		"application/json; charset=utf-8":   http.StatusOK,
		"text/plain":                        http.StatusUnsupportedMediaType,
		"application/x-www-form-urlencoded": http.StatusUnsupportedMediaType,
		"application/xml":                   http.StatusUnsupportedMediaType,
	} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", p.url+"/session", strings.NewReader(`{"username":"ann","password":"`+password+`"}`))
		must(t, err)
		req.Header.Set("Content-Type", sent)
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		must(t, resp.Body.Close())
		if resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", sent, resp.StatusCode, want)
		}
		if got := resp.Header.Get("Content-Disposition"); got != "attachment" {
			t.Errorf("%s: a browser would show the answer: %q", sent, got)
		}
	}
}
