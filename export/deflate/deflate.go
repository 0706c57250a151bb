// Package deflate compresses blocks of text into a deflate stream (RFC 1951),
// for texts such as JSON Lines: long keys that come again in every line, and
// prose between them. It does one thing less than general packages do, it holds
// no stream, and is faster for it.
//
//	data ─▶ a finder: literals and matches ─▶ tokens ─▶ writer: Huffman codes ─▶ bits
//
// A finder (fast.go, lazy.go, chain.go; one per level) looks for repetitions and
// writes tokens. When there are enough of them, the writer counts them, makes
// codes for them (block.go, huffman.go) and writes the bits (bits.go). An
// Encoder ends each piece at a byte boundary, so that pieces that were
// compressed side by side can be joined.
//
// It refuses to decompress, to hold more than one piece, and to remember
// anything from one piece to the next: the same input always gives the same
// output, whatever the Encoder did before.
package deflate

// Level is a choice between speed and size.
type Level int

// The levels.
const (
	// Default looks twice before it takes a match. Its output is 5 to 7 % larger
	// than that of zlib's level 6, at about five times its speed.
	Default Level = iota
	// Fast takes the first match that it sees: about 15 % larger, and more than
	// half again as fast as Default.
	Fast
	// Small looks at many candidates at each position: smaller than zlib's level
	// 6, and half again as fast.
	Small
)

// End is a final empty block. It makes a whole deflate stream of the pieces
// before it.
const End = "\x01\x00\x00\xff\xff"

// Encoder compresses one piece at a time. It is of use to one goroutine at a
// time, and takes less than half a MiB.
type Encoder struct {
	finder finder
	writer writer
}

// finder turns data from an offset on into tokens of w, and has w write them.
// What comes before the offset may be referred to.
type finder interface {
	find(w *writer, data []byte, from int)
}

// New returns an Encoder of a level.
func New(level Level) *Encoder {
	e := &Encoder{}
	switch level {
	case Fast:
		e.finder = &fastFinder{}
	case Small:
		e.finder = &chainFinder{}
	default:
		e.finder = &lazyFinder{}
	}
	e.writer.prepare()
	return e
}

// Append appends data[from:] compressed to dst. What comes before from is what
// a reader has by then: it may be referred to, up to 32 KiB back. The output is
// a number of whole blocks that end byte-aligned. It is never longer than
// Bound, and empty for no data.
func (e *Encoder) Append(dst, data []byte, from int) []byte {
	if from >= len(data) {
		return dst
	}
	w, begin := &e.writer, len(dst)
	w.begin(dst)
	e.finder.find(w, data, from)
	w.sync()
	dst, w.dst = w.dst, nil
	if len(dst)-begin > Bound(len(data)-from) {
		return appendStored(dst[:begin], data[from:])
	}
	return dst
}

const (
	// maxStored is the most that a stored block holds (RFC 1951, section 3.2.4),
	// and storedHead what each adds when it begins byte-aligned.
	maxStored  = 65535
	storedHead = 5
)

// Bound is the most that n bytes become: what they take in stored blocks.
func Bound[N int | int64](n N) N { return n + (n+maxStored-1)/maxStored*storedHead }

// appendStored appends data as it is: for data that compressing would enlarge.
func appendStored(dst, data []byte) []byte {
	for len(data) > 0 {
		n := min(len(data), maxStored)
		dst = append(dst, 0, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
		dst = append(dst, data[:n]...)
		data = data[n:]
	}
	return dst
}
