package cms_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"testing"

	"github.com/smallstep/pkcs7"

	"cdds/cms"
)

// opened lets openssl decrypt a message in every way that our users may, and
// compares the content.
func opened(t *testing.T, der []byte, id identity, want []byte) {
	t.Helper()
	cert, key := id.files(t)
	in, mail := file(t, der), file(t, text(t, der))
	for _, args := range [][]string{
		{"cms", "-decrypt", "-binary", "-inform", "DER", "-in", in, "-recip", cert, "-inkey", key},
		{"cms", "-decrypt", "-binary", "-inform", "DER", "-in", in, "-inkey", key},
		{"smime", "-decrypt", "-binary", "-inform", "DER", "-in", in, "-recip", cert, "-inkey", key},
		{"smime", "-decrypt", "-binary", "-inform", "DER", "-in", in, "-inkey", key},
		{"cms", "-decrypt", "-in", mail, "-recip", cert, "-inkey", key},
		{"smime", "-decrypt", "-in", mail, "-recip", cert, "-inkey", key},
		{"smime", "-decrypt", "-in", mail, "-inkey", key},
	} {
		if got := openssl(t, args...); !bytes.Equal(got, want) {
			t.Errorf("openssl %v gave %d bytes other than the %d of the content", args, len(got), len(want))
		}
	}
}

// eachKeyAndLength checks contents of many lengths for keys of each size.
func eachKeyAndLength(t *testing.T, check func(t *testing.T, content []byte, id identity)) {
	t.Helper()
	t.Parallel()
	for _, tc := range []struct {
		name  string
		id    func(testing.TB) identity
		sizes []int
	}{
		{"RSA 2048", alice, lengths()},
		{"RSA 3072", bob, []int{0, 16, piece}},
		{"RSA 4096", carol, []int{0, 16, piece}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, size := range tc.sizes {
				t.Run(fmt.Sprint(size), func(t *testing.T) {
					check(t, noise(size), tc.id(t))
				})
			}
		})
	}
}

func TestOpenSSLReadsWhatWeWrite(t *testing.T) {
	eachKeyAndLength(t, func(t *testing.T, content []byte, id identity) {
		der := encrypt(t, content, id)
		opened(t, der, id, content)
		mustDecrypt(t, der, id, content)
	})
}

// TestOpenSSLReads64MiB takes the three ways that our users are told of.
func TestOpenSSLReads64MiB(t *testing.T) {
	t.Parallel()
	content := noise(64 << 20)
	der := encrypt(t, content, alice(t))
	cert, key := alice(t).files(t)
	in, mail := file(t, der), file(t, text(t, der))
	for _, args := range [][]string{
		{"cms", "-decrypt", "-binary", "-inform", "DER", "-in", in, "-recip", cert, "-inkey", key},
		{"smime", "-decrypt", "-binary", "-inform", "DER", "-in", in, "-recip", cert, "-inkey", key},
		{"smime", "-decrypt", "-in", mail, "-inkey", key},
	} {
		if got := openssl(t, args...); !bytes.Equal(got, content) {
			t.Errorf("openssl %v gave %d bytes other than the content", args, len(got))
		}
	}
	mustDecrypt(t, der, alice(t), content)
}

// TestEachRecipientReads encrypts to several people, in two orders: any of them
// opens the message with openssl and with Decrypt, and nobody else.
func TestEachRecipientReads(t *testing.T) {
	t.Parallel()
	content := noise(100_000)
	for _, to := range [][]identity{{alice(t), bob(t), carol(t)}, {carol(t), alice(t), bob(t)}} {
		der := encrypt(t, content, to...)
		for _, id := range to {
			opened(t, der, id, content)
			mustDecrypt(t, der, id, content)
			mustDecrypt(t, text(t, der), id, content)
		}
		for _, cert := range []*x509.Certificate{nil, mallo(t).cert} {
			if _, err := decrypt(der, cert, mallo(t).key); !errors.Is(err, cms.ErrNotRecipient) {
				t.Errorf("the key of a stranger gave %v", err)
			}
		}
	}
}

// TestLayoutIsOpenSSLs compares the structure with what openssl streams to the
// same certificates, value by value, with their places and lengths. Only the
// octets inside differ, since keys are random. The content has one block, as
// openssl puts the last block into a piece of its own.
func TestLayoutIsOpenSSLs(t *testing.T) {
	t.Parallel()
	values := regexp.MustCompile(`\[HEX DUMP\].*`)
	layout := func(der []byte) string {
		return values.ReplaceAllString(string(openssl(t, "asn1parse", "-inform", "DER", "-in", file(t, der))), "")
	}
	for _, to := range [][]identity{{alice(t)}, {bob(t)}, {carol(t)}, {carol(t), alice(t), bob(t)}} {
		args := []string{"cms", "-encrypt", "-binary", "-stream", "-outform", "DER", "-aes256", "-in", file(t, noise(10))}
		for _, id := range to {
			cert, _ := id.files(t)
			args = append(args, cert)
		}
		if got, want := layout(encrypt(t, noise(10), to...)), layout(openssl(t, args...)); got != want {
			t.Errorf("our layout:\n%s\nthat of openssl:\n%s", got, want)
		}
	}
}

