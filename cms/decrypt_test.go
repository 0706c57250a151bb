package cms_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"cdds/cms"
)

func serial(bits uint, less int64) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), bits)
	return n.Sub(n, big.NewInt(less))
}

// TestWeReadWhatOpenSSLWrites goes through openssl's two commands, its forms
// and the three key lengths of AES.
func TestWeReadWhatOpenSSLWrites(t *testing.T) {
	t.Parallel()
	forms := []struct {
		name   string
		flags  []string
		begins string
		not    string // definite and indefinite lengths begin alike
	}{
		{"definite DER", []string{"-outform", "DER"}, "0", "0\x80"},
		{"definite DER, asked for", []string{"-outform", "DER", "-noindef"}, "0", "0\x80"},
		{"streamed DER", []string{"-outform", "DER", "-stream"}, "0\x80", "M"},
		{"indefinite DER", []string{"-outform", "DER", "-indef"}, "0\x80", "M"},
		{"text", nil, "MIME-Version", "0"},
		{"streamed text", []string{"-stream"}, "MIME-Version", "0"},
	}
	for _, verb := range []string{"cms", "smime"} {
		for _, form := range forms {
			t.Run(verb+" "+form.name, func(t *testing.T) {
				t.Parallel()
				cert, _ := alice(t).files(t)
				for i, size := range []int{0, 1, 15, 16, 17, 40, 4095, 4096, 4097, 8192, 70_000} {
					content := noise(size)
					in := file(t, content)
					// Each length with the usual cipher and one of the others.
					for _, aes := range []string{"-aes256", []string{"-aes128", "-aes192"}[i%2]} {
						args := append([]string{verb, "-encrypt", "-binary", aes, "-in", in}, form.flags...)
						message := openssl(t, append(args, cert)...)
						if begin := string(message[:20]); !strings.HasPrefix(begin, form.begins) || strings.HasPrefix(begin, form.not) {
							t.Fatalf("the message begins with % x", message[:20])
						}
						mustDecrypt(t, message, alice(t), content)
					}
				}
			})
		}
	}
}

// TestRecipientsOfOpenSSL covers the other ways in which openssl names
// recipients, and several of them.
func TestRecipientsOfOpenSSL(t *testing.T) {
	t.Parallel()
	content := noise(5000)
	in := file(t, content)
	a, _ := alice(t).files(t)
	b, _ := bob(t).files(t)
	c, _ := carol(t).files(t)
	for _, stream := range []string{"-stream", "-noindef"} {
		for _, named := range [][]string{{a, b, c}, {"-keyid", a, b, c}} {
			args := append([]string{"cms", "-encrypt", "-binary", "-outform", "DER", stream, "-aes256", "-in", in}, named...)
			der := openssl(t, args...)
			for _, id := range []identity{alice(t), bob(t), carol(t)} {
				mustDecrypt(t, der, id, content)
			}
			if _, err := decrypt(der, mallo(t).cert, mallo(t).key); !errors.Is(err, cms.ErrNotRecipient) {
				t.Errorf("the key of a stranger gave %v", err)
			}
		}
	}
	// A password beside our key is no hindrance.
	der := openssl(t, "cms", "-encrypt", "-binary", "-outform", "DER", "-aes256", "-in", in, "-pwri_password", "secret", a)
	mustDecrypt(t, der, alice(t), content)
}

// TestUnsupportedIsNamed makes sure that a refusal says what of.
func TestUnsupportedIsNamed(t *testing.T) {
	t.Parallel()
	cert, key := alice(t).files(t)
	in := file(t, []byte("content"))
	encrypt := []string{"cms", "-encrypt", "-binary", "-outform", "DER", "-in", in}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{append(encrypt, "-des3", cert), "3DES-CBC"},
		{append(encrypt, "-camellia256", cert), "1.2.392.200011.61.1.1.1.4"},
		{append(encrypt, "-aes256", "-recip", cert, "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_label:aa"), "RSA-OAEP of an unusual kind"},
		{append(encrypt, "-aes256", "-pwri_password", "secret"), "a password"},
		{append(encrypt, "-aes256", "-secretkey", "00112233445566778899aabbccddeeff", "-secretkeyid", "01"), "a shared key"},
		{append(encrypt, "-aes256", curveCertificate(t)), "a key agreement"},
		{[]string{"cms", "-sign", "-binary", "-outform", "DER", "-in", in, "-signer", cert, "-inkey", key}, "SignedData"},
		{[]string{"cms", "-sign", "-binary", "-in", in, "-signer", cert, "-inkey", key}, "multipart/signed"},
		{[]string{"cms", "-data_create", "-outform", "DER", "-in", in}, "plain data"},
		{[]string{"cms", "-EncryptedData_encrypt", "-aes256", "-secretkey", strings.Repeat("00", 32), "-outform", "DER", "-in", in}, "EncryptedData"},
	} {
		_, err := decrypt(openssl(t, tc.args...), nil, alice(t).key)
		if !errors.Is(err, cms.ErrUnsupported) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("the error should name %s; it is: %v", tc.want, err)
		}
	}
}

