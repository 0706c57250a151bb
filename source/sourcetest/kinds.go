package sourcetest

import (
	"maps"
	"slices"
	"testing"

	"cdds"
	"cdds/source"
)

// kinds learns which types of interactions have rows of kinds, and reads with
// that as without.
func (s *suite) kinds(t *testing.T) {
	most := source.Query{Entity: source.Interaction, TenantID: tenantPatterns, Window: everything(), By: cdds.ByStartDate}
	few := most
	few.TenantID = tenantInstants
	snapshot, err := s.Source.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := snapshot.Close(); err != nil {
			t.Errorf("close the snapshot: %v", err)
		}
	}()
	records := func(q source.Query) int64 {
		count, err := snapshot.Count(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return count.Records
	}
	if got, err := snapshot.Kinds(t.Context(), records(few)); got != nil || err != nil {
		t.Errorf("a query of few interactions learns %v, %v; that costs more than it spares", got, err)
	}
	learned, err := snapshot.Kinds(t.Context(), records(most))
	if err != nil {
		t.Fatal(err)
	}
	for _, types := range learned {
		slices.Sort(types)
	}
	right := s.oracle.kinds()
	if s.Learns && !maps.EqualFunc(learned, right, slices.Equal) || !s.Learns && learned != nil {
		t.Fatalf("a query of most interactions learns %v, want %v", learned, right)
	}
	for _, known := range []source.Kinds{right, {"interaction_chat": right["interaction_chat"]}, {}} {
		for _, tenant := range []int64{tenantPatterns, tenantPages, tenantTexts, tenantInstants, tenantEmpty} {
			s.compare(t, source.Query{Entity: source.Interaction, TenantID: tenant, Window: everything(), By: cdds.ByStartDate, Kinds: known})
		}
	}
	if s.changedWithout(t, most) == 0 {
		t.Error("kinds that are wrong leave out nothing, so this test could not fail")
	}
}

// changedWithout reads as if no interaction could have a row of a kind, and
// returns how many records that changes.
func (s *suite) changedWithout(t *testing.T, q source.Query) int {
	t.Helper()
	right := s.read(t, q, source.Range{})
	q.Kinds = source.Kinds{"interaction_email": {}, "interaction_chat": {}, "interaction_phonecall": {}, "interaction_callback": {}}
	changed := 0
	for i, r := range s.read(t, q, source.Range{}) {
		if r != right[i] {
			changed++
		}
	}
	return changed
}

// kinds are the types of interactions that have rows of each kind.
func (o *oracle) kinds() source.Kinds {
	kinds := source.Kinds{}
	for table, rows := range o.kind {
		types := []int64{}
		for id := range rows {
			if n, ok := o.of[id]["entitytypeid"].(int64); ok && !slices.Contains(types, n) {
				types = append(types, n)
			}
		}
		slices.Sort(types)
		kinds[table] = types
	}
	return kinds
}
