package door

import (
	"context"
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// Identity is the service's own certificate and key, from two PEM files. They
// are read again when they change, so that a renewal needs no restart.
type Identity struct {
	certFile, keyFile string
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]
	seen              [2]stamp // what was last looked at, good or not
}

// stamp tells one version of a file from the next.
type stamp struct {
	changed time.Time
	size    int64
	mode    fs.FileMode
}

// OpenIdentity reads a certificate with its chain, and its key. A key that
// others may read is refused.
func OpenIdentity(certFile, keyFile string, log *slog.Logger) (*Identity, error) {
	i := &Identity{certFile: certFile, keyFile: keyFile, log: log}
	stamps, err := i.stamps()
	if err != nil {
		return nil, err
	}
	i.seen = stamps
	return i, i.load()
}

// Config is the server's side of TLS: 1.2 or newer, curves of today, and for
// 1.2 only suites with forward secrecy and authenticated encryption.
func (i *Identity) Config() *tls.Config {
	return &tls.Config{
		MinVersion:       tls.VersionTLS12,
		CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384},
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return i.current.Load(), nil },
	}
}

// Watch reads the files again when they have changed, looking so often, and at
// each signal. What cannot be used is logged, and the old pair stays in use.
func (i *Identity) Watch(ctx context.Context, every time.Duration, signals <-chan os.Signal) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-signals:
			asked = true
		case <-tick.C:
		}
		stamps, err := i.stamps()
		if err == nil && stamps == i.seen && !asked {
			continue
		}
		if err == nil {
			i.seen = stamps
			err = i.load()
		}
		if err != nil {
			i.log.Warn("the TLS certificate was not replaced; the old one stays in use", "error", err)
		}
	}
}

// load reads both files and takes them into use if they fit together.
func (i *Identity) load() error {
	pair, err := tls.LoadX509KeyPair(i.certFile, i.keyFile)
	if err != nil {
		return fmt.Errorf("read the TLS certificate %s and its key %s: %w", i.certFile, i.keyFile, err)
	}
	i.current.Store(&pair)
	i.log.Info("TLS certificate", "subject", pair.Leaf.Subject.String(), "ends", pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	return nil
}

// stamps looks at both files, and refuses a key that others may read or change.
func (i *Identity) stamps() (stamps [2]stamp, err error) {
	for n, path := range []string{i.certFile, i.keyFile} {
		info, err := os.Stat(path)
		if err != nil {
			return stamps, fmt.Errorf("look at the TLS files: %w", err)
		}
		stamps[n] = stamp{info.ModTime(), info.Size(), info.Mode()}
	}
	if mode := stamps[1].mode.Perm(); mode&OpenToOthers != 0 {
		return stamps, fmt.Errorf("the TLS key %s can be read or changed by others (%s): chmod 600 %s", i.keyFile, mode, i.keyFile)
	}
	return stamps, nil
}

// OpenToOthers are the rights that nobody may have on a secret: others to read
// or write it, and its group to write it.
const OpenToOthers fs.FileMode = 0o026

// Redirect sends browsers from plain HTTP to the same place under TLS, at the
// port of the given address. The status keeps the method and the body.
func Redirect(port string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, ok := hostOnly(r.Host)
		if !ok {
			http.Error(w, "The request names no host.", http.StatusBadRequest)
			return
		}
		if port != "" && port != "443" {
			host += ":" + port
		}
		http.Redirect(w, r, "https://"+host+r.URL.RequestURI(), http.StatusPermanentRedirect)
	})
}

// hostOnly takes the port off a Host header, and refuses what is no host.
func hostOnly(host string) (string, bool) {
	if end := strings.LastIndex(host, ":"); end > strings.LastIndex(host, "]") {
		host = host[:end]
	}
	strange := func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune(".-_[]:", c))
	}
	return host, host != "" && !strings.ContainsFunc(host, strange)
}
