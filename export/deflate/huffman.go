package deflate

import (
	"math/bits"
	"slices"
)

// maxBits is the longest code that deflate knows.
const maxBits = 15

// code is a Huffman code as it is written, first bit lowest, and its length:
// bits << 8 | length.
type code uint32

// sizer computes lengths of codes. It keeps the room that this takes.
type sizer struct {
	keys  [numLiterals]uint64 // used symbols: frequency << 16 | symbol, ascending
	nodes [numLiterals]uint32 // see depths
}

// lengths sets the length of each symbol's code, none above limit, and 0 for
// symbols that do not occur. Two symbols get a code in any case, since not all
// readers take a tree of one.
func (s *sizer) lengths(frequency []uint32, limit int, length []uint8) {
	n := 0
	for symbol, f := range frequency {
		length[symbol] = 0
		if f > 0 {
			s.keys[n] = uint64(f)<<16 | uint64(symbol)
			n++
		}
	}
	if n < 2 {
		used := 0
		if n == 1 {
			used = int(s.keys[0] & 0xFFFF)
		}
		length[used], length[max(1-used, 0)] = 1, 1
		return
	}
	keys := s.keys[:n]
	slices.Sort(keys)
	s.depths(keys)
	var count [maxBits + 1]int
	for _, depth := range s.nodes[:n] {
		count[min(int(depth), limit)]++
	}
	fit(&count, limit)
	for l := limit; l > 0; l-- {
		for _, key := range keys[:count[l]] {
			length[key&0xFFFF] = uint8(l)
		}
		keys = keys[count[l]:]
	}
}

// depths leaves the depth of each leaf of an optimal tree in nodes, by the
// method of Moffat and Katajainen, which needs no room beside the weights.
func (s *sizer) depths(keys []uint64) {
	nodes := s.nodes[:len(keys)]
	for i, key := range keys {
		nodes[i] = uint32(key >> 16)
	}
	// Pair the two lightest until one tree is left. In this order nodes hold the
	// parents of trees in use, weights of trees, and weights of leaves.
	leaf, root := 0, 0
	for next := range len(nodes) - 1 {
		weight := uint32(0)
		for range 2 {
			if leaf >= len(nodes) || root < next && nodes[root] < nodes[leaf] {
				weight += nodes[root]
				nodes[root] = uint32(next)
				root++
			} else {
				weight += nodes[leaf]
				leaf++
			}
		}
		nodes[next] = weight
	}
	// From parents to depths of inner nodes.
	last := len(nodes) - 2
	nodes[last] = 0
	for i := last - 1; i >= 0; i-- {
		nodes[i] = nodes[nodes[i]] + 1
	}
	// From depths of inner nodes to those of leaves: what a level has room for
	// and no inner node takes is leaves.
	inner, next := last, last+1
	for room, depth := 1, uint32(0); room > 0; depth++ {
		taken := 0
		for ; inner >= 0 && nodes[inner] == depth; inner-- {
			taken++
		}
		for range room - taken {
			nodes[next] = depth
			next--
		}
		room = 2 * taken
	}
}

// fit makes the numbers of codes by length those of a full tree again after
// longer codes were cut to limit: it takes one code of the limit away and
// splits the longest one below it, as often as needed.
func fit(count *[maxBits + 1]int, limit int) {
	total := 0
	for l := 1; l <= limit; l++ {
		total += count[l] << (limit - l)
	}
	for ; total > 1<<limit; total-- {
		l := limit - 1
		for count[l] == 0 {
			l--
		}
		count[limit]--
		count[l]--
		count[l+1] += 2
	}
}

// assign gives codes by their lengths (RFC 1951, section 3.2.2).
func assign(length []uint8, codes []code) {
	var count, next [maxBits + 2]uint32
	for _, l := range length {
		count[l&15]++
	}
	count[0] = 0
	for l := 1; l <= maxBits; l++ {
		next[l+1] = (next[l] + count[l]) << 1
	}
	for i, l := range length {
		codes[i] = 0
		if l > 0 {
			codes[i] = code(bits.Reverse16(uint16(next[l]))>>(16-l))<<8 | code(l)
			next[l]++
		}
	}
}
