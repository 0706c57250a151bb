package export

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"testing"

	"cdds"
	"cdds/cms"
	"cdds/source"
)

// split runs a split export, compares everything with the source, and returns
// the result.
func split(t *testing.T, h *history, kind cdds.EntityType, size int64, recipients int) *Result {
	t.Helper()
	id, s := newIdentity(t), newStorage()
	spec := newSpec(id)
	spec.Type, spec.SplitSize = kind, size
	for len(spec.Recipients) < recipients {
		spec.Recipients = append(spec.Recipients, id.cert)
	}
	result, _ := export(t, &Engine{Source: h, Bucket: s.bucket(t), Workers: 2, RangeRecords: 1000}, spec)
	contents := checkArtifacts(t, id, s, result)
	lines := map[source.Entity][]byte{}
	for i, a := range result.Artifacts {
		if len(a.Files) != 1 {
			t.Fatalf("%s holds %d files", a.Name, len(a.Files))
		}
		f := a.Files[0]
		equal(t, "name", a.Name, fmt.Sprintf("export-run-1-%04d.zip.p7m", i+1))
		equal(t, "file", f.Name, fileName(f.Entity, "run-1", i+1))
		equal(t, "file's number", strings.Contains(f.Name, fmt.Sprintf("-%04d.json", i+1)), true)
		if a.Size > size && f.Records != 1 {
			t.Errorf("%s has %d bytes and %d records", a.Name, a.Size, f.Records)
		}
		body := contents[f.Name]
		if len(body) == 0 || body[len(body)-1] != '\n' {
			t.Errorf("%s ends within a record", a.Name)
		}
		if f.Entity == source.Interaction && lines[source.Attachment] != nil {
			t.Errorf("%s holds interactions after attachments", a.Name)
		}
		lines[f.Entity] = append(lines[f.Entity], body...)
	}
	for _, e := range entitiesOf(kind) {
		if !bytes.Equal(lines[e], h.expected(e)) {
			t.Errorf("the parts' %s lines are not those of the source", e)
		}
	}
	return result
}

// fill is how full the parts are that another one of their kind follows, in
// percent: the least and the mean.
func fill(result *Result, size int64) (least, mean int64) {
	var all, n int64
	least = 100
	for i, a := range result.Artifacts[:len(result.Artifacts)-1] {
		if a.Files[0].Entity == result.Artifacts[i+1].Files[0].Entity {
			least, all, n = min(least, a.Size*100/size), all+a.Size*100/size, n+1
		}
	}
	return least, all / max(n, 1)
}

func TestSplit(t *testing.T) {
	for name, c := range map[string]struct {
		interactions, attachments, contacts int
		kind                                cdds.EntityType
		size                                int64
		recipients                          int
		least                               int64 // percent of fill
	}{
		"1 MiB":             {9000, 1500, 0, cdds.TypeInteraction, 1 << 20, 1, 95},
		"3 MB, recipients":  {9000, 10, 0, cdds.TypeInteraction, 3_000_000, 5, 95},
		"64 KiB":            {1500, 300, 0, cdds.TypeInteraction, 64 << 10, 1, 90},
		"one part":          {10, 0, 0, cdds.TypeInteraction, 1 << 30, 1, 0},
		"two kinds":         {10, 10, 0, cdds.TypeInteraction, 1 << 40, 1, 0},
		"64 KiB of people":  {0, 0, 5000, cdds.TypeContact, 64 << 10, 1, 90},
		"4 KiB":             {300, 40, 0, cdds.TypeInteraction, 4 << 10, 1, 0},
		"less than nothing": {30, 3, 0, cdds.TypeInteraction, 100, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(c.interactions, c.attachments, c.contacts)
			result := split(t, h, c.kind, c.size, c.recipients)
			least, mean := fill(result, c.size)
			t.Logf("%d parts, filled to %d%% at least and %d%% in the mean", len(result.Artifacts), least, mean)
			if least < c.least {
				t.Errorf("a part is filled to %d%% only", least)
			}
			if c.size == 100 {
				equal(t, "parts", len(result.Artifacts), c.interactions+c.attachments)
			}
		})
	}
}

// TestSplitWhatCannotBeCompressed: at its worst a block grows, and the part
// must not.
func TestSplitWhatCannotBeCompressed(t *testing.T) {
	h := newHistory(0, 400, 0)
	random := mathrand.NewChaCha8([32]byte{1})
	noise := make([]byte, 40<<10)
	if _, err := random.Read(noise); err != nil {
		t.Fatal(err)
	}
	plain := h.fill
	h.fill = func(e source.Entity, i int, r *source.Record) {
		plain(e, i, r)
		// As text with all printable characters it is nearly incompressible.
		shift := noise[i*64%len(noise):]
		r.Values[8] = source.Value{Bytes: append(append([]byte(nil), shift...), noise[:i*64%len(noise)]...)}
	}
	for _, size := range []int64{1 << 20, 256 << 10, 60 << 10} {
		result := split(t, h, cdds.TypeInteraction, size, 1)
		least, mean := fill(result, size)
		t.Logf("%d parts, filled to %d%% at least and %d%% in the mean", len(result.Artifacts), least, mean)
	}
}

