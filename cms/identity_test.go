package cms_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cdds/cms"
)

// identity is a certificate with its key.
type identity struct {
	cert *x509.Certificate
	key  *rsa.PrivateKey
}

// The people of the tests. Their keys are made once per test binary, when they
// are first asked for. They differ in the length of key, name and serial number.
var (
	alice = person(2048, 1, pkix.Name{CommonName: "alice"})
	bob   = person(3072, 0x80, pkix.Name{CommonName: "bob", Country: []string{"DE"}, Organization: []string{strings.Repeat("a long name ", 5)}})
	carol = person(4096, 1<<62, pkix.Name{CommonName: "Käthe", OrganizationalUnit: []string{strings.Repeat("unit", 12), strings.Repeat("room", 12)}})
	mallo = person(2048, 77, pkix.Name{CommonName: "mallory"})
)

// person makes a key and a certificate when it is first called.
func person(bits int, serial int64, name pkix.Name) func(testing.TB) identity {
	once := sync.OnceValues(func() (identity, error) {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			return identity{}, err
		}
		return selfSigned(key, serial, name)
	})
	return func(t testing.TB) identity {
		t.Helper()
		id, err := once()
		must(t, err)
		return id
	}
}

func selfSigned(key *rsa.PrivateKey, serial int64, name pkix.Name) (identity, error) {
	template := x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: name, SubjectKeyId: []byte(name.CommonName),
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(4e9, 0), KeyUsage: x509.KeyUsageKeyEncipherment,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return identity{}, err
	}
	cert, err := x509.ParseCertificate(der)
	return identity{cert: cert, key: key}, err
}

// files writes the certificate and the key as PEM files for openssl.
func (id identity) files(t testing.TB) (certFile, keyFile string) {
	t.Helper()
	secret, err := x509.MarshalPKCS8PrivateKey(id.key)
	must(t, err)
	return file(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: id.cert.Raw})),
		file(t, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

func certs(ids ...identity) []*x509.Certificate {
	out := make([]*x509.Certificate, len(ids))
	for i, id := range ids {
		out[i] = id.cert
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// file writes a file that lives as long as the test.
func file(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, content, 0o600))
	return path
}

// command prepares a command of the judge.
func command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("These tests need the openssl command: install the package openssl (apt-get install openssl).")
	}
	return exec.CommandContext(t.Context(), path, args...)
}

// openssl runs a command of the judge and returns what it prints.
func openssl(t testing.TB, args ...string) []byte {
	t.Helper()
	cmd := command(t, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

// noise is content that does not repeat, the same in every run.
func noise(size int) []byte {
	content := make([]byte, size)
	if _, err := noiseReader().Read(content); err != nil {
		panic(err) // ChaCha8 is documented never to fail
	}
	return content
}

func noiseReader() *mathrand.ChaCha8 {
	return mathrand.NewChaCha8(sha256.Sum256([]byte("cms")))
}

// encrypt makes a message.
func encrypt(t testing.TB, content []byte, to ...identity) []byte {
	t.Helper()
	return encryptAs(t, cms.Compatible, content, to...)
}

// encryptAs makes a message by a profile.
func encryptAs(t testing.TB, how cms.Profile, content []byte, to ...identity) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := cms.Encrypt(&out, certs(to...), how)
	must(t, err)
	n, err := w.Write(content)
	must(t, err)
	if n != len(content) {
		t.Fatalf("Write took %d of %d bytes", n, len(content))
	}
	must(t, w.Close())
	return out.Bytes()
}

// text is the S/MIME text form of a message.
func text(t testing.TB, der []byte) []byte {
	t.Helper()
	return textAs(t, cms.Compatible, der)
}

// textAs is the text form of a message that was made by a profile.
func textAs(t testing.TB, how cms.Profile, der []byte) []byte {
	t.Helper()
	out, err := io.ReadAll(cms.NewTextReader(bytes.NewReader(der), int64(len(der)), how))
	must(t, err)
	return out
}

// decrypt opens a message with a key and, perhaps, its certificate.
func decrypt(message []byte, cert *x509.Certificate, key *rsa.PrivateKey) ([]byte, error) {
	content, err := cms.Decrypt(bytes.NewReader(message), cert, key)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(content)
}

// mustDecrypt opens a message with the key alone and with the certificate, and
// compares the content.
func mustDecrypt(t testing.TB, message []byte, id identity, want []byte) {
	t.Helper()
	for _, cert := range []*x509.Certificate{nil, id.cert} {
		got, err := decrypt(message, cert, id.key)
		if err != nil {
			t.Fatalf("decrypt (certificate given: %t): %v", cert != nil, err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("decrypt (certificate given: %t) gave %d bytes other than the %d of the content", cert != nil, len(got), len(want))
		}
	}
}

// piece is the ciphertext in one OCTET STRING.
const piece = 64 << 10

// lengths are those of content around the borders of blocks and pieces.
func lengths() []int {
	return []int{
		0, 1, 15, 16, 17, 31, 32, 33, 1000,
		piece - 17, piece - 16, piece - 15, piece - 1, piece, piece + 1, piece + 16,
		2*piece - 17, 2*piece - 16, 2 * piece, 2*piece + 1, 1 << 20,
	}
}
