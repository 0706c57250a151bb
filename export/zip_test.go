package export

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"cdds/cms"
)

// zipOf is the zip of an export as it is before it is encrypted.
func zipOf(t testing.TB, interactions, attachments int) []byte {
	t.Helper()
	id, s := newIdentity(t), newStorage()
	spec := newSpec(id)
	spec.Window.End = time.Date(2026, 2, 3, 4, 5, 6, 0, time.FixedZone("", 3600))
	result, _ := export(t, &Engine{Source: newHistory(interactions, attachments, 0), Bucket: s.bucket(t)}, spec)
	plain, err := cms.Decrypt(bytes.NewReader(s.objects[result.Artifacts[0].Key]), id.cert, id.key)
	must(t, err)
	zipped, err := io.ReadAll(plain)
	must(t, err)
	return zipped
}

// TestZipHeaders looks at the zip as the standard library does.
func TestZipHeaders(t *testing.T) {
	zipped := zipOf(t, 100, 0)
	r, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	must(t, err)
	equal(t, "files", len(r.File), 1)
	f := r.File[0]
	equal(t, "name", f.Name, "Interaction-run-1.json")
	equal(t, "flags", f.Flags, 0x808)
	equal(t, "method", f.Method, zip.Deflate)
	equal(t, "mode", f.Mode().String(), "-rw-------")
	equal(t, "made by", f.CreatorVersion, 3<<8|45) // Unix
	equal(t, "needs", f.ReaderVersion, 20)         // no zip64
	equal(t, "extra", len(f.Extra), 0)
	equal(t, "time", f.Modified.UTC(), time.Date(2026, 2, 3, 3, 5, 6, 0, time.UTC))
	equal(t, "size", int64(len(zipped)), zipSize(len(f.Name), int64(f.CompressedSize64), int64(f.UncompressedSize64)))
}

func TestZipSize(t *testing.T) {
	const most = 1<<32 - 1
	for _, c := range []struct{ packed, plain, more int64 }{
		{100, 100, 0}, {100, most - 1, 0}, {100, most, zip64Extra}, {most, 100, zip64Extra}, {most - 100, 100, zip64Extra}, {1 << 40, 1 << 42, zip64Extra},
	} {
		equal(t, "size", zipSize(10, c.packed, c.plain), 30+10+c.packed+16+46+10+22+c.more)
	}
}

func TestDOSTime(t *testing.T) {
	for at, want := range map[time.Time]time.Time{
		{}:                         time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Unix(0, 0):            time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC),
		now.Add(13 * time.Second):  now.Add(12 * time.Second),
		now.AddDate(500, 0, 0):     time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC),
		now.Add(-time.Microsecond): now.Add(-2 * time.Second),
	} {
		h := zip.FileHeader{}
		h.ModifiedDate, h.ModifiedTime = dosTime(at.UTC()) //nolint:staticcheck // see newHeader
		equal(t, at.String(), h.ModTime(), want)           //nolint:staticcheck // reads exactly these fields
	}
}

// readAll reads a zip with ReadZip.
func readAll(r io.Reader) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := ReadZip(r, func(name string, content io.Reader) error {
		body, err := io.ReadAll(content)
		files[name] = body
		return err
	})
	return files, err
}

func same(a, b map[string][]byte) bool {
	return maps.EqualFunc(a, b, bytes.Equal)
}

// TestReadZipDamaged: no shorter zip is taken for whole, and no change goes
// unnoticed that is one of the content.
func TestReadZipDamaged(t *testing.T) {
	zipped := zipOf(t, 1, 1)
	want, err := readAll(bytes.NewReader(zipped))
	must(t, err)
	equal(t, "files", strings.Join(slices.Sorted(maps.Keys(want)), " "), "Interaction-Attachment-run-1.json Interaction-run-1.json")
	for n := range zipped {
		if _, err := readAll(bytes.NewReader(zipped[:n])); !errors.Is(err, ErrZip) {
			t.Fatalf("cut to %d of %d bytes: %v", n, len(zipped), err)
		}
	}
	for i := range zipped {
		for _, change := range []byte{1, 0x80, 0xff} {
			damaged := bytes.Clone(zipped)
			damaged[i] ^= change
			got, err := readAll(bytes.NewReader(damaged))
			if err == nil && !same(got, want) {
				t.Fatalf("byte %d changed by %#x: other content and no error", i, change)
			}
			if err != nil && !errors.Is(err, ErrZip) {
				t.Fatalf("byte %d changed by %#x: %v", i, change, err)
			}
		}
	}
	if _, err := readAll(bytes.NewReader(append(bytes.Clone(zipped), 0))); !errors.Is(err, ErrZip) {
		t.Errorf("something follows: %v", err)
	}
}

