package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"

	"cdds"
)

// bringing is two storages and a file that belongs into both.
type bringing struct {
	t        *testing.T
	from, to *blob.Bucket
	synced   int
	b        Bringing
}

func newBringing(t *testing.T) *bringing {
	t.Helper()
	w := &bringing{t: t, from: memblob.OpenBucket(nil), to: memblob.OpenBucket(nil)}
	t.Cleanup(func() {
		for _, bucket := range []*blob.Bucket{w.from, w.to} {
			if err := bucket.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	content := bytes.Repeat([]byte("0123456789"), 100_000)
	sum := sha256.Sum256(content)
	w.put(w.from, content)
	w.b = Bringing{From: w.from, Key: "tenants/a/file", Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
	return w
}

func (w *bringing) put(bucket *blob.Bucket, content []byte) {
	w.t.Helper()
	if err := bucket.WriteAll(w.t.Context(), "tenants/a/file", content, nil); err != nil {
		w.t.Fatal(err)
	}
}

// brings runs it and compares what came of it.
func (w *bringing) brings(what string, copied int64, whole bool) {
	w.t.Helper()
	e := &Engine{Bucket: w.to, Sync: func(context.Context, string) error { w.synced++; return nil }}
	n, ok, err := e.Bring(w.t.Context(), w.b)
	if n != copied || ok != whole || err != nil {
		w.t.Errorf("%s: %d bytes, whole %t, %v", what, n, ok, err)
	}
}

// holds compares what is at the other storage; nil is nothing.
func (w *bringing) holds(want []byte) {
	w.t.Helper()
	got, err := w.to.ReadAll(w.t.Context(), w.b.Key)
	if want == nil && gcerrors.Code(err) == gcerrors.NotFound {
		return
	}
	if err != nil || !bytes.Equal(got, want) {
		w.t.Errorf("the storage holds %d bytes, %v", len(got), err)
	}
}

// TestBring copies a file once, and again where the copy is bad.
func TestBring(t *testing.T) {
	w := newBringing(t)
	content, err := w.from.ReadAll(t.Context(), w.b.Key)
	if err != nil {
		t.Fatal(err)
	}
	w.brings("a new file", w.b.Size, true)
	w.holds(content)
	w.brings("one that is there", 0, true)
	if w.synced != 1 {
		t.Errorf("made durable %d times", w.synced)
	}
	bad := bytes.Repeat([]byte{'x'}, len(content))
	w.put(w.to, bad)
	w.b.Known = true
	w.brings("one that was found whole before", 0, true)
	w.holds(bad)
	w.b.Known = false
	w.brings("a bad copy", w.b.Size, true)
	w.holds(content)
	w.put(w.to, content[:10])
	w.b.Known = true
	w.brings("a short copy", w.b.Size, true)
	w.holds(content)
}

// TestBringLeavesOutWhatIsNotWhole: a file that is gone, short or changed does
// not appear, and a good copy stays.
func TestBringLeavesOutWhatIsNotWhole(t *testing.T) {
	w := newBringing(t)
	content, err := w.from.ReadAll(t.Context(), w.b.Key)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(content)
	changed[500_000] ^= 1
	for what, bad := range map[string][]byte{"short": content[:999], "long": append(bytes.Clone(content), 1), "changed": changed, "empty": {}} {
		w.put(w.from, bad)
		w.brings(what, 0, false)
		w.holds(nil)
	}
	w.put(w.to, content)
	w.brings("a good copy of a bad file", 0, true)
	if err := w.from.Delete(t.Context(), w.b.Key); err != nil {
		t.Fatal(err)
	}
	w.brings("a good copy of a lost file", 0, true)
	w.holds(content)
	if err := w.to.Delete(t.Context(), w.b.Key); err != nil {
		t.Fatal(err)
	}
	w.brings("a lost file", 0, false)
	w.holds(nil)
}

// TestBringWithoutASum copies what nobody knows the bytes of.
func TestBringWithoutASum(t *testing.T) {
	w := newBringing(t)
	w.b.SHA256 = ""
	w.brings("an unknown file", w.b.Size, true)
	w.put(w.to, []byte("another"))
	w.brings("an unknown file again", w.b.Size, true)
}

// TestBringEnds with its context, and leaves nothing.
func TestBringEnds(t *testing.T) {
	w := newBringing(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := (&Engine{Bucket: w.to}).Bring(ctx, w.b); err == nil {
		t.Error("it goes on without its context")
	}
	w.holds(nil)
	if err := w.from.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := (&Engine{Bucket: w.to}).Bring(t.Context(), w.b); cdds.CodeOf(err) != cdds.CodeUnavailable {
		t.Errorf("a storage that does not answer: %v", err)
	}
	w.from = memblob.OpenBucket(nil)
}
