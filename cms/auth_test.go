package cms_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cdds/cms"
)

// openedCMS lets openssl decrypt an authenticated message in every way that its
// users may. openssl smime knows no such messages.
func openedCMS(t *testing.T, der []byte, id identity, want []byte) {
	t.Helper()
	cert, key := id.files(t)
	in, mail := file(t, der), file(t, textAs(t, cms.Authenticated, der))
	for _, args := range [][]string{
		{"cms", "-decrypt", "-binary", "-inform", "DER", "-in", in, "-recip", cert, "-inkey", key},
		{"cms", "-decrypt", "-binary", "-inform", "DER", "-in", in, "-inkey", key},
		{"cms", "-decrypt", "-in", mail, "-recip", cert, "-inkey", key},
		{"cms", "-decrypt", "-inform", "SMIME", "-in", mail, "-inkey", key},
	} {
		if got := openssl(t, args...); !bytes.Equal(got, want) {
			t.Errorf("openssl %v gave %d bytes other than the %d of the content", args, len(got), len(want))
		}
	}
}

func TestOpenSSLReadsWhatIsAuthenticated(t *testing.T) {
	eachKeyAndLength(t, func(t *testing.T, content []byte, id identity) {
		der := encryptAs(t, cms.Authenticated, content, id)
		openedCMS(t, der, id, content)
		mustDecrypt(t, der, id, content)
		mustDecrypt(t, textAs(t, cms.Authenticated, der), id, content)
	})
}

// TestEachRecipientReadsWhatIsAuthenticated does it with several people.
func TestEachRecipientReadsWhatIsAuthenticated(t *testing.T) {
	t.Parallel()
	content := noise(100_000)
	der := encryptAs(t, cms.Authenticated, content, carol(t), alice(t), bob(t))
	for _, id := range []identity{alice(t), bob(t), carol(t)} {
		openedCMS(t, der, id, content)
		mustDecrypt(t, der, id, content)
	}
	if _, err := decrypt(der, nil, mallo(t).key); !errors.Is(err, cms.ErrNotRecipient) {
		t.Errorf("the key of a stranger gave %v", err)
	}
}

// TestWeReadWhatOpenSSLAuthenticates goes through openssl's forms, ciphers and
// ways to encrypt the content key.
func TestWeReadWhatOpenSSLAuthenticates(t *testing.T) {
	t.Parallel()
	cert, _ := alice(t).files(t)
	oaep := []string{"-recip", cert, "-keyopt", "rsa_padding_mode:oaep"}
	for name, to := range map[string][]string{
		"PKCS #1":                {cert},
		"OAEP":                   oaep,
		"OAEP, SHA-256":          append(slices.Clone(oaep), "-keyopt", "rsa_oaep_md:sha256"),
		"OAEP, SHA-384":          append(slices.Clone(oaep), "-keyopt", "rsa_oaep_md:sha384"),
		"OAEP, SHA-512":          append(slices.Clone(oaep), "-keyopt", "rsa_oaep_md:sha512"),
		"OAEP, SHA-256 and MGF1": append(slices.Clone(oaep), "-keyopt", "rsa_oaep_md:sha256", "-keyopt", "rsa_mgf1_md:sha1"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, size := range []int{1, 15, 16, 17, 4096, 70_000, 3 * piece} {
				content := noise(size)
				for _, form := range [][]string{{"-outform", "DER"}, {"-outform", "DER", "-noindef"}, {"-outform", "DER", "-stream"}, nil} {
					cipher := []string{"-aes-256-gcm", "-aes-128-gcm", "-aes-192-gcm", "-aes256"}[i%4]
					args := slices.Concat([]string{"cms", "-encrypt", "-binary", cipher, "-in", file(t, content)}, form, to)
					mustDecrypt(t, openssl(t, args...), alice(t), content)
				}
			}
		})
	}
}

