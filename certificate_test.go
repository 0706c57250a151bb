package cdds_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cdds"
)

// certificateNow lies in the middle of the validity of a testCertificate.
func certificateNow() time.Time { return time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC) }

// rsaKey makes a key.
func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// testCertificate makes a self-signed certificate, valid for a year on both
// sides of certificateNow, and returns its DER form.
func testCertificate(t testing.TB, key crypto.Signer, usage x509.KeyUsage) []byte {
	t.Helper()
	now := certificateNow()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0xabcdef), Subject: pkix.Name{CommonName: "Ann Lee"}, KeyUsage: usage,
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// inPEM writes DER in PEM form.
func inPEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// wantRefusal checks a refusal: it names the rule, says how to make a good
// certificate and repeats nothing of the file.
func wantRefusal(t *testing.T, err error, rule string) {
	t.Helper()
	if got := fieldsOf(t, err); !slices.Equal(got, []string{"certificate"}) {
		t.Fatalf("broken fields %q", got)
	}
	var refused *cdds.Error
	if !errors.As(err, &refused) || !strings.Contains(refused.Hint, "openssl req") {
		t.Errorf("the refusal does not say how to make a good one: %v", err)
	}
	if message := refused.Fields[0].Message; !strings.Contains(message, rule) || len(message) > 200 {
		t.Errorf("refused with %q, want it to say %q", message, rule)
	}
}

func TestCertificateIsAccepted(t *testing.T) {
	key := rsaKey(t, 2048)
	plain := testCertificate(t, key, 0)
	usage := testCertificate(t, key, x509.KeyUsageKeyEncipherment|x509.KeyUsageDigitalSignature)
	tests := []struct {
		name      string
		der, file []byte
	}{
		{"DER", plain, plain},
		{"PEM", plain, inPEM("CERTIFICATE", plain)},
		{"PEM of old", plain, inPEM("X509 CERTIFICATE", plain)},
		{"PEM with text around it", plain, slices.Concat([]byte("Subject: Ann\r\n"), inPEM("CERTIFICATE", plain), []byte("\nbye\n"))},
		{"PEM with the line ends of Windows", plain, bytes.ReplaceAll(inPEM("CERTIFICATE", plain), []byte("\n"), []byte("\r\n"))},
		{"with key encipherment", usage, usage},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := cdds.ParseCertificate(test.file, certificateNow())
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(test.der)
			if !bytes.Equal(got.DER, test.der) || got.Fingerprint != hex.EncodeToString(sum[:]) || got.KeyBits != 2048 ||
				got.Subject != "CN=Ann Lee" || got.Issuer != "CN=Ann Lee" || got.Serial != "abcdef" ||
				!got.NotBefore.Equal(certificateNow().AddDate(-1, 0, 0)) || !got.NotAfter.Equal(certificateNow().AddDate(1, 0, 0)) {
				t.Errorf("certificate %+v", got)
			}
			parsed, err := got.X509()
			if err != nil || cdds.Fingerprint(parsed) != got.Fingerprint {
				t.Errorf("parsed again: %v", err)
			}
		})
	}
	if _, err := (cdds.Certificate{DER: []byte("x")}).X509(); cdds.CodeOf(err) != cdds.CodeInternal {
		t.Errorf("a stored certificate that is damaged: %v", err)
	}
}

func TestCertificateIsRefused(t *testing.T) {
	key := rsaKey(t, 2048)
	good := testCertificate(t, key, 0)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	damaged := slices.Concat(inPEM("CERTIFICATE", good), []byte("-----BEGIN RSA PRIVATE KEY-----\n!\n-----END RSA PRIVATE KEY-----\n"))
	tests := []struct {
		name string
		file []byte
		rule string
	}{
		{"nil", nil, "empty"},
		{"empty", []byte{}, "empty"},
		{"garbage", []byte("hello"), "no X.509 certificate"},
		{"zeros", make([]byte, 1000), "no X.509 certificate"},
		{"64 KiB of garbage", bytes.Repeat([]byte{0x30}, cdds.MaxCertificateSize), "no X.509 certificate"},
		{"one byte more", bytes.Repeat([]byte{0x30}, cdds.MaxCertificateSize+1), "larger than 64 KiB"},
		{"10 MB", bytes.Repeat([]byte("x"), 10_000_000), "larger than 64 KiB"},
		{"cut off", good[:len(good)-1], "no X.509 certificate"},
		{"with something behind it", append(slices.Clone(good), 0), "no X.509 certificate"},
		{"PEM of garbage", inPEM("CERTIFICATE", []byte("hello")), "no X.509 certificate"},
		{"PEM, damaged", []byte("-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"), "damaged"},
		{"PEM, cut off", inPEM("CERTIFICATE", good)[:300], "damaged"},
		{"several", slices.Concat(inPEM("CERTIFICATE", good), inPEM("CERTIFICATE", good)), "several certificates"},
		{"certificate and key", slices.Concat(inPEM("CERTIFICATE", good), inPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))), "private key"},
		{"certificate and damaged key", damaged, "private key"},
		{"request", inPEM("CERTIFICATE REQUEST", request), "certificate request"},
		{"request in DER form", request, "no X.509 certificate"},
		{"anything else", inPEM("SOMETHING "+strings.Repeat("X", 1000), good), "another kind"},
		{"public key", inPEM("PUBLIC KEY", public), "public key"},
		{"RSA 1024", testCertificate(t, rsaKey(t, 1024), 0), "2048 to 16384 bits"},
		{"RSA 2047", testCertificate(t, rsaKey(t, 2047), 0), "2048 to 16384 bits"},
		{"EC", testCertificate(t, ec, 0), "only RSA"},
		{"EC in PEM form", inPEM("CERTIFICATE", testCertificate(t, ec, 0)), "only RSA"},
		{"Ed25519", testCertificate(t, ed, 0), "only RSA"},
		{"key usage without key encipherment", testCertificate(t, key, x509.KeyUsageDigitalSignature), "key usage"},
		{"key usage of data encipherment only", testCertificate(t, key, x509.KeyUsageDataEncipherment), "key usage"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := cdds.ParseCertificate(test.file, certificateNow())
			wantRefusal(t, err, test.rule)
		})
	}
}

