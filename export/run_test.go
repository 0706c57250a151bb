package export

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cdds"
	"cdds/source"
)

// sum is the SHA-256 of a file.
func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// export runs an order that must succeed.
func export(t testing.TB, e *Engine, spec Spec) (*Result, *Progress) {
	t.Helper()
	var p Progress
	result, err := e.Run(t.Context(), spec, &p)
	must(t, err)
	return result, &p
}

// checkArtifacts compares all that a result says with what is stored, and
// returns the contents of all files, by their name, as openssl and unzip give
// them, or as our own reader does where there are too many.
func checkArtifacts(t testing.TB, id identity, s *storage, result *Result) map[string][]byte {
	t.Helper()
	contents := map[string][]byte{}
	records := map[source.Entity]int64{}
	for i, a := range result.Artifacts {
		stored := s.objects[a.Key]
		equal(t, a.Name+" size", a.Size, int64(len(stored)))
		equal(t, a.Name+" SHA-256", a.SHA256, sum(stored))
		equal(t, a.Name+" part", a.Part, i+1)
		equal(t, a.Name+" parts", a.Parts, len(result.Artifacts))
		equal(t, a.Name+" type", s.types[a.Key], "application/pkcs7-mime")
		files := id.opened(t, stored)
		if len(result.Artifacts) < 50 {
			for name, body := range id.unzipped(t, stored) {
				if !bytes.Equal(body, files[name]) {
					t.Errorf("openssl and unzip read %s otherwise", name)
				}
			}
		}
		equal(t, a.Name+" files", len(files), len(a.Files))
		for _, f := range a.Files {
			body, there := files[f.Name]
			equal(t, f.Name+" there", there, true)
			equal(t, f.Name+" size", f.Size, int64(len(body)))
			equal(t, f.Name+" SHA-256", f.SHA256, sum(body))
			equal(t, f.Name+" records", f.Records, int64(bytes.Count(body, []byte{'\n'})))
			records[f.Entity] += f.Records
			if _, twice := contents[f.Name]; twice {
				t.Errorf("two files have the name %s", f.Name)
			}
			contents[f.Name] = body
		}
	}
	for e, n := range result.Records {
		equal(t, string(e)+" records", records[e], n)
	}
	return contents
}

