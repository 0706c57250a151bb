package sourcetest

import (
	"slices"
	"testing"

	"cdds"
	"cdds/source"
)

// between cuts queries at the keys of records, of each in turn and of several, and
// reads what lies between, each stretch in a snapshot of its own and in pages. It
// must get the same as in one read.
func (s *suite) between(t *testing.T) {
	for _, e := range entities() {
		for _, tenant := range []int64{tenantPages, tenantInstants} {
			for _, by := range []cdds.DateField{cdds.ByStartDate, cdds.ByModifiedDate} {
				q := source.Query{Entity: e, TenantID: tenant, Window: everything(), By: by}
				whole := s.read(t, q, source.Range{})
				var keys []source.Key
				for i, r := range whole {
					s.stretched(t, q, []source.Key{r.key}, 0, whole)
					if i%3 == 0 {
						keys = append(keys, r.key, r.key) // a stretch without records between two
					}
				}
				s.stretched(t, q, keys, 0, whole)
				s.stretched(t, q, keys, 2, whole)
			}
		}
	}
	// Keys of other tenants' records cut as well, whatever lies around them.
	others := s.read(t, source.Query{Entity: source.Attachment, TenantID: tenantPatterns, Window: everything(), By: cdds.ByStartDate}, source.Range{})
	for _, e := range []source.Entity{source.Interaction, source.Attachment} {
		q := source.Query{Entity: e, TenantID: tenantPages, Window: everything(), By: cdds.ByStartDate}
		whole := s.read(t, q, source.Range{})
		for _, r := range others {
			s.stretched(t, q, []source.Key{r.key}, 0, whole)
		}
	}
}

// stretched reads the stretches between keys, in pages of a length where that is
// not 0.
func (s *suite) stretched(t *testing.T, q source.Query, keys []source.Key, page int, whole []record) {
	t.Helper()
	var got []record
	var after *source.Key
	for i := range len(keys) + 1 {
		r := source.Range{After: after, Limit: page}
		if i < len(keys) {
			r.Upto = &keys[i]
			after = r.Upto
		}
		for len(got) <= len(whole) {
			some := s.read(t, q, r)
			got = append(got, some...)
			if page == 0 || len(some) < page {
				break
			}
			r.After = &some[page-1].key
		}
	}
	if !slices.Equal(got, whole) {
		t.Errorf("%+v: stretches between %d keys, in pages of %d, give other records than one read: %d and %d: %s", q, len(keys), page, len(got), len(whole), firstDifference(got, whole))
	}
}

// cuts has the source cut queries of all kinds, and ranges of them, and reads the
// stretches. How even they are does not matter here.
func (s *suite) cuts(t *testing.T) {
	cut := 0
	for _, e := range entities() {
		for _, tenant := range []int64{tenantPatterns, tenantPages, tenantInstants, tenantEmpty} {
			for _, q := range []source.Query{
				{Entity: e, TenantID: tenant, Window: everything(), By: cdds.ByStartDate},
				{Entity: e, TenantID: tenant, Window: everything(), By: cdds.ByModifiedDate},
				{Entity: e, TenantID: tenant, Window: cdds.Window{Start: base().AddDate(0, 0, -1), End: base().AddDate(0, 0, 5)}, By: cdds.ByStartDate, MediaTypes: []string{"chat", "voice"}},
			} {
				cut += s.cutAndRead(t, q)
			}
		}
	}
	if cut == 0 {
		t.Error("the source has cut nothing")
	}
}

// cutAndRead cuts a query, and what lies between its second and its last record,
// in several ways, and returns how many keys it has got.
func (s *suite) cutAndRead(t *testing.T, q source.Query) (cut int) {
	t.Helper()
	whole := s.read(t, q, source.Range{})
	for _, most := range []int{0, 3, 40} {
		keys := s.keysOf(t, q, source.Range{}, most)
		cut += len(keys)
		s.stretched(t, q, keys, 0, whole)
		if len(whole) < 3 {
			continue
		}
		// What lies between two keys, with all around it as two more stretches.
		first, last := whole[1].key, whole[len(whole)-1].key
		keys = s.keysOf(t, q, source.Range{After: &first, Upto: &last}, most)
		cut += len(keys)
		s.stretched(t, q, append(append([]source.Key{first}, keys...), last), 0, whole)
	}
	return cut
}

// keysOf are the keys at which the source cuts.
func (s *suite) keysOf(t *testing.T, q source.Query, r source.Range, most int) []source.Key {
	t.Helper()
	snapshot, err := s.Source.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := snapshot.Cut(t.Context(), q, r, most)
	if err != nil || len(keys) > max(most-1, 0) {
		t.Errorf("%+v cut into %d stretches: %d keys, %v", q, most, len(keys), err)
	}
	if err := snapshot.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	return keys
}
