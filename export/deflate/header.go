package deflate

const (
	// numLengths is how many codes there are for the lengths of the others.
	numLengths   = 19
	maxLengthBit = 7
	// Codes for runs of lengths (RFC 1951, section 3.2.7).
	repeatLast, fewZeros, manyZeros = 16, 17, 18
)

// lengthOrder is the order in which lengths of codes for lengths are written.
const lengthOrder = "\x10\x11\x12\x00\x08\x07\x09\x06\x0a\x05\x0b\x04\x0c\x03\x0d\x02\x0e\x01\x0f"

// lengths are the lengths of a block's codes.
type lengths struct {
	literal  [numLiterals]uint8
	distance [numDistances]uint8
}

// header is the beginning of a block with codes of its own: their lengths.
type header struct {
	lengths
	sizer                                  sizer
	literalCount, distanceCount, codeCount int // how many lengths are written

	all       [numLiterals + numDistances]uint8
	runs      []run
	frequency [numLengths]uint32
	length    [numLengths]uint8
	codes     [numLengths]code
}

// run is one symbol of a header: symbol << 8 | its extra bits.
type run uint16

func (r run) symbol() uint8 { return uint8(r >> 8) }

// extraBits is how many extra bits a symbol of a header has.
func extraBits(symbol int) uint {
	switch symbol {
	case repeatLast:
		return 2
	case fewZeros:
		return 3
	case manyZeros:
		return 7
	}
	return 0
}

// plan chooses the lengths of codes for a block with these frequencies.
func (h *header) plan(literals *[numLiterals]uint32, distances *[numDistances]uint32) {
	h.sizer.lengths(literals[:], maxCode, h.literal[:])
	h.sizer.lengths(distances[:], maxCode, h.distance[:])
	h.literalCount = used(h.literal[:], firstLength)
	h.distanceCount = used(h.distance[:], 1)
	n := copy(h.all[:], h.literal[:h.literalCount])
	n += copy(h.all[n:], h.distance[:h.distanceCount])
	h.pack(h.all[:n])
	h.sizer.lengths(h.frequency[:], maxLengthBit, h.length[:])
	h.codeCount = numLengths
	for h.codeCount > 4 && h.length[lengthOrder[h.codeCount-1]] == 0 {
		h.codeCount--
	}
}

// used is how many lengths there are without the zeros at the end, and at least
// so many.
func used(length []uint8, least int) int {
	n := len(length)
	for n > least && length[n-1] == 0 {
		n--
	}
	return n
}

// pack makes runs of lengths.
func (h *header) pack(lengths []uint8) {
	h.runs = h.runs[:0]
	clear(h.frequency[:])
	for len(lengths) > 0 {
		l, n := lengths[0], 1
		for n < len(lengths) && lengths[n] == l {
			n++
		}
		lengths = lengths[n:]
		if l > 0 {
			h.add(l, 0)
			n--
		}
		for n > 0 {
			switch {
			case n < 3:
				h.add(l, 0)
				n--
			case l > 0:
				k := min(n, 6)
				h.add(repeatLast, k-3)
				n -= k
			case n < 11:
				h.add(fewZeros, n-3)
				n = 0
			default:
				k := min(n, 138)
				h.add(manyZeros, k-11)
				n -= k
			}
		}
	}
}

func (h *header) add(symbol uint8, extra int) {
	h.runs = append(h.runs, run(symbol)<<8|run(extra))
	h.frequency[symbol]++
}

// size is how many bits the header takes.
func (h *header) size() int {
	size := 14 + 3*h.codeCount
	for symbol, n := range h.frequency {
		size += int(n) * (int(h.length[symbol]) + int(extraBits(symbol)))
	}
	return size
}

// write writes the header.
func (h *header) write(w *bitWriter) {
	w.put(uint64(h.literalCount-firstLength|(h.distanceCount-1)<<5|(h.codeCount-4)<<10), 14)
	for i := range h.codeCount {
		w.put(uint64(h.length[lengthOrder[i]]), 3)
	}
	assign(h.length[:], h.codes[:])
	for _, r := range h.runs {
		c := h.codes[r.symbol()]
		w.put(uint64(c>>8), uint(c&0xFF))
		w.put(uint64(r&0xFF), extraBits(int(r.symbol())))
	}
}