// curveCertificate is a certificate with an EC key.
func curveCertificate(t *testing.T) string {
	t.Helper()
	key := t.TempDir() + "/key"
	return file(t, openssl(t, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-subj", "/CN=curve"))
}

// TestCertificateChoosesTheRecipient covers keys and certificates that do not
// fit each other or the message.
func TestCertificateChoosesTheRecipient(t *testing.T) {
	t.Parallel()
	der := encrypt(t, noise(100), alice(t))
	renewed := *alice(t).cert // the same key under another number
	renewed.SerialNumber = big.NewInt(1234)
	for name, tc := range map[string]struct {
		cert *x509.Certificate
		key  *rsa.PrivateKey
		want error
	}{
		"key of another":     {alice(t).cert, mallo(t).key, cms.ErrNotRecipient},
		"longer key":         {alice(t).cert, bob(t).key, cms.ErrNotRecipient},
		"certificate":        {mallo(t).cert, alice(t).key, cms.ErrNotRecipient},
		"stranger":           {mallo(t).cert, mallo(t).key, cms.ErrNotRecipient},
		"stranger, key only": {nil, mallo(t).key, cms.ErrNotRecipient},
		"longer, key only":   {nil, bob(t).key, cms.ErrNotRecipient},
		"renewed":            {&renewed, alice(t).key, cms.ErrNotRecipient},
	} {
		if _, err := decrypt(der, tc.cert, tc.key); !errors.Is(err, tc.want) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	// A message to the old and to the new certificate of the same key.
	both := encrypt(t, noise(100), alice(t), identity{cert: &renewed})
	mustDecrypt(t, both, alice(t), noise(100))
	mustDecrypt(t, both, identity{cert: &renewed, key: alice(t).key}, noise(100))
}

// TestRecipientsAreNotGuessedBetween makes two recipients whose content keys
// both open with one private key and differ. Only a certificate says which one
// is meant.
func TestRecipientsAreNotGuessedBetween(t *testing.T) {
	t.Parallel()
	other := *alice(t).cert
	other.SerialNumber = big.NewInt(0x7766554433221100)
	der := encrypt(t, noise(100), alice(t), identity{cert: &other})
	at := bytes.Index(der, []byte{0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00})
	at = at + bytes.Index(der[at:], []byte{0x04, 0x82, 0x01, 0x00}) + 4
	wrong, err := rsa.EncryptPKCS1v15(rand.Reader, &alice(t).key.PublicKey, make([]byte, 32))
	must(t, err)
	copy(der[at:], wrong)
	if _, err := decrypt(der, nil, alice(t).key); !errors.Is(err, cms.ErrNotRecipient) {
		t.Errorf("the error is %v", err)
	}
	got, err := decrypt(der, alice(t).cert, alice(t).key)
	if err != nil || !bytes.Equal(got, noise(100)) {
		t.Errorf("with the certificate: %d bytes, error %v", len(got), err)
	}
	// A content key that our own key does not open is damage.
	copy(der[at:], noise(256))
	if _, err := decrypt(der, &other, alice(t).key); !errors.Is(err, cms.ErrDamaged) {
		t.Errorf("a broken content key gave %v", err)
	}
}

// TestReadersOfAnyKind reads messages that arrive in other portions, and reads
// the content in small ones.
func TestReadersOfAnyKind(t *testing.T) {
	t.Parallel()
	content := noise(2*piece + 5)
	der := encrypt(t, content, alice(t))
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"bytes": iotest.OneByteReader, "halves": iotest.HalfReader, "error with the data": iotest.DataErrReader,
	} {
		for _, message := range [][]byte{der, text(t, der)} {
			plain, err := cms.Decrypt(wrap(bytes.NewReader(message)), nil, alice(t).key)
			must(t, err)
			if err := iotest.TestReader(plain, content); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestErrorsOfTheReaderBelow passes them on: they are no damage.
func TestErrorsOfTheReaderBelow(t *testing.T) {
	t.Parallel()
	broken := errors.New("the line is dead")
	der := encrypt(t, noise(3*piece), alice(t))
	for _, message := range [][]byte{der, text(t, der)} {
		for _, cut := range []int{0, 1, 50, 200, 1000, 100_000, len(message)} {
			in := io.MultiReader(bytes.NewReader(message[:cut]), iotest.ErrReader(broken))
			plain, err := cms.Decrypt(in, nil, alice(t).key)
			if err == nil {
				_, err = io.Copy(io.Discard, plain)
			}
			if !errors.Is(err, broken) || errors.Is(err, cms.ErrDamaged) {
				t.Errorf("a reader that fails after %d bytes gave %v", cut, err)
			}
		}
	}
}

// TestErrorsStay reads on after an error: it comes again, and nothing else.
func TestErrorsStay(t *testing.T) {
	t.Parallel()
	der := encrypt(t, noise(3*piece), alice(t))
	for name, message := range map[string][]byte{"whole": der, "cut": der[:len(der)-1]} {
		plain, err := cms.Decrypt(bytes.NewReader(message), nil, alice(t).key)
		must(t, err)
		_, first := io.Copy(io.Discard, plain)
		if (first == nil) != (name == "whole") {
			t.Errorf("%s: the error is %v", name, first)
		}
		for range 3 {
			n, err := plain.Read(make([]byte, 100))
			if n != 0 || err == nil || first != nil && !errors.Is(err, cms.ErrDamaged) || first == nil && !errors.Is(err, io.EOF) {
				t.Errorf("%s: another Read gave %d, %v", name, n, err)
			}
		}
	}
}

// TestMemoryIsConstant streams 64 MiB through both ways and counts what was
// allocated on it: it must not have to do with the length. It runs alone, since
// the count is of the whole process.
func TestMemoryIsConstant(t *testing.T) {
	id := alice(t)
	allocated := func(size int64) int64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		must(t, stream(size, id))
		runtime.ReadMemStats(&after)
		return int64(after.TotalAlloc - before.TotalAlloc)
	}
	small, large := allocated(1<<20), allocated(64<<20)
	t.Logf("allocated %d bytes for 1 MiB, %d for 64 MiB", small, large)
	if large > small+1<<20 {
		t.Errorf("1 MiB took %d bytes of memory in total, 64 MiB took %d", small, large)
	}
}

// stream encrypts that many bytes and decrypts them at the same time.
func stream(size int64, id identity) error {
	out, in := io.Pipe()
	encrypted := make(chan error, 1)
	go func() {
		w, err := cms.Encrypt(in, certs(id), cms.Compatible)
		if err == nil {
			_, err = io.CopyN(w, noiseReader(), size)
		}
		if err == nil {
			err = w.Close()
		}
		encrypted <- errors.Join(err, in.CloseWithError(err))
	}()
	err := compare(out, id, size)
	return errors.Join(err, out.CloseWithError(err), <-encrypted)
}

// compare decrypts a message and compares the content with the noise.
func compare(message io.Reader, id identity, size int64) error {
	plain, err := cms.Decrypt(message, id.cert, id.key)
	if err != nil {
		return err
	}
	want, got, expected := noiseReader(), make([]byte, 32<<10), make([]byte, 32<<10)
	for total := int64(0); ; {
		n, err := plain.Read(got)
		if _, wrong := want.Read(expected[:n]); wrong != nil {
			return wrong
		}
		if !bytes.Equal(got[:n], expected[:n]) {
			return fmt.Errorf("the content differs after byte %d", total)
		}
		total += int64(n)
		if errors.Is(err, io.EOF) {
			if total != size {
				return fmt.Errorf("the content has %d bytes, not %d", total, size)
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}
