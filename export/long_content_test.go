package export

import (
	"bytes"
	"errors"
	mathrand "math/rand/v2"
	"testing"

	"cdds"
	"cdds/export/deflate"
	"cdds/source"
)

// withLongContents is a history some of whose attachments are too long to be
// held, with lengths that end in all places of a group of base64, a few in a
// row. Half of them cannot be compressed.
func withLongContents(t *testing.T) *history {
	t.Helper()
	noise := make([]byte, 4<<20)
	if _, err := mathrand.NewChaCha8([32]byte{9}).Read(noise); err != nil {
		t.Fatal(err)
	}
	even := bytes.Repeat([]byte("what compresses well "), 4<<20/20)
	h := newHistory(50, 60, 0)
	plain := h.fill
	h.fill = func(e source.Entity, i int, r *source.Record) {
		plain(e, i, r)
		if e == source.Attachment && i%10 >= 7 {
			from := noise
			if i%20 >= 10 {
				from = even
			}
			r.Values[len(r.Values)-1] = source.Value{Bytes: from[:source.MaxContent+1+i*50_000+i%3]}
		}
	}
	return h
}

// TestLongContents exports attachments that come in pieces: to one file, and to
// parts that are larger and smaller than they are.
func TestLongContents(t *testing.T) {
	h := withLongContents(t)
	id, s := newIdentity(t), newStorage()
	result, p := export(t, &Engine{Source: h, Bucket: s.bucket(t)}, newSpec(id))
	contents := checkArtifacts(t, id, s, result)
	if !bytes.Equal(contents["Interaction-Attachment-run-1.json"], h.expected(source.Attachment)) {
		t.Error("the lines are not those of the source")
	}
	equal(t, "bytes", p.Bytes.Load(), int64(len(h.expected(source.Attachment))+len(h.expected(source.Interaction))))
	for _, size := range []int64{1 << 20, 16 << 20} {
		split(t, h, cdds.TypeInteraction, size, 1)
	}
}

// TestLongContentFails ends a content in the middle, and gives one of another
// length than was said. Nothing is left.
func TestLongContentFails(t *testing.T) {
	broken := errors.New("the source is gone")
	h, s := withLongContents(t), newStorage()
	pieces := 0
	h.onPiece = func() error {
		if pieces++; pieces == 12 {
			return broken
		}
		return nil
	}
	e := &Engine{Source: h, Bucket: s.bucket(t)}
	if _, err := e.Run(t.Context(), newSpec(newIdentity(t)), &Progress{}); !errors.Is(err, broken) {
		t.Errorf("the run ended with %v", err)
	}
	equal(t, "objects", len(s.keys()), 0)

	for _, size := range []int64{2_990, 3_010} {
		r := &reader{cut: &cutter{ring: newRing(1, deflate.Default)}, progress: &Progress{}, line: []byte(`{"content":""}` + "\n")}
		content := &source.Content{Size: size, Read: func(do func([]byte) error) error { return do(make([]byte, 3_000)) }}
		err := r.long(t.Context(), source.Attachment, &source.Record{Content: content})
		equal(t, "code", cdds.CodeOf(err), cdds.CodeInternal)
	}
}
