package export

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"

	"cdds"
	"cdds/source"
)

var errFault = errors.New("a fault of the test")

// failed runs an order that must fail, and returns why.
func failed(t *testing.T, ctx context.Context, e *Engine, spec Spec) error {
	t.Helper()
	var p Progress
	result, err := e.Run(ctx, spec, &p)
	if err == nil || result != nil {
		t.Fatalf("a result (%v) or no error: %v", result != nil, err)
	}
	return err
}

// TestFaults: wherever a run fails, it says why and leaves nothing behind. The
// bubble ends only when all goroutines have ended.
func TestFaults(t *testing.T) {
	unavailable := &cdds.Error{Code: cdds.CodeUnavailable, Message: "The source does not answer."}
	at := func(entity source.Entity, place int, fault error) func(*history, *storage, *Engine) {
		return func(h *history, _ *storage, _ *Engine) {
			h.before = func(e source.Entity, i int) error {
				if e == entity && i == place {
					return fault
				}
				return nil
			}
		}
	}
	snapshot := func(number int) func(*history, *storage, *Engine) {
		return func(h *history, _ *storage, _ *Engine) {
			h.onSnapshot = func(n int) error {
				if n == number {
					return unavailable
				}
				return nil
			}
		}
	}
	write := func(after int64, fault error) func(*history, *storage, *Engine) {
		return func(_ *history, s *storage, _ *Engine) {
			s.onWrite = func(_ context.Context, written int64) error {
				if written > after {
					return fault
				}
				return nil
			}
		}
	}
	const refused, full = "The artifact storage did not do what it was asked for.", "The artifact storage is full."
	for name, c := range map[string]struct {
		fault   func(*history, *storage, *Engine)
		is      error
		message string
		once    bool
	}{
		"first snapshot":      {snapshot(1), unavailable, unavailable.Message, false},
		"the one snapshot":    {snapshot(1), unavailable, unavailable.Message, true},
		"a later snapshot":    {snapshot(5), unavailable, unavailable.Message, false},
		"first record":        {at(source.Interaction, 0, unavailable), unavailable, unavailable.Message, false},
		"a late record":       {at(source.Interaction, 6999, errFault), errFault, "", false},
		"a record, one":       {at(source.Interaction, 1234, errFault), errFault, "", true},
		"an attachment":       {at(source.Attachment, 17, unavailable), unavailable, unavailable.Message, false},
		"first write":         {write(0, errFault), errFault, refused, false},
		"a later write":       {write(500_000, errFault), errFault, refused, false},
		"disk full":           {write(500_000, syscall.ENOSPC), syscall.ENOSPC, full, false},
		"disk full, one":      {write(0, syscall.ENOSPC), syscall.ENOSPC, full, true},
		"quota":               {write(500_000, syscall.EDQUOT), syscall.EDQUOT, full, false},
		"close of first part": {func(_ *history, s *storage, _ *Engine) { s.onClose = func(string) error { return errFault } }, errFault, refused, false},
		"close of last part": {func(_ *history, s *storage, _ *Engine) {
			s.onClose = func(key string) error {
				if strings.Contains(key, "-0003") {
					return errFault
				}
				return nil
			}
		}, errFault, refused, false},
		"sync": {func(_ *history, s *storage, e *Engine) {
			e.Sync = func(context.Context, string) error { return errFault }
		}, errFault, refused, false},
		"a source that stands still": {func(h *history, _ *storage, _ *Engine) { h.stuck = true }, nil, "The source gave the same range of records twice.", false},
	} {
		t.Run(name, func(t *testing.T) {
			id := newIdentity(t)
			synctest.Test(t, func(t *testing.T) {
				s, h := newStorage(), newHistory(7000, 50, 0)
				e := &Engine{Source: h, Bucket: s.bucket(t), Workers: 2, RangeRecords: 1000}
				c.fault(h, s, e)
				spec := newSpec(id)
				spec.SplitSize, spec.OneSnapshot = 1<<20, c.once
				err := failed(t, t.Context(), e, spec)
				if c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("the error is %q, not %q", err, c.is)
				}
				var ours *cdds.Error
				if c.message != "" && (!errors.As(err, &ours) || ours.Message != c.message) {
					t.Errorf("the error is %q, want %q", err, c.message)
				}
				if c.message == full && (ours.Code != cdds.CodeUnavailable || !strings.Contains(ours.Hint, "Free space")) {
					t.Errorf("code %s, hint %q", ours.Code, ours.Hint)
				}
				s.empty(t)
				equal(t, "open snapshots", h.open, 0)
			})
		})
	}
}

