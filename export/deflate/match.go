package deflate

import "math/bits"

const (
	maxDistance = 32 << 10
	maxLength   = 258
	// margin is how many bytes before the end of the data the finders stop to
	// look for matches, so that they may always load eight bytes.
	margin = 16
	// fourBits is the size of tables for hashes of four bytes, as a power of two.
	fourBits = 15
	// runShift is after how many literals, as a power of two, a finder begins to
	// leave positions out: text that does not repeat is not worth a look at each.
	runShift = 4
	// Matches of the least length do not pay when they are far away.
	farForFour = 16 << 10
)

// Multipliers that spread the bits of text well over a table.
const (
	spread32 = 0x9E3779B1
	spread64 = 0x9E3779B185EBCA87
)

func hash4(v uint64) uint32 { return uint32(v) * spread32 >> (32 - fourBits) }

// Positions are kept modulo 65536, which is twice the window: what is older
// than the window shows as too far away, and what is older than that is a
// candidate like any other, since every candidate is compared. So no table
// needs to be cleaned while it is in use.

// gap is the distance, less one, from position i back to a position of a table.
func gap(i int, kept uint16) uint16 { return uint16(i-1) - kept }

// tooFar is 1 where a gap is beyond the window and 0 elsewhere. In the lowest
// bit of a comparison it makes the first byte differ.
func tooFar(gap uint16) uint64 { return uint64(gap >> 15) }

// extend returns how many bytes at i are as those at c, up to the longest
// match. The first n are known to be.
func extend(data []byte, i, c, n int) int {
	if i+maxLength+8 > len(data) {
		for n < maxLength && i+n < len(data) && data[i+n] == data[c+n] {
			n++
		}
		return n
	}
	for n < maxLength {
		if x := load64(data, i+n) ^ load64(data, c+n); x != 0 {
			return min(n+bits.TrailingZeros64(x)>>3, maxLength)
		}
		n += 8
	}
	return maxLength
}

// back returns how many bytes before i are as those before c, up to most.
func back(data []byte, i, c, most int) int {
	n := 0
	for most = min(most, c); n < most && load8(data, i-1-n) == load8(data, c-1-n); {
		n++
	}
	return n
}

// patience returns how many literals to take without looking for matches when
// so many bytes had none.
func patience(run int) int { return min(run>>runShift, tokenRoom/2) }

// better says whether a match of length next, gap nextGap, one or more
// positions further on is worth the literals before it: skip is their price in
// bits, more or less. A byte of length is worth four. A shorter one never is,
// and may be no match at all: where a hash is the same, little else need be.
func better(next, nextGap, length, gap, skip int) bool {
	return next >= length && 4*(next-length)+bits.Len16(uint16(gap))-bits.Len16(uint16(nextGap)) > skip
}
