package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cdds"
	"cdds/source"
)

// Cut cuts evenly, in the same records for any number of stretches.
func (m *moment) Cut(_ context.Context, q source.Query, r source.Range, most int) ([]source.Key, error) {
	from, to := 0, m.h.count[q.Entity]
	for end, key := range map[*int]*source.Key{&from: r.After, &to: r.Upto} {
		if key != nil {
			i, err := strconv.Atoi(key.ID)
			if err != nil {
				return nil, err
			}
			*end = i + 1
		}
	}
	var keys []source.Key
	for i := 1; i < most; i++ {
		keys = append(keys, m.h.key(q.Entity, from+(to-from)*i/most-1))
	}
	return keys, nil
}

// inRanges exports ranges in a random order, each by an engine of its own, and
// puts the results together as a run does. What is stored about ranges goes
// through the JSON form, as from one node to another.
func inRanges(t testing.TB, engine func() *Engine, spec Spec, ranges []Range) *Result {
	t.Helper()
	results := map[int]*Result{}
	for _, i := range mathrand.New(mathrand.NewPCG(1, uint64(len(ranges)))).Perm(len(ranges)) {
		text, err := json.Marshal(ranges[i])
		must(t, err)
		var mine Range
		must(t, json.Unmarshal(text, &mine))
		order := spec
		order.Range, order.Prefix = &mine, fmt.Sprintf("%srange-%d/", spec.Prefix, mine.Number)
		result, p := export(t, engine(), order)
		equal(t, "expected", p.Total.Load(), mine.Records)
		equal(t, "kinds of records", len(result.Records), 1)
		equal(t, "records", p.Records.Load(), result.Records[mine.Entity])
		results[mine.Number] = result
	}
	return together(t, spec, ranges, results)
}