// TestAuthenticatedLayoutIsOpenSSLs compares the structure with what openssl
// streams. Beside random octets one thing differs: we write the NULL behind
// SHA-256 that RFC 4055 asks for, and this openssl leaves it out.
func TestAuthenticatedLayoutIsOpenSSLs(t *testing.T) {
	t.Parallel()
	places, null := regexp.MustCompile(`(?m)^.*?(d=\d+) +hl=\d+ +l= *\w+ |\[HEX DUMP\].*`), regexp.MustCompile(`(?m)^d=1?\d prim: NULL .*\n`)
	layout := func(der []byte) string {
		return null.ReplaceAllString(places.ReplaceAllString(string(openssl(t, "asn1parse", "-inform", "DER", "-in", file(t, der))), "$1 "), "")
	}
	cert, _ := alice(t).files(t)
	theirs := openssl(t, "cms", "-encrypt", "-binary", "-stream", "-outform", "DER", "-aes-256-gcm", "-in", file(t, noise(10)),
		"-recip", cert, "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256")
	ours := encryptAs(t, cms.Authenticated, noise(10), alice(t))
	if got, want := layout(ours), layout(theirs); got != want || !strings.Contains(got, "aes-256-gcm") {
		t.Errorf("our layout:\n%s\nthat of openssl:\n%s", got, want)
	}
	mail := string(openssl(t, "cms", "-encrypt", "-binary", "-crlfeol", "-aes-256-gcm", "-in", file(t, noise(10)), cert))
	head, _, _ := strings.Cut(strings.ReplaceAll(mail, "\r\n", "\n"), "\n\n")
	if got := string(textAs(t, cms.Authenticated, ours)); !strings.HasPrefix(strings.ReplaceAll(got, "\r\n", "\n"), head+"\n\n") {
		t.Errorf("our headers begin\n%.300s\nthose of openssl:\n%s", got, head)
	}
}

func TestAuthenticatedSizeIsExact(t *testing.T) {
	t.Parallel()
	sizes := lengths()
	for size := piece - 20; size < piece+20; size++ {
		sizes = append(sizes, size, size+piece)
	}
	for size := 100; size < 300; size++ {
		sizes = append(sizes, size)
	}
	for _, to := range [][]identity{{alice(t)}, {carol(t), alice(t), bob(t)}} {
		for _, size := range sizes {
			want, err := cms.Size(int64(size), certs(to...), cms.Authenticated)
			must(t, err)
			der := encryptAs(t, cms.Authenticated, make([]byte, size), to...)
			if int64(len(der)) != want {
				t.Fatalf("%d bytes to %d recipients: Size says %d, Encrypt writes %d", size, len(to), want, len(der))
			}
			if text := textAs(t, cms.Authenticated, der); int64(len(text)) != cms.TextSize(want, cms.Authenticated) {
				t.Fatalf("%d bytes: TextSize says %d, the text has %d", size, cms.TextSize(want, cms.Authenticated), len(text))
			}
		}
	}
}

// refused makes sure that a message does not end as if it were whole.
func refused(t *testing.T, what string, message []byte) {
	t.Helper()
	_, err := decrypt(message, alice(t).cert, alice(t).key)
	if !errors.Is(err, cms.ErrDamaged) && !errors.Is(err, cms.ErrUnsupported) {
		t.Errorf("%s: the error is %v", what, err)
	}
}

// TestEveryChangeIsSeen changes each octet behind the recipients in two ways:
// nonce, ciphertext, tag and structure.
func TestEveryChangeIsSeen(t *testing.T) {
	t.Parallel()
	content := noise(300)
	der := encryptAs(t, cms.Authenticated, content, alice(t))
	from := bytes.LastIndex(der, []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01})
	for at := from; at < len(der); at++ {
		for _, bits := range []byte{1 << (at % 8), 0xff} {
			changed := bytes.Clone(der)
			changed[at] ^= bits
			refused(t, fmt.Sprintf("octet %d of %d by %02x", at, len(der), bits), changed)
		}
	}
	large := encryptAs(t, cms.Authenticated, noise(3*piece+1000), alice(t))
	for at := from; at < len(large); at += 7919 {
		changed := bytes.Clone(large)
		changed[at] ^= 0x40
		refused(t, fmt.Sprintf("octet %d of %d", at, len(large)), changed)
	}
}