// TestPrivateKeyIsRefused sends keys in each form in which OpenSSL writes them.
func TestPrivateKeyIsRefused(t *testing.T) {
	folder := t.TempDir()
	openssl := func(arguments ...string) {
		t.Helper()
		command := exec.CommandContext(t.Context(), "openssl", arguments...)
		command.Dir = folder
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v: %s", arguments, err, out)
		}
	}
	openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa")
	openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ec")
	openssl("genpkey", "-algorithm", "ED25519", "-out", "ed")
	for _, form := range []string{"PEM", "DER"} {
		for _, key := range []string{"rsa", "ec", "ed"} {
			openssl("pkcs8", "-topk8", "-nocrypt", "-in", key, "-outform", form, "-out", key+"-pkcs8-"+form)
			openssl("pkcs8", "-topk8", "-passout", "pass:secret", "-in", key, "-outform", form, "-out", key+"-pkcs8-encrypted-"+form)
		}
		openssl("rsa", "-traditional", "-in", "rsa", "-outform", form, "-out", "rsa-pkcs1-"+form)
		openssl("ec", "-in", "ec", "-outform", form, "-out", "ec-sec1-"+form)
	}
	openssl("rsa", "-traditional", "-in", "rsa", "-aes256", "-passout", "pass:secret", "-out", "rsa-pkcs1-encrypted-PEM")
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 20 {
		t.Fatalf("%d keys, want 20", len(files))
	}
	for _, file := range files {
		t.Run(file.Name(), func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(folder, file.Name()))
			if err != nil {
				t.Fatal(err)
			}
			got, err := cdds.ParseCertificate(data, certificateNow())
			wantRefusal(t, err, "private key")
			if got.DER != nil {
				t.Error("the key was returned, so it might be stored")
			}
		})
	}
}

func TestCertificateInTime(t *testing.T) {
	der := testCertificate(t, rsaKey(t, 2048), 0)
	begin, end := certificateNow().AddDate(-1, 0, 0), certificateNow().AddDate(1, 0, 0)
	const day = 24 * time.Hour
	tests := []struct {
		name    string
		now     time.Time
		rule    string // "": accepted
		warning int
	}{
		{"before", begin.Add(-time.Nanosecond), "not valid before 2025-05-10 12:00:00 UTC", 0},
		{"from its first instant", begin, "", 0},
		{"31 days before the end", end.Add(-31 * day), "", 0},
		{"just over 30 days", end.Add(-30*day - 1), "", 0},
		{"30 days", end.Add(-30 * day), "", 30},
		{"just over 7 days", end.Add(-7*day - 1), "", 30},
		{"7 days", end.Add(-7 * day), "", 7},
		{"just over a day", end.Add(-day - 1), "", 7},
		{"1 day", end.Add(-day), "", 1},
		{"to its last instant", end, "", 1},
		{"after", end.Add(time.Nanosecond), "expired on 2027-05-10 12:00:00 UTC", 1},
	}
	certificate, err := cdds.ParseCertificate(der, certificateNow())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := certificate.ExpiryWarning(test.now); got != test.warning {
				t.Errorf("warning %d, want %d", got, test.warning)
			}
			_, parsed := cdds.ParseCertificate(der, test.now)
			for _, err := range []error{parsed, certificate.Check(test.now)} {
				if test.rule == "" {
					if err != nil {
						t.Error(err)
					}
					continue
				}
				wantRefusal(t, err, test.rule)
			}
		})
	}
}

// FuzzParseCertificate: no file makes it panic, and what it accepts is fit to
// encrypt to.
func FuzzParseCertificate(f *testing.F) {
	key := rsaKey(f, 2048)
	der := testCertificate(f, key, x509.KeyUsageKeyEncipherment)
	f.Add(der)
	f.Add(inPEM("CERTIFICATE", der))
	f.Add(inPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)))
	f.Add(x509.MarshalPKCS1PrivateKey(key))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----"))
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := cdds.ParseCertificate(file, certificateNow())
		if err != nil {
			wantRefusal(t, err, "")
			return
		}
		if bytes.Contains(file, []byte("PRIVATE KEY-----")) {
			t.Error("a file with a private key was accepted")
		}
		parsed, err := got.X509()
		if err != nil {
			t.Fatal(err)
		}
		public, ok := parsed.PublicKey.(*rsa.PublicKey)
		if !ok || public.N.BitLen() != got.KeyBits || got.KeyBits < 2048 || got.Check(certificateNow()) != nil {
			t.Errorf("accepted %+v", got)
		}
		again, err := cdds.ParseCertificate(got.DER, certificateNow())
		if err != nil || again.Fingerprint != got.Fingerprint {
			t.Errorf("its own DER form: %v", err)
		}
	})
}