// checkSchema validates lines against the published schema.
func checkSchema(t testing.TB, e source.Entity, lines []byte) {
	t.Helper()
	text, ok := source.Schema(string(e))
	if !ok {
		t.Fatalf("no schema for %s", e)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	must(t, err)
	compiler := jsonschema.NewCompiler()
	must(t, compiler.AddResource("schema.json", document))
	compiled, err := compiler.Compile("schema.json")
	must(t, err)
	for line := range bytes.Lines(lines) {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		must(t, err)
		if err := compiled.Validate(value); err != nil {
			t.Fatalf("%v\n%.200s", err, line)
		}
	}
}

func TestOneFile(t *testing.T) {
	for name, c := range map[string]struct {
		interactions, attachments, contacts int
		kind                                cdds.EntityType
		once                                bool
		files                               string
	}{
		"interactions":         {2345, 0, 10, cdds.TypeInteraction, false, "Interaction-run-1.json"},
		"with attachments":     {2345, 678, 10, cdds.TypeInteraction, false, "Interaction-Attachment-run-1.json Interaction-run-1.json"},
		"attachments alone":    {0, 3, 0, cdds.TypeInteraction, false, "Interaction-Attachment-run-1.json"},
		"contacts":             {5, 5, 5000, cdds.TypeContact, false, "Contact-run-1.json"},
		"a full range":         {200, 100, 0, cdds.TypeInteraction, false, "Interaction-Attachment-run-1.json Interaction-run-1.json"},
		"one record":           {1, 0, 0, cdds.TypeInteraction, false, "Interaction-run-1.json"},
		"one snapshot":         {2345, 678, 10, cdds.TypeInteraction, true, "Interaction-Attachment-run-1.json Interaction-run-1.json"},
		"contacts, 1 snapshot": {5, 5, 500, cdds.TypeContact, true, "Contact-run-1.json"},
	} {
		t.Run(name, func(t *testing.T) {
			id, s := newIdentity(t), newStorage()
			h := newHistory(c.interactions, c.attachments, c.contacts)
			spec := newSpec(id)
			spec.Type, spec.OneSnapshot, spec.MediaTypes = c.kind, c.once, []string{"chat", "email"}
			result, p := export(t, &Engine{Source: h, Bucket: s.bucket(t), RangeRecords: 100}, spec)

			equal(t, "keys", strings.Join(s.keys(), " "), spec.Prefix+"export-run-1.zip.p7m")
			contents := checkArtifacts(t, id, s, result)
			equal(t, "files", strings.Join(slices.Sorted(maps.Keys(contents)), " "), c.files)
			var bytes, records int64
			for _, e := range entitiesOf(c.kind) {
				lines := h.expected(e)
				if body := contents[fileName(e, "run-1", 0)]; string(body) != string(lines) {
					t.Errorf("%s: %d bytes, want %d", e, len(body), len(lines))
				}
				checkSchema(t, e, lines)
				equal(t, "records", result.Records[e], int64(h.count[e]))
				bytes, records = bytes+int64(len(lines)), records+int64(h.count[e])
			}
			for _, f := range result.Artifacts[0].Files {
				equal(t, "first", f.First, h.key(f.Entity, 0))
				equal(t, "last", f.Last, h.key(f.Entity, h.count[f.Entity]-1))
			}
			equal(t, "progress", fmt.Sprint(p.Records.Load(), p.Bytes.Load(), p.Total.Load()), fmt.Sprint(records, bytes, records))
			h.checkReads(t, spec, result)
		})
	}
}

// checkReads looks at how a run has asked the source.
func (h *history) checkReads(t *testing.T, spec Spec, result *Result) {
	t.Helper()
	equal(t, "open snapshots", h.open, 0)
	equal(t, "one snapshot", result.OneSnapshot, spec.OneSnapshot)
	equal(t, "exact", result.TotalExact, true)
	begun, first := 1, 0
	if !spec.OneSnapshot {
		begun, first = 1+len(h.queries), 1 // one is for counting
	}
	equal(t, "snapshots", h.snapshots, begun)
	equal(t, "first snapshot", result.SnapshotFirst, now.Add(time.Duration(first+1)*time.Second))
	equal(t, "last snapshot", result.SnapshotLast, now.Add(time.Duration(begun)*time.Second))
	for _, q := range h.queries {
		want := source.Query{Entity: q.Entity, TenantID: 101, Window: spec.Window, By: spec.By, MediaTypes: spec.MediaTypes}
		equal(t, "query", fmt.Sprint(q), fmt.Sprint(want))
	}
}

// TestNoData: a window without records leaves nothing in the storage.
func TestNoData(t *testing.T) {
	for _, split := range []int64{0, 1 << 20} {
		id, s, h := newIdentity(t), newStorage(), newHistory(0, 0, 0)
		h.estimated = true
		spec := newSpec(id)
		spec.SplitSize = split
		result, p := export(t, &Engine{Source: h, Bucket: s.bucket(t)}, spec)
		s.empty(t)
		equal(t, "artifacts", len(result.Artifacts), 0)
		equal(t, "records", fmt.Sprint(result.Records), "map[attachment:0 interaction:0]")
		equal(t, "exact", result.TotalExact, false)
		equal(t, "total", p.Total.Load(), 0)
		equal(t, "types", len(s.types), 0)
	}
}

// TestSameBytes: the same records give the same plaintext files, whatever the
// number of workers, the length of ranges and the time of day.
func TestSameBytes(t *testing.T) {
	var first string
	for _, e := range []Engine{{Workers: 1, RangeRecords: 7}, {Workers: 3, RangeRecords: 5000}, {}} {
		id, s := newIdentity(t), newStorage()
		e.Source, e.Bucket = newHistory(3000, 30, 0), s.bucket(t)
		result, _ := export(t, &e, newSpec(id))
		var names []string
		for _, f := range result.Artifacts[0].Files {
			names = append(names, f.Name+" "+f.SHA256)
		}
		if first == "" {
			first = strings.Join(names, "\n")
		}
		equal(t, "files", strings.Join(names, "\n"), first)
	}
}

// TestRanges: however long the ranges are, no record is lost, doubled or moved.
func TestRanges(t *testing.T) {
	const most = 23
	id := newIdentity(t)
	for limit := 1; limit <= most+1; limit++ {
		for _, once := range []bool{false, true} {
			s, h := newStorage(), newHistory(most, most/2, 0)
			spec := newSpec(id)
			spec.OneSnapshot = once
			result, _ := export(t, &Engine{Source: h, Bucket: s.bucket(t), Workers: 1, RangeRecords: limit}, spec)
			files := id.opened(t, s.objects[result.Artifacts[0].Key])
			for _, e := range entitiesOf(spec.Type) {
				if got := files[fileName(e, spec.RunID, 0)]; !bytes.Equal(got, h.expected(e)) {
					t.Errorf("ranges of %d, one snapshot %t: other %s lines", limit, once, e)
				}
			}
			h.checkReads(t, spec, result)
			equal(t, "reads", len(h.queries), most/limit+1+most/2/limit+1) // a full range may be the last
		}
	}
}

// TestManifestAccounts compares what a reader has in hands, the manifest's text
// and the parts as openssl and unzip open them.
func TestManifestAccounts(t *testing.T) {
	for _, size := range []int64{0, 256 << 10} {
		id, s := newIdentity(t), newStorage()
		spec := newSpec(id)
		spec.SplitSize = size
		result, _ := export(t, &Engine{Source: newHistory(1200, 300, 0), Bucket: s.bucket(t)}, spec)
		text, err := json.Marshal(NewManifest(spec, result, json.RawMessage("{}"), "1", now))
		must(t, err)
		m, err := ParseManifest(text)
		must(t, err)
		equal(t, "artifacts", len(m.Artifacts), len(s.keys()))
		records := map[source.Entity]int64{}
		for i, a := range m.Artifacts {
			stored := s.objects[s.keys()[i]]
			equal(t, "key", s.keys()[i], spec.Prefix+a.Name)
			equal(t, "artifact", fmt.Sprint(a.Part, a.Parts, a.Size, a.SHA256), fmt.Sprint(i+1, len(s.keys()), len(stored), sum(stored)))
			files := id.unzipped(t, stored)
			equal(t, "files", len(files), len(a.Files))
			for _, f := range a.Files {
				body := files[f.Name]
				equal(t, f.Name, fmt.Sprint(f.Records, f.Size, f.SHA256), fmt.Sprint(bytes.Count(body, []byte{'\n'}), len(body), sum(body)))
				records[f.Entity] += f.Records
			}
		}
		equal(t, "records", fmt.Sprint(records), fmt.Sprint(m.Records))
		equal(t, "all records", fmt.Sprint(m.Records), "map[attachment:300 interaction:1200]")
		t.Logf("split of %d: %d artifacts", size, len(m.Artifacts))
	}
}

// TestHardTexts sends texts through that are hard to write or to compress.
func TestHardTexts(t *testing.T) {
	var everything strings.Builder
	for c := range rune(0x3000) {
		everything.WriteRune(c)
	}
	texts := []string{
		"", everything.String(), "😀👩‍👩‍👧🇩🇪", "مرحبا \u202eabc\u202c שלום", strings.Repeat("\x00\"\\", 1000),
		"\ufeffBOM", "line\r\nline\u2028line\u2029line\u0085line", `{"not": "json"}`, "\U0010FFFF\uFFFD", strings.Repeat("a", 3<<20),
	}
	id, s, h := newIdentity(t), newStorage(), newHistory(len(texts), 0, 0)
	fill := h.fill
	h.fill = func(e source.Entity, i int, r *source.Record) {
		fill(e, i, r)
		for n, f := range source.Fields(e) {
			if f.Name == "text" || f.Name == "subject" {
				r.Values[n] = source.Value{Bytes: []byte(texts[i])}
			}
		}
	}
	result, _ := export(t, &Engine{Source: h, Bucket: s.bucket(t)}, newSpec(id))
	body := checkArtifacts(t, id, s, result)["Interaction-run-1.json"]
	checkSchema(t, source.Interaction, body)
	i := 0
	for line := range bytes.Lines(body) {
		var r struct{ Subject, Text string }
		must(t, json.Unmarshal(line, &r))
		if r.Text != texts[i] || r.Subject != texts[i] {
			t.Errorf("text %d is not what it was", i)
		}
		i++
	}
	equal(t, "lines", i, len(texts))
}
