package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"cdds"
	"cdds/source"
)

// Database is a database that holds a history, as a driver's test has made it.
type Database struct {
	Source source.Source
	// Insert inserts the rows of tables that are there, in a transaction of a
	// client that may write.
	Insert func(t testing.TB, tables []Table)
	// Bytewise says that the database compares texts by their bytes.
	Bytewise bool
	// Learns says that the source learns which interactions have which kinds.
	Learns bool
}

// Run tests a source. open creates the tables with their rows and opens a
// source that reads them; what it opens is closed by the test that it is given.
func Run(t *testing.T, open func(t *testing.T, tables []Table) Database) {
	tables := History()
	s := &suite{Database: open(t, tables), oracle: newOracle(tables)}
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"every field of every record", s.fields},
		{"windows are half-open", s.windows},
		{"media types", s.mediaTypes},
		{"kinds that are known", s.kinds},
		{"pages of any length", s.pages},
		{"keys that no record has", s.keys},
		{"stretches between any keys", s.between},
		{"stretches of a cut", s.cuts},
		{"a snapshot stays", s.isolation},
		{"an error of emit", s.emitError},
		{"a canceled context", s.canceled},
		{"many readers", s.readers},
		{"the mapping fits", s.check},
		{"attributes in one order always", s.attributeOrder},
	} {
		t.Run(test.name, test.run)
	}
}

// suite is one run.
type suite struct {
	Database
	oracle *oracle
}

// everything is the window of all instants.
func everything() cdds.Window {
	return cdds.Window{End: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}
}

func entities() []source.Entity {
	return []source.Entity{source.Interaction, source.Attachment, source.Contact}
}

// fields reads all records of each tenant.
func (s *suite) fields(t *testing.T) {
	for _, tenant := range []int64{tenantPatterns, tenantPages, tenantTexts, tenantInstants, tenantEmpty, -1, 1 << 40} {
		for _, e := range entities() {
			n := s.compare(t, source.Query{Entity: e, TenantID: tenant, Window: everything(), By: cdds.ByStartDate})
			t.Logf("tenant %d: %d records of %s", tenant, n, e)
		}
	}
}

// windows reads windows that begin and end on, just before and just after the
// dates of records.
func (s *suite) windows(t *testing.T) {
	near := []time.Time{{}, base().Add(-time.Hour), base().Add(40 * time.Hour), base().Add(80*time.Hour + 14*time.Microsecond), everything().End}
	far := []time.Time{{}, time.Date(1582, 10, 10, 0, 0, 0, 0, time.UTC), time.Unix(0, -1000).UTC(), time.Unix(0, 0).UTC(), base(), base().Add(time.Microsecond),
		base().Add(time.Microsecond + 1), base().Add(2 * time.Microsecond), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC), everything().End}
	for _, test := range []struct {
		tenant int64
		edges  []time.Time
	}{{tenantPatterns, near}, {tenantInstants, far}} {
		for _, by := range []cdds.DateField{cdds.ByStartDate, cdds.ByModifiedDate} {
			for _, e := range entities() {
				for _, start := range test.edges {
					for _, end := range test.edges[1:] {
						s.compare(t, source.Query{Entity: e, TenantID: test.tenant, Window: cdds.Window{Start: start, End: end}, By: by})
					}
				}
			}
		}
	}
}

// mediaTypes reads interactions of some media types, and lists them.
func (s *suite) mediaTypes(t *testing.T) {
	for _, types := range [][]string{nil, {}, {"chat"}, {"chat", "voice"}, {"what's app é"}, {"", "none", `"chat"`, "chat "}, {"voice", "voice", "email", "what's app é", "chat"}} {
		for _, e := range entities() {
			for _, by := range []cdds.DateField{cdds.ByStartDate, cdds.ByModifiedDate} {
				s.compare(t, source.Query{Entity: e, TenantID: tenantPatterns, Window: everything(), By: by, MediaTypes: types})
			}
		}
	}
	for tenant, want := range map[int64][]string{tenantPatterns: {"chat", "email", "voice", "what's app é"}, tenantEmpty: {}} {
		got, err := s.Source.MediaTypes(t.Context(), tenant)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("media types of tenant %d: %q, %v, want %q", tenant, got, err, want)
		}
	}
}

