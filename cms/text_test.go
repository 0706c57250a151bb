package cms_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"cdds/cms"
)

// TestTextIsAsOpenSSLs compares the headers with those that openssl writes for
// the same kind of message, and the shape of the lines.
func TestTextIsAsOpenSSLs(t *testing.T) {
	t.Parallel()
	cert, _ := alice(t).files(t)
	theirs := openssl(t, "cms", "-encrypt", "-binary", "-aes256", "-crlfeol", "-in", file(t, noise(200)), cert)
	ours := text(t, encrypt(t, noise(200), alice(t)))
	head := func(b []byte) string {
		before, _, _ := bytes.Cut(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n\n"))
		return string(before)
	}
	if head(ours) != head(theirs) {
		t.Errorf("our headers:\n%s\nthose of openssl:\n%s", head(ours), head(theirs))
	}
	_, body, _ := strings.Cut(string(ours), "\r\n\r\n")
	if !regexp.MustCompile(`^([A-Za-z0-9+/]{64}\r\n)*[A-Za-z0-9+/]{1,64}={0,2}\r\n$`).MatchString(body) {
		t.Errorf("the body has other lines than 64 characters and CR LF:\n%s", body)
	}
}

// TestTextSeeks reads the text form from any place, in portions of any length.
func TestTextSeeks(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 2, 3, 47, 48, 49, 96, 5000, 48*1024 - 1, 48 * 1024, 48*1024 + 1, 200_001} {
		der := noise(size)
		whole := text(t, der)
		if want := cms.TextSize(int64(size), cms.Compatible); int64(len(whole)) != want {
			t.Fatalf("%d bytes: TextSize says %d, the text has %d", size, want, len(whole))
		}
		reader := cms.NewTextReader(bytes.NewReader(der), int64(size), cms.Compatible)
		if size <= 5000 {
			// It checks many ways of reading and seeking against the content.
			if err := iotest.TestReader(reader, whole); err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
		}
		for from := 0; from <= len(whole); from += 1 + len(whole)/97 {
			at, err := reader.Seek(int64(from-len(whole)), io.SeekEnd)
			if at != int64(from) || err != nil {
				t.Fatalf("Seek gave %d, %v", at, err)
			}
			part := make([]byte, min(1000, len(whole)-from))
			_, err = io.ReadFull(reader, part)
			must(t, err)
			if !bytes.Equal(part, whole[from:from+len(part)]) {
				t.Fatalf("%d bytes: the text differs from place %d on", size, from)
			}
		}
	}
}

func TestTextSeeksNowhere(t *testing.T) {
	t.Parallel()
	reader := cms.NewTextReader(bytes.NewReader(noise(100)), 100, cms.Compatible)
	for _, to := range []struct {
		offset int64
		whence int
	}{{-1, io.SeekStart}, {-1, io.SeekCurrent}, {-cms.TextSize(100, cms.Compatible) - 1, io.SeekEnd}, {0, 3}, {0, -1}} {
		if _, err := reader.Seek(to.offset, to.whence); err == nil {
			t.Errorf("Seek(%d, %d) succeeded", to.offset, to.whence)
		}
	}
	_, err := reader.Seek(10, io.SeekEnd)
	must(t, err)
	if n, err := reader.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("beyond the end Read gave %d, %v", n, err)
	}
}

// TestTextOfWhatIsMissing makes text of a message that is shorter than said or
// cannot be read: the text must not end as if it were whole.
func TestTextOfWhatIsMissing(t *testing.T) {
	t.Parallel()
	for _, has := range []int{0, 1, 48, 48 * 1024, 99_999} {
		reader := cms.NewTextReader(bytes.NewReader(noise(has)), 100_000, cms.Compatible)
		if _, err := io.Copy(io.Discard, reader); !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			t.Errorf("%d of 100,000 bytes: the error is %v", has, err)
		}
	}
	broken := errors.New("the disk is dead")
	for _, der := range []io.ReadSeeker{
		struct {
			io.Reader
			io.Seeker
		}{iotest.ErrReader(broken), bytes.NewReader(nil)},
		unseekable{broken},
	} {
		if _, err := io.Copy(io.Discard, cms.NewTextReader(der, 100, cms.Compatible)); !errors.Is(err, broken) {
			t.Errorf("the error is %v", err)
		}
	}
}

type unseekable struct{ err error }

func (u unseekable) Seek(int64, int) (int64, error) { return 0, u.err }
func (u unseekable) Read([]byte) (int, error)       { return 0, io.EOF }

