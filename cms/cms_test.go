package cms_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"cdds/cms"
)

// identity is a certificate with its key, also as PEM files for openssl.
type identity struct {
	cert              *x509.Certificate
	key               *rsa.PrivateKey
	certFile, keyFile string
}

// newIdentity makes a self-signed certificate.
func newIdentity(t testing.TB, bits int, name pkix.Name) identity {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	must(t, err)
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	must(t, err)
	template := x509.Certificate{SerialNumber: serial, Subject: name, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageKeyEncipherment}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	dir := t.TempDir()
	id := identity{cert: cert, key: key, certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem")}
	must(t, os.WriteFile(id.certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(id.keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return id
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openssl runs a command of the judge.
func openssl(t testing.TB, args ...string) error {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("the tests need openssl: install the package openssl")
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("openssl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// message encrypts content to the recipients.
func message(t testing.TB, content []byte, to ...identity) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := cms.Encrypt(&out, certs(to))
	must(t, err)
	_, err = io.Copy(w, bytes.NewReader(content))
	must(t, err)
	must(t, w.Close())
	return out.Bytes()
}

func certs(ids []identity) []*x509.Certificate {
	out := make([]*x509.Certificate, len(ids))
	for i, id := range ids {
		out[i] = id.cert
	}
	return out
}

func randomBytes(t testing.TB, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	_, err := rand.Read(b)
	must(t, err)
	return b
}

// lengths are the interesting sizes: around blocks and around pieces.
func lengths() []int {
	const piece = 64 << 10
	return []int{0, 1, 15, 16, 17, 31, 32, 1000, piece - 17, piece - 16, piece - 1, piece, piece + 1, 2*piece - 16, 2 * piece, 1 << 20}
}

func TestOpenSSLReadsWhatWeWrite(t *testing.T) {
	t.Parallel()
	for _, bits := range []int{2048, 3072, 4096} {
		id := newIdentity(t, bits, pkix.Name{CommonName: "reader"})
		sizes := []int{0, 70000}
		if bits == 2048 {
			sizes = append(lengths(), 64<<20)
		}
		for _, size := range sizes {
			content := randomBytes(t, size)
			der := message(t, content, id)
			dir := t.TempDir()
			in, text, out := filepath.Join(dir, "in.p7m"), filepath.Join(dir, "in.smime"), filepath.Join(dir, "out")
			must(t, os.WriteFile(in, der, 0o600))
			body, err := io.ReadAll(cms.NewTextReader(bytes.NewReader(der), int64(len(der))))
			must(t, err)
			must(t, os.WriteFile(text, body, 0o600))
			for _, args := range [][]string{
				{"cms", "-decrypt", "-binary", "-inform", "DER", "-in", in, "-recip", id.certFile, "-inkey", id.keyFile, "-out", out},
				{"cms", "-decrypt", "-binary", "-inform", "DER", "-in", in, "-inkey", id.keyFile, "-out", out},
				{"smime", "-decrypt", "-binary", "-inform", "DER", "-in", in, "-recip", id.certFile, "-inkey", id.keyFile, "-out", out},
				{"smime", "-decrypt", "-binary", "-in", text, "-inkey", id.keyFile, "-out", out},
				{"cms", "-decrypt", "-binary", "-in", text, "-inkey", id.keyFile, "-out", out},
			} {
				must(t, openssl(t, args...))
				got, err := os.ReadFile(out)
				must(t, err)
				if !bytes.Equal(got, content) {
					t.Fatalf("RSA %d, %d bytes: %v gave %d other bytes", bits, size, args[:2], len(got))
				}
			}
		}
	}
}

func TestWeReadWhatOpenSSLWrites(t *testing.T) {
	t.Parallel()
	id := newIdentity(t, 2048, pkix.Name{CommonName: "reader"})
	forms := map[string][]string{
		"der":              {"-outform", "DER", "-aes256"},
		"streamed":         {"-outform", "DER", "-stream", "-aes256"},
		"aes128":           {"-outform", "DER", "-aes128"},
		"aes192":           {"-outform", "DER", "-stream", "-aes192"},
		"text":             {"-aes256"},
		"streamed text":    {"-stream", "-aes256"},
		"key id":           {"-outform", "DER", "-aes256", "-keyid"},
		"streamed indef":   {"-outform", "DER", "-indef", "-aes256"},
		"definite der two": {"-outform", "DER", "-noindef", "-aes256"},
	}
	withKeyID := newIdentityWithKeyID(t)
	for name, flags := range forms {
		for _, size := range []int{0, 1, 16, 4095, 4096, 300000} {
			who := id
			if name == "key id" {
				who = withKeyID
			}
			content := randomBytes(t, size)
			dir := t.TempDir()
			in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
			must(t, os.WriteFile(in, content, 0o600))
			args := append([]string{"cms", "-encrypt", "-binary", "-in", in, "-out", out}, flags...)
			must(t, openssl(t, append(args, who.certFile)...))
			for _, cert := range []*x509.Certificate{nil, who.cert} {
				file, err := os.Open(out)
				must(t, err)
				plain, err := cms.Decrypt(file, cert, who.key)
				if err != nil {
					t.Fatalf("%s, %d bytes: %v", name, size, err)
				}
				got, err := io.ReadAll(plain)
				if err != nil || !bytes.Equal(got, content) {
					t.Fatalf("%s, %d bytes: got %d bytes, %v", name, size, len(got), err)
				}
				must(t, file.Close())
			}
		}
	}
}

// newIdentityWithKeyID has a subject key identifier, by which openssl -keyid
// names the recipient.
func newIdentityWithKeyID(t testing.TB) identity {
	t.Helper()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	must(t, openssl(t, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", keyFile, "-out", certFile, "-days", "2", "-subj", "/CN=key id"))
	text, err := os.ReadFile(certFile)
	must(t, err)
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	must(t, err)
	text, err = os.ReadFile(keyFile)
	must(t, err)
	block, _ = pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	must(t, err)
	return identity{cert: cert, key: key.(*rsa.PrivateKey), certFile: certFile, keyFile: keyFile}
}

func TestEachRecipientReads(t *testing.T) {
	t.Parallel()
	long := pkix.Name{CommonName: strings.Repeat("a long name ", 5), Organization: []string{"Organisation"}, Country: []string{"DE"}}
	ids := []identity{newIdentity(t, 2048, pkix.Name{CommonName: "a"}), newIdentity(t, 3072, long), newIdentity(t, 2048, pkix.Name{CommonName: "ü"})}
	content := randomBytes(t, 100000)
	der := message(t, content, ids...)
	for i, id := range ids {
		for _, cert := range []*x509.Certificate{nil, id.cert} {
			plain, err := cms.Decrypt(bytes.NewReader(der), cert, id.key)
			must(t, err)
			got, err := io.ReadAll(plain)
			if err != nil || !bytes.Equal(got, content) {
				t.Fatalf("recipient %d: %d bytes, %v", i, len(got), err)
			}
		}
	}
	stranger := newIdentity(t, 2048, pkix.Name{CommonName: "stranger"})
	for _, cert := range []*x509.Certificate{nil, stranger.cert} {
		if _, err := cms.Decrypt(bytes.NewReader(der), cert, stranger.key); !errors.Is(err, cms.ErrNotRecipient) {
			t.Fatalf("a stranger's key gave %v", err)
		}
	}
}

func TestSizeIsExact(t *testing.T) {
	t.Parallel()
	ids := []identity{newIdentity(t, 2048, pkix.Name{CommonName: "a"}), newIdentity(t, 4096, pkix.Name{CommonName: "b", Organization: []string{strings.Repeat("o", 60)}})}
	sizes := lengths()
	for n := 65400; n < 65700; n++ {
		sizes = append(sizes, n)
	}
	for _, to := range [][]identity{ids[:1], ids[1:], ids} {
		for _, size := range sizes {
			want, err := cms.Size(int64(size), certs(to))
			must(t, err)
			if got := int64(len(message(t, make([]byte, size), to...))); got != want {
				t.Fatalf("%d bytes to %d recipients: Size says %d, Encrypt writes %d", size, len(to), want, got)
			}
		}
	}
}

func TestSecondReaderAgrees(t *testing.T) {
	t.Parallel()
	id := newIdentity(t, 2048, pkix.Name{CommonName: "second"})
	content := randomBytes(t, 200000)
	p7, err := pkcs7.Parse(message(t, content, id))
	must(t, err)
	got, err := p7.Decrypt(id.cert, id.key)
	if err != nil || !bytes.Equal(got, content) {
		t.Fatalf("got %d bytes, %v", len(got), err)
	}
}

// TestTruncated cuts a message at every place, and a larger one at many: no
// cut may give a content that looks whole.
func TestTruncated(t *testing.T) {
	t.Parallel()
	id := newIdentity(t, 2048, pkix.Name{CommonName: "cut"})
	small, large := message(t, randomBytes(t, 100), id), message(t, randomBytes(t, 3*64<<10), id)
	for _, der := range [][]byte{small, large} {
		step := 1
		if len(der) > 10000 {
			step = 997
		}
		for cut := 0; cut < len(der); cut += step {
			if err := readAll(der[:cut], id); err == nil {
				t.Fatalf("a message of %d bytes cut after %d reads as whole", len(der), cut)
			} else if !errors.Is(err, cms.ErrDamaged) {
				t.Fatalf("cut after %d: %v", cut, err)
			}
		}
		if err := readAll(append(append([]byte(nil), der...), 0), id); !errors.Is(err, cms.ErrDamaged) {
			t.Fatalf("something after the message gave %v", err)
		}
	}
}

// TestDamagedStructure changes each octet of the structure of a message: the
// header's and the end's. Content that decrypts to other bytes is not noticed
// by CBC, so octets of the ciphertext are left alone.
func TestDamagedStructure(t *testing.T) {
	t.Parallel()
	id := newIdentity(t, 2048, pkix.Name{CommonName: "bit"})
	content := randomBytes(t, 1000)
	der := message(t, content, id)
	header := len(der) - 1008 - 3 - 10
	for i := range der {
		if i >= header+4 && i < len(der)-10 {
			continue
		}
		damaged := append([]byte(nil), der...)
		damaged[i] ^= 0x01
		plain, err := cms.Decrypt(bytes.NewReader(damaged), nil, id.key)
		if err != nil {
			continue
		}
		got, err := io.ReadAll(plain)
		if err == nil && len(got) != len(content) {
			t.Fatalf("octet %d changed: %d bytes in place of %d read as whole", i, len(got), len(content))
		}
		if err == nil && i >= len(der)-10 {
			t.Fatalf("octet %d of the end changed and nobody noticed", i)
		}
	}
}

func readAll(der []byte, id identity) error {
	plain, err := cms.Decrypt(bytes.NewReader(der), nil, id.key)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, plain)
	return err
}

func TestUnsupportedIsNamed(t *testing.T) {
	t.Parallel()
	id := newIdentity(t, 2048, pkix.Name{CommonName: "other"})
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	must(t, os.WriteFile(in, []byte("content"), 0o600))
	for name, flags := range map[string][]string{
		"GCM": {"-aes-256-gcm"}, "3DES": {"-des3"}, "OAEP": {"-aes256", "-recip", id.certFile, "-keyopt", "rsa_padding_mode:oaep"},
	} {
		args := append([]string{"cms", "-encrypt", "-binary", "-outform", "DER", "-in", in, "-out", out}, flags...)
		if name != "OAEP" {
			args = append(args, id.certFile)
		}
		must(t, openssl(t, args...))
		der, err := os.ReadFile(out)
		must(t, err)
		if err := readAll(der, id); !errors.Is(err, cms.ErrUnsupported) {
			t.Errorf("%s gave %v", name, err)
		}
	}
	if err := readAll([]byte("Hello there, this is no message"), id); !errors.Is(err, cms.ErrDamaged) {
		t.Errorf("plain text gave %v", err)
	}
}

// TestTextSeeks reads the text form in pieces from any place.
func TestTextSeeks(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 47, 48, 49, 5000, 48*1024 - 1, 48 * 1024, 200001} {
		der := randomBytes(t, size)
		whole, err := io.ReadAll(cms.NewTextReader(bytes.NewReader(der), int64(size)))
		must(t, err)
		if int64(len(whole)) != cms.TextSize(int64(size)) {
			t.Fatalf("%d bytes: TextSize says %d, text has %d", size, cms.TextSize(int64(size)), len(whole))
		}
		text := cms.NewTextReader(bytes.NewReader(der), int64(size))
		for from := 0; from < len(whole); from += 1 + len(whole)/37 {
			_, err := text.Seek(int64(from), io.SeekStart)
			must(t, err)
			part := make([]byte, min(1000, len(whole)-from))
			_, err = io.ReadFull(text, part)
			must(t, err)
			if !bytes.Equal(part, whole[from:from+len(part)]) {
				t.Fatalf("%d bytes: text differs from place %d", size, from)
			}
		}
	}
}

// TestWriteErrorsStick makes the underlying writer fail: the message must not
// look finished.
func TestWriteErrorsStick(t *testing.T) {
	t.Parallel()
	id := newIdentity(t, 2048, pkix.Name{CommonName: "full"})
	for _, room := range []int{0, 100, 1000, 70000} {
		w, err := cms.Encrypt(&limitedWriter{left: room}, []*x509.Certificate{id.cert})
		if err != nil {
			continue
		}
		_, writeErr := w.Write(make([]byte, 300000))
		if closeErr := w.Close(); writeErr == nil || closeErr == nil {
			t.Errorf("room for %d: write gave %v, close %v", room, writeErr, closeErr)
		}
		if w.Close() == nil {
			t.Error("a second Close succeeded")
		}
	}
	if _, err := cms.Encrypt(io.Discard, nil); err == nil {
		t.Error("a message without recipients was begun")
	}
}

type limitedWriter struct{ left int }

func (w *limitedWriter) Write(p []byte) (int, error) {
	if len(p) > w.left {
		return w.left, errors.New("no room")
	}
	w.left -= len(p)
	return len(p), nil
}

func FuzzDecrypt(f *testing.F) {
	var once sync.Once
	var id identity
	once.Do(func() { id = newIdentity(f, 2048, pkix.Name{CommonName: "fuzz"}) })
	der := message(f, []byte("some content"), id)
	text, err := io.ReadAll(cms.NewTextReader(bytes.NewReader(der), int64(len(der))))
	must(f, err)
	f.Add(der)
	f.Add(text)
	f.Add([]byte{0x30, 0x80})
	f.Add([]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, in []byte) {
		plain, err := cms.Decrypt(bytes.NewReader(in), nil, id.key)
		if err != nil {
			return
		}
		n, err := io.Copy(io.Discard, plain)
		if n > int64(len(in)) {
			t.Fatalf("%d bytes of content from a message of %d", n, len(in))
		}
		if err == nil && n == 0 && len(in) < 100 {
			t.Fatal("a message that short cannot be whole")
		}
	})
}

func BenchmarkEncrypt(b *testing.B) {
	id := newIdentity(b, 3072, pkix.Name{CommonName: "bench"})
	content := randomBytes(b, 8<<20)
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		w, err := cms.Encrypt(io.Discard, []*x509.Certificate{id.cert})
		must(b, err)
		_, err = w.Write(content)
		must(b, err)
		must(b, w.Close())
	}
}

func BenchmarkDecrypt(b *testing.B) {
	id := newIdentity(b, 3072, pkix.Name{CommonName: "bench"})
	der := message(b, randomBytes(b, 8<<20), id)
	b.SetBytes(8 << 20)
	for b.Loop() {
		must(b, readAll(der, id))
	}
}

// hashOf is the SHA-256 of all that a reader gives, and its length.
func hashOf(r io.Reader) ([sha256.Size]byte, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return [sha256.Size]byte(h.Sum(nil)), n, err
}
