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
	"syscall"
	"time"

	"gocloud.dev/blob"

	"cdds"
	"cdds/cms"
	"cdds/source"
)

// writeSize is how much is handed to the storage at a time.
const writeSize = 1 << 20

// part is one artifact that is being written:
//
//	lines ─▶ blocks ─▶ deflate workers ─▶ in order: CRC-32, SHA-256 ─▶ zip ─▶ CMS ─▶ SHA-256, size ─▶ bucket
//
// One goroutine owns it. Compressed blocks wait in flight, oldest first, and
// are written by that goroutine when the ring is full or their size is needed.
type part struct {
	run      *run
	artifact Artifact
	cancel   context.CancelFunc // before Close: the object never appears
	object   *blob.Writer
	buffered *bufio.Writer
	cipher   io.WriteCloser
	stored   digest // of the ciphertext

	zip     *zip.Writer
	zipped  counter // bytes of zip so far
	header  *zip.FileHeader
	entry   io.Writer
	content digest // of the entry's plaintext
	crc     hash.Hash32
	packed  int64 // compressed bytes of the entry

	block    *block
	inFlight []*block
	bound    int64 // most that the blocks in flight can become
	file     File
}

// digest counts and hashes what passes.
type digest struct {
	sum  hash.Hash
	size int64
}

// Write counts and hashes p.
func (d *digest) Write(p []byte) (int, error) {
	d.size += int64(len(p))
	return d.sum.Write(p)
}

func (d *digest) hex() string { return hex.EncodeToString(d.sum.Sum(nil)) }

// counter counts what is written to w.
type counter struct {
	w io.Writer
	n int64
}

// Write counts p.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// openPart begins an artifact; number 0 is the one file of a run that is not
// split.
func (r *run) openPart(number int) (*part, error) {
	name := cdds.ArtifactName(r.spec.RunID, number)
	ctx, cancel := context.WithCancel(r.ctx)
	p := &part{run: r, cancel: cancel, artifact: Artifact{Name: name, Key: r.spec.Prefix + name, Part: max(number, 1)}}
	object, err := r.engine.Bucket.NewWriter(ctx, p.artifact.Key, &blob.WriterOptions{ContentType: "application/pkcs7-mime", BufferSize: 8 << 20, DisableContentTypeDetection: true})
	if err != nil {
		cancel()
		return nil, storageFailure(err)
	}
	p.object = object
	p.stored = digest{sum: sha256.New()}
	p.buffered = bufio.NewWriterSize(io.MultiWriter(&p.stored, object), writeSize)
	if p.cipher, err = cms.Encrypt(p.buffered, r.spec.Recipients); err != nil {
		return nil, errors.Join(err, p.abort())
	}
	p.zipped.w = p.cipher
	p.zip = zip.NewWriter(&p.zipped)
	return p, nil
}

// openEntry begins a file inside of the zip.
func (p *part) openEntry(e source.Entity, name string) error {
	p.header = &zip.FileHeader{Name: name, Method: zip.Deflate}
	p.header.ModifiedDate, p.header.ModifiedTime = dosTime(p.run.spec.Window.End.UTC())
	p.header.SetMode(0o600)
	p.header.Flags = 0x8 | 0x800 // sizes follow the data; the name is UTF-8
	entry, err := p.zip.CreateRaw(p.header)
	if err != nil {
		return fmt.Errorf("begin %s: %w", name, err)
	}
	p.entry = entry
	p.content = digest{sum: sha256.New()}
	p.crc = crc32.NewIEEE()
	p.packed = 0
	p.file = File{Name: name, Entity: e}
	p.block = p.run.deflater.take()
	p.block.dict = p.block.dict[:0]
	return nil
}

// dosTime is an instant in the form of zip directories, which know the years
// 1980 to 2107 in steps of two seconds. The window's end dates the files, so
// that the same window gives the same bytes.
func dosTime(t time.Time) (date, clock uint16) {
	year := min(max(t.Year(), 1980), 2107)
	date = uint16((year-1980)<<9 | int(t.Month())<<5 | t.Day())
	clock = uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2)
	return date, clock
}

// add takes one line, which belongs to the key.
func (p *part) add(line []byte, key source.Key) error {
	p.block.raw = append(p.block.raw, line...)
	if p.file.Records == 0 {
		p.file.First = key
	}
	p.file.Last = key
	p.file.Records++
	if len(p.block.raw) >= blockSize {
		return p.submit()
	}
	return nil
}