// TestSecondReader lets another implementation read our layout.
func TestSecondReader(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 16, piece, 200_000} {
		content := noise(size)
		message, err := pkcs7.Parse(encrypt(t, content, alice(t), bob(t)))
		must(t, err)
		for _, id := range []identity{alice(t), bob(t)} {
			got, err := message.Decrypt(id.cert, id.key)
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes: got %d bytes, error %v", size, len(got), err)
			}
		}
	}
}

// TestWritesOfAnySize checks that the way in which content is cut into writes
// does not matter, and that each write below is a whole piece.
func TestWritesOfAnySize(t *testing.T) {
	t.Parallel()
	content := noise(3*piece + 100)
	for _, step := range []int{1000, piece - 1, piece, piece + 1, len(content)} {
		var out recorder
		w, err := cms.Encrypt(&out, certs(alice(t)), cms.Compatible)
		must(t, err)
		for p := range slices.Chunk(content, step) {
			n, err := w.Write(p)
			if n != len(p) || err != nil {
				t.Fatalf("Write took %d of %d bytes, error %v", n, len(p), err)
			}
		}
		n, err := w.Write(nil)
		if n != 0 || err != nil {
			t.Fatalf("an empty Write gave %d, %v", n, err)
		}
		must(t, w.Close())
		mustDecrypt(t, out.Bytes(), alice(t), content)
		// The header, three full pieces, the rest with its padding, the end.
		if want := []int{5 + piece, 5 + piece, 5 + piece, 2 + 112, 10}; !slices.Equal(out.sizes[1:], want) {
			t.Errorf("content in writes of %d bytes came out in writes of %d, not %d", step, out.sizes[1:], want)
		}
	}
}

// recorder keeps what is written and how.
type recorder struct {
	bytes.Buffer
	sizes []int
}

func (r *recorder) Write(p []byte) (int, error) {
	r.sizes = append(r.sizes, len(p))
	return r.Buffer.Write(p)
}

func TestSizeIsExact(t *testing.T) {
	t.Parallel()
	sizes := lengths()
	for size := piece - 40; size < piece+40; size++ {
		sizes = append(sizes, size, size+piece)
	}
	// The length of the last piece has one, two and three octets.
	for size := 100; size < 300; size++ {
		sizes = append(sizes, size)
	}
	for _, to := range [][]identity{{alice(t)}, {bob(t)}, {carol(t)}, {alice(t), bob(t)}, {carol(t), alice(t), bob(t)}} {
		for _, size := range sizes {
			want, err := cms.Size(int64(size), certs(to...), cms.Compatible)
			must(t, err)
			if got := int64(len(encrypt(t, make([]byte, size), to...))); got != want {
				t.Fatalf("%d bytes to %d recipients: Size says %d, Encrypt writes %d", size, len(to), want, got)
			}
		}
	}
}

// TestSizeKnowsEverySerial compares Size with Encrypt for serial numbers around
// the borders of octets, whose sign bit costs one more.
func TestSizeKnowsEverySerial(t *testing.T) {
	t.Parallel()
	for bits := range uint(160) {
		for _, less := range []int64{0, 1} {
			cert := *alice(t).cert
			cert.SerialNumber = serial(bits, less)
			want, err := cms.Size(5, []*x509.Certificate{&cert}, cms.Compatible)
			must(t, err)
			got := len(encrypt(t, make([]byte, 5), identity{cert: &cert}))
			if int64(got) != want {
				t.Errorf("serial number %x: Size says %d, Encrypt writes %d", cert.SerialNumber, want, got)
			}
		}
	}
}

// TestRecipientsThatCannotBe covers lists of recipients that Encrypt and Size
// refuse alike, before anything is written.
func TestRecipientsThatCannotBe(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	curve := *alice(t).cert
	curve.PublicKey, curve.PublicKeyAlgorithm = key.Public(), x509.ECDSA
	for name, tc := range map[string]struct {
		to   []*x509.Certificate
		want error
	}{
		"none":            {nil, nil},
		"an EC key":       {[]*x509.Certificate{alice(t).cert, &curve}, cms.ErrUnsupported},
		"a thousand keys": {slices.Repeat(certs(alice(t)), 1000), cms.ErrUnsupported},
	} {
		var out bytes.Buffer
		_, encryptErr := cms.Encrypt(&out, tc.to, cms.Compatible)
		_, sizeErr := cms.Size(1, tc.to, cms.Compatible)
		for _, err := range []error{encryptErr, sizeErr} {
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("%s: the error is %v", name, err)
			}
		}
		if out.Len() > 0 {
			t.Errorf("%s: %d bytes were written", name, out.Len())
		}
	}
}

