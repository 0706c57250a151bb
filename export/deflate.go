package export

import (
	"context"

	"cdds"
	"cdds/export/deflate"
)

const (
	// storedSize is the most that one stored block of deflate holds (RFC 1951,
	// section 3.2.4).
	storedSize = 65535
	// blockSize is the plaintext that is compressed at a time: about 1 MiB, and
	// a whole number of stored blocks, so that bounds add up exactly.
	blockSize = 16 * storedSize
	// dictSize is deflate's window: what a block may refer back to.
	dictSize = 32 << 10
)

// finalBlock ends a deflate stream.
const finalBlock = deflate.End

// levelOf is the encoder's level for a job's compression.
func levelOf(c cdds.Compression) deflate.Level {
	switch c {
	case cdds.CompressionFast:
		return deflate.Fast
	case cdds.CompressionSmall:
		return deflate.Small
	}
	return deflate.Default
}

// block is a stretch of a file's plaintext on its way through a compressor to
// the writer.
type block struct {
	file *file
	// data is the plaintext, at most blockSize, behind as much of what comes
	// before it in the file as a compressor may refer to. Both stand in one
	// buffer, where a compressor reads from the one into the other.
	data []byte
	from int           // where the block's own plaintext begins
	out  []byte        // compressed
	done chan struct{} // has a token when out is there
}

// raw is the block's own plaintext.
func (b *block) raw() []byte { return b.data[b.from:] }

// ring is the blocks of a run and the ways that they go round:
//
//	take ─▶ the cutter fills ─▶ submit ─▶ work ─▶ a compressor ─▶ done
//	  ▲                           └──────▶ queue ─▶ the writer waits for done ─▶ give
//	  └──────────────────────────────────────────────────────────────────────────┘
//
// Since there is a fixed number of blocks, all memory is bounded, a full ring
// holds the reader back, and no send waits.
type ring struct {
	level deflate.Level
	size  int
	made  int         // blocks made so far; of the cutter
	free  chan *block // blocks to fill
	work  chan *block // to compress, by whoever comes first; closed when no more will come
	queue chan *block // to write, in order; closed when the run was read to its end
}

// newRing returns a ring that keeps that many compressors busy.
func newRing(workers int, level deflate.Level) *ring {
	size := 2*workers + 2
	return &ring{level: level, size: size, free: make(chan *block, size), work: make(chan *block, size), queue: make(chan *block, size)}
}

// take returns an empty block for a file, behind the file's last plaintext, and
// waits while all blocks are on their way.
func (r *ring) take(ctx context.Context, f *file) (*block, error) {
	b, err := r.next(ctx)
	if err != nil {
		return nil, err
	}
	b.file = f
	b.data = append(b.data[:0], f.tail...)
	b.from = len(b.data)
	return b, nil
}

func (r *ring) next(ctx context.Context) (*block, error) {
	select {
	case b := <-r.free:
		return b, nil
	default:
	}
	if r.made < r.size {
		r.made++
		return &block{data: make([]byte, 0, dictSize+blockSize), done: make(chan struct{}, 1)}, nil
	}
	select {
	case b := <-r.free:
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// submit sends a filled block on its way.
func (r *ring) submit(b *block) {
	b.file.remember(b.raw())
	b.file.packed.Add(deflateBound(int64(len(b.raw()))))
	b.file.pending.Add(1)
	r.work <- b
	r.queue <- b
}

// give takes a block back that has been written.
func (r *ring) give(b *block) {
	b.file = nil
	r.free <- b
}

// compress compresses blocks until no more will come, also those of a run that
// is being given up: whoever waits for a block never waits in vain. Blocks are
// independent of each other: each ends byte-aligned, so that their outputs in a
// row are one deflate stream.
func (r *ring) compress() {
	var encoder *deflate.Encoder
	for b := range r.work {
		if encoder == nil {
			encoder = deflate.New(r.level)
		}
		b.out = encoder.Append(b.out[:0], b.data, b.from)
		b.file.packed.Add(int64(len(b.out)) - deflateBound(int64(len(b.raw()))))
		b.file.pending.Done()
		b.done <- struct{}{}
	}
}

// deflateBound is the most that n bytes of plaintext become. It holds for blocks
// in a row as well, as long as all but the last are full.
func deflateBound(n int64) int64 { return deflate.Bound(n) }
