package postgres

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestKindsThatPay: of a kind that nearly all interactions have a row of,
// nothing is learned, since nothing could be spared.
func TestKindsThatPay(t *testing.T) {
	dsn, conn := emptyHistory(t)
	exec(t, conn, `insert into interaction (id, tenantid, startdate, entitytypeid, mediatypeid, typeid, status, canbeparent, allattributes)
		select 'i' || n, 101, timestamptz '2025-01-01Z' + n * interval '1 hour', case when n <= 900 then 2 else 0 end, 'chat', 'Inbound', 3, true, '{}' from generate_series(1, 1000) n`)
	exec(t, conn, "insert into interaction_chat (interactionid) select id from interaction where entitytypeid = 2")
	exec(t, conn, "insert into interaction_email (interactionid) select id from interaction where entitytypeid = 0")
	exec(t, conn, "vacuum analyze")
	s := open(t, dsn, Options{})
	snapshot, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := snapshot.Kinds(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	if err := snapshot.Close(); err != nil {
		t.Error(err)
	}
	if got := strings.Join(slices.Sorted(maps.Keys(kinds)), " "); got != "interaction_callback interaction_email interaction_phonecall" {
		t.Errorf("learned of %s", got)
	}
	if got := kinds["interaction_email"]; !slices.Equal(got, []int64{0}) {
		t.Errorf("types with mails: %v", got)
	}
}
