package postgres

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cdds"
	"cdds/pgtest"
	"cdds/source"
	"cdds/source/sourcetest"
)

var servers pgtest.Pool

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

// referenceTypes are those of the reference schema, or near.
func referenceTypes() map[source.Kind]string {
	return map[source.Kind]string{source.Text: "text", source.Int: "integer", source.Bool: "boolean", source.Instant: "timestamptz", source.JSON: "jsonb", source.Binary: "bytea"}
}

// connect connects as somebody who may write.
func connect(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func exec(t testing.TB, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// emptyHistory makes a database with the tables of the reference schema.
func emptyHistory(t testing.TB) (dsn string, conn *pgx.Conn) {
	t.Helper()
	dsn = servers.Database(t)
	conn = connect(t, dsn)
	create(t, conn, sourcetest.History(), referenceTypes())
	return dsn, conn
}

// create makes tables with their indexes.
func create(t testing.TB, conn *pgx.Conn, tables []sourcetest.Table, types map[source.Kind]string) {
	t.Helper()
	for _, table := range tables {
		exec(t, conn, table.Create(types))
		for _, index := range table.Indexes() {
			exec(t, conn, index)
		}
	}
}

// insert writes rows in one transaction.
func insert(t testing.TB, conn *pgx.Conn, tables []sourcetest.Table, types map[source.Kind]string) {
	t.Helper()
	exec(t, conn, "begin")
	for _, table := range tables {
		batch := &pgx.Batch{}
		for _, row := range table.Rows {
			args := table.Values(row)
			for i, v := range args {
				switch v := v.(type) {
				case json.RawMessage:
					args[i] = strings.ReplaceAll(string(v), ":{", ": \n\t{") // to be put on one line again
				case bool:
					if types[source.Bool] != "boolean" {
						args[i] = map[bool]int{true: 1}[v]
					}
				case time.Time:
					args[i] = v.Format("2006-01-02 15:04:05.999999Z") // also for a timestamp without a zone
				}
			}
			batch.Queue(table.Insert(), args...)
		}
		if err := conn.SendBatch(t.Context(), batch).Close(); err != nil {
			t.Fatalf("%s: %v", table.Insert(), err)
		}
	}
	exec(t, conn, "commit")
	exec(t, conn, "analyze")
}

// open opens a source that is closed at the end of the test.
func open(t testing.TB, dsn string, o Options) *Source {
	t.Helper()
	s, err := Open(t.Context(), dsn, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSource(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T, tables []sourcetest.Table) sourcetest.Database {
		dsn := servers.Database(t)
		conn := connect(t, dsn)
		create(t, conn, tables, referenceTypes())
		insert(t, conn, tables, referenceTypes())
		return sourcetest.Database{Source: open(t, dsn, Options{}), Bytewise: true, Learns: true, Insert: func(t testing.TB, tables []sourcetest.Table) { insert(t, conn, tables, referenceTypes()) }}
	})
}

// TestForeignSource reads tables of another make: names that need care, in
// another schema, columns of other types, and a language's order of texts.
func TestForeignSource(t *testing.T) {
	types := map[source.Kind]string{source.Text: `varchar collate "en-US-x-icu"`, source.Int: "numeric(20)", source.Bool: "smallint",
		source.Instant: "timestamp", source.JSON: "json", source.Binary: "bytea"}
	sourcetest.Run(t, func(t *testing.T, tables []sourcetest.Table) sourcetest.Database {
		dsn := servers.Database(t)
		conn := connect(t, dsn)
		const schema = `the "history"`
		exec(t, conn, "create schema "+source.Quote(schema))
		exec(t, conn, "set search_path = "+source.Quote(schema))
		tables, text := sourcetest.Odd(t, tables, schema)
		create(t, conn, tables, types)
		insert(t, conn, tables, types)
		return sourcetest.Database{Learns: true, Source: open(t, dsn, Options{Mapping: load(t, text)}), Insert: func(t testing.TB, tables []sourcetest.Table) {
			tables, _ = sourcetest.Odd(t, tables, schema)
			insert(t, conn, tables, types)
		}}
	})
}

// history makes a database with the hand-made history, and returns its DSN and a
// connection that may write.
func history(t testing.TB, s *pgtest.Server) (string, *pgx.Conn) {
	t.Helper()
	dsn := s.Database(t, "")
	conn := connect(t, dsn)
	create(t, conn, sourcetest.History(), referenceTypes())
	insert(t, conn, sourcetest.History(), referenceTypes())
	return dsn, conn
}

// all is the query for all records of an entity of the hand-made history's first
// tenant.
func all(e source.Entity) source.Query {
	return source.Query{Entity: e, TenantID: 101, Window: cdds.Window{End: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, By: cdds.ByStartDate}
}

// read reads a range in a snapshot of its own.
func read(t testing.TB, s *Source, q source.Query, r source.Range, emit func(*source.Record) error) (int, error) {
	t.Helper()
	snapshot, err := s.Snapshot(t.Context())
	if err != nil {
		return 0, err
	}
	n, err := snapshot.Read(t.Context(), q, r, emit)
	if closeErr := snapshot.Close(); closeErr != nil {
		t.Errorf("close: %v", closeErr)
	}
	return n, err
}

// drop takes a record and does nothing.
func drop(*source.Record) error { return nil }

// load reads a mapping file.
func load(t testing.TB, text string) source.Mapping {
	t.Helper()
	m, err := source.LoadMapping(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}