// pages reads in ranges of every length up to all records, each range in a
// snapshot of its own, and must get the same as in one read.
func (s *suite) pages(t *testing.T) {
	for _, e := range entities() {
		for _, tenant := range []int64{tenantPages, tenantInstants} {
			for _, by := range []cdds.DateField{cdds.ByStartDate, cdds.ByModifiedDate} {
				q := source.Query{Entity: e, TenantID: tenant, Window: everything(), By: by}
				whole := s.read(t, q, source.Range{})
				for limit := 1; limit <= len(whole)+1; limit++ {
					s.paged(t, q, limit, whole)
				}
			}
		}
		q := source.Query{Entity: e, TenantID: tenantPatterns, Window: everything(), By: cdds.ByModifiedDate, MediaTypes: []string{"chat", "voice"}}
		s.paged(t, q, 7, s.read(t, q, source.Range{}))
	}
}

// paged reads a query in ranges of one length.
func (s *suite) paged(t *testing.T, q source.Query, limit int, whole []record) {
	t.Helper()
	var got []record
	for r := (source.Range{Limit: limit}); len(got) <= len(whole); {
		page := s.read(t, q, r)
		got = append(got, page...)
		if len(page) != limit {
			break
		}
		r.After = &page[limit-1].key
	}
	if !slices.Equal(got, whole) {
		t.Errorf("%+v: ranges of %d give other records than one read: %d and %d: %s", q, limit, len(got), len(whole), firstDifference(got, whole))
	}
}

// keys reads behind keys that no record has.
func (s *suite) keys(t *testing.T) {
	at := base().Add(-time.Hour).UnixMicro()
	for _, test := range []struct {
		entity source.Entity
		after  source.Key
	}{
		{source.Interaction, source.Key{At: at - 1, ID: "zzzz"}},
		{source.Interaction, source.Key{At: at, ID: ""}},
		{source.Interaction, source.Key{At: at, ID: "sb "}},
		{source.Interaction, source.Key{At: everything().End.UnixMicro() - 1, ID: "z"}},
		{source.Attachment, source.Key{At: at, ID: "sB"}},
		{source.Attachment, source.Key{At: at, ID: "sB", Sub: "dZ'; --"}},
		{source.Contact, source.Key{ID: ""}},
		{source.Contact, source.Key{ID: "kZ"}},
		{source.Contact, source.Key{ID: "\U0010ffff"}},
	} {
		q := source.Query{Entity: test.entity, TenantID: tenantPages, Window: everything(), By: cdds.ByStartDate}
		got := s.read(t, q, source.Range{After: &test.after})
		if !s.Bytewise {
			continue // that nothing fails is all that can be said
		}
		want := slices.DeleteFunc(s.oracle.records(q), func(r record) bool { return compareKeys(r.key, test.after) <= 0 })
		if !slices.Equal(got, want) {
			t.Errorf("behind %+v there are %d records, want %d", test.after, len(got), len(want))
		}
	}
}

