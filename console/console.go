// Package console holds the web console: a client of the API and nothing else.
// Its built files are embedded into the binary. Without Node they are not
// there; the Go build works all the same, and the handler then serves a page
// that says how to build them.
package console

import (
	"crypto/rand"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

// all: takes dist/.gitkeep too, so that a fresh clone builds.
//
//go:embed all:dist
var built embed.FS

// noncePlace stands in index.html where the answer's nonce goes. The console
// gives it to the styles that it makes while it runs.
const noncePlace = "__CSP_NONCE__"

// Handler serves the console: its assets, and the one page for every other
// path, since the console itself reads the path. It never answers for the
// API's paths.
func Handler() (http.Handler, error) {
	files, err := fs.Sub(built, "dist")
	if err != nil {
		return nil, fmt.Errorf("open the console's files: %w", err)
	}
	return handler(files)
}

func handler(files fs.FS) (http.Handler, error) {
	page, err := fs.ReadFile(files, "index.html")
	if errors.Is(err, fs.ErrNotExist) {
		return http.HandlerFunc(notBuilt), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the console's page: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /assets/", assets(files))
	mux.HandleFunc("GET /favicon.svg", func(w http.ResponseWriter, r *http.Request) {
		protect(w, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		w.Header().Set("Cache-Control", "max-age=86400")
		http.ServeFileFS(w, r, files, "favicon.svg")
	})
	mux.HandleFunc("GET /", index(string(page)))
	return mux, nil
}

// index serves the page with a nonce of its own for each answer.
func index(page string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			http.NotFound(w, r)
			return
		}
		random := make([]byte, 16)
		if _, err := rand.Read(random); err != nil {
			http.Error(w, "The service has no random numbers.", http.StatusInternalServerError)
			return
		}
		nonce := base64.StdEncoding.EncodeToString(random)
		protect(w, "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-"+nonce+"'; img-src 'self' data:; "+
			"font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(strings.Replace(page, noncePlace, nonce, 1)))
	}
}

// assets serves the files whose names carry a hash of their content, so that
// browsers may keep them for ever. Compressed ones were made by the build.
func assets(files fs.FS) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		if info, err := fs.Stat(files, name); err != nil || info.IsDir() {
			protect(w, "default-src 'none'; frame-ancestors 'none'")
			http.NotFound(w, r)
			return
		}
		protect(w, "default-src 'none'; frame-ancestors 'none'")
		h := w.Header()
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Vary", "Accept-Encoding")
		h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
		if takesGzip(r) {
			if _, err := fs.Stat(files, name+".gz"); err == nil {
				h.Set("Content-Encoding", "gzip")
				name += ".gz"
			}
		}
		http.ServeFileFS(w, r, files, name)
	}
}

// takesGzip reports whether the client reads gzip. A browser that does says so
// without a quality of zero.
func takesGzip(r *http.Request) bool {
	for _, offer := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		coding, quality, _ := strings.Cut(strings.TrimSpace(offer), ";")
		if coding == "gzip" && strings.ReplaceAll(quality, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

// protect keeps answers from being sniffed, framed or leaked as a referrer.
func protect(w http.ResponseWriter, policy string) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
}

const howToBuild = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Cloud Data Download Service</title>
<h1>CDDS is running, without its console</h1>
<p>This binary was built without the web console. To build it in, install Node 20.19 or newer and run:</p>
<pre>make build</pre>
<p>The API works all the same under /api/v1; /api/v1/openapi.json describes it.</p>
`

// notBuilt says how to build the console.
func notBuilt(w http.ResponseWriter, r *http.Request) {
	protect(w, "default-src 'none'; frame-ancestors 'none'")
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(howToBuild))
}
