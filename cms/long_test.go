//go:build long

package cms_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"cdds/cms"
)

const gibibyte = 1 << 30

// TestOpenSSLReadsAGibibyte encrypts 1 GiB with each length of key and lets
// openssl open it, and Decrypt too. openssl holds the message in memory about
// three times, so the tests of this file run one after the other.
func TestOpenSSLReadsAGibibyte(t *testing.T) {
	want := hashOf(t, io.LimitReader(noiseReader(), gibibyte))
	for name, person := range map[string]func(testing.TB) identity{"RSA 2048": alice, "RSA 3072": bob, "RSA 4096": carol} {
		t.Run(name, func(t *testing.T) {
			id := person(t)
			path := encryptedFile(t, id, gibibyte)
			cert, key := id.files(t)
			for _, args := range [][]string{
				{"cms", "-decrypt", "-binary", "-inform", "DER", "-in", path, "-recip", cert, "-inkey", key},
				{"smime", "-decrypt", "-binary", "-inform", "DER", "-in", path, "-recip", cert, "-inkey", key},
			} {
				if got := opensslHash(t, nil, args...); got != want {
					t.Errorf("openssl %v gave other content", args)
				}
			}
			in := open(t, path)
			must(t, compare(in, id, gibibyte))
		})
	}
}

// TestOpenSSLReads200MiBAuthenticated does it with AES-GCM, in both forms.
func TestOpenSSLReads200MiBAuthenticated(t *testing.T) {
	const size = 200 << 20
	id := alice(t)
	want := hashOf(t, io.LimitReader(noiseReader(), size))
	in := open(t, encryptedFileAs(t, cms.Authenticated, id, size))
	info, err := in.Stat()
	must(t, err)
	cert, key := id.files(t)
	if got := opensslHash(t, nil, "cms", "-decrypt", "-binary", "-inform", "DER", "-in", in.Name(), "-recip", cert, "-inkey", key); got != want {
		t.Error("openssl gave other content")
	}
	mail := cms.NewTextReader(in, info.Size(), cms.Authenticated)
	if got := opensslHash(t, mail, "cms", "-decrypt", "-inform", "SMIME", "-inkey", key); got != want {
		t.Error("openssl gave other content of the text form")
	}
	_, err = mail.Seek(0, io.SeekStart)
	must(t, err)
	must(t, compare(mail, id, size))
}

