package sqlite

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cdds/source"
	"cdds/source/sourcetest"
)

// create makes a file with the tables of the product's own schema, or with
// tables of other names, and opens it for writing.
func create(t testing.TB, journal string, tables []sourcetest.Table) (string, *sql.DB) {
	t.Helper()
	// A name that would go wrong in an address if it were not escaped.
	path := filepath.Join(t.TempDir(), "history 100%?mode=rw#é.db")
	db, err := sql.Open("sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23", " ", "%20").Replace(path)+"?_pragma=journal_mode("+journal+")")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if tables == nil {
		if err := CreateSchema(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		return path, db
	}
	types := map[source.Kind]string{source.Text: "varchar", source.Int: "integer", source.Bool: "boolean", source.Instant: "timestamp", source.JSON: "json", source.Binary: "blob"}
	for _, table := range tables {
		exec(t, db, table.Create(types))
		for _, index := range table.Indexes() {
			exec(t, db, index)
		}
	}
	return path, db
}

func exec(t testing.TB, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// insert writes rows in one transaction.
func insert(t testing.TB, db *sql.DB, tables []sourcetest.Table) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		for _, row := range table.Rows {
			args := table.Values(row)
			for i, v := range args {
				switch v := v.(type) {
				case time.Time:
					args[i] = v.Format(Layout)
				case json.RawMessage:
					var lines bytes.Buffer // to be put on one line again
					if err := json.Indent(&lines, v, "", "\t"); err != nil {
						t.Fatal(err)
					}
					args[i] = lines.String()
				}
			}
			if _, err := tx.ExecContext(t.Context(), table.Insert(), args...); err != nil {
				t.Fatalf("%s: %v", table.Insert(), err)
			}
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// open opens a source that is closed at the end of the test.
func open(t testing.TB, path string, o Options) *Source {
	t.Helper()
	s, err := Open(path, o)
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
		path, db := create(t, "wal", nil)
		insert(t, db, tables)
		return sourcetest.Database{Source: open(t, path, Options{}), Bytewise: true, Insert: func(t testing.TB, tables []sourcetest.Table) { insert(t, db, tables) }}
	})
}

// TestMappedSource reads tables whose names need care, and whose columns are
// declared with types of which the driver makes other values.
func TestMappedSource(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T, tables []sourcetest.Table) sourcetest.Database {
		tables, text := sourcetest.Odd(t, tables, "main")
		mapping, err := source.LoadMapping(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		path, db := create(t, "wal", tables)
		insert(t, db, tables)
		return sourcetest.Database{Source: open(t, path, Options{Mapping: mapping}), Bytewise: true, Insert: func(t testing.TB, tables []sourcetest.Table) {
			tables, _ = sourcetest.Odd(t, tables, "main")
			insert(t, db, tables)
		}}
	})
}
