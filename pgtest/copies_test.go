package pgtest

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestCopiesAreAlikeAndApart prepares each kind once, and changes one copy.
func TestCopiesAreAlikeAndApart(t *testing.T) {
	var pool Pool
	t.Cleanup(func() {
		if err := pool.server.Close(); err != nil {
			t.Error(err)
		}
	})
	var prepared atomic.Int64
	copies := Copies{Pool: &pool, Prepare: func(ctx context.Context, dsn string) error {
		prepared.Add(1)
		if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
			return os.WriteFile(path, []byte("content"), 0o600)
		}
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, "create table kept (n int); insert into kept values (7)")
		return errors.Join(err, conn.Close(ctx))
	}}
	one, two := copies.Postgres(t), copies.Postgres(t)
	if got := query(t, one, "update kept set n = 8; select n from kept"); got != "8" {
		t.Errorf("the changed copy has %s", got)
	}
	for _, dsn := range []string{two, copies.Postgres(t)} {
		if got := query(t, dsn, "select n from kept"); got != "7" {
			t.Errorf("another copy has %s", got)
		}
	}
	first := strings.TrimPrefix(copies.SQLite(t), "sqlite:")
	if err := os.WriteFile(first, []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(strings.TrimPrefix(copies.SQLite(t), "sqlite:"))
	if err != nil || string(text) != "content" {
		t.Errorf("another copy holds %q: %v", text, err)
	}
	if n := prepared.Load(); n != 2 {
		t.Errorf("prepared %d times", n)
	}
}