// submit hands the present block to a compressor and begins the next one. When
// the ring is full the oldest block is written first.
func (p *part) submit() error {
	if len(p.block.raw) == 0 {
		return nil
	}
	if len(p.inFlight) >= p.run.ring {
		if err := p.writeOldest(); err != nil {
			return err
		}
	}
	full := p.block
	p.inFlight = append(p.inFlight, full)
	p.bound += deflateBound(int64(len(full.raw)))
	// The next block is primed with the end of this one, together with what
	// came before it where this one is short.
	next := p.run.deflater.take()
	next.dict = append(next.dict[:0], tail(full.dict, dictSize-len(full.raw))...)
	next.dict = append(next.dict, tail(full.raw, dictSize)...)
	p.block = next
	select {
	case p.run.deflater.jobs <- full:
		return nil
	case <-p.run.ctx.Done():
		p.inFlight = p.inFlight[:len(p.inFlight)-1] // no worker will ever finish it
		return context.Cause(p.run.ctx)
	}
}

// tail returns the last n bytes.
func tail(b []byte, n int) []byte {
	if n <= 0 {
		return nil
	}
	return b[max(0, len(b)-n):]
}

// writeOldest waits for the oldest block in flight and writes it.
func (p *part) writeOldest() error {
	b := p.inFlight[0]
	select {
	case <-b.done:
	case <-p.run.ctx.Done():
		return context.Cause(p.run.ctx)
	}
	p.inFlight = append(p.inFlight[:0], p.inFlight[1:]...)
	p.bound -= deflateBound(int64(len(b.raw)))
	if b.err != nil {
		return b.err
	}
	if int64(b.out.Len()) > deflateBound(int64(len(b.raw))) {
		return errors.New("a compressed block is larger than it can be")
	}
	if _, err := p.content.Write(b.raw); err != nil {
		return fmt.Errorf("hash: %w", err)
	}
	if _, err := p.crc.Write(b.raw); err != nil {
		return fmt.Errorf("checksum: %w", err)
	}
	p.packed += int64(b.out.Len())
	if _, err := p.entry.Write(b.out.Bytes()); err != nil {
		return storageFailure(err)
	}
	p.run.deflater.give(b)
	return nil
}

// drain writes all that was added so far.
func (p *part) drain() error {
	if err := p.submit(); err != nil {
		return err
	}
	for len(p.inFlight) > 0 {
		if err := p.writeOldest(); err != nil {
			return err
		}
	}
	return nil
}

// closeEntry ends the file inside of the zip, if one is open.
func (p *part) closeEntry() error {
	if p.entry == nil {
		return nil
	}
	if err := p.drain(); err != nil {
		return err
	}
	if _, err := p.entry.Write(finalBlock()); err != nil {
		return storageFailure(err)
	}
	p.packed += int64(len(finalBlock()))
	// The zip writer reads these when it writes the data descriptor and the
	// directory, with the next entry or at its end.
	p.header.CRC32 = p.crc.Sum32()
	p.header.CompressedSize64, p.header.UncompressedSize64 = uint64(p.packed), uint64(p.content.size)
	const most = 1<<32 - 1
	p.header.CompressedSize = uint32(min(p.header.CompressedSize64, most))
	p.header.UncompressedSize = uint32(min(p.header.UncompressedSize64, most))
	p.file.Size, p.file.SHA256 = p.content.size, p.content.hex()
	p.artifact.Files = append(p.artifact.Files, p.file)
	p.run.deflater.give(p.block)
	p.block, p.entry = nil, nil
	return nil
}

// close ends the artifact and makes it appear, durably, in the storage.
func (p *part) close() (Artifact, error) {
	for _, end := range []func() error{p.closeEntry, p.zip.Close, p.cipher.Close, p.buffered.Flush} {
		if err := end(); err != nil {
			return Artifact{}, errors.Join(storageFailure(err), p.abort())
		}
	}
	err := p.object.Close()
	p.cancel()
	if err != nil {
		return Artifact{}, storageFailure(err)
	}
	if sync := p.run.engine.Sync; sync != nil {
		if err := sync(p.run.ctx, p.artifact.Key); err != nil {
			return Artifact{}, storageFailure(err)
		}
	}
	p.artifact.Size, p.artifact.SHA256 = p.stored.size, p.stored.hex()
	return p.artifact, nil
}

// abort gives the artifact up: the storage forgets it when its context ends
// before Close.
func (p *part) abort() error {
	p.cancel()
	if err := p.object.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("give up a file: %w", err)
	}
	return nil
}

// storageFailure says what is wrong with the storage; errors that speak for
// themselves pass.
func storageFailure(err error) error {
	var ours *cdds.Error
	switch {
	case err == nil || errors.As(err, &ours) || errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The artifact storage is full.", Hint: "Free space there, or shorten the retention; then retry the run.", Err: err}
	}
	return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The artifact storage did not take a file.", Hint: "Check the storage that --artifacts names.", Err: err}
}
