package deflate

import "encoding/binary"

// bitWriter appends bits, the first of each byte lowest.
type bitWriter struct {
	dst     []byte
	waiting uint64 // bits that do not fill a byte yet
	n       uint   // how many, below 8
}

// begin begins to append to dst, at a byte boundary.
func (w *bitWriter) begin(dst []byte) { w.dst, w.waiting, w.n = dst, 0, 0 }

// room makes room for so many bits, and for the eight bytes that are always
// written, at once.
func (w *bitWriter) room(bits int) {
	if need := bits/8 + 16; cap(w.dst)-len(w.dst) < need {
		w.dst = append(w.dst, make([]byte, need)...)[:len(w.dst)]
	}
}

// put appends the lowest n bits of v, at most 56. The others are zero.
func (w *bitWriter) put(v uint64, n uint) {
	w.waiting |= v << w.n
	w.n += n
	at := len(w.dst)
	w.dst = binary.LittleEndian.AppendUint64(w.dst, w.waiting)[:at+int(w.n>>3)]
	w.waiting >>= w.n &^ 7
	w.n &= 7
}

// sync ends a piece: an empty stored block, which leaves a byte boundary.
func (w *bitWriter) sync() {
	w.put(0, 3)
	if w.n > 0 {
		w.put(0, 8-w.n)
	}
	w.dst = append(w.dst, 0, 0, 0xFF, 0xFF)
}
