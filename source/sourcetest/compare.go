package sourcetest

import (
	"slices"
	"strings"
	"testing"

	"cdds/source"
)

// compare reads a query and compares records and count with the oracle. It
// returns the number of records. It may be called from any goroutine.
func (s *suite) compare(t *testing.T, q source.Query) int {
	t.Helper()
	snapshot, err := s.Source.Snapshot(t.Context())
	if err != nil {
		t.Errorf("%+v: %v", q, err)
		return 0
	}
	defer func() {
		if err := snapshot.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	got := s.readIn(t, snapshot, q, source.Range{})
	count, err := snapshot.Count(t.Context(), q)
	if err != nil || !count.Exact || count.Records != int64(len(got)) {
		t.Errorf("%+v: %d records were read, but counted %+v, %v", q, len(got), count, err)
	}
	if !s.Bytewise {
		// Only the database knows the order of ids; that of instants is plain.
		if !slices.IsSortedFunc(got, func(a, b record) int { return int(max(-1, min(1, a.key.At-b.key.At))) }) {
			t.Errorf("%+v: the records are not in the order of time", q)
		}
		slices.SortFunc(got, func(a, b record) int { return compareKeys(a.key, b.key) })
	}
	if want := s.oracle.records(q); !slices.Equal(got, want) {
		t.Errorf("%+v: got %d records, want %d: %s", q, len(got), len(want), firstDifference(got, want))
	}
	return len(got)
}

// firstDifference says where two lists differ.
func firstDifference(got, want []record) string {
	for i := range min(len(got), len(want)) {
		if got[i].key != want[i].key {
			return "place " + string(rune('0'+min(i, 9))) + ": got the key " + keyText(got[i].key) + ", want " + keyText(want[i].key)
		}
		g, w := strings.Split(got[i].fields, "\n"), strings.Split(want[i].fields, "\n")
		for j := range min(len(g), len(w)) {
			if g[j] != w[j] {
				return keyText(got[i].key) + ": got " + g[j] + ", want " + w[j]
			}
		}
	}
	return "one list is longer"
}

func keyText(k source.Key) string { return strings.Join([]string{k.ID, k.Sub}, "/") }

// read reads a range in a snapshot of its own.
func (s *suite) read(t *testing.T, q source.Query, r source.Range) []record {
	t.Helper()
	snapshot, err := s.Source.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := s.readIn(t, snapshot, q, r)
	if err := snapshot.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return out
}

// readIn reads a range.
func (s *suite) readIn(t *testing.T, snapshot source.Snapshot, q source.Query, r source.Range) []record {
	t.Helper()
	var out []record
	n, err := snapshot.Read(t.Context(), q, r, func(r *source.Record) error {
		out = append(out, record{key: r.Key, fields: written(q.Entity, r)})
		return nil
	})
	if err != nil || n != len(out) {
		t.Errorf("%+v: Read gave %d records and returned %d, %v", q, len(out), n, err)
	}
	return out
}

// emit reads all records of a query.
func (s *suite) emit(t *testing.T, q source.Query, do func(*source.Record)) {
	t.Helper()
	snapshot, err := s.Source.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = snapshot.Read(t.Context(), q, source.Range{}, func(r *source.Record) error {
		do(r)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := snapshot.Close(); err != nil {
		t.Error(err)
	}
}
