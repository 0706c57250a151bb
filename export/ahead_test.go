package export

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"cdds"
	"cdds/source"
)

// aheadRecords is enough for a second reader to pay.
const aheadRecords = aheadPays + 1234

// TestReadAhead: two readers give what one gives, byte by byte and in order,
// whatever the lengths of records, and however many connections there are.
func TestReadAhead(t *testing.T) {
	long := strings.Repeat("a long text, ", 800_000) // 10 MB, more than a batch holds
	for name, change := range map[string]func(h *history){
		"two readers":            func(*history) {},
		"one that finds no keys": func(h *history) { h.oneReader = true },
		"no connection to spare": func(h *history) { h.busy = func(int) bool { return true } },
		"sometimes one to spare": func(h *history) { h.busy = func(int) bool { return h.snapshots%3 != 0 } },
		"long records": func(h *history) {
			fill := h.fill
			text := fieldOf(t, source.Interaction, "text")
			h.fill = func(e source.Entity, i int, r *source.Record) {
				fill(e, i, r)
				if e == source.Interaction && i%5000 == 700 {
					r.Values[text] = source.Value{Bytes: []byte(long)}
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // the pauses of a spare reader take no time
				id, s, h := newIdentity(t), newStorage(), newHistory(aheadRecords, 10, 0)
				change(h)
				result, p := export(t, &Engine{Source: h, Bucket: s.bucket(t)}, newSpec(id))
				lines := h.expected(source.Interaction)
				body := id.opened(t, s.objects[result.Artifacts[0].Key])["Interaction-run-1.json"]
				if string(body) != string(lines) {
					t.Errorf("%d bytes of lines, want %d", len(body), len(lines))
				}
				equal(t, "records", result.Records[source.Interaction], aheadRecords)
				equal(t, "progress", p.Records.Load(), aheadRecords+10)
				file := result.Artifacts[0].Files[0]
				equal(t, "first", file.First, h.key(source.Interaction, 0))
				equal(t, "last", file.Last, h.key(source.Interaction, aheadRecords-1))
				equal(t, "counted", file.Records, aheadRecords)
				equal(t, "size", file.Size, int64(len(lines)))
				equal(t, "open snapshots", h.open, 0)
			})
		})
	}
}

// TestReadAheadSideBySide: both readers really read at the same time, and not
// where a run is split, by its modified date or of one snapshot.
func TestReadAheadSideBySide(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Spec)
		most   int
	}{
		"one file":         {func(*Spec) {}, 2},
		"parts":            {func(s *Spec) { s.SplitSize = 1 << 30 }, 1},
		"by modified date": {func(s *Spec) { s.By = cdds.ByModifiedDate }, 1},
		"one snapshot":     {func(s *Spec) { s.OneSnapshot = true }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			id, s, h := newIdentity(t), newStorage(), newHistory(aheadRecords, 0, 0)
			most := 0
			h.before = func(source.Entity, int) error {
				h.mu.Lock()
				defer h.mu.Unlock()
				most = max(most, h.open)
				return nil
			}
			spec := newSpec(id)
			c.change(&spec)
			export(t, &Engine{Source: h, Bucket: s.bucket(t)}, spec)
			equal(t, "snapshots at a time", most, c.most)
		})
	}
}

// TestReadAheadFaults: a fault of either reader, at any place, and the end of the
// context end both, and nothing is left. The bubble ends when all have ended.
func TestReadAheadFaults(t *testing.T) {
	for _, at := range []int{0, 600, 5000, aheadRecords - 1} {
		for _, fault := range []error{errFault, context.Canceled} {
			t.Run(fmt.Sprint(at, " ", fault), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					id, s, h := newIdentity(t), newStorage(), newHistory(aheadRecords, 0, 0)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					h.before = func(_ source.Entity, i int) error {
						if i != at {
							return nil
						}
						if fault == context.Canceled {
							cancel()
							return ctx.Err()
						}
						return fault
					}
					err := failed(t, ctx, &Engine{Source: h, Bucket: s.bucket(t)}, newSpec(id))
					if !errors.Is(err, fault) {
						t.Errorf("got %v, want %v", err, fault)
					}
					s.empty(t)
					equal(t, "open snapshots", h.open, 0)
				})
			})
		}
	}
}

// TestReadAheadLosesItsConnection: a spare reader that cannot have its connection
// again in the middle of a stretch goes on with the next one, and nothing of the
// stretch is lost or read twice.
func TestReadAheadLosesItsConnection(t *testing.T) {
	id, s, h := newIdentity(t), newStorage(), newHistory(aheadRecords, 0, 0)
	var lost atomic.Int64
	h.before = func(_ source.Entity, i int) error {
		if i%1001 == 1000 && lost.CompareAndSwap(int64(i/1001), int64(i/1001)+1) {
			return source.ErrBusy
		}
		return nil
	}
	result, _ := export(t, &Engine{Source: h, Bucket: s.bucket(t)}, newSpec(id))
	body := id.opened(t, s.objects[result.Artifacts[0].Key])["Interaction-run-1.json"]
	if string(body) != string(h.expected(source.Interaction)) {
		t.Error("the lines are not those of the history")
	}
	if lost.Load() < 2 {
		t.Errorf("the connection was lost %d times", lost.Load())
	}
}

// fieldOf is the place of a field in a record.
func fieldOf(t *testing.T, e source.Entity, name string) int {
	t.Helper()
	for i, f := range source.Fields(e) {
		if f.Name == name {
			return i
		}
	}
	t.Fatalf("there is no field %s", name)
	return 0
}
