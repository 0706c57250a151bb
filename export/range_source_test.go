package export

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cdds"
	"cdds/pgtest"
	"cdds/source"
	"cdds/source/postgres"
	"cdds/source/sample"
	"cdds/source/sourcetest"
	"cdds/source/sqlite"
)

// opened is a source that the test closes at its end, behind a guard as always.
func opened[S source.Source](t *testing.T, s S, err error) source.Source {
	t.Helper()
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return source.NewGuard(s, source.Limits{}, slog.New(slog.DiscardHandler))
}

// postgresHistory makes a server with 2,000 interactions, an hour each from the
// beginning of 2025, 600 of them with an attachment, and returns what opens
// sources of it, and a connection that may write.
func postgresHistory(t *testing.T) (open func() source.Source, conn *pgx.Conn) {
	t.Helper()
	dsn := pgtest.Start(t).DSN("postgres", "postgres")
	conn, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	t.Cleanup(func() { must(t, conn.Close(context.Background())) })
	types := map[source.Kind]string{source.Text: "text", source.Int: "bigint", source.Bool: "boolean", source.Instant: "timestamptz", source.JSON: "jsonb", source.Binary: "bytea"}
	for _, table := range sourcetest.History() {
		write(t, conn, table.Create(types))
		for _, index := range table.Indexes() {
			write(t, conn, index)
		}
	}
	write(t, conn, insertHours+"from generate_series(1, 2000) n")
	write(t, conn, "insert into interaction_email (interactionid, mailbox) select id, 'desk' from interaction where id < '8'")
	write(t, conn, `insert into attachment (id, entityid, tenantid, thesize, content) select 'a' || id, id, 101, 32, id::bytea from interaction where id < 'i4c'`)
	write(t, conn, "analyze")
	return func() source.Source {
		s, err := postgres.Open(t.Context(), dsn, postgres.Options{MaxConns: 6})
		return opened(t, s, err)
	}, conn
}

// insertHours writes interactions for the hours n of 2025.
const insertHours = `insert into interaction (id, tenantid, startdate, entitytypeid, mediatypeid, typeid, status, canbeparent, allattributes, text)
	select 'i' || md5(n::text), 101, timestamptz '2025-01-01Z' + n * interval '1 hour', 0, 'email', 'Inbound', 3, true, '{}', repeat(md5(n::text), 20) `

func write(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), statement)
	must(t, err)
}

// idsOf are the ids of all lines, sorted.
func idsOf(t *testing.T, lines []byte) (ids []string) {
	t.Helper()
	for line := range bytes.Lines(lines) {
		var record struct{ ID, IxnID string }
		must(t, json.Unmarshal(line, &record))
		ids = append(ids, record.ID+record.IxnID)
	}
	slices.Sort(ids)
	return ids
}

// TestRangesOfSources cuts runs over the real sources, exports each range by an
// engine and a source of its own, and compares with the run as a whole and with
// the database.
func TestRangesOfSources(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sample.db")
	_, err := sample.Write(t.Context(), path, sample.Options{Interactions: 2000, Contacts: 400, End: now})
	must(t, err)
	openSQLite := func() source.Source {
		s, err := sqlite.Open(path, sqlite.Options{Now: func() time.Time { return now }})
		return opened(t, s, err)
	}
	openPostgres, conn := postgresHistory(t)
	for name, open := range map[string]func() source.Source{"sqlite": openSQLite, "postgres": openPostgres} {
		t.Run(name, func(t *testing.T) {
			id, s := newIdentity(t), newStorage()
			bucket := s.bucket(t)
			engine := func() *Engine {
				return &Engine{Source: open(), Bucket: bucket, Workers: 1, RangeRecords: 150, LeastRecords: 200}
			}
			spec := newSpec(id)
			spec.SplitSize = 32 << 10
			single, _ := export(t, engine(), spec)
			want := linesOf(single, checkArtifacts(t, id, s, single))

			spec.Prefix = "tenants/t/runs/run-1/attempt-2/"
			ranges, err := engine().Cut(t.Context(), spec, 8)
			must(t, err)
			if len(ranges) < 5 {
				t.Fatalf("the run is cut into %d ranges", len(ranges))
			}
			result := inRanges(t, engine, spec, ranges)
			got := linesOf(result, checkArtifacts(t, id, s, result))
			for _, e := range entitiesOf(cdds.TypeInteraction) {
				if len(want[e]) == 0 || !bytes.Equal(got[e], want[e]) {
					t.Errorf("the lines of %d ranges are not those of the run: %d and %d bytes of %s", len(ranges), len(got[e]), len(want[e]), e)
				}
				if name == "postgres" {
					rows, err := conn.Query(t.Context(), "select id from "+string(e))
					must(t, err)
					ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
					must(t, err)
					slices.Sort(ids)
					equal(t, "ids of "+string(e), slices.Equal(idsOf(t, got[e]), ids), true)
				}
			}
		})
	}
}

// TestRangesUnderOneSnapshot writes between two ranges: as long as the snapshot
// is held nothing of it is seen, and after that what belongs to the window.
func TestRangesUnderOneSnapshot(t *testing.T) {
	open, conn := postgresHistory(t)
	id, s := newIdentity(t), newStorage()
	bucket := s.bucket(t)
	coordinator := &Engine{Source: open(), Bucket: bucket, LeastRecords: 200}
	spec := newSpec(id)
	spec.SplitSize = 1 << 20
	name, release, err := coordinator.HoldSnapshot(t.Context(), spec.RunID)
	must(t, err)
	if name == "" {
		t.Fatal("no snapshot is held")
	}
	spec.Snapshot = name
	ranges, err := coordinator.Cut(t.Context(), spec, 4)
	must(t, err)
	last := slices.IndexFunc(ranges, func(r Range) bool { return r.Upto == nil })
	read := func(i int, how string) (ids []string, at time.Time) {
		order := spec
		order.Range, order.Prefix = &ranges[i], spec.Prefix+how+"/"
		result, _ := export(t, &Engine{Source: open(), Bucket: bucket, RangeRecords: 150}, order)
		lines := linesOf(result, checkArtifacts(t, id, s, result))
		equal(t, how+": one snapshot", result.SnapshotFirst.Equal(result.SnapshotLast), how != "after")
		return idsOf(t, lines[source.Interaction]), result.SnapshotFirst
	}
	first, at := read(0, "first")
	equal(t, "the first range has records", len(first) > 0, true)
	before, beforeAt := read(last, "before")
	// Two belong to the window, which ends in March 2026, and one does not.
	write(t, conn, insertHours+"from unnest(array[9000, 9001, 90000]) n")
	held, heldAt := read(last, "held")
	equal(t, "under the snapshot all is as it was", slices.Equal(before, held), true)
	equal(t, "one moment", at.Equal(beforeAt) && at.Equal(heldAt), true)
	must(t, release())
	after, afterAt := read(last, "after")
	equal(t, "records after it", len(after), len(before)+2)
	equal(t, "later", afterAt.After(at), true)
}
