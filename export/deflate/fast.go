package deflate

import "math/bits"

const fastBits = 14

// fastFinder takes the first match that it sees. Its table holds, for a hash of
// six bytes, the two positions where they were last seen, the later one lowest.
type fastFinder struct {
	seen [1 << fastBits]uint32
}

func hash6(v uint64) uint32 { return uint32(v << 16 * spread64 >> (64 - fastBits)) }

func (f *fastFinder) insert(data []byte, i int) {
	place := &f.seen[hash6(load64(data, i))]
	*place = *place<<16 | uint32(uint16(i))
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
		kept := *place
		*place = kept<<16 | uint32(uint16(i))
		near, far := gap(i, uint16(kept)), gap(i, uint16(kept>>16))
		x := v ^ load64(data, i-1-int(near)) | tooFar(near)
		y := v ^ load64(data, i-1-int(far)) | tooFar(far)
		if min(uint32(x), uint32(y)) != 0 {
			tokens[n] = literal(byte(v))
			n++
			i++
			if k := min(patience(i-run), limit-i); k > 0 {
				n = w.literalRun(data, i, k, n)
				i += k
			}
			continue
		}
		length, at := bits.TrailingZeros64(x)>>3, int(near)
		if x == 0 {
			length = extend(data, i, i-1-at, 8)
		}
		if m := bits.TrailingZeros64(y) >> 3; m >= length || y == 0 {
			if y == 0 {
				m = extend(data, i, i-1-int(far), 8)
			}
			if m > length {
				length, at = m, int(far)
			}
		}
		before := back(data, i, i-1-at, min(i-run, maxLength-length))
		i, n = i-before, n-before
		tokens[n] = match(length+before, at)
		n++
		i += length + before
		run = i
		if i < limit {
			f.insert(data, i-2)
			f.insert(data, i-1)
		}
	}
	w.finish(data[start:], i-start, n)
}