// TestAuthenticatedLimitIsReached streams what one key may encrypt, 64 GiB, to
// its last byte through Encrypt and Decrypt: what comes out is what went in, and
// one byte more is refused. Zeros are as good as any content here, and memory is
// measured meanwhile.
func TestAuthenticatedLimitIsReached(t *testing.T) {
	id := alice(t)
	most := cms.MaxContent(cms.Authenticated)
	peak := peakWhile(t, func() {
		in, out := io.Pipe()
		go func() {
			w, err := cms.Encrypt(out, certs(id), cms.Authenticated)
			if err == nil {
				_, err = io.CopyBuffer(w, io.LimitReader(zeros{}, most), make([]byte, 1<<20))
			}
			if err == nil {
				err = w.Close()
			}
			out.CloseWithError(err)
		}()
		plain, err := cms.Decrypt(in, nil, id.key)
		must(t, err)
		n, err := io.Copy(onlyZeros{}, plain)
		must(t, err)
		if n != most {
			t.Errorf("%d bytes came out of %d", n, most)
		}
	})
	t.Logf("highest resident memory: %d KiB", peak)
	if peak > 200<<10 {
		t.Errorf("%d KiB of memory were used", peak)
	}
	w, err := cms.Encrypt(io.Discard, certs(id), cms.Authenticated)
	must(t, err)
	n, err := io.CopyBuffer(w, io.LimitReader(zeros{}, most+1), make([]byte, 1<<20))
	if !errors.Is(err, cms.ErrTooLong) || n > most || !errors.Is(w.Close(), cms.ErrTooLong) {
		t.Errorf("one byte beyond the limit: %d bytes were taken, error %v", n, err)
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// onlyZeros refuses all else.
type onlyZeros struct{}

func (onlyZeros) Write(p []byte) (int, error) {
	if bytes.Count(p, []byte{0}) != len(p) {
		return 0, errors.New("something else than a zero came out")
	}
	return len(p), nil
}

// TestOpenSSLReadsAGibibyteOfText does it with the text form.
func TestOpenSSLReadsAGibibyteOfText(t *testing.T) {
	id := alice(t)
	in := open(t, encryptedFile(t, id, gibibyte))
	info, err := in.Stat()
	must(t, err)
	mail := cms.NewTextReader(in, info.Size(), cms.Compatible)
	_, key := id.files(t)
	if got, want := opensslHash(t, mail, "smime", "-decrypt", "-inkey", key), hashOf(t, io.LimitReader(noiseReader(), gibibyte)); got != want {
		t.Error("openssl gave other content")
	}
	_, err = mail.Seek(0, io.SeekStart)
	must(t, err)
	must(t, compare(mail, id, gibibyte))
}

// TestWeReadAGibibyteOfOpenSSLs lets openssl encrypt, streaming and not.
func TestWeReadAGibibyteOfOpenSSLs(t *testing.T) {
	id := carol(t)
	cert, _ := id.files(t)
	for _, form := range []string{"-stream", "-noindef"} {
		path := filepath.Join(t.TempDir(), "message")
		cmd := command(t, "cms", "-encrypt", "-binary", "-outform", "DER", form, "-aes256", "-out", path, cert)
		cmd.Stdin = io.LimitReader(noiseReader(), gibibyte)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl cms -encrypt %s: %v\n%s", form, err, out)
		}
		must(t, compare(open(t, path), id, gibibyte))
		must(t, os.Remove(path))
	}
}

// TestFiveGibibytes streams more than openssl can open through Encrypt and
// Decrypt, and measures the highest memory of the process meanwhile.
func TestFiveGibibytes(t *testing.T) {
	id := alice(t)
	small := peakWhile(t, func() { must(t, stream(16<<20, id)) })
	large := peakWhile(t, func() { must(t, stream(5*gibibyte, id)) })
	t.Logf("highest resident memory: %d KiB for 16 MiB, %d KiB for 5 GiB", small, large)
	if large > small+16<<10 {
		t.Errorf("memory grows with the content: %d KiB for 16 MiB, %d KiB for 5 GiB", small, large)
	}
}

// TestSizeOfFiveGibibytes counts what Encrypt writes beyond 4 GiB.
func TestSizeOfFiveGibibytes(t *testing.T) {
	const size = 5*gibibyte + 12345
	want, err := cms.Size(size, certs(alice(t), bob(t)), cms.Compatible)
	must(t, err)
	var written counter
	w, err := cms.Encrypt(&written, certs(alice(t), bob(t)), cms.Compatible)
	must(t, err)
	_, err = io.CopyN(w, noiseReader(), size)
	must(t, err)
	must(t, w.Close())
	if int64(written) != want {
		t.Errorf("Size says %d, Encrypt wrote %d", want, written)
	}
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// encryptedFile encrypts that much noise into a file.
func encryptedFile(t *testing.T, id identity, size int64) string {
	t.Helper()
	return encryptedFileAs(t, cms.Compatible, id, size)
}

// encryptedFileAs does so by a profile.
func encryptedFileAs(t *testing.T, how cms.Profile, id identity, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "message.p7m")
	out, err := os.Create(path)
	must(t, err)
	w, err := cms.Encrypt(out, certs(id), how)
	must(t, err)
	_, err = io.CopyN(w, noiseReader(), size)
	must(t, err)
	must(t, w.Close())
	must(t, out.Close())
	return path
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	in, err := os.Open(path)
	must(t, err)
	t.Cleanup(func() { must(t, in.Close()) })
	return in
}

func hashOf(t *testing.T, r io.Reader) [sha256.Size]byte {
	t.Helper()
	h := sha256.New()
	_, err := io.Copy(h, r)
	must(t, err)
	return sum(h)
}

func sum(h hash.Hash) [sha256.Size]byte { return [sha256.Size]byte(h.Sum(nil)) }

// opensslHash runs openssl and hashes what it prints, which is too much to keep.
func opensslHash(t *testing.T, in io.Reader, args ...string) [sha256.Size]byte {
	t.Helper()
	cmd := command(t, args...)
	var stderr bytes.Buffer
	h := sha256.New()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, h, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return sum(h)
}

// peakWhile returns the highest resident memory of the process, in KiB, while
// do runs.
func peakWhile(t *testing.T, do func()) int {
	t.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	// This sets the peak back to what is resident now (man 5 proc_pid_clear_refs).
	must(t, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0))
	do()
	status, err := os.ReadFile("/proc/self/status")
	must(t, err)
	peak := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if peak == nil {
		t.Fatal("/proc/self/status does not say VmHWM")
	}
	kib, err := strconv.Atoi(string(peak[1]))
	must(t, err)
	return kib
}
