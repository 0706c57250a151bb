package postgres

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/source"
)

// large makes a history of 200,000 short interactions over 2,000 days, every
// fifth with an attachment, and 50,000 contacts with two attributes each. An
// interaction of three was modified, a day after it began.
func large(t testing.TB) string {
	t.Helper()
	dsn, conn := emptyHistory(t)
	for _, statement := range []string{
		`insert into contact (id, tenantid, createddate, modifieddate) select 'c' || n, 101, timestamptz '2020-01-01Z' + n * interval '30 min',
			case when n % 2 = 0 then timestamptz '2020-01-01Z' + n * interval '40 min' end from generate_series(1, 50000) n`,
		`insert into contact_attribute (contactid, name, value, isprimary) select 'c' || n, a, a || n, true
			from generate_series(1, 50000) n, unnest(array['FirstName', 'LastName']) a`,
		`insert into interaction (id, tenantid, startdate, modifieddate, entitytypeid, mediatypeid, typeid, status, canbeparent, allattributes, text)
			select md5(n::text), 101, timestamptz '2020-01-01Z' + n * interval '864 s',
			case when n % 3 = 0 then timestamptz '2020-01-02Z' + n * interval '864 s' end, 2, (array['chat', 'email', 'voice'])[n % 3 + 1], 'Inbound', 3, true, '{"k": "v"}',
			repeat('text ', 20) from generate_series(1, 200000) n`,
		`insert into interaction_chat (interactionid, nickname) select id, 'nick' from interaction where mediatypeid = 'chat'`,
		`insert into attachment (id, entityid, tenantid, thesize, content) select 'a' || id, id, 101, 10, 'content' from interaction where substr(id, 1, 1) in ('0', '1', '2')`,
		`create index on contact ((coalesce(modifieddate, createddate)), id)`,
		`vacuum analyze`,
	} {
		exec(t, conn, statement)
	}
	return dsn
}

// node is a node of a plan.
type node struct {
	Type     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Index    string  `json:"Index Name"`
	Rows     float64 `json:"Actual Rows"`
	Loops    float64 `json:"Actual Loops"`
	Removed  float64 `json:"Rows Removed by Filter"`
	Plans    []node
}

// TestPlans looks at how the server reads: by the indexes, and without sorting
// or reading more than the range asks for.
func TestPlans(t *testing.T) {
	dsn := large(t)
	s := open(t, dsn, Options{})
	day := func(n int) time.Time { return time.Date(2020, 1, 1+n, 0, 0, 0, 0, time.UTC) }
	week := cdds.Window{Start: day(1000), End: day(1007)}
	always := cdds.Window{End: day(5000)}
	middle := &source.Key{At: day(1000).UnixMicro(), ID: "8"}
	later := &source.Key{At: day(1007).UnixMicro(), ID: "8"}
	for _, test := range []struct {
		name   string
		entity source.Entity
		window cdds.Window
		by     cdds.DateField
		after  *source.Key
		upto   *source.Key
		limit  int
		media  []string
		kinds  source.Kinds
		index  string  // must be used
		most   float64 // rows that may be read of interactions or contacts, or sorted
	}{
		{"first range of all", source.Interaction, always, cdds.ByStartDate, nil, nil, 1000, nil, nil, "interaction_0", 1000},
		{"range in the middle", source.Interaction, always, cdds.ByStartDate, middle, nil, 1000, nil, nil, "interaction_0", 1000},
		{"range of known kinds", source.Interaction, always, cdds.ByStartDate, middle, nil, 1000, nil, source.Kinds{"interaction_chat": {2, 7}, "interaction_email": nil}, "interaction_0", 1000},
		{"range of a week", source.Interaction, week, cdds.ByStartDate, middle, nil, 500, nil, nil, "interaction_0", 500},
		{"a whole week", source.Interaction, week, cdds.ByStartDate, nil, nil, 0, nil, nil, "interaction_0", 700},
		{"a media type of a week", source.Interaction, week, cdds.ByStartDate, nil, nil, 1000, []string{"chat"}, nil, "interaction_0", 700},
		{"a week by modified date", source.Interaction, week, cdds.ByModifiedDate, nil, nil, 1000, nil, nil, "interaction_1", 1500},
		{"attachments of a week", source.Attachment, week, cdds.ByStartDate, nil, nil, 1000, nil, nil, "interaction_0", 1500},
		{"attachments in the middle", source.Attachment, always, cdds.ByStartDate, &source.Key{At: middle.At, ID: "8", Sub: "a8"}, nil, 100, nil, nil, "interaction_0", 1500},
		{"interactions between two keys", source.Interaction, always, cdds.ByStartDate, middle, later, 0, nil, nil, "interaction_0", 700},
		{"interactions up to a key", source.Interaction, always, cdds.ByStartDate, middle, later, 300, nil, nil, "interaction_0", 700},
		{"attachments between two keys", source.Attachment, always, cdds.ByStartDate, &source.Key{At: middle.At, ID: "8", Sub: "a8"}, &source.Key{At: later.At, ID: "8", Sub: "a8"}, 0, nil, nil, "interaction_0", 1500},
		{"contacts between two keys", source.Contact, always, cdds.ByStartDate, &source.Key{ID: "c3"}, &source.Key{ID: "c31"}, 0, nil, nil, "contact_0", 2500},
		{"first contacts", source.Contact, always, cdds.ByStartDate, nil, nil, 1000, nil, nil, "contact_0", 2500},
		{"contacts in the middle", source.Contact, always, cdds.ByStartDate, &source.Key{ID: "c3"}, nil, 1000, nil, nil, "contact_0", 2500},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := s.mapping.Read(source.Query{Entity: test.entity, TenantID: 101, Window: test.window, By: test.by, MediaTypes: test.media, Kinds: test.kinds},
				source.Range{After: test.after, Upto: test.upto, Limit: test.limit}, dialect{})
			var text string
			if err := s.pool.QueryRow(t.Context(), "explain (analyze, format json) "+st.SQL, st.Args...).Scan(&text); err != nil {
				t.Fatal(err)
			}
			var plans []struct{ Plan node }
			if err := json.Unmarshal([]byte(text), &plans); err != nil {
				t.Fatal(err)
			}
			var indexes []string
			walk(plans[0].Plan, func(n node) {
				indexes = append(indexes, n.Index)
				// Small tables beside may well be read as a whole.
				if read := (n.Rows + n.Removed) * n.Loops; (n.Relation == "interaction" || n.Relation == "contact") && read > test.most {
					t.Errorf("%s of %s reads %.0f rows", n.Type, n.Relation, read)
				}
				if n.Type == "Sort" && n.Rows > test.most {
					t.Errorf("sorts %.0f rows", n.Rows)
				}
			})
			if !slices.Contains(indexes, test.index) {
				t.Errorf("uses %s, not %s", strings.Join(indexes, " "), test.index)
			}
			if t.Failed() {
				t.Log(text)
			}
		})
	}
}

func walk(n node, do func(node)) {
	do(n)
	for _, child := range n.Plans {
		walk(child, do)
	}
}
