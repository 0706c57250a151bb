package store_test

import (
	"database/sql"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cdds"
	"cdds/store"
)

var update = flag.Bool("update", false, "write testdata/schema.*.golden anew")

func TestMigrateFromZeroAndAgain(t *testing.T) {
	for _, kind := range []store.Dialect{store.SQLite, store.Postgres} {
		t.Run(string(kind), func(t *testing.T) {
			st := openStore(t, newDSN(t, kind))
			wantCode(t, st.Ready(t.Context()), cdds.CodeUnavailable)
			for range 2 {
				noError(t, st.Migrate(t.Context()))
				noError(t, st.Ready(t.Context()))
			}
			w := newWorld(t, st)
			noError(t, st.Migrate(t.Context()))
			equal(t, "tenants after another migration", len(got(w.st.Tenants(t.Context()))(t)), 2)
		})
	}
}

func TestManyNodesMigrateAtOnce(t *testing.T) {
	dsn := newDSN(t, store.Postgres)
	nodes := []*store.Store{openStore(t, dsn), openStore(t, dsn), openStore(t, dsn)}
	together(t, len(nodes), func(i int) error { return nodes[i].Migrate(t.Context()) })
	noError(t, nodes[0].Ready(t.Context()))
}

func TestANewerSchemaIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		noError(t, w.exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`))
		wantCode(t, w.st.Ready(t.Context()), cdds.CodeConflict)
		wantCode(t, w.st.Migrate(t.Context()), cdds.CodeConflict)
		if err := w.st.Ready(t.Context()); !strings.Contains(err.Error(), "9999") {
			t.Fatalf("the error does not name the version: %v", err)
		}
	})
}

// TestSchema compares the schema that all migrations make with a written copy,
// where a reader sees their sum.
func TestSchema(t *testing.T) {
	for kind, query := range schemaDumps() {
		t.Run(string(kind), func(t *testing.T) {
			st := openStore(t, newDSN(t, kind))
			noError(t, st.Migrate(t.Context()))
			dump := dumpLines(t, st.DB(), query)
			golden := filepath.Join("testdata", "schema."+string(kind)+".golden")
			if *update {
				noError(t, os.WriteFile(golden, []byte(dump), 0o644))
			}
			want, err := os.ReadFile(golden)
			noError(t, err)
			if dump != string(want) {
				t.Fatalf("the schema differs from %s; if that is meant, run go test with -update.\n%s", golden, dump)
			}
		})
	}
}

// schemaDumps returns the query that describes a schema by lines, for each
// database.
func schemaDumps() map[store.Dialect]string {
	return map[store.Dialect]string{
		store.SQLite: `SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose_%'
			ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 ELSE 2 END, name`,
		store.Postgres: `
			SELECT line FROM (
				SELECT 0 AS kind, table_name AS name, ordinal_position AS place,
					table_name || '.' || column_name || ' ' || data_type || CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END
						|| COALESCE(' COLLATE ' || collation_name, '') || CASE is_identity WHEN 'YES' THEN ' IDENTITY' ELSE '' END AS line
				FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'goose_%'
				UNION ALL
				SELECT 1, conname, 0, conrelid::regclass || ': ' || conname || ' ' || pg_get_constraintdef(oid)
				FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE 'goose_%'
				UNION ALL
				SELECT 2, indexname, 0, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE 'goose_%'
				UNION ALL
				SELECT 3, tgname, 0, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
				UNION ALL
				SELECT 4, proname, 0, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
			) AS parts ORDER BY kind, name COLLATE "C", place`,
	}
}

func dumpLines(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	rows, err := db.Query(query)
	noError(t, err)
	defer func() { noError(t, rows.Close()) }()
	var dump strings.Builder
	for rows.Next() {
		var line string
		noError(t, rows.Scan(&line))
		dump.WriteString(strings.TrimSpace(line) + "\n")
	}
	noError(t, rows.Err())
	return dump.String()
}