// TestManyRecipients makes sure that what Encrypt agrees to write can be read.
func TestManyRecipients(t *testing.T) {
	t.Parallel()
	many := 0
	for n := 500; n < 1000 && many == 0; n++ {
		if _, err := cms.Size(1, slices.Repeat(certs(mallo(t)), n+1), cms.Compatible); err != nil {
			many = n
		}
	}
	if many == 0 {
		t.Fatal("there is no limit of recipients")
	}
	to := append(slices.Repeat([]identity{mallo(t)}, many-1), alice(t))
	var out bytes.Buffer
	w, err := cms.Encrypt(&out, certs(to...), cms.Compatible)
	must(t, err)
	_, err = w.Write([]byte("content"))
	must(t, err)
	must(t, w.Close())
	got, err := decrypt(out.Bytes(), alice(t).cert, alice(t).key)
	if err != nil || string(got) != "content" {
		t.Errorf("a message to %d recipients gave %q, %v", many, got, err)
	}
}

// TestWriteErrorsStick makes the writer below fail at each of its writes: the
// error stays, nothing is written after it, and what was written is not whole.
func TestWriteErrorsStick(t *testing.T) {
	t.Parallel()
	full := errors.New("no room")
	for writes := range 5 { // the header, two pieces, the last piece, the end
		for _, wrong := range []error{full, io.ErrShortWrite} {
			out := &failing{writes: writes, err: wrong}
			w, err := cms.Encrypt(out, certs(alice(t)), cms.Compatible)
			if err == nil {
				_, err = w.Write(noise(2*piece + 10))
				closed := w.Close()
				if err == nil && writes < 3 || err != nil && !errors.Is(closed, wrong) {
					t.Errorf("write %d failed; Write gave %v, Close %v", writes, err, closed)
				}
				err = closed
				if w.Close() == nil {
					t.Error("a second Close succeeded")
				}
			}
			if !errors.Is(err, wrong) {
				t.Errorf("write %d failed with %v; the error is %v", writes, wrong, err)
			}
			if out.after > 0 {
				t.Errorf("after write %d had failed came %d more", writes, out.after)
			}
			if _, err := decrypt(out.Bytes(), nil, alice(t).key); !errors.Is(err, cms.ErrDamaged) {
				t.Errorf("what was written before write %d failed gave %v", writes, err)
			}
		}
	}
}

// failing takes some writes and then fails, or is short where err is
// io.ErrShortWrite.
type failing struct {
	bytes.Buffer
	writes, after int
	failed        bool
	err           error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.failed {
		f.after++
	}
	if f.writes == 0 {
		f.failed = true
		if errors.Is(f.err, io.ErrShortWrite) {
			return f.Buffer.Write(p[:len(p)-1])
		}
		return 0, f.err
	}
	f.writes--
	return f.Buffer.Write(p)
}

func TestNothingAfterClose(t *testing.T) {
	t.Parallel()
	out := &closable{}
	w, err := cms.Encrypt(out, certs(alice(t)), cms.Compatible)
	must(t, err)
	must(t, w.Close())
	size := out.Len()
	if w.Close() == nil {
		t.Error("a second Close succeeded")
	}
	if n, err := w.Write([]byte("late")); n != 0 || err == nil {
		t.Errorf("Write after Close gave %d, %v", n, err)
	}
	if out.Len() != size {
		t.Error("something was written after Close")
	}
	if out.closed {
		t.Error("Close closed the writer below")
	}
	mustDecrypt(t, out.Bytes(), alice(t), nil)
}

// closable notices when it is closed.
type closable struct {
	bytes.Buffer
	closed bool
}

func (c *closable) Close() error {
	c.closed = true
	return nil
}

// TestKeysAreFresh encrypts the same content twice: key and IV must differ, so
// every octet of ciphertext does, but for chance.
func TestKeysAreFresh(t *testing.T) {
	t.Parallel()
	a, b := encrypt(t, noise(1000), alice(t)), encrypt(t, noise(1000), alice(t))
	body := len(a) - 1008 - 10
	if bytes.Equal(a[body:body+16], b[body:body+16]) {
		t.Error("two messages begin with the same ciphertext")
	}
	iv := body - 4 - 2 - 16
	if bytes.Equal(a[iv:iv+16], b[iv:iv+16]) || bytes.Equal(a[iv:iv+16], make([]byte, 16)) {
		t.Error("two messages have the same IV")
	}
}