// TestPiecesOfAnAuthenticatedMessage puts its pieces into another order, takes
// some away and doubles some. Other borders of pieces are the same message.
func TestPiecesOfAnAuthenticatedMessage(t *testing.T) {
	t.Parallel()
	const whole = 5 + piece
	content := noise(3*piece + 100)
	der := encryptAs(t, cms.Authenticated, content, alice(t))
	end := len(der) - 10 - 18 - (2 + 100)
	begin := end - 3*whole
	head, tail := der[:begin], der[end:]
	a, b, c := der[begin:begin+whole], der[begin+whole:begin+2*whole], der[begin+2*whole:end]
	mustDecrypt(t, slices.Concat(head, a, b, c, tail), alice(t), content)
	for name, message := range map[string][]byte{
		"in another order":     slices.Concat(head, b, a, c, tail),
		"without the first":    slices.Concat(head, b, c, tail),
		"without one":          slices.Concat(head, a, c, tail),
		"without the last":     slices.Concat(head, a, b, c, tail[2+100:]),
		"with one twice":       slices.Concat(head, a, b, b, c, tail),
		"with one from beyond": slices.Concat(head, a, b, c, []byte{4, 1, 0}, tail),
	} {
		refused(t, name, message)
	}
	halves := slices.Concat(head, []byte{4, 5}, a[5:10], []byte{4, 0}, []byte{4, 0x82, 0xff, 0xfb}, a[10:], b, c, tail)
	mustDecrypt(t, halves, alice(t), content)
}

// TestAuthenticatedTruncated cuts messages at every place.
func TestAuthenticatedTruncated(t *testing.T) {
	t.Parallel()
	small, large := encryptAs(t, cms.Authenticated, noise(100), alice(t)), encryptAs(t, cms.Authenticated, noise(3*piece), alice(t))
	for _, message := range [][]byte{small, large} {
		for cut := 0; cut < len(message); cut += 1 + len(message)/2000 {
			_, err := decrypt(message[:cut], nil, alice(t).key)
			if !errors.Is(err, cms.ErrDamaged) || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("a message of %d bytes cut after %d gave %v", len(message), cut, err)
			}
		}
	}
	for _, more := range [][]byte{{0}, {0, 0}, []byte("AAAA"), small} {
		refused(t, "something follows", append(bytes.Clone(small), more...))
	}
}

// TestProfilesDoNotMix relabels a message as one of the other kind, which would
// take the protection away.
func TestProfilesDoNotMix(t *testing.T) {
	t.Parallel()
	der := encryptAs(t, cms.Authenticated, noise(320), alice(t))
	gcm, cbc := []byte{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2e}, []byte{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a}
	refused(t, "CBC in AuthEnvelopedData", bytes.Replace(der, gcm, cbc, 1))
	compatible := encrypt(t, noise(320), alice(t))
	refused(t, "GCM in EnvelopedData", bytes.Replace(compatible, cbc, gcm, 1))
	for _, id := range [][]byte{der, compatible} {
		plain, err := cms.Decrypt(bytes.NewReader(id), nil, alice(t).key)
		must(t, err)
		if plain.Authenticated() != bytes.Equal(id, der) {
			t.Errorf("Authenticated says %t", plain.Authenticated())
		}
	}
}

// TestAuthenticatedLimit writes more than AES-GCM may encrypt under one key.
func TestAuthenticatedLimit(t *testing.T) {
	t.Parallel()
	most := cms.MaxContent(cms.Authenticated)
	if most != 68719476704 { // 2^39 - 256 bits
		t.Errorf("the limit is %d", most)
	}
	if _, err := cms.Size(most, certs(alice(t)), cms.Authenticated); err != nil {
		t.Errorf("the limit itself gave %v", err)
	}
	if _, err := cms.Size(most+1, certs(alice(t)), cms.Authenticated); !errors.Is(err, cms.ErrTooLong) {
		t.Errorf("beyond the limit Size gave %v", err)
	}
}