// TestTextOverHTTP fetches the text form in ranges from net/http, as a download
// that was broken off is continued, and lets openssl open what they make up.
func TestTextOverHTTP(t *testing.T) {
	t.Parallel()
	content := noise(300_000)
	der := encrypt(t, content, alice(t))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "export.zip.smime", time.Time{}, cms.NewTextReader(bytes.NewReader(der), int64(len(der)), cms.Compatible))
	}))
	defer server.Close()
	fetch := func(ranges string, status int) []byte {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		must(t, err)
		if ranges != "" {
			request.Header.Set("Range", ranges)
		}
		answer, err := server.Client().Do(request)
		must(t, err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		must(t, err)
		if answer.StatusCode != status {
			t.Fatalf("range %q: status %d", ranges, answer.StatusCode)
		}
		return body
	}
	whole := fetch("", http.StatusOK)
	size := cms.TextSize(int64(len(der)), cms.Compatible)
	if int64(len(whole)) != size {
		t.Fatalf("the answer has %d bytes, not %d", len(whole), size)
	}
	var pieced []byte
	for from := int64(0); from < size; from += 77_777 {
		pieced = append(pieced, fetch(fmt.Sprintf("bytes=%d-%d", from, min(from+77_776, size-1)), http.StatusPartialContent)...)
	}
	if !bytes.Equal(pieced, whole) {
		t.Error("the ranges do not make up the whole")
	}
	if end := fetch("bytes=-100", http.StatusPartialContent); !bytes.Equal(end, whole[size-100:]) {
		t.Error("the last 100 bytes differ")
	}
	fetch(fmt.Sprintf("bytes=%d-", size), http.StatusRequestedRangeNotSatisfiable)
	_, key := alice(t).files(t)
	if got := openssl(t, "smime", "-decrypt", "-in", file(t, pieced), "-inkey", key); !bytes.Equal(got, content) {
		t.Errorf("openssl gave %d bytes other than the content", len(got))
	}
}

// TestTextThatIsRead covers other spellings of the text form, and what is none.
func TestTextThatIsRead(t *testing.T) {
	t.Parallel()
	content := noise(1000)
	mail := string(text(t, encrypt(t, content, alice(t))))
	const kind = "application/pkcs7-mime; smime-type=enveloped-data; name=\"smime.p7m\""
	for _, tc := range []struct {
		name, mail string
		want       error
	}{
		{"as we write it", mail, nil},
		{"LF", strings.ReplaceAll(mail, "\r\n", "\n"), nil},
		{"the old type", strings.Replace(mail, "application/pkcs7", "application/x-pkcs7", 1), nil},
		{"capitals", strings.Replace(strings.Replace(mail, kind, "APPLICATION/PKCS7-MIME", 1), "base64", "BASE64", 1), nil},
		{"more headers", "From: somebody\r\nSubject: an\r\n export\r\n" + mail, nil},
		{"empty lines at the end", mail + "\r\n\r\n\n", nil},
		{"no end of the last line", strings.TrimSuffix(mail, "\r\n"), nil},
		{"one line", strings.Replace(strings.ReplaceAll(mail, "\r\n", "\n"), "\n\n", "\n\r\n", 1), nil},
		{"another type", strings.Replace(mail, "application/pkcs7-mime", "text/plain", 1), cms.ErrUnsupported},
		{"no type", strings.Replace(mail, "Content-Type: "+kind+"\r\n", "", 1), cms.ErrUnsupported},
		{"another encoding", strings.Replace(mail, "base64", "quoted-printable", 1), cms.ErrUnsupported},
		{"no encoding", strings.Replace(mail, "Content-Transfer-Encoding: base64\r\n", "", 1), cms.ErrUnsupported},
		{"no headers", mail[strings.Index(mail, "\r\n\r\n")+4:], cms.ErrDamaged},
		{"other characters", mail[:500] + "*" + mail[501:], cms.ErrDamaged},
		{"padding within", mail[:500] + "====" + mail[504:], cms.ErrDamaged},
		{"nothing", "", cms.ErrDamaged},
		{"a sentence", "Hello there, this is no message.", cms.ErrDamaged},
		{"a letter", "Hello there,\n\nthis is no message.", cms.ErrDamaged},
		{"much text", strings.Repeat("Hello there, this is no message. ", 10_000), cms.ErrDamaged},
		{"PEM", "-----BEGIN CMS-----\nMIIB\n-----END CMS-----\n", cms.ErrDamaged},
		{"a zip", "PK\x03\x04" + string(noise(50_000)), cms.ErrDamaged},
	} {
		got, err := decrypt([]byte(tc.mail), nil, alice(t).key)
		if tc.want == nil && (err != nil || !bytes.Equal(got, content)) {
			t.Errorf("%s: %d bytes, error %v", tc.name, len(got), err)
		}
		if tc.want != nil && !errors.Is(err, tc.want) {
			t.Errorf("%s: the error is %v", tc.name, err)
		}
	}
}
