package deflate

import "math/bits"

const (
	fastBits = 15
	// fastStride is how far apart the positions inside of a match are that are
	// entered.
	fastStride = 16
)

// fastFinder takes the first match that it sees. Its table holds, for a hash of
// six bytes, the position where they were last seen.
type fastFinder struct {
	seen [1 << fastBits]uint16
}

func hash6(v uint64) uint32 { return uint32(v << 16 * spread64 >> (64 - fastBits)) }

func (f *fastFinder) insert(data []byte, i int) {
	f.seen[hash6(load64(data, i))] = uint16(i)
}

// prime clears the table and enters what comes before from, every other
// position: the few bytes that are missed cost less than the time.
func (f *fastFinder) prime(data []byte, from int) {
	clear(f.seen[:])
	for i := max(from-maxDistance, 0); i < min(from, len(data)-margin); i += 2 {
		f.insert(data, i)
	}
}

func (f *fastFinder) find(w *writer, data []byte, from int) {
	f.prime(data, from)
	limit := len(data) - margin
	tokens := &w.tokens
	i, n := from, 0
	start, run := i, i // of the block, and of the literals
	if i == 0 {        // nothing can be found there, and zero means none in the table
		n = w.literalRun(data, 0, 1, n)
		i++
	}
	for i < limit {
		if n >= maxTokens {
			w.block(data[start:i], n)
			start, run, n = i, i, 0
		}
		v := load64(data, i)
		place := &f.seen[hash6(v)]
		at := int(gap(i, *place))
		*place = uint16(i)
		x := v ^ load64(data, i-1-at) | tooFar(uint16(at))
		if uint32(x) != 0 {
			tokens[n] = literal(byte(v))
			n++
			i++
			if k := min(patience(i-run), limit-i); k > 0 {
				n = w.literalRun(data, i, k, n)
				i += k
			}
			continue
		}
		length := bits.TrailingZeros64(x) >> 3
		if x == 0 {
			length = extend(data, i, i-1-at, 8)
		}
		before := back(data, i, i-1-at, min(i-run, maxLength-length))
		i, n = i-before, n-before
		tokens[n] = match(length+before, at)
		n++
		end := i + length + before
		if end < limit {
			for j := i + 2; j < end-2; j += fastStride {
				f.insert(data, j)
			}
			f.insert(data, end-2)
			f.insert(data, end-1)
		}
		i, run = end, end
	}
	w.finish(data[start:], i-start, n)
}