// together makes one result of those of all ranges.
func together(t testing.TB, spec Spec, ranges []Range, results map[int]*Result) *Result {
	t.Helper()
	mixed := slices.Clone(ranges)
	mathrand.New(mathrand.NewPCG(2, 2)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	ordered, err := InOrder(spec.Type, mixed)
	must(t, err)
	whole := &Result{Records: map[source.Entity]int64{}}
	for _, r := range ordered {
		for e, n := range results[r.Number].Records {
			whole.Records[e] += n
		}
		whole.Artifacts = append(whole.Artifacts, results[r.Number].Artifacts...)
	}
	whole.Artifacts = Number(spec.RunID, whole.Artifacts)
	return whole
}

// linesOf are the lines of each kind of records, in the order of the parts.
func linesOf(result *Result, contents map[string][]byte) map[source.Entity][]byte {
	lines := map[source.Entity][]byte{}
	for _, a := range result.Artifacts {
		for _, f := range a.Files {
			lines[f.Entity] = append(lines[f.Entity], contents[f.Name]...)
		}
	}
	return lines
}

// TestRangesGiveWhatTheRunGives cuts runs and compares the ranges' files with the
// source.
func TestRangesGiveWhatTheRunGives(t *testing.T) {
	for name, c := range map[string]struct {
		interactions, attachments, contacts int
		kind                                cdds.EntityType
		most, ranges                        int
	}{
		"interactions and attachments": {9000, 1500, 0, cdds.TypeInteraction, 9, 8},
		"few attachments":              {9000, 20, 0, cdds.TypeInteraction, 9, 9},
		"contacts":                     {0, 0, 9000, cdds.TypeContact, 5, 5},
		"as much as there is":          {2000, 0, 0, cdds.TypeInteraction, 256, 5},
		"too little":                   {300, 10, 0, cdds.TypeInteraction, 9, 2},
		"nothing":                      {0, 0, 0, cdds.TypeContact, 9, 1},
	} {
		t.Run(name, func(t *testing.T) {
			id, s := newIdentity(t), newStorage()
			h := newHistory(c.interactions, c.attachments, c.contacts)
			e := &Engine{Source: h, Bucket: s.bucket(t), Workers: 2, RangeRecords: 700, LeastRecords: 500}
			spec := newSpec(id)
			spec.Type, spec.SplitSize = c.kind, 256<<10
			ranges, err := e.Cut(t.Context(), spec, c.most)
			must(t, err)
			equal(t, "ranges", len(ranges), c.ranges)
			var expected int64
			for i, r := range ranges {
				equal(t, "number", r.Number, i+1)
				expected += r.Records
			}
			equal(t, "expected", expected, int64(c.interactions+c.attachments+c.contacts))
			counts := h.counts
			result := inRanges(t, func() *Engine { own := *e; return &own }, spec, ranges)
			equal(t, "counted again", h.counts, counts)
			lines := linesOf(result, checkArtifacts(t, id, s, result))
			for _, e := range entitiesOf(c.kind) {
				if !bytes.Equal(lines[e], h.expected(e)) {
					t.Errorf("the ranges' %s lines are not those of the source", e)
				}
			}
			for i, a := range result.Artifacts {
				equal(t, "name", a.Name, fmt.Sprintf("export-run-1-%04d.zip.p7m", i+1))
			}
			equal(t, "open snapshots", h.open, 0)
		})
	}
}

// TestCountedIsNotCountedAgain runs what was not worth cutting.
func TestCountedIsNotCountedAgain(t *testing.T) {
	h, s := newHistory(700, 20, 0), newStorage()
	e := &Engine{Source: h, Bucket: s.bucket(t)}
	spec := newSpec(newIdentity(t))
	spec.SplitSize = 1 << 20
	var err error
	spec.Counted, err = e.Cut(t.Context(), spec, 256)
	must(t, err)
	equal(t, "ranges", len(spec.Counted), 2)
	counts := h.counts
	result, p := export(t, e, spec)
	equal(t, "counted again", h.counts, counts)
	equal(t, "total", p.Total.Load(), 720)
	equal(t, "exact", result.TotalExact, true)
	equal(t, "interactions", result.Records[source.Interaction], 700)
	equal(t, "name", result.Artifacts[0].Files[0].Name, "Interaction-run-1-0001.json")
}

// TestCutComesTooEarly cuts a run whose window is not over.
func TestCutComesTooEarly(t *testing.T) {
	e := &Engine{Source: newHistory(10, 0, 0)}
	spec := newSpec(newIdentity(t))
	spec.NotBefore = now.Add(time.Hour)
	_, err := e.Cut(t.Context(), spec, 9)
	var early *TooEarly
	if !errors.As(err, &early) || early.Wait != time.Hour-time.Second {
		t.Errorf("the error is %v", err)
	}
	spec.Range, spec.SplitSize = &Range{Number: 1, Entity: source.Interaction}, 1<<20
	e.Bucket = newStorage().bucket(t)
	if err := failed(t, t.Context(), e, spec); !errors.As(err, &early) {
		t.Errorf("the error of a range is %v", err)
	}
}

// TestRangeIsCutBehindAPart ends ranges at some of their parts, cuts what is left
// anew, and compares the whole with the source.
func TestRangeIsCutBehindAPart(t *testing.T) {
	id := newIdentity(t)
	for name, end := range map[string]int{"first": 1, "third": 3, "last": 0, "none": 1000} {
		t.Run(name, func(t *testing.T) {
			h, s := newHistory(4000, 0, 0), newStorage()
			e := &Engine{Source: h, Bucket: s.bucket(t), Workers: 2, RangeRecords: 700, LeastRecords: 500}
			spec := newSpec(id)
			spec.SplitSize = 256 << 10
			ranges, err := e.Cut(t.Context(), spec, 2)
			must(t, err)
			long, order, k := ranges[0], spec, &keeper{}
			order.Range, order.Prefix = &long, spec.Prefix+"range-1/"
			order.Keep = func(ctx context.Context, c Checkpoint) error {
				must(t, k.keep(ctx, c))
				if len(k.kept) == end || end == 0 && c.Artifact.Files[0].Last == *long.Upto {
					return ErrCut
				}
				return nil
			}
			result, p := export(t, e, order)
			equal(t, "parts", len(result.Artifacts), len(k.kept))
			equal(t, "objects", len(s.keys()), len(k.kept))
			results := map[int]*Result{1: result}
			if end == 1000 {
				equal(t, "read to its end", result.Last == nil, true)
			} else {
				last := k.kept[len(k.kept)-1].Artifact.Files[0].Last
				equal(t, "last key", *result.Last, last)
				equal(t, "counted", p.Records.Load(), result.Records[source.Interaction])
				ranges[0].Upto = result.Last
				order.Range = &Range{Number: 4, Entity: source.Interaction, After: result.Last, Upto: long.Upto, Records: long.Records - p.Records.Load()}
				rest, err := e.Cut(t.Context(), order, 3)
				must(t, err)
				ranges = append(ranges, rest...)
			}
			order.Keep = nil
			for _, r := range ranges[1:] {
				order.Range, order.Prefix = &r, fmt.Sprintf("%srange-%d/", spec.Prefix, r.Number)
				results[r.Number], _ = export(t, e, order)
			}
			whole := together(t, spec, ranges, results)
			lines := linesOf(whole, checkArtifacts(t, id, s, whole))
			if !bytes.Equal(lines[source.Interaction], h.expected(source.Interaction)) {
				t.Errorf("the lines of %d ranges are not those of the source", len(ranges))
			}
		})
	}
}

// TestRangeGoesOnBehindItsLastPart fails in the middle of a range, and has
// another attempt go on.
func TestRangeGoesOnBehindItsLastPart(t *testing.T) {
	id, h, s := newIdentity(t), newHistory(9000, 0, 0), newStorage()
	e := &Engine{Source: h, Bucket: s.bucket(t), Workers: 2, RangeRecords: 700, LeastRecords: 500}
	spec, k := newSpec(id), &keeper{}
	spec.SplitSize = 256 << 10
	ranges, err := e.Cut(t.Context(), spec, 3)
	must(t, err)
	order := spec
	order.Range, order.Prefix, order.Keep = &ranges[1], spec.Prefix+"range-2.1/", k.keep
	h.before = func(_ source.Entity, i int) error {
		if i == 5500 {
			return errFault
		}
		return nil
	}
	if err := failed(t, t.Context(), e, order); !errors.Is(err, errFault) {
		t.Fatalf("the error is %q", err)
	}
	equal(t, "objects after the fault", len(s.keys()), len(k.kept))
	h.before = nil
	order.Kept, order.Prefix, order.Keep = k.kept, spec.Prefix+"range-2.2/", nil
	result, p := export(t, e, order)
	lines := linesOf(result, checkArtifacts(t, id, s, result))
	if !bytes.Equal(lines[source.Interaction], h.lines(source.Interaction, 3000, 6000)) {
		t.Error("the range's lines are not those of the source")
	}
	equal(t, "records", p.Records.Load(), 3000)
	for i, a := range result.Artifacts {
		equal(t, "file", a.Files[0].Name, fmt.Sprintf("Interaction-run-1-002-%04d.json", i+1))
	}
	// All of it is stored: nothing is left to read.
	order.Kept = nil
	for _, a := range result.Artifacts {
		order.Kept = append(order.Kept, Checkpoint{Artifact: a})
	}
	h.before = func(source.Entity, int) error { return errFault }
	again, _ := export(t, e, order)
	equal(t, "parts", len(again.Artifacts), len(result.Artifacts))
}

// TestInOrder orders ranges, and refuses what are not those of a run.
func TestInOrder(t *testing.T) {
	at := func(id string) *source.Key {
		if id == "" {
			return nil
		}
		return &source.Key{ID: id}
	}
	read := func(text string) (ranges []Range) {
		for i, word := range strings.Fields(text) {
			e, ok := source.Interaction, false
			if word, ok = strings.CutPrefix(word, "@"); ok {
				e = source.Attachment
			}
			after, upto, _ := strings.Cut(word, "-")
			ranges = append(ranges, Range{Number: i + 1, Entity: e, After: at(after), Upto: at(upto)})
		}
		return ranges
	}
	for text, want := range map[string]string{
		"- @-":               "12",
		"a-b @- b- -a":       "4132",
		"@c- - @-c":          "231",
		"b-b a-b -a b- @-":   "32145",
		"b- b-b -b @-":       "3214",
		"":                   "",
		"-":                  "",
		"-a b- @-":           "",
		"-a a- a-b @-":       "",
		"-a -b b- @-":        "",
		"- - @-":             "",
		"-a a- @- @-":        "",
		"-b a-b b- @-":       "",
		"-a a-b b- c- @-":    "",
		"-a @a-b @b- @-a b-": "",
	} {
		ordered, err := InOrder(cdds.TypeInteraction, read(text))
		var numbers strings.Builder
		for _, r := range ordered {
			fmt.Fprint(&numbers, r.Number)
		}
		if numbers.String() != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", text, numbers.String(), err, want)
		}
	}
}