// TestSplitAtTheLimit: two records of which nearly nothing can be compressed are
// brought, step by step, from within the split size to beyond it.
func TestSplitAtTheLimit(t *testing.T) {
	const size = 16 << 10
	noise := make([]byte, 40_000)
	if _, err := mathrand.NewChaCha8([32]byte{4}).Read(noise); err != nil {
		t.Fatal(err)
	}
	for i := range noise {
		noise[i] = 0x5d + noise[i]%(0xff-0x5d) // nothing to escape
	}
	id := newIdentity(t)
	together, apart := 0, 0
	for length := 6500; length < 8500; length += 50 {
		s, h := newStorage(), newHistory(0, 0, 4)
		plain := h.fill
		h.fill = func(e source.Entity, i int, r *source.Record) {
			plain(e, i, r)
			r.Values[4] = source.Value{Bytes: noise[i*length:][:length]}
			r.Attributes = nil
		}
		spec := newSpec(id)
		spec.Type, spec.SplitSize = cdds.TypeContact, size
		result, _ := export(t, &Engine{Source: h, Bucket: s.bucket(t), Workers: 1}, spec)
		for _, a := range result.Artifacts {
			if a.Size > size {
				t.Errorf("texts of %d bytes: %s has %d bytes, which is more than %d", length, a.Name, a.Size, size)
			}
		}
		if len(result.Artifacts) == 2 {
			together++
		} else {
			apart++
		}
	}
	t.Logf("two records in a part %d times, one %d times", together, apart)
	if together == 0 || apart == 0 {
		t.Errorf("the limit was not reached or not crossed")
	}
}

// TestHugeRecord: one with 50 MB of text has a part of its own where it is
// larger than the split size when it is compressed, and shares one elsewhere.
func TestHugeRecord(t *testing.T) {
	noise := make([]byte, 25<<20)
	if _, err := mathrand.NewChaCha8([32]byte{2}).Read(noise); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text  []byte
		alone bool
	}{
		"noise":      {[]byte(hex.EncodeToString(noise)), true},
		"repetition": {bytes.Repeat([]byte("all work and no play \n"), 50<<20/22), false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(200, 0, 0)
			plain := h.fill
			h.fill = func(e source.Entity, i int, r *source.Record) {
				plain(e, i, r)
				if i == 100 {
					r.Values[18] = source.Value{Bytes: c.text}
				}
			}
			result := split(t, h, cdds.TypeInteraction, 1<<20, 1)
			for _, a := range result.Artifacts {
				t.Logf("%s: %d records, %d bytes", a.Name, a.Files[0].Records, a.Size)
			}
			second := result.Artifacts[1]
			equal(t, "first of the second part", second.Files[0].First, h.key(source.Interaction, 100))
			equal(t, "alone", second.Files[0].Records == 1, c.alone)
		})
	}
}

// TestManyParts: the number in the names grows beyond four digits.
func TestManyParts(t *testing.T) {
	const parts = 10_002
	id, s, h := newIdentity(t), newStorage(), newHistory(0, 0, parts)
	spec := newSpec(id)
	spec.Type, spec.SplitSize = cdds.TypeContact, 100
	result, _ := export(t, &Engine{Source: h, Bucket: s.bucket(t)}, spec)
	equal(t, "parts", len(result.Artifacts), parts)
	equal(t, "objects", len(s.keys()), parts)
	for _, i := range []int{0, 9_998, 9_999, parts - 1} {
		a := result.Artifacts[i]
		name := fmt.Sprintf("Contact-run-1-%04d.json", i+1)
		equal(t, "name", a.Name, fmt.Sprintf("export-run-1-%04d.zip.p7m", i+1))
		equal(t, "line", string(id.opened(t, s.objects[a.Key])[name]), string(h.lines(source.Contact, i, i+1)))
	}
}

// TestZipRoom: the room is the last size that fits.
func TestZipRoom(t *testing.T) {
	id := newIdentity(t)
	for _, recipients := range [][]*x509.Certificate{{id.cert}, {id.cert, id.cert, id.cert}} {
		for _, how := range []cdds.Encryption{cdds.EncryptionCompatible, cdds.EncryptionAuthenticated} {
			for _, size := range []int64{1, 600, 4096, 1 << 20, 1<<20 + 5, 123_456_789, 1 << 40} {
				room, err := zipRoom(Spec{SplitSize: size, Recipients: recipients, Encryption: how})
				must(t, err)
				fits, err := cms.Size(max(room, 0), recipients, cms.ProfileOf(how))
				must(t, err)
				if room == cms.MaxContent(cms.ProfileOf(how)) {
					continue // what one key may encrypt, whatever the split size
				}
				more, err := cms.Size(room+1, recipients, cms.ProfileOf(how))
				must(t, err)
				if room >= 0 && fits > size || more <= size {
					t.Errorf("%d bytes: room for %d, which becomes %d", size, room, fits)
				}
			}
		}
	}
}
