package deflate

import "math/bits"

const (
	longBits = 15
	// A match of lazyLength is taken without a look at the next position.
	lazyLength = 12
	// An older candidate is looked at where a long match is shorter than this. A
	// second older one would cost a twentieth of the time for a hundredth of the
	// size.
	longEnough = 128
	// longStride is how far apart the positions inside of a long match are that
	// are entered. Those that are left out are found from the next one backwards.
	longStride = 4
	longMatch  = 16
)

// lazyFinder looks for short and for long matches at once, and at the next
// position before it takes one that is not long.
type lazyFinder struct {
	// short holds the last position for a hash of four bytes. A second one would
	// gain little: most of what it finds the other table finds as well.
	short [1 << fourBits]uint16
	// long holds the last position for a hash of eight bytes, and older for each
	// position the one before it of the same hash.
	long  [1 << longBits]uint16
	older [maxDistance]uint16
}

func hash8(v uint64) uint32 { return uint32(v * spread64 >> (64 - longBits)) }

func (f *lazyFinder) insert(data []byte, i int) {
	v := load64(data, i)
	short := &f.short[hash4(v)]
	*short = uint16(i)
	f.insertLong(v, i)
}

func (f *lazyFinder) insertLong(v uint64, i int) {
	long := &f.long[hash8(v)]
	f.older[i&(maxDistance-1)] = *long
	*long = uint16(i)
}

// prime clears the tables and enters what comes before from.
func (f *lazyFinder) prime(data []byte, from int) {
	clear(f.short[:])
	clear(f.long[:])
	clear(f.older[:])
	for i := max(from-maxDistance, 0); i < min(from, len(data)-margin); i++ {
		f.insert(data, i)
	}
}

// shape: long because it is the inner loop: what it calls it pays for.
func (f *lazyFinder) find(w *writer, data []byte, from int) {
	f.prime(data, from)
	limit := len(data) - margin
	tokens := &w.tokens
	i, n := from, 0
	start, run := i, i // of the block, and of the literals
	if i == 0 {        // nothing can be found there, and zero means none in the tables
		n = w.literalRun(data, 0, 1, n)
		i++
	}
	for i < limit {
		if n >= maxTokens {
			w.block(data[start:i], n)
			start, run, n = i, i, 0
		}
		v := load64(data, i)
		s, l := hash4(v), hash8(v)
		kept, long := f.short[s], f.long[l]
		f.short[s] = uint16(i)
		f.long[l] = uint16(i)
		f.older[i&(maxDistance-1)] = long
		// All candidates are loaded before the first one is judged, so that the
		// loads do not wait for each other.
		far0, far1 := gap(i, long), gap(i, kept)
		x0 := v ^ load64(data, i-1-int(far0)) | tooFar(far0)
		x1 := v ^ load64(data, i-1-int(far1)) | tooFar(far1)
		var length, at int
		if x0 == 0 {
			length, at = f.follow(data, i, long)
		} else if uint32(x1) == 0 {
			length, at = bits.TrailingZeros64(x1)>>3, int(far1)
		}
		if length < 4 || length == 4 && at >= farForFour {
			tokens[n] = literal(byte(v))
			n++
			i++
			if k := min(patience(i-run), limit-i); k > 0 {
				n = w.literalRun(data, i, k, n)
				i += k
			}
			continue
		}
		before := back(data, i, i-1-at, min(i-run, maxLength-length))
		i, n, length = i-before, n-before, length+before
		// Where the match reaches back, the next positions were looked at already,
		// and are in the tables: a later position than the one that is looked at.
		for before == 0 && length < lazyLength && i+1 < limit {
			next, nextAt := f.look(data, i+1)
			if !better(next, nextAt, length, at, 2) {
				break
			}
			tokens[n] = literal(load8(data, i))
			n++
			i++
			length, at = next, nextAt
		}
		tokens[n] = match(length, at)
		n++
		if i+length < limit {
			f.enter(data, i, length)
		}
		i += length
		run = i
	}
	w.finish(data[start:], i-start, n)
}

// look enters position i and returns the length and the gap of the best match
// there; 0 or a length below 4 is none.
func (f *lazyFinder) look(data []byte, i int) (length, at int) {
	v := load64(data, i)
	s, l := hash4(v), hash8(v)
	kept, long := f.short[s], f.long[l]
	f.short[s] = uint16(i)
	f.long[l] = uint16(i)
	f.older[i&(maxDistance-1)] = long
	far0, far1 := gap(i, long), gap(i, kept)
	x0 := v ^ load64(data, i-1-int(far0)) | tooFar(far0)
	x1 := v ^ load64(data, i-1-int(far1)) | tooFar(far1)
	if x0 == 0 {
		return f.follow(data, i, long)
	}
	length, at = bits.TrailingZeros64(x1)>>3, int(far1)
	return length, at
}

// follow returns the longer one of the two last matches at i whose hash of eight
// bytes is the same. The last, kept, has them in common.
func (f *lazyFinder) follow(data []byte, i int, kept uint16) (length, at int) {
	last := gap(i, kept)
	length, at = extend(data, i, i-1-int(last), 8), int(last)
	if length >= longEnough || i+length >= len(data) {
		return length, at
	}
	far := gap(i, f.older[kept&(maxDistance-1)])
	if far <= last || tooFar(far) > 0 {
		return length, at
	}
	c := i - 1 - int(far)
	if load64(data, c+length-7) != load64(data, i+length-7) {
		return length, at
	}
	if n := extend(data, i, c, 0); n > length {
		length, at = n, int(far)
	}
	return length, at
}

// enter enters positions of a match at i. Its ends are where later matches
// begin, since what repeats has its borders where it had them before.
func (f *lazyFinder) enter(data []byte, i, length int) {
	end := i + length
	f.insert(data, i+2)
	if length > longMatch {
		for j := i + 4; j < end-3; j += longStride {
			f.insertLong(load64(data, j), j)
		}
	}
	f.insert(data, end-2)
	f.insert(data, end-1)
}
