package door

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writePair writes a certificate of a name and its key.
func writePair(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return cert, key
}

// shake makes a TLS connection and returns what the server showed.
func shake(t *testing.T, server *tls.Config, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		// The client is the judge.
		if err := tls.Server(conn, server).Handshake(); err != nil {
			return
		}
	}()
	client.InsecureSkipVerify = true
	conn, err := tls.Dial("tcp", listener.Addr().String(), client)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.ConnectionState(), nil
}

// TestVersionsAndSuites refuses what is out of date.
func TestVersionsAndSuites(t *testing.T) {
	cert, key := writePair(t, t.TempDir(), "one")
	identity, err := OpenIdentity(cert, key, slog.New(slog.DiscardHandler))
	must(t, err)
	for name, test := range map[string]struct {
		client *tls.Config
		ok     bool
	}{
		"today":           {&tls.Config{}, true},
		"1.2":             {&tls.Config{MaxVersion: tls.VersionTLS12}, true},
		"1.1":             {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		"1.0":             {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, false},
		"CBC":             {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
		"an old exchange": {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}, false},
		"P-521":           {&tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP521}}, false},
	} {
		state, err := shake(t, identity.Config(), test.client)
		if (err == nil) != test.ok {
			t.Errorf("%s: %v, version %x", name, err, state.Version)
		}
	}
	if state, err := shake(t, identity.Config(), &tls.Config{}); err != nil || state.Version != tls.VersionTLS13 || state.CurveID != tls.X25519MLKEM768 {
		t.Errorf("version %x, curve %s: %v", state.Version, state.CurveID, err)
	}
}

// TestRenewal replaces the files: new connections get the new certificate. What
// cannot be used does not replace it.
func TestRenewal(t *testing.T) {
	dir := t.TempDir()
	cert, key := writePair(t, dir, "old")
	identity, err := OpenIdentity(cert, key, slog.New(slog.DiscardHandler))
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	signals, watched := make(chan os.Signal), make(chan struct{})
	go func() {
		defer close(watched)
		identity.Watch(ctx, 5*time.Millisecond, signals)
	}()
	shown := func() string {
		state, err := shake(t, identity.Config(), &tls.Config{})
		must(t, err)
		return state.PeerCertificates[0].Subject.CommonName
	}
	if name := shown(); name != "old" {
		t.Fatalf("the first certificate is %s", name)
	}
	must(t, os.WriteFile(cert, []byte("half a certif"), 0o600))
	signals <- nil
	signals <- nil // the first look is over
	if name := shown(); name != "old" {
		t.Fatalf("a damaged file was taken: %s", name)
	}
	writePair(t, dir, "new")
	for shown() != "new" { // the test's own time limit ends this
		time.Sleep(5 * time.Millisecond)
	}
	must(t, os.Chmod(key, 0o644))
	writePair(t, dir, "open to all") // keeps the mode
	signals <- nil
	signals <- nil
	if name := shown(); name != "new" {
		t.Errorf("a key that others may read was taken: %s", name)
	}
	cancel()
	<-watched
}

// TestKeysThatAreRefused says what is wrong and what to do.
func TestKeysThatAreRefused(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	cert, key := writePair(t, t.TempDir(), "one")
	other, _ := writePair(t, t.TempDir(), "two")
	if _, err := OpenIdentity(other, key, log); err == nil {
		t.Error("a certificate and the key of another one pass")
	}
	if _, err := OpenIdentity(cert, key+".none", log); err == nil || !strings.Contains(err.Error(), key+".none") {
		t.Errorf("a missing key: %v", err)
	}
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: true, 0o660: false, 0o644: false, 0o602: false} {
		must(t, os.Chmod(key, mode))
		_, err := OpenIdentity(cert, key, log)
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}
