package export

import (
	"archive/zip"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"log/slog"

	"gocloud.dev/blob"

	"cdds"
	"cdds/cms"
	"cdds/telemetry"
)

// writeSize is how much is handed to the storage at a time.
const writeSize = 1 << 20

// writer writes compressed blocks, in their order, into artifacts:
//
//	block ─▶ CRC-32, SHA-256 of the plaintext ─▶ zip ─▶ CMS ─▶ SHA-256, size ─▶ bucket
//
// Where an artifact or a file begins it reads off the blocks. One goroutine
// runs it.
type writer struct {
	engine    *Engine
	spec      Spec
	ring      *ring
	calls     *calls // to the storage
	buffer    *bufio.Writer
	part      *part
	artifacts []Artifact
	room      int64 // bytes that may still be stored, where that is bounded
	ended     bool  // Keep has cut the run behind the last artifact
}

// part is an artifact that is being written.
type part struct {
	artifact Artifact
	number   int                // of its files; 0: the one artifact of the run
	cancel   context.CancelFunc // called before Close it keeps the object from appearing
	object   *blob.Writer
	end      telemetry.End // of its span
	stored   *digest       // of the ciphertext
	cipher   io.WriteCloser
	zip      *zip.Writer
	entry    *entry
}

// entry is a file that is being written into a part's zip.
type entry struct {
	file   *file
	header *zip.FileHeader
	w      io.Writer
	plain  *digest
	crc    uint32
	packed int64 // compressed bytes so far
}

// digest counts and hashes what is written to it.
type digest struct {
	sum  hash.Hash
	size int64
}

func newDigest() *digest { return &digest{sum: sha256.New()} }

// Write counts and hashes p.
func (d *digest) Write(p []byte) (int, error) {
	d.size += int64(len(p))
	return d.sum.Write(p)
}

func (d *digest) hex() string { return hex.EncodeToString(d.sum.Sum(nil)) }

// run writes blocks until the queue is closed, which makes the last artifact
// appear, or until something fails, which makes the one at hand disappear.
func (w *writer) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), w.abandon())
		case b, more := <-w.ring.queue:
			var err error
			if more {
				err = w.write(ctx, b)
			} else {
				err = w.closePart(ctx)
			}
			if err != nil {
				return errors.Join(err, w.abandon())
			}
			if !more {
				return nil
			}
			w.ring.give(b)
		}
	}
}

// write writes one block when it is compressed.
func (w *writer) write(ctx context.Context, b *block) error {
	<-b.done
	if w.part == nil || w.part.number != b.file.part {
		if err := w.closePart(ctx); err != nil {
			return err
		}
		if err := w.openPart(ctx, b.file.part); err != nil {
			return err
		}
	}
	if w.part.entry == nil || w.part.entry.file != b.file {
		if err := w.part.closeEntry(); err != nil {
			return err
		}
		if err := w.part.openEntry(b.file, newHeader(b.file.Name, w.spec.Window.End)); err != nil {
			return err
		}
	}
	return w.part.entry.write(b)
}

// openPart begins an artifact.
func (w *writer) openPart(ctx context.Context, number int) error {
	name := cdds.ArtifactName(w.spec.stem(), number) // a range's has another in the end; see Number
	ctx, cancel := context.WithCancel(ctx)
	p := &part{number: number, cancel: cancel, stored: newDigest(), artifact: Artifact{Name: name, Key: w.spec.Prefix + name, Part: max(number, 1)}}
	ctx, p.end = telemetry.Begin(ctx, "store part", slog.Int("cdds.part", p.artifact.Part))
	var err error
	if p.object, err = w.engine.Bucket.NewWriter(ctx, p.artifact.Key, w.engine.writerOptions(name)); err != nil {
		cancel()
		p.end(err)
		return StorageFailure(err)
	}
	w.part = p
	into := io.MultiWriter(p.stored, watched{p.object, w.calls})
	if w.spec.Room > 0 {
		into = bounded{into, &w.room, ErrNoRoom}
	}
	if largest := w.engine.Largest; largest > 0 {
		into = bounded{into, &largest, errTooLarge}
	}
	if w.buffer == nil {
		w.buffer = bufio.NewWriterSize(into, writeSize)
	} else {
		w.buffer.Reset(into)
	}
	if p.cipher, err = cms.Encrypt(w.buffer, w.spec.Recipients, cms.ProfileOf(w.spec.Encryption)); err != nil {
		return fmt.Errorf("begin to encrypt %s: %w", name, err)
	}
	p.zip = zip.NewWriter(p.cipher)
	return nil
}

// closePart ends the present artifact, if there is one, and makes it appear,
// durably, in the storage.
func (w *writer) closePart(ctx context.Context) error {
	p := w.part
	if p == nil {
		return nil
	}
	for _, end := range []func() error{p.closeEntry, p.zip.Close, p.cipher.Close, w.buffer.Flush} {
		if err := end(); err != nil {
			return StorageFailure(err)
		}
	}
	w.part = nil // from here on the object is the storage's, not ours to give up
	leave := w.calls.enter()
	err := p.object.Close()
	p.cancel()
	if err == nil && w.engine.Sync != nil {
		err = w.engine.Sync(ctx, p.artifact.Key)
	}
	leave()
	p.end(err, slog.Int64("cdds.bytes", p.stored.size))
	if err != nil {
		return StorageFailure(err)
	}
	p.artifact.Size, p.artifact.SHA256 = p.stored.size, p.stored.hex()
	w.artifacts = append(w.artifacts, p.artifact)
	if w.spec.Keep != nil && p.number > 0 {
		err := w.spec.Keep(ctx, Checkpoint{Artifact: p.artifact, Recipients: Fingerprints(w.spec.Recipients), Encryption: w.spec.Encryption})
		w.ended = errors.Is(err, ErrCut)
		return err
	}
	return nil
}

// abandon gives the present artifact up, if there is one: the storage forgets
// an object whose context ends before Close.
func (w *writer) abandon() error {
	if w.part == nil {
		return nil
	}
	w.part.cancel()
	w.part.end(context.Canceled)
	if err := w.part.object.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("give up a file: %w", err)
	}
	return nil
}

// openEntry begins a file in the zip.
func (p *part) openEntry(f *file, header *zip.FileHeader) error {
	w, err := p.zip.CreateRaw(header)
	if err != nil {
		return StorageFailure(err)
	}
	p.entry = &entry{file: f, header: header, w: w, plain: newDigest()}
	return nil
}

// write writes one compressed block.
func (e *entry) write(b *block) error {
	if _, err := e.plain.Write(b.raw()); err != nil {
		return fmt.Errorf("hash: %w", err)
	}
	e.crc = crc32.Update(e.crc, crc32.IEEETable, b.raw())
	e.packed += int64(len(b.out))
	if _, err := e.w.Write(b.out); err != nil {
		return StorageFailure(err)
	}
	return nil
}

// closeEntry ends the present file of the zip, if there is one. The zip writes
// its data descriptor with the next entry or at its end.
func (p *part) closeEntry() error {
	e := p.entry
	if e == nil {
		return nil
	}
	if _, err := io.WriteString(e.w, finalBlock); err != nil {
		return StorageFailure(err)
	}
	setSizes(e.header, e.crc, e.packed+int64(len(finalBlock)), e.plain.size)
	done := e.file.File
	done.Size, done.SHA256 = e.plain.size, e.plain.hex()
	p.artifact.Files = append(p.artifact.Files, done)
	p.entry = nil
	return nil
}
