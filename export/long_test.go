//go:build long

package export

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"

	"cdds/cms"
	"cdds/source"
)

// childRecords is how many records TestMemoryOfOneExport exports.
const childRecords = "CDDS_EXPORT_CHILD_RECORDS"

func folderBucket(t *testing.T, dir string) *blob.Bucket {
	t.Helper()
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	must(t, err)
	t.Cleanup(func() { must(t, bucket.Close()) })
	return bucket
}

// TestMemoryOfOneExport says how much memory its process has needed at most.
func TestMemoryOfOneExport(t *testing.T) {
	n := 1000
	if text := os.Getenv(childRecords); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		must(t, err)
	}
	h := newHistory(n, n/100, 0)
	h.fill = newPool(200).fill // few, so that the pool is not what is measured
	e := &Engine{Source: h, Bucket: folderBucket(t, t.TempDir())}
	result, p := export(t, e, newSpec(newIdentity(t)))
	equal(t, "records", p.Records.Load(), int64(n+n/100))
	status, err := os.ReadFile("/proc/self/status")
	must(t, err)
	peak := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	fmt.Printf("%d records, %d bytes: peak %s KiB\n", n, result.Artifacts[0].Size, peak[1])
}

// TestMemoryIsConstant exports ever more records, each time in a process of its
// own. The smallest run ends before the garbage collector had anything to do,
// which is why growth is measured from the second one on.
func TestMemoryIsConstant(t *testing.T) {
	peaks := map[int]int{}
	for _, n := range []int{50_000, 200_000, 1_000_000} {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMemoryOfOneExport$", "-test.timeout=1h")
		child.Env = append(os.Environ(), childRecords+"="+strconv.Itoa(n))
		child.Stderr = os.Stderr
		out, err := child.Output()
		if err != nil {
			t.Fatalf("%d records: %v\n%s", n, err, out)
		}
		line, _, _ := strings.Cut(string(out), "\n")
		t.Log(line)
		fields := strings.Fields(line)
		peaks[n], err = strconv.Atoi(fields[len(fields)-2])
		must(t, err)
	}
	if peaks[1_000_000] > peaks[200_000]*12/10 || peaks[1_000_000] > 64<<10 {
		t.Errorf("memory grows with the number of records, or beyond 64 MiB: %v KiB", peaks)
	}
}

// TestZip64 exports files whose plaintext, and then also whose compressed form,
// is larger than 4 GiB.
func TestZip64(t *testing.T) {
	noise := make([]byte, 16<<20)
	if _, err := mathrand.NewChaCha8([32]byte{3}).Read(noise); err != nil {
		t.Fatal(err)
	}
	for i := range noise {
		noise[i] = 0x5d + noise[i]%(0xff-0x5d) // nothing to escape
	}
	for name, c := range map[string]struct {
		text    []byte
		records int
		split   int64
		parts   int
		openssl bool // it cannot open more than 2 GB
	}{
		"plain":  {bytes.Repeat([]byte("0123456789abcdef"), 1<<20), 280, 0, 1, true},
		"packed": {noise, 330, 4_700 << 20, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(c.records, 0, 0)
			plain := h.fill
			h.fill = func(e source.Entity, i int, r *source.Record) {
				plain(e, i, r)
				r.Values[18] = source.Value{Bytes: c.text[i*4096:]}
			}
			id, dir := newIdentity(t), t.TempDir()
			spec := newSpec(id)
			spec.SplitSize, spec.Prefix = c.split, ""
			result, _ := export(t, &Engine{Source: h, Bucket: folderBucket(t, dir)}, spec)
			equal(t, "parts", len(result.Artifacts), c.parts)
			a := result.Artifacts[0]
			f := a.Files[0]
			t.Logf("%s: %d bytes of lines, artifact of %d bytes", f.Name, f.Size, a.Size)
			if f.Size < 1<<32 || !c.openssl && (a.Size < 1<<32 || a.Size > c.split || a.Size < c.split*9/10) {
				t.Errorf("the sizes are not those that the test is about")
			}
			checkLarge(t, id, dir, a, c.openssl)
		})
	}
}

// checkLarge lets all readers read an artifact as a stream.
func checkLarge(t *testing.T, id identity, dir string, a Artifact, openssl bool) {
	t.Helper()
	sealed, zipped := filepath.Join(dir, a.Name), filepath.Join(dir, "a.zip")
	in, err := os.Open(sealed)
	must(t, err)
	defer in.Close()
	plain, err := cms.Decrypt(in, id.cert, id.key)
	must(t, err)
	out, err := os.Create(zipped)
	must(t, err)
	must(t, ReadZip(io.TeeReader(plain, out), func(name string, content io.Reader) error {
		equal(t, "our name", name, a.Files[0].Name)
		equal(t, "our SHA-256", streamSum(t, content), a.Files[0].SHA256)
		return nil
	}))
	must(t, out.Close())
	if openssl {
		command(t, "openssl", "cms", "-decrypt", "-inform", "DER", "-in", sealed, "-inkey", id.keyFile, "-out", zipped)
	}
	command(t, "unzip", "-tqq", zipped)
	unzip := exec.CommandContext(t.Context(), "unzip", "-p", zipped)
	content, err := unzip.StdoutPipe()
	must(t, err)
	must(t, unzip.Start())
	equal(t, "unzip's SHA-256", streamSum(t, content), a.Files[0].SHA256)
	must(t, unzip.Wait())
	standard, err := zip.OpenReader(zipped)
	must(t, err)
	defer standard.Close()
	equal(t, "needs", standard.File[0].ReaderVersion, 45)
	equal(t, "size", int64(standard.File[0].UncompressedSize64), a.Files[0].Size)
	body, err := standard.File[0].Open()
	must(t, err)
	equal(t, "the standard library's SHA-256", streamSum(t, body), a.Files[0].SHA256)
}

func streamSum(t *testing.T, r io.Reader) string {
	t.Helper()
	h := sha256.New()
	_, err := io.Copy(h, r)
	must(t, err)
	return hex.EncodeToString(h.Sum(nil))
}
