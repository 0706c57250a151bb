package deflate

const (
	threeBits = 13
	// mostChain is how many candidates are looked at, as long as the match is
	// shorter than enough.
	mostChain = 32
	enough    = maxLength
	// With a match of goodMatch at hand fewer candidates are looked at for a
	// better one at the next positions.
	goodMatch = 32
	// nearForThree is how far away a match of three bytes may be to pay.
	nearForThree = 8 << 10
)

// chainFinder looks at all positions and at many candidates for each, and at
// the two next positions before it takes a match.
type chainFinder struct {
	// first holds the last position for a hash of four bytes, and older for each
	// position the one before it of the same hash.
	first [1 << fourBits]uint16
	older [maxDistance]uint16
	// three holds the last position for a hash of three bytes.
	three [1 << threeBits]uint16
}

func hash3(v uint64) uint32 { return uint32(v) << 8 * spread32 >> (32 - threeBits) }

func (f *chainFinder) insert(data []byte, i int) {
	v := load64(data, i)
	place := &f.first[hash4(v)]
	f.older[i&(maxDistance-1)] = *place
	*place = uint16(i)
	f.three[hash3(v)] = uint16(i)
}

// prime clears the tables and enters what comes before from.
func (f *chainFinder) prime(data []byte, from int) {
	clear(f.first[:])
	clear(f.older[:])
	clear(f.three[:])
	for i := max(from-maxDistance, 0); i < min(from, len(data)-margin); i++ {
		f.insert(data, i)
	}
}

func (f *chainFinder) find(w *writer, data []byte, from int) {
	f.prime(data, from)
	limit := len(data) - margin
	i, n := from, 0
	start := i
	if i == 0 { // nothing can be found there, and zero means none in the tables
		n = w.literalRun(data, 0, 1, n)
		i++
	}
	for i < limit {
		if n >= maxTokens {
			w.block(data[start:i], n)
			start, n = i, 0
		}
		length, at := f.look(data, i, 2, mostChain)
		if length == 0 {
			w.tokens[n] = literal(load8(data, i))
			n++
			i++
			continue
		}
		entered := i
		for length < enough && i+2 < limit && n < maxTokens {
			step, next, nextAt := f.ahead(data, i, length, at, &entered)
			if step == 0 {
				break
			}
			n = w.literalRun(data, i, step, n)
			i += step
			length, at = next, nextAt
		}
		w.tokens[n] = match(length, at)
		n++
		i += length
		for entered++; entered < min(i, limit); entered++ {
			f.insert(data, entered)
		}
	}
	w.finish(data[start:], i-start, n)
}

// ahead looks for a better match at the two positions behind i, and returns how
// many literals come before it; 0 is none. entered is the last position in the
// tables; it moves on.
func (f *chainFinder) ahead(data []byte, i, length, at int, entered *int) (step, next, nextAt int) {
	depth := mostChain
	if length >= goodMatch {
		depth /= 4
	}
	for step = 1; step <= 2; step++ {
		depth /= 2
		*entered = i + step
		next, nextAt = f.look(data, i+step, length-1, depth)
		if next > 0 && better(next, nextAt, length, at, 4*step-2) {
			return step, next, nextAt
		}
	}
	return 0, 0, 0
}

// look enters position i and returns the length and the gap of the best match
// there that is longer than least; 0 is none.
func (f *chainFinder) look(data []byte, i, least, depth int) (length, at int) {
	v := load64(data, i)
	place, three := &f.first[hash4(v)], &f.three[hash3(v)]
	kept := *place
	f.older[i&(maxDistance-1)] = kept
	*place = uint16(i)
	length = least
	if far := gap(i, *three); length < 3 && far < nearForThree && (uint32(v)^load32(data, i-1-int(far)))<<8 == 0 {
		length, at = 3, int(far)
	}
	*three = uint16(i)
	for last := -1; depth > 0 && length < enough && i+length < len(data); depth-- {
		far := gap(i, kept)
		if int(far) <= last || tooFar(far) > 0 {
			break
		}
		last = int(far)
		c := i - 1 - last
		kept = f.older[kept&(maxDistance-1)]
		tail := max(length-3, 0) // where a longer match has four bytes in common
		if uint32(v) != load32(data, c) || load32(data, c+tail) != load32(data, i+tail) {
			continue
		}
		if n := extend(data, i, c, 4); n > length {
			length, at = n, last
		}
	}
	if length == least {
		return 0, 0
	}
	return length, at
}
