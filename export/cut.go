package export

import (
	"context"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"cdds"
	"cdds/cms"
	"cdds/source"
)

// nearlyFull is the share of a part's room, one of that many, below which what
// is left is not worth filling.
const nearlyFull = 64

// file is one plaintext file in the making. The cutter owns it until it begins
// the next one; the writer knows it by its blocks.
type file struct {
	File
	part int   // 0: the one artifact of a run that is not split
	raw  int64 // plaintext in blocks that were sent on their way
	tail []byte
	// packed is the most that the blocks sent so far can become. Compressors
	// correct it block by block; when none is pending it is exact.
	packed  atomic.Int64
	pending sync.WaitGroup
}

// remember keeps the end of the plaintext, which primes the next block.
func (f *file) remember(raw []byte) {
	f.raw += int64(len(raw))
	if keep := dictSize - len(raw); keep <= 0 {
		f.tail = append(f.tail[:0], raw[len(raw)-dictSize:]...)
	} else if over := len(f.tail) - keep; over > 0 {
		f.tail = append(append(f.tail[:0], f.tail[over:]...), raw...)
	} else {
		f.tail = append(f.tail, raw...)
	}
}

// cutter cuts lines into blocks, and a split run into parts. A part of a split
// run holds one file. It may take a line only if it stays within the split size
// even when nothing of what is not compressed yet could be compressed. Near the
// limit the blocks so become smaller, and their real size is waited for.
type cutter struct {
	spec  Spec
	room  int64 // most bytes of a part's zip
	ring  *ring
	parts int       // begun so far, those of earlier attempts included
	at    time.Time // of the snapshot that is being read
	file  *file
	block *block
}

// add takes one line, which belongs to the key.
func (c *cutter) add(ctx context.Context, e source.Entity, line []byte, key source.Key) error {
	c.begin(e, int64(len(line)), key)
	return c.write(ctx, line)
}

// begin begins a line of that length, which belongs to the key and then comes
// by write.
func (c *cutter) begin(e source.Entity, length int64, key source.Key) {
	c.makeRoom(e, length)
	f := c.file
	if f.Records == 0 {
		f.First, f.Snapshot = key, c.at
	}
	f.Last = key
	f.Records++
}

// write takes the line that was begun, or a piece of it.
func (c *cutter) write(ctx context.Context, piece []byte) error {
	for len(piece) > 0 {
		if c.block == nil {
			var err error
			if c.block, err = c.ring.take(ctx, c.file); err != nil {
				return err
			}
		}
		n := min(len(piece), blockSize-len(c.block.raw()))
		c.block.data = append(c.block.data, piece[:n]...)
		piece = piece[n:]
		if len(c.block.raw()) == blockSize {
			c.submit()
		}
	}
	return nil
}

// makeRoom sees to it that there is a file that can take a line of that length.
func (c *cutter) makeRoom(e source.Entity, length int64) {
	if c.file != nil && (c.spec.SplitSize == 0 || c.fits(length)) {
		return
	}
	if c.file != nil {
		// What is on its way was counted at its worst. Its real size gives room,
		// unless the part is nearly full.
		c.submit()
		c.settle()
		if c.fits(length) && c.room-c.worst(0) >= c.room/nearlyFull {
			return
		}
	}
	number := 0
	if c.spec.SplitSize > 0 {
		c.parts++
		number = c.parts
	}
	c.file = &file{part: number, File: File{Name: fileName(e, c.spec.stem(), number), Entity: e}}
}

// endFile ends the present file, if there is one: the next record is of another
// kind, or there is none.
func (c *cutter) endFile() {
	c.submit()
	c.file = nil
}

// submit sends the present block on its way, if there is one.
func (c *cutter) submit() {
	if c.block == nil {
		return
	}
	c.ring.submit(c.block)
	c.block = nil
}

// settle waits until the real size of all blocks of the file is known. That
// needs no context: compressors wait for nobody, and there are few blocks.
func (c *cutter) settle() { c.file.pending.Wait() }

// fits reports whether the part stays within its room with one more line of
// that length, at the worst.
func (c *cutter) fits(length int64) bool { return c.worst(length) <= c.room }

// worst is the most that the zip can have when it ends after that many more
// bytes of plaintext.
func (c *cutter) worst(more int64) int64 {
	if c.block != nil {
		more += int64(len(c.block.raw()))
	}
	packed := c.file.packed.Load() + deflateBound(more) + int64(len(finalBlock))
	return zipSize(len(c.file.Name), packed, c.file.raw+more)
}

// zipRoom is the size of the largest zip that becomes an artifact of at most
// the split size, and that may be encrypted under one key. It is negative where not even an empty one does: each record
// is then a part by itself. Recipients that nothing can be encrypted to are
// CodeInvalid.
func zipRoom(spec Spec) (int64, error) {
	how := cms.ProfileOf(spec.Encryption)
	if _, err := cms.Size(0, spec.Recipients, how); err != nil {
		return 0, &cdds.Error{Code: cdds.CodeInvalid, Message: "The artifacts cannot be encrypted to the given certificates.", Hint: "Import a certificate with an RSA key; then retry the run.", Err: err}
	}
	var sizeErr error
	most := min(spec.SplitSize, cms.MaxContent(how))
	room := sort.Search(int(most)+1, func(content int) bool {
		size, err := cms.Size(int64(content), spec.Recipients, how)
		if err != nil {
			sizeErr = err
		}
		return size > spec.SplitSize
	}) - 1
	return int64(room), sizeErr
}

// stem is what the names of a run's files have in common: its id, and the number
// of the range where the run is exported in ranges.
func (s Spec) stem() string {
	if s.Range == nil {
		return s.RunID
	}
	return fmt.Sprintf("%s-%03d", s.RunID, s.Range.Number)
}

// fileName is the name of a file inside of a zip. Files of a split run carry
// the part's number, so that all parts can be unpacked into one folder.
func fileName(e source.Entity, stem string, number int) string {
	name := "Interaction-"
	switch e {
	case source.Attachment:
		name = "Interaction-Attachment-"
	case source.Contact:
		name = "Contact-"
	}
	name += stem
	if number > 0 {
		name += fmt.Sprintf("-%04d", number)
	}
	return name + ".json"
}
