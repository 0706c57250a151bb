package store_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"cdds"
	"cdds/store"
)

// TestBackUpIsOneMoment backs up while a transaction is open and others write:
// the copy has what was committed before, whole, and nothing else.
func TestBackUpIsOneMoment(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "cdds.db"), filepath.Join(dir, "copy.db")
	st := openStore(t, path)
	noError(t, st.Migrate(t.Context()))
	w := newWorld(t, st)
	w.addJob(t, w.job(w.alpha, "before"))
	other := openStore(t, path)
	w.tx(t, func(ctx context.Context, tx *store.Tx) error {
		noError(t, tx.InsertJob(ctx, w.job(w.alpha, "open")))
		return other.BackUp(ctx, copied)
	})
	w.addJob(t, w.job(w.alpha, "after"))
	noError(t, store.CheckFile(t.Context(), copied))
	restored := openStore(t, copied)
	noError(t, restored.Ready(t.Context()))
	for id, there := range map[string]bool{"before": true, "open": false, "after": false} {
		_, err := restored.Job(t.Context(), "tenant-a", id)
		equal(t, id, err == nil, there)
	}
	wantCode(t, other.BackUp(t.Context(), copied), cdds.CodeInternal) // never over a file
}

func TestCheckFile(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.db")
	st := openStore(t, filepath.Join(dir, "cdds.db"))
	noError(t, st.Migrate(t.Context()))
	noError(t, st.BackUp(t.Context(), good))
	bytes := got(os.ReadFile(good))(t)
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		noError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	changed := func(name, statement string) string {
		path := file(name, bytes)
		db := got(sql.Open("sqlite", path))(t)
		got(db.Exec(statement))(t)
		noError(t, db.Close())
		return path
	}
	torn := append([]byte{}, bytes...)
	for i := 40 << 10; i < 80<<10; i++ {
		torn[i] ^= 0x55
	}
	for _, c := range []struct {
		name, path string
		code       cdds.Code
	}{
		{"a backup", good, ""},
		{"half of one", file("half.db", bytes[:len(bytes)/2]), cdds.CodeInvalid},
		{"a damaged one", file("torn.db", torn), cdds.CodeInvalid},
		{"an empty file", file("empty.db", nil), cdds.CodeInvalid},
		{"a text", file("text.db", []byte("this is no database, however long it may be")), cdds.CodeInvalid},
		{"another database", changed("other.db", `DROP TABLE goose_db_version`), cdds.CodeInvalid},
		{"a newer one", changed("newer.db", `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`), cdds.CodeConflict},
		{"nothing", filepath.Join(dir, "none.db"), cdds.CodeInvalid},
	} {
		t.Run(c.name, func(t *testing.T) { wantCode(t, store.CheckFile(t.Context(), c.path), c.code) })
	}
}

// TestFold leaves one file of a database that nobody uses, with all that was
// written, and refuses one that is in use.
func TestFold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cdds.db")
	st := got(store.Open(t.Context(), path))(t)
	noError(t, st.Migrate(t.Context()))
	newWorld(t, st)
	wantCode(t, store.Fold(t.Context(), path), cdds.CodeConflict)
	noError(t, st.Close())
	noError(t, store.Fold(t.Context(), path))
	for _, side := range []string{"-wal", "-shm"} {
		_, err := os.Stat(path + side)
		equal(t, side, os.IsNotExist(err), true)
	}
	equal(t, "tenants", len(got(openStore(t, path).Tenants(t.Context()))(t)), 2)
}

func TestFilePath(t *testing.T) {
	equal(t, "path", got(store.FilePath("sqlite:/data/cdds.db"))(t), "/data/cdds.db")
	for _, dsn := range []string{"postgres://localhost/cdds", "mysql://localhost", ""} {
		_, err := store.FilePath(dsn)
		wantCode(t, err, cdds.CodeInvalid)
	}
}
