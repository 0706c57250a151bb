//go:build long

package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// realCopies is how often the real conversations are there: 1,080,440
// interactions.
const realCopies = 10

// TestThreeNodesOfAMillion is TestThreeNodes with the real conversations, ten
// times over.
func TestThreeNodesOfAMillion(t *testing.T) { threeNodesOfAMillion(t, nil) }

// threeNodesOfAMillion is the test with a storage that flags name.
func threeNodesOfAMillion(t *testing.T, env []string, flags ...string) {
	source := servers.RealData(t, "../..")
	records := multiply(t, source, realCopies)
	k := newCluster(t, source, env, flags...)
	l := loss{cluster: k, source: source, split: 16 << 20, midway: 3, workers: []string{"--workers", "1"}, most: longWait}
	r := l.survive(t)
	if r.Progress.Records < records || records < 1_000_000 {
		t.Errorf("the run counts %d records, the database has %d interactions", r.Progress.Records, records)
	}
	l.judge(t, l.complete(t, k.at(k.node("api")), r), true)
}

// multiply makes that many copies of all interactions and what belongs to them,
// and returns how many interactions there are then.
func multiply(t *testing.T, dsn string, copies int) (n int64) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	defer db.Close(context.Background())
	columns := func(table string) []string {
		var names []string
		must(t, db.QueryRow(t.Context(), `select array_agg(column_name::text order by ordinal_position) from information_schema.columns
			where table_schema = 'public' and table_name = $1 and is_identity = 'NO'`, table).Scan(&names))
		return names
	}
	for _, of := range []struct {
		table string
		keys  map[string]bool // columns that name an interaction, or the row itself
	}{
		{"interaction", map[string]bool{"id": true}},
		{"interaction_email", map[string]bool{"interactionid": true}},
		{"interaction_chat", map[string]bool{"interactionid": true}},
		{"interaction_phonecall", map[string]bool{"interactionid": true}},
		{"interaction_callback", map[string]bool{"interactionid": true}},
		{"attachment", map[string]bool{"id": true, "entityid": true}},
	} {
		names := columns(of.table)
		chosen := make([]string, len(names))
		for i, name := range names {
			chosen[i] = "o." + name
			if of.keys[name] {
				chosen[i] = fmt.Sprintf("left(o.%s, 28) || '~' || n", name)
			}
		}
		_, err := db.Exec(t.Context(), fmt.Sprintf("insert into %s (%s) select %s from %s o, generate_series(2, %d) n",
			of.table, strings.Join(names, ", "), strings.Join(chosen, ", "), of.table, copies))
		must(t, err)
	}
	_, err = db.Exec(t.Context(), "analyze")
	must(t, err)
	must(t, db.QueryRow(t.Context(), "select count(*) from interaction").Scan(&n))
	return n
}
