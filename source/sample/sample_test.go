package sample_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cdds"
	"cdds/source/sample"
)

// options are those of most tests: small, and ending on a Sunday evening that
// is cut to its morning.
func options() sample.Options {
	return sample.Options{Interactions: 4_000, Contacts: 800, Seed: 7, TenantID: 42, End: time.Date(2026, 5, 31, 20, 15, 0, 0, time.UTC)}
}

// write writes a sample to a path and opens it.
func write(t *testing.T, path string, opts sample.Options) (sample.Summary, *sql.DB) {
	t.Helper()
	summary, err := sample.Write(t.Context(), path, opts)
	if err != nil {
		t.Fatalf("write the sample: %v", err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatalf("open the sample: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the sample: %v", err)
		}
	})
	return summary, db
}

// number is the answer to a query for one number.
func number(t *testing.T, db *sql.DB, query string, args ...any) int {
	t.Helper()
	var n int
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// TestSample looks at one sample from all sides.
func TestSample(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	summary, db := write(t, path, options())
	t.Run("summary", func(t *testing.T) { checkSummary(t, summary, db) })
	t.Run("references", func(t *testing.T) { checkReferences(t, db) })
	t.Run("fields", func(t *testing.T) { checkFields(t, db) })
	t.Run("source", func(t *testing.T) { checkSource(t, summary, path) })
	t.Run("kinds", func(t *testing.T) { checkKinds(t, db) })
	t.Run("nested text", func(t *testing.T) { checkNestedText(t, db) })
}

// checkSummary compares the summary with the file.
func checkSummary(t *testing.T, s sample.Summary, db *sql.DB) {
	t.Helper()
	for _, test := range []struct {
		table string
		got   int
	}{
		{"interaction", s.Interactions}, {"contact", s.Contacts}, {"contact_attribute", s.Attributes}, {"attachment", s.Attachments},
	} {
		if n := number(t, db, "SELECT count(*) FROM "+test.table); n != test.got || n == 0 {
			t.Errorf("%s: %d in the summary, %d in the file", test.table, test.got, n)
		}
	}
	if s.Interactions != options().Interactions || s.Contacts != options().Contacts {
		t.Errorf("asked for %d interactions and %d contacts, got %d and %d", options().Interactions, options().Contacts, s.Interactions, s.Contacts)
	}
	if len(s.MediaTypes) < 6 {
		t.Errorf("media types: %v, want at least six", s.MediaTypes)
	}
	for media, n := range s.MediaTypes {
		if got := number(t, db, "SELECT count(*) FROM interaction WHERE mediatypeid = $1", media); got != n {
			t.Errorf("%s: %d in the summary, %d in the file", media, n, got)
		}
	}
	if want := time.Date(2026, 5, 31, 0, 0, 0, 0, time.UTC); s.End != want || s.Start != want.AddDate(-2, 0, 0) {
		t.Errorf("the history is said to be from %s to %s", s.Start, s.End)
	}
}

// TestSameOptionsSameRecords compares the records of several samples.
func TestSameOptionsSameRecords(t *testing.T) {
	opts := options()
	opts.Interactions, opts.Contacts = 1_000, 200
	folder := t.TempDir()
	_, one := write(t, filepath.Join(folder, "one.db"), opts)
	_, two := write(t, filepath.Join(folder, "two.db"), opts)
	first := digest(t, one)
	if second := digest(t, two); first != second {
		t.Errorf("the same options gave %s and %s", first, second)
	}
	opts.Seed++
	_, other := write(t, filepath.Join(folder, "other.db"), opts)
	if digest(t, other) == first {
		t.Error("another seed gave the same records")
	}
}

// digest is a hash of all values of all tables.
func digest(t *testing.T, db *sql.DB) string {
	t.Helper()
	hash := sha256.New()
	for _, table := range []string{
		"contact", "contact_attribute", "interaction", "interaction_email", "interaction_chat", "interaction_phonecall", "interaction_callback", "attachment",
	} {
		rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table+" ORDER BY 1")
		if err != nil {
			t.Fatalf("read %s: %v", table, err)
		}
		defer rows.Close()
		columns, err := rows.Columns()
		if err != nil {
			t.Fatalf("read %s: %v", table, err)
		}
		values, places := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			places[i] = &values[i]
		}
		for rows.Next() {
			if err := rows.Scan(places...); err != nil {
				t.Fatalf("read %s: %v", table, err)
			}
			fmt.Fprintf(hash, "%s %#v\n", table, values)
		}
		if err := rows.Err(); err != nil {
			t.Fatalf("read %s: %v", table, err)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// TestRefusedOptions gives options that make no sense.
func TestRefusedOptions(t *testing.T) {
	for name, opts := range map[string]sample.Options{
		"no end":                {},
		"negative interactions": {Interactions: -1, End: options().End},
		"negative contacts":     {Contacts: -1, End: options().End},
	} {
		folder := t.TempDir()
		if _, err := sample.Write(t.Context(), filepath.Join(folder, "history.db"), opts); cdds.CodeOf(err) != cdds.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
		empty(t, name, folder)
	}
}

// TestFailureLeavesNothing makes Write fail on its way.
func TestFailureLeavesNothing(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	folder := t.TempDir()
	if _, err := sample.Write(canceled, filepath.Join(folder, "history.db"), options()); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled context gives %v", err)
	}
	empty(t, "canceled", folder)

	taken := filepath.Join(folder, "history.db")
	if err := os.MkdirAll(filepath.Join(taken, "child"), 0o755); err != nil {
		t.Fatal(err)
	}
	opts := options()
	opts.Interactions, opts.Contacts = 10, 10
	if _, err := sample.Write(t.Context(), taken, opts); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if err := os.RemoveAll(taken); err != nil {
		t.Fatal(err)
	}
	empty(t, "the name is taken", folder)

	if _, err := sample.Write(t.Context(), filepath.Join(folder, "no", "history.db"), opts); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing folder gives %v", err)
	}
}

// empty makes sure that a folder holds nothing.
func empty(t *testing.T, when, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) > 0 {
		t.Errorf("%s: %s was left behind", when, entries[0].Name())
	}
}

// TestReplacesTheFile writes over an older sample, in a folder whose name needs
// escaping in a URL.
func TestReplacesTheFile(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "100% sample? #1")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "history.db")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	opts := options()
	opts.Interactions, opts.Contacts = 100, 1
	summary, err := sample.Write(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() != summary.Bytes || info.Size() < 8192 {
		t.Errorf("the file has %d bytes, the summary says %d", info.Size(), summary.Bytes)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %o", info.Mode().Perm())
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %d files: %v", len(entries), err)
	}
}