// TestCancel: a run ends with the cause of its context, wherever it is.
func TestCancel(t *testing.T) {
	for name, place := range map[string]func(h *history, s *storage, cancel func()){
		"before":     func(_ *history, _ *storage, cancel func()) { cancel() },
		"in reading": func(h *history, _ *storage, cancel func()) { h.before = calling(cancel, source.Interaction, 5000) },
		"at the end": func(h *history, _ *storage, cancel func()) { h.before = calling(cancel, source.Attachment, 49) },
		"in a storage that hangs": func(_ *history, s *storage, cancel func()) {
			s.onWrite = func(ctx context.Context, written int64) error {
				if written > 1<<20 {
					go cancel()
					<-ctx.Done()
				}
				return ctx.Err()
			}
		},
		"in closing a part": func(_ *history, s *storage, cancel func()) {
			s.onClose = func(key string) error {
				if strings.Contains(key, "-0002") {
					cancel()
				}
				return nil
			}
		},
	} {
		for _, split := range []int64{0, 1500 << 10} {
			if split == 0 && name == "in closing a part" {
				continue // then the run is done
			}
			t.Run(fmt.Sprint(name, split), func(t *testing.T) {
				id := newIdentity(t)
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancelCause(t.Context())
					s, h := newStorage(), newHistory(9000, 50, 0)
					place(h, s, func() { cancel(errFault) })
					spec := newSpec(id)
					spec.SplitSize = split
					if err := failed(t, ctx, &Engine{Source: h, Bucket: s.bucket(t), Workers: 2}, spec); !errors.Is(err, errFault) {
						t.Errorf("the error is %q, not the cause", err)
					}
					s.empty(t)
					equal(t, "open snapshots", h.open, 0)
				})
			})
		}
	}
}

// TestAStorageThatStops takes nothing any more, in the middle of an artifact and
// at its end. One that is slow is waited for.
func TestAStorageThatStops(t *testing.T) {
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for name, c := range map[string]struct {
		onWrite func(ctx context.Context, written int64) error
		stops   bool
	}{
		"stops at once": {func(ctx context.Context, _ int64) error { return hang(ctx) }, true},
		"stops in the middle": {func(ctx context.Context, written int64) error {
			if written <= 1<<20 {
				return nil
			}
			return hang(ctx)
		}, true},
		"slow, but it moves on": {func(context.Context, int64) error { time.Sleep(9 * time.Minute); return nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			id := newIdentity(t)
			synctest.Test(t, func(t *testing.T) {
				s, h := newStorage(), newHistory(7000, 50, 0)
				s.onWrite = c.onWrite
				e := &Engine{Source: h, Bucket: s.bucket(t), Workers: 2}
				if !c.stops {
					export(t, e, newSpec(id))
					return
				}
				err := failed(t, t.Context(), e, newSpec(id))
				var ours *cdds.Error
				if !errors.As(err, &ours) || ours.Code != cdds.CodeUnavailable || ours.Message != "The artifact storage took nothing for 10m0s." {
					t.Errorf("the error is %q", err)
				}
				s.empty(t)
			})
		})
	}
}

// calling calls at a record.
func calling(do func(), entity source.Entity, place int) func(source.Entity, int) error {
	return func(e source.Entity, i int) error {
		if e == entity && i == place {
			do()
		}
		return nil
	}
}

// TestCleaningFails: the first fault stays the first, and what stays behind is
// not kept quiet.
func TestCleaningFails(t *testing.T) {
	s, h := newStorage(), newHistory(0, 0, 30)
	s.onDelete = func(string) error { return syscall.EROFS }
	h.before = func(_ source.Entity, i int) error {
		if i == 20 {
			return errFault
		}
		return nil
	}
	spec := newSpec(newIdentity(t))
	spec.Type, spec.SplitSize = cdds.TypeContact, 100
	// Parts before the fault may be stored or not: one is put there for sure.
	s.objects[spec.Prefix+"export-run-1-0001.zip.p7m"] = nil
	err := failed(t, t.Context(), &Engine{Source: h, Bucket: s.bucket(t)}, spec)
	if !errors.Is(err, errFault) || !errors.Is(err, syscall.EROFS) || !strings.HasPrefix(err.Error(), errFault.Error()) {
		t.Errorf("the error is %q", err)
	}
}