// isolation writes while a snapshot is open.
func (s *suite) isolation(t *testing.T) {
	old, err := s.Source.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := old.Close(); err != nil {
			t.Errorf("close the snapshot: %v", err)
		}
	}()
	b := &builder{tables: emptyTables()}
	r := b.full("interaction", "new")
	r["tenantid"] = int64(tenantLater)
	b.add("interaction", r)
	b.add("interaction_email", b.full("interaction_email", "new"))
	b.add("attachment", Row{"id": "new", "entityid": "new", "tenantid": int64(tenantLater), "thesize": int64(1), "content": []byte("x")})
	b.add("contact", Row{"id": "new", "tenantid": int64(tenantLater), "createddate": base()})
	b.attribute("new", "Name", "value", false, "")
	s.Insert(t, b.tables)
	fresh, err := s.Source.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := fresh.Close(); err != nil {
			t.Errorf("close the snapshot: %v", err)
		}
	}()
	if fresh.Time().Before(old.Time()) || fresh.Time().Location() != time.UTC {
		t.Errorf("snapshots were taken at %v and then at %v", old.Time(), fresh.Time())
	}
	for _, e := range entities() {
		q := source.Query{Entity: e, TenantID: tenantLater, Window: everything(), By: cdds.ByStartDate}
		if got := s.readIn(t, old, q, source.Range{}); len(got) != 0 {
			t.Errorf("a snapshot sees %d records of %s that were written after it", len(got), e)
		}
		want := newOracle(b.tables).records(q)
		if got := s.readIn(t, fresh, q, source.Range{}); !slices.Equal(got, want) {
			t.Errorf("a snapshot after the write gives %v, want %v", got, want)
		}
	}
}

// attempts is more than any source has connections, so that one which is not
// given back is missed.
const attempts = 12

// emitError ends reads from within.
func (s *suite) emitError(t *testing.T) {
	stop := errors.New("stop")
	for i := range attempts {
		snapshot, err := s.Source.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		q := source.Query{Entity: entities()[i%3], TenantID: tenantTexts, Window: everything(), By: cdds.ByStartDate}
		given, left := i/3, i/3
		n, err := snapshot.Read(t.Context(), q, source.Range{}, func(*source.Record) error {
			if left == 0 {
				return stop
			}
			left--
			return nil
		})
		if err != stop || n != given { //nolint:errorlint // it must be returned as it is
			t.Errorf("after %d records emit failed; Read returned %d, %v", given, n, err)
		}
		if err := snapshot.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	s.fields(t)
}

// canceled gives contexts that are over.
func (s *suite) canceled(t *testing.T) {
	why := errors.New("why")
	for range attempts {
		snapshot, err := s.Source.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		q := source.Query{Entity: source.Contact, TenantID: tenantPatterns, Window: everything()}
		if _, err := snapshot.Read(ctx, q, source.Range{}, func(*source.Record) error { return nil }); !errors.Is(err, why) {
			t.Errorf("Read returned %v, want the cause of its context", err)
		}
		if err := snapshot.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if _, err := s.Source.Snapshot(ctx); !errors.Is(err, why) {
			t.Errorf("Snapshot returned %v, want the cause of its context", err)
		}
	}
	s.fields(t)
}

// readers reads from several goroutines, more than there are connections.
func (s *suite) readers(t *testing.T) {
	var group sync.WaitGroup
	for range attempts {
		group.Go(func() {
			for _, e := range entities() {
				s.compare(t, source.Query{Entity: e, TenantID: tenantPatterns, Window: everything(), By: cdds.ByStartDate})
			}
		})
	}
	group.Wait()
}

// check compares the mapping of the history, which must fit.
func (s *suite) check(t *testing.T) {
	found, err := s.Source.Check(t.Context())
	if err != nil || len(found) == 0 {
		t.Fatalf("%d findings, %v", len(found), err)
	}
	for _, f := range found {
		if !f.OK {
			t.Errorf("%s: %s", f.What, f.Detail)
		}
	}
}

// attributeOrder reads attributes that are told apart by primary and
// description alone.
func (s *suite) attributeOrder(t *testing.T) {
	want := []string{"true ", "true a", "false b", "false "}
	want = []string{want[0], want[0], want[1], want[1], want[3], want[3], want[2], want[2]}
	var got []string
	s.emit(t, source.Query{Entity: source.Contact, TenantID: tenantPatterns, Window: everything()}, func(r *source.Record) {
		if r.Key.ID != "twins" {
			return
		}
		for _, a := range r.Attributes {
			line := fmt.Sprint(a.Primary, " ")
			if a.Description != nil {
				line += *a.Description
			}
			got = append(got, line)
		}
	})
	if !slices.Equal(got, want) {
		t.Errorf("attributes come as %q, want %q", got, want)
	}
}
