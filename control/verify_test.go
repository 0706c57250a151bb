package control_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob/fileblob"

	"cdds"
	"cdds/control"
	"cdds/store"
)

// stored finishes a run whose artifact has the given content.
func (w *world) stored(t testing.TB, content string) cdds.Artifact {
	t.Helper()
	a := w.finish(t, w.oneRun(t, w.create(t, onceSpec(time.Time{})).ID))
	noError(t, w.bucket.WriteAll(t.Context(), a.Key, []byte(content), nil))
	sum := sha256.Sum256([]byte(content))
	a.Size, a.SHA256 = int64(len(content)), hex.EncodeToString(sum[:])
	return a
}

func TestCheckArtifact(t *testing.T) {
	w := newWorld(t, store.SQLite)
	ctx := t.Context()
	content := strings.Repeat("0123456789", 100_000) // several pieces
	a := w.stored(t, content)
	put := func(s string) func() error {
		return func() error { return w.bucket.WriteAll(ctx, a.Key, []byte(s), nil) }
	}
	for _, c := range []struct {
		name   string
		harm   func() error
		damage string
	}{
		{"whole", func() error { return nil }, ""},
		{"one bit", put("1" + content[1:]), "SHA-256"},
		{"the last byte", put(content[:len(content)-1] + "0"), "SHA-256"},
		{"shorter", put(content[1:]), "999999 bytes; 1000000 were stored"},
		{"longer", put(content + "0"), "1000001 bytes"},
		{"empty", put(""), "The file has 0 bytes"},
		{"gone", func() error { return w.bucket.Delete(ctx, a.Key) }, "missing"},
		{"back", put(content), ""},
	} {
		noError(t, c.harm())
		read := 0
		damage, err := w.CheckArtifact(ctx, a, func(n int) error { read += n; return nil })
		noError(t, err)
		if (damage == "") != (c.damage == "") || !strings.Contains(damage, c.damage) {
			t.Errorf("%s: %q, want %q", c.name, damage, c.damage)
		}
		if c.damage == "" && read != len(content) {
			t.Errorf("%s: %d bytes were reported", c.name, read)
		}
	}
	enough := errors.New("enough")
	_, err := w.CheckArtifact(ctx, a, func(int) error { return enough })
	if !errors.Is(err, enough) {
		t.Errorf("a check that was ended: %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = w.CheckArtifact(ended, a, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a check whose context ended: %v", err)
	}
}

// TestAStorageThatDoesNotAnswer says nothing about its files.
func TestAStorageThatDoesNotAnswer(t *testing.T) {
	w := newWorld(t, store.SQLite)
	a := w.stored(t, "content")
	bucket, err := fileblob.OpenBucket(t.TempDir(), nil)
	noError(t, err)
	broken := control.New(control.Config{Store: w.st, Bucket: bucket, Log: slog.New(slog.DiscardHandler)})
	empty, err := broken.StorageEmpty(t.Context())
	noError(t, err)
	equal(t, "empty", empty, true)
	noError(t, bucket.Close())
	_, err = broken.CheckArtifact(t.Context(), a, nil)
	wantCode(t, "a closed storage", err, cdds.CodeUnavailable)
	equal(t, "empty", got(w.StorageEmpty(t.Context()))(t), false)
}

// TestRetryOfADamagedRun exports a finished run again whose file has gone.
func TestRetryOfADamagedRun(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		a := w.stored(t, "content")
		_, err := w.RetryRun(ctx, w.ann, a.RunID, control.Once{}, now)
		wantCode(t, "retry of a run whose files are whole", err, cdds.CodeConflict)
		noError(t, w.MarkChecked(ctx, a, control.Missing, at(time.Hour)))
		again := got(w.RetryRun(ctx, w.ann, a.RunID, control.Once{}, at(2*time.Hour)))(t)
		first := got(w.st.RunByID(ctx, a.RunID))(t)
		equal(t, "linked", again.RetryOf, a.RunID)
		equal(t, "window", again.Window, first.Window)
		equal(t, "tasks", w.tasks(t, again.ID, 1), 1)
		page := got(w.st.Audit(ctx, store.AuditQuery{TenantID: a.TenantID, Action: "run.retry"}))(t)
		equal(t, "audit lines", len(page.Items), 1)
	})
}