// TestNobodyToEncryptTo: it is found out before anything is read.
func TestNobodyToEncryptTo(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	elliptic, err := x509.ParseCertificate(der)
	must(t, err)
	for name, recipients := range map[string][]*x509.Certificate{"none": nil, "elliptic": {elliptic}} {
		s, h := newStorage(), newHistory(10, 0, 0)
		spec := newSpec(newIdentity(t))
		spec.Recipients = recipients
		err := failed(t, t.Context(), &Engine{Source: h, Bucket: s.bucket(t)}, spec)
		equal(t, name, cdds.CodeOf(err), cdds.CodeInvalid)
		equal(t, name+" snapshots", h.snapshots, 0)
		s.empty(t)
	}
}

// TestSync: an object is made durable once, when it is there.
func TestSync(t *testing.T) {
	s := newStorage()
	var synced []string
	e := &Engine{Source: newHistory(5000, 50, 0), Bucket: s.bucket(t), Sync: func(_ context.Context, key string) error {
		if _, there := s.objects[key]; !there {
			t.Errorf("%s is not there", key)
		}
		synced = append(synced, key)
		return nil
	}}
	spec := newSpec(newIdentity(t))
	spec.SplitSize = 1 << 20
	export(t, e, spec)
	equal(t, "synced", strings.Join(synced, " "), strings.Join(s.keys(), " "))
}

// TestDiskFull fills a real file system of 1 MiB. Where none can be mounted, a
// storage that says the same stands in for it.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	bucket, folder := newStorage().bucket(t), ""
	if mount := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", dir); mount.Run() == nil {
		t.Cleanup(func() { must(t, exec.Command("umount", dir).Run()) })
		folder = dir
		var err error
		bucket, err = fileblob.OpenBucket(dir, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
		must(t, err)
		t.Cleanup(func() { must(t, bucket.Close()) })
	} else {
		full := newStorage()
		full.onWrite = func(_ context.Context, written int64) error {
			if written > 1<<20 {
				return &os.PathError{Op: "write", Path: "a", Err: syscall.ENOSPC}
			}
			return nil
		}
		bucket = full.bucket(t)
	}
	t.Logf("a real file system: %t", folder != "")
	for _, split := range []int64{0, 300 << 10, 2 << 20} {
		spec := newSpec(newIdentity(t))
		spec.SplitSize = split
		err := failed(t, t.Context(), &Engine{Source: newHistory(10_000, 10, 0), Bucket: bucket}, spec)
		var ours *cdds.Error
		if !errors.As(err, &ours) || ours.Code != cdds.CodeUnavailable || ours.Message != "The artifact storage is full." || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("split %d: the error is %#v", split, err)
		}
		noFiles(t, folder)
		equal(t, "listed", listed(t, bucket), 0)
	}
	// There is room again: the storage is as good as new.
	spec := newSpec(newIdentity(t))
	result, _ := export(t, &Engine{Source: newHistory(300, 10, 0), Bucket: bucket}, spec)
	equal(t, "artifacts", len(result.Artifacts), listed(t, bucket))
}

// noFiles fails the test where a folder has files, also such as a bucket hides.
func noFiles(t *testing.T, folder string) {
	t.Helper()
	if folder == "" {
		return
	}
	must(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			t.Errorf("%s is left", path)
		}
		return err
	}))
}

func listed(t *testing.T, bucket *blob.Bucket) int {
	t.Helper()
	n := 0
	for objects := bucket.List(nil); ; n++ {
		_, err := objects.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return n
		}
		must(t, err)
	}
}

// TestFolder exports several runs at once into a real folder.
func TestFolder(t *testing.T) {
	id, dir := newIdentity(t), t.TempDir()
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	must(t, err)
	t.Cleanup(func() { must(t, bucket.Close()) })
	e := &Engine{Source: newHistory(4000, 100, 0), Bucket: bucket}
	errs := make(chan error)
	results := make([]*Result, 3)
	for i := range results {
		spec := newSpec(id)
		spec.Prefix, spec.SplitSize = fmt.Sprintf("run-%d/", i), 1<<20
		go func() {
			var p Progress
			var err error
			results[i], err = e.Run(t.Context(), spec, &p)
			errs <- err
		}()
	}
	for range results {
		must(t, <-errs)
	}
	for _, result := range results {
		for i, a := range result.Artifacts {
			stored, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(a.Key)))
			must(t, err)
			equal(t, "SHA-256", a.SHA256, sum(stored))
			equal(t, "plain SHA-256", a.Files[0].SHA256, results[0].Artifacts[i].Files[0].SHA256)
		}
	}
	must(t, e.Remove(t.Context(), "run-1/", nil))
	must(t, e.Remove(t.Context(), "run-1/", nil))
	equal(t, "left", listed(t, bucket), len(results[0].Artifacts)*2)
}
