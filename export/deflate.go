package export

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/flate"
)

const (
	// level is klauspost's level 5: three times as fast as zlib's 6 and 4 %
	// larger, the best trade by measurement.
	level = 5
	// storedSize is the most that one stored block of deflate holds (RFC 1951,
	// section 3.2.4), and storedHead what each adds.
	storedSize = 65535
	storedHead = 5
	// blockSize is the plaintext that is compressed at a time: about 1 MiB, and
	// a whole number of stored blocks, so that bounds add up exactly.
	blockSize = 16 * storedSize
	// dictSize is deflate's window: what a block may refer back to.
	dictSize = 32 << 10
)

// finalBlock ends a deflate stream: an empty stored block with the final bit.
const finalBlock = "\x01\x00\x00\xff\xff"

// block is a stretch of a file's plaintext on its way through a compressor to
// the writer.
type block struct {
	file *file
	raw  []byte // plaintext, at most blockSize
	dict []byte // the plaintext before it in the file, at most dictSize
	out  bytes.Buffer
	err  error
	done chan struct{} // has a token when out is there
}

// ring is the blocks of a run and the ways that they go round:
//
//	take ─▶ the cutter fills ─▶ submit ─▶ work ─▶ a compressor ─▶ done
//	  ▲                           └──────▶ queue ─▶ the writer waits for done ─▶ give
//	  └──────────────────────────────────────────────────────────────────────────┘
//
// Since there is a fixed number of blocks, all memory is bounded, a full ring
// holds the reader back, and no send waits.
type ring struct {
	size  int
	made  int         // blocks made so far; of the cutter
	free  chan *block // blocks to fill
	work  chan *block // to compress, by whoever comes first; closed when no more will come
	queue chan *block // to write, in order; closed when the run was read to its end
}

// newRing returns a ring that keeps that many compressors busy.
func newRing(workers int) *ring {
	size := 2*workers + 2
	return &ring{size: size, free: make(chan *block, size), work: make(chan *block, size), queue: make(chan *block, size)}
}

// take returns an empty block, and waits while all are on their way.
func (r *ring) take(ctx context.Context) (*block, error) {
	select {
	case b := <-r.free:
		return b, nil
	default:
	}
	if r.made < r.size {
		r.made++
		return &block{raw: make([]byte, 0, blockSize), done: make(chan struct{}, 1)}, nil
	}
	select {
	case b := <-r.free:
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// submit sends a filled block of a file on its way.
func (r *ring) submit(b *block, f *file) {
	b.file = f
	b.dict = append(b.dict[:0], f.tail...)
	f.remember(b.raw)
	f.packed.Add(deflateBound(int64(len(b.raw))))
	f.pending.Add(1)
	r.work <- b
	r.queue <- b
}

// give takes a block back that has been written.
func (r *ring) give(b *block) {
	b.file, b.raw = nil, b.raw[:0]
	r.free <- b
}

// compress compresses blocks until no more will come, also those of a run that
// is being given up: whoever waits for a block never waits in vain.
func (r *ring) compress() {
	var w *flate.Writer
	for b := range r.work {
		if w == nil {
			w, b.err = flate.NewWriter(nil, level)
		}
		if b.err == nil {
			b.err = b.compress(w)
		}
		bound := deflateBound(int64(len(b.raw)))
		b.file.packed.Add(int64(b.out.Len()) - bound)
		b.file.pending.Done()
		b.done <- struct{}{}
	}
}

// compress fills out from raw. Blocks are independent of each other: each is
// primed with the plaintext before it and ends byte-aligned with a sync flush,
// so that their outputs in a row are one deflate stream.
func (b *block) compress(w *flate.Writer) error {
	b.out.Reset()
	w.ResetDict(&b.out, b.dict)
	if _, err := w.Write(b.raw); err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	if int64(b.out.Len()) > deflateBound(int64(len(b.raw))) {
		b.store()
	}
	return nil
}

// store fills out with raw as it is: for data that compressing would enlarge.
func (b *block) store() {
	b.out.Reset()
	for rest := b.raw; len(rest) > 0; {
		n := min(len(rest), storedSize)
		head := [storedHead]byte{}
		binary.LittleEndian.PutUint16(head[1:], uint16(n))
		binary.LittleEndian.PutUint16(head[3:], ^uint16(n))
		b.out.Write(head[:])
		b.out.Write(rest[:n])
		rest = rest[n:]
	}
}

// deflateBound is the most that n bytes of plaintext become: what they take in
// stored blocks. It holds for blocks in a row as well, as long as all but the
// last are full.
func deflateBound(n int64) int64 {
	return n + (n+storedSize-1)/storedSize*storedHead
}