// TestReadZipErrors: errors of both sides come through as they are, and what is
// not read is checked all the same.
func TestReadZipErrors(t *testing.T) {
	zipped := zipOf(t, 50, 2)
	if err := ReadZip(bytes.NewReader(zipped), func(string, io.Reader) error { return errFault }); !errors.Is(err, errFault) {
		t.Errorf("of the receiver: %v", err)
	}
	for _, n := range []int{0, 10, 1000, len(zipped) - 100, len(zipped)} {
		broken := io.MultiReader(bytes.NewReader(zipped[:n]), iotestErr{})
		if _, err := readAll(broken); !errors.Is(err, errFault) || errors.Is(err, ErrZip) {
			t.Errorf("of the reader after %d bytes: %v", n, err)
		}
	}
	names := 0
	skip := func(string, io.Reader) error { names++; return nil }
	must(t, ReadZip(bytes.NewReader(zipped), skip))
	equal(t, "files", names, 2)
	damaged := bytes.Clone(zipped)
	damaged[len(zipped)/2] ^= 1
	if err := ReadZip(bytes.NewReader(damaged), skip); !errors.Is(err, ErrZip) {
		t.Errorf("damage in what is not read: %v", err)
	}
}

// iotestErr gives an error at once.
type iotestErr struct{}

func (iotestErr) Read([]byte) (int, error) { return 0, errFault }

// TestReadZipForms reads what others write, and refuses what it does not know.
func TestReadZipForms(t *testing.T) {
	make := func(write func(w *zip.Writer)) []byte {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		write(w)
		must(t, w.Close())
		return b.Bytes()
	}
	put := func(w *zip.Writer, h *zip.FileHeader, body string) {
		f, err := w.CreateHeader(h)
		must(t, err)
		_, err = io.WriteString(f, body)
		must(t, err)
	}
	streamed := make(func(w *zip.Writer) {
		put(w, &zip.FileHeader{Name: "ä.json", Method: zip.Deflate, Modified: now}, "one\n")
		put(w, &zip.FileHeader{Name: "empty", Method: zip.Deflate}, "")
	})
	got, err := readAll(bytes.NewReader(streamed))
	must(t, err)
	equal(t, "read", same(got, map[string][]byte{"ä.json": []byte("one\n"), "empty": {}}), true)

	got, err = readAll(bytes.NewReader(make(func(*zip.Writer) {})))
	must(t, err)
	equal(t, "empty", len(got), 0)

	// The 64-bit end of the directory stands before the other one.
	end := bytes.Clone(streamed[len(streamed)-22:])
	for i := 8; i < 20; i++ {
		end[i] = 0xff
	}
	wide := binary.LittleEndian.AppendUint32(bytes.Clone(streamed[:len(streamed)-22]), sigEnd64)
	wide = binary.LittleEndian.AppendUint32(append(wide, bytes.Repeat([]byte{0}, 52)...), sigLocator64)
	wide = append(append(wide, bytes.Repeat([]byte{0}, 16)...), end...)
	got, err = readAll(bytes.NewReader(wide))
	must(t, err)
	equal(t, "zip64", len(got), 2)

	for name, refused := range map[string][]byte{
		"nothing": nil,
		"text":    []byte("{}\n{}\n"),
		"stored":  make(func(w *zip.Writer) { put(w, &zip.FileHeader{Name: "a", Method: zip.Store}, "one\n") }),
		"many": make(func(w *zip.Writer) {
			for range 17 {
				put(w, &zip.FileHeader{Name: "a", Method: zip.Deflate}, "")
			}
		}),
		"a comment": make(func(w *zip.Writer) { must(t, w.SetComment("hello")) }),
		"no descript": make(func(w *zip.Writer) {
			_, err := w.CreateRaw(&zip.FileHeader{Name: "a", Method: zip.Deflate})
			must(t, err)
		}),
	} {
		if _, err := readAll(bytes.NewReader(refused)); !errors.Is(err, ErrZip) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzReadZip: whatever comes, the answer is content or ErrZip; content is the
// same that the standard library reads, where that reads any.
func FuzzReadZip(f *testing.F) {
	f.Add(zipOf(f, 2, 1))
	f.Add(zipOf(f, 1, 0))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, zipped []byte) {
		got, err := readAll(bytes.NewReader(zipped))
		if err != nil {
			if !errors.Is(err, ErrZip) {
				t.Fatalf("the error is %v", err)
			}
			return
		}
		r, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
		if err != nil {
			return // such as a wrong offset, which a stream does not need
		}
		for _, file := range r.File {
			content, err := file.Open()
			if err != nil {
				continue
			}
			if body, err := io.ReadAll(content); err == nil && !bytes.Equal(body, got[file.Name]) {
				t.Errorf("%q: the standard library reads other content", file.Name)
			}
		}
	})
}
