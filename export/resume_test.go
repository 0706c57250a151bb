package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cdds"
	"cdds/source"
)

// keeper keeps checkpoints as a worker does.
type keeper struct {
	kept []Checkpoint
	fail error // of every further call, if given
}

func (k *keeper) keep(_ context.Context, c Checkpoint) error {
	if k.fail != nil {
		return k.fail
	}
	k.kept = append(k.kept, c)
	return nil
}

// TestGoOn lets a split run fail at many places, goes on behind what was kept,
// and compares the whole with the source. What is stored goes through the JSON
// form, as from one process to another.
func TestGoOn(t *testing.T) {
	const interactions, attachments, size = 9000, 1200, 1 << 20
	id := newIdentity(t)
	want := map[source.Entity][]byte{}
	for _, e := range []source.Entity{source.Interaction, source.Attachment} {
		want[e] = newHistory(interactions, attachments, 0).expected(e)
	}
	for _, place := range []struct {
		entity source.Entity
		at     int
	}{
		{source.Interaction, 0}, {source.Interaction, 2500}, {source.Interaction, interactions * 9 / 10}, {source.Interaction, interactions - 1},
		{source.Attachment, 0}, {source.Attachment, attachments - 1},
	} {
		t.Run(fmt.Sprint(place.entity, place.at), func(t *testing.T) {
			h, s := newHistory(interactions, attachments, 0), newStorage()
			e := &Engine{Source: h, Bucket: s.bucket(t), Workers: 2, RangeRecords: 1000}
			spec, k := newSpec(id), &keeper{}
			spec.SplitSize, spec.Keep = size, k.keep
			h.before = func(e source.Entity, i int) error {
				if e == place.entity && i == place.at {
					return errFault
				}
				return nil
			}
			if err := failed(t, t.Context(), e, spec); !errors.Is(err, errFault) {
				t.Fatalf("the error is %q", err)
			}
			equal(t, "objects after the fault", len(s.keys()), len(k.kept))

			var keptRecords int64
			for _, c := range k.kept {
				keptRecords += c.Artifact.Files[0].Records
				equal(t, "there", got(e.Has(t.Context(), c.Artifact))(t), true)
			}
			var read atomic.Int64
			h.before = func(source.Entity, int) error { read.Add(1); return nil }
			spec.Kept, spec.Prefix = k.kept, "tenants/t/runs/run-1/attempt-2/"
			spec.Keep = nil
			result, p := export(t, e, spec)
			contents := checkArtifacts(t, id, s, result)
			lines := map[source.Entity][]byte{}
			for _, a := range result.Artifacts {
				lines[a.Files[0].Entity] = append(lines[a.Files[0].Entity], contents[a.Files[0].Name]...)
			}
			for e := range want {
				if !bytes.Equal(lines[e], want[e]) {
					t.Errorf("the parts' %s lines are not those of the source", e)
				}
			}
			equal(t, "records read again", read.Load(), interactions+attachments-keptRecords)
			equal(t, "progress", p.Records.Load(), interactions+attachments)
			done := place.at
			if place.entity == source.Attachment {
				done += interactions
			}
			most := int64(0)
			for _, a := range result.Artifacts {
				most = max(most, a.Files[0].Records)
			}
			t.Logf("ended at record %d of %d: %d were kept in %d parts, %d read again; the largest part has %d",
				done, interactions+attachments, keptRecords, len(k.kept), int64(done)-keptRecords, most)
			// One part was being written, and the ring holds six blocks of 1 MiB
			// that were read ahead of it.
			if again := int64(done) - keptRecords; again > 2*most+7*2000 {
				t.Errorf("%d records were read again", again)
			}
		})
	}
}

func got[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		must(t, err)
		return v
	}
}

// TestAPartThatIsNotKept: a part whose checkpoint was refused is of no use, and
// is removed; those before it stay.
func TestAPartThatIsNotKept(t *testing.T) {
	h, s, k := newHistory(9000, 0, 0), newStorage(), &keeper{}
	e := &Engine{Source: h, Bucket: s.bucket(t), Workers: 2}
	spec := newSpec(newIdentity(t))
	spec.SplitSize = 1 << 20
	spec.Keep = func(ctx context.Context, c Checkpoint) error {
		if c.Artifact.Part == 3 {
			k.fail = errFault
		}
		return k.keep(ctx, c)
	}
	if err := failed(t, t.Context(), e, spec); !errors.Is(err, errFault) {
		t.Fatalf("the error is %q", err)
	}
	equal(t, "stored", len(s.keys()), 2)
	for _, c := range k.kept {
		equal(t, "recipients", strings.Join(c.Recipients, " "), strings.Join(Fingerprints(spec.Recipients), " "))
	}
}

// TestWhatWasStoredDoesNotFit: nothing is exported behind checkpoints that no
// attempt of the run can have made.
func TestWhatWasStoredDoesNotFit(t *testing.T) {
	part := func(n int, e source.Entity) Checkpoint {
		return Checkpoint{Artifact: Artifact{Part: n, Files: []File{{Entity: e, Records: 1}}}}
	}
	for name, kept := range map[string][]Checkpoint{
		"a gap":           {part(1, source.Interaction), part(3, source.Interaction)},
		"not from 1":      {part(2, source.Interaction)},
		"no file":         {{Artifact: Artifact{Part: 1}}},
		"another kind":    {part(1, source.Contact)},
		"an unknown kind": {part(1, "")},
	} {
		s := newStorage()
		spec := newSpec(newIdentity(t))
		spec.SplitSize, spec.Kept = 1<<20, kept
		err := failed(t, t.Context(), &Engine{Source: newHistory(10, 0, 0), Bucket: s.bucket(t)}, spec)
		equal(t, name, cdds.CodeOf(err), cdds.CodeInternal)
		s.empty(t)
	}
}

// TestTooEarly: by the source's clock the window must be over.
func TestTooEarly(t *testing.T) {
	spec := newSpec(newIdentity(t))
	spec.NotBefore = now.Add(time.Minute)
	s, h := newStorage(), newHistory(10, 0, 0)
	var early *TooEarly
	if err := failed(t, t.Context(), &Engine{Source: h, Bucket: s.bucket(t)}, spec); !errors.As(err, &early) {
		t.Fatalf("the error is %q", err)
	}
	equal(t, "wait", early.Wait, 59*time.Second)
	s.empty(t)
	spec.NotBefore = now.Add(2 * time.Second)
	export(t, &Engine{Source: h, Bucket: s.bucket(t)}, spec)
}
