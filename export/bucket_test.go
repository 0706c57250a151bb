package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
)

// storage is a bucket in memory that can fail. Like those of gocloud it
// publishes an object on Close, unless the writer's context has ended.
type storage struct {
	driver.Bucket // what the engine does not need
	mu            sync.Mutex
	objects       map[string][]byte
	types         map[string]string
	writers       int                                            // open now
	onWrite       func(ctx context.Context, written int64) error // fails writes, if given
	onClose       func(key string) error
	onDelete      func(key string) error
}

func newStorage() *storage {
	return &storage{objects: map[string][]byte{}, types: map[string]string{}}
}

// bucket returns the storage as a bucket.
func (s *storage) bucket(t testing.TB) *blob.Bucket {
	b := blob.NewBucket(s)
	t.Cleanup(func() { must(t, b.Close()) })
	return b
}

// keys lists what is stored.
func (s *storage) keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.objects))
}

// empty fails the test where something is stored or being written.
func (s *storage) empty(t testing.TB) {
	t.Helper()
	if keys := s.keys(); len(keys) > 0 || s.writers != 0 {
		t.Errorf("%v stored and %d writers open, want nothing", keys, s.writers)
	}
}

var errNotFound = errors.New("no such object")

func (s *storage) ErrorCode(err error) gcerrors.ErrorCode {
	switch {
	case errors.Is(err, errNotFound):
		return gcerrors.NotFound
	case errors.Is(err, context.Canceled):
		return gcerrors.Canceled
	}
	return gcerrors.Unknown
}

func (s *storage) ErrorAs(error, any) bool { return false }
func (s *storage) Close() error            { return nil }

func (s *storage) ListPaged(ctx context.Context, opts *driver.ListOptions) (*driver.ListPage, error) {
	page := &driver.ListPage{}
	for _, key := range s.keys() {
		if strings.HasPrefix(key, opts.Prefix) {
			page.Objects = append(page.Objects, &driver.ListObject{Key: key})
		}
	}
	return page, ctx.Err()
}

func (s *storage) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	object, there := s.objects[key]
	if !there {
		return nil, errNotFound
	}
	return &driver.Attributes{Size: int64(len(object))}, ctx.Err()
}

func (s *storage) Delete(ctx context.Context, key string, _ *driver.DeleteOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.onDelete != nil {
		if err := s.onDelete(key); err != nil {
			return err
		}
	}
	if _, there := s.objects[key]; !there {
		return errNotFound
	}
	delete(s.objects, key)
	return ctx.Err()
}

func (s *storage) NewTypedWriter(ctx context.Context, key, contentType string, _ *driver.WriterOptions) (driver.Writer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writers++
	s.types[key] = contentType
	return &storageWriter{ctx: ctx, s: s, key: key}, nil
}

// storageWriter writes one object.
type storageWriter struct {
	ctx context.Context
	s   *storage
	key string
	buf bytes.Buffer
}

func (w *storageWriter) Upload(r io.Reader) error {
	_, err := io.Copy(w, r)
	return err
}

func (w *storageWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	if w.s.onWrite != nil {
		if err := w.s.onWrite(w.ctx, int64(w.buf.Len()+len(p))); err != nil {
			return 0, fmt.Errorf("write: %w", err)
		}
	}
	return w.buf.Write(p)
}

func (w *storageWriter) Close() error {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.s.writers--
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.s.onClose != nil {
		if err := w.s.onClose(w.key); err != nil {
			return err
		}
	}
	w.s.objects[w.key] = w.buf.Bytes()
	return nil
}