// sharer is a history that shares snapshots.
type sharer struct {
	*history
	closed atomic.Int64
	fault  error
}

func (s *sharer) Share(context.Context, time.Duration) (*source.Shared, error) {
	if s.fault != nil {
		return nil, s.fault
	}
	return &source.Shared{Name: "one", Close: func() error { s.closed.Add(1); return nil }}, nil
}

// TestSnapshotIsHeldForItsLife holds snapshots and releases them, early and late.
func TestSnapshotIsHeldForItsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sharer{history: newHistory(1, 0, 0)}
		e := &Engine{Source: s, SnapshotLife: time.Minute}
		name, release, err := e.HoldSnapshot(t.Context(), "run-1")
		must(t, err)
		equal(t, "name", name, "one")
		time.Sleep(time.Minute - time.Nanosecond)
		synctest.Wait()
		equal(t, "closed", s.closed.Load(), 0)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		equal(t, "closed", s.closed.Load(), 1)
		must(t, release())
		equal(t, "closed", s.closed.Load(), 1)

		_, release, err = e.HoldSnapshot(t.Context(), "run-1")
		must(t, err)
		must(t, release())
		must(t, release())
		time.Sleep(time.Hour)
		equal(t, "closed", s.closed.Load(), 2)

		s.fault = errFault
		if _, _, err := e.HoldSnapshot(t.Context(), "run-1"); !errors.Is(err, errFault) {
			t.Errorf("the error is %v", err)
		}
		e.Source = s.history
		name, release, err = e.HoldSnapshot(t.Context(), "run-1")
		must(t, errors.Join(err, release()))
		equal(t, "name", name, "")
	})
}
