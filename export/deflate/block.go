package deflate

import (
	"encoding/binary"
	"math/bits"
)

const (
	numLiterals  = 288 // literals, the end of a block, lengths, and two that are not used
	numDistances = 30
	endOfBlock   = 256
	firstLength  = 257 // the first length symbol
	// maxCode bounds codes to 14 bits, so that those of a token with their extra
	// bits fit into the writer's 64 in one go: 14+5 for a length, 14+13 for a
	// distance, and 7 that are waiting.
	maxCode = 14
	// maxTokens is how many tokens make a block: enough to pay for a header,
	// few enough to follow changes of the text.
	maxTokens = 32 << 10
	// tokenRoom is how many tokens finders may write before they look.
	tokenRoom = 64
)

// token is a literal or a match, in the form that it is written from:
//
//	bits  0-8   the literal; or 256 and more: the length, less 3, plus 256
//	bits  9-13  the distance's symbol; noDistance for literals
//	bits 14-26  the distance's extra bits
//
// So counting and writing do the same for both, without a branch that a
// processor would guess wrong half of the time.
type token uint32

// noDistance is the distance symbol of literals. Its code has no bits.
const noDistance = 30

func literal(b byte) token { return token(b) | noDistance<<9 }

// match is the token of a match. gap is the distance, less one.
func match(length, gap int) token {
	t := token(length-3) | 256
	g := uint32(gap)
	if g < 4 {
		return t | token(g)<<9
	}
	extra := bits.Len32(g) - 2
	return t | token(2*extra+int(g>>extra))<<9 | token(g&(1<<extra-1))<<14
}

// writer turns tokens into blocks.
type writer struct {
	bitWriter
	tokens [maxTokens + tokenRoom]token

	counts    [2]counts
	literals  [numLiterals]uint32 // how often each symbol occurs
	distances [numDistances]uint32
	header    header
	fixed     lengths

	literalCodes  [numLiterals]code
	distanceCodes [numDistances]code
	heads         [512]code // by bits 0-8 of a token: codes with their extra bits
	tails         [32]tail  // by bits 9-13 of a token

	symbol [256]uint8 // of a length, less 3; counted from firstLength
	base   [29]uint8  // the least length, less 3, of a symbol
	extra  [29]uint8  // how many extra bits a symbol has
}

// counts says how often values of tokens occur. There are two of them, used in
// turns, since adding to the same number twice in a row is slow.
type counts struct {
	heads [512]uint32 // by bits 0-8
	tails [32]uint32  // by bits 9-13
}

// tail is a distance's code: its bits << 16 | all bits << 8 | the code's bits,
// where "all" counts the extra bits as well.
type tail uint32

// prepare fills the tables of lengths (RFC 1951, section 3.2.5) and the fixed
// codes (section 3.2.6).
func (w *writer) prepare() {
	w.header.runs = make([]run, 0, numLiterals+numDistances)
	length := 0
	for s := range 28 {
		w.base[s], w.extra[s] = uint8(length), uint8(max(s/4-1, 0))
		for range 1 << w.extra[s] {
			w.symbol[length&255] = uint8(s)
			length++
		}
	}
	w.base[28], w.symbol[255] = 255, 28 // the longest has a symbol of its own
	for i := range w.fixed.literal {
		switch {
		case i < 144 || i >= 280:
			w.fixed.literal[i] = 8
		case i < 256:
			w.fixed.literal[i] = 9
		default:
			w.fixed.literal[i] = 7
		}
	}
	for i := range w.fixed.distance {
		w.fixed.distance[i] = 5
	}
}

// distanceExtra is how many extra bits a distance's symbol has.
func distanceExtra(symbol int) int { return max(symbol/2-1, 0) }

// block writes a block with the first n tokens, which stand for data.
func (w *writer) block(data []byte, n int) {
	if len(data) == 0 {
		return
	}
	tokens := w.tokens[:n]
	w.count(tokens)
	w.header.plan(&w.literals, &w.distances)
	fixed, own := w.size(&w.fixed), w.size(&w.header.lengths)+w.header.size()
	switch {
	case 8*Bound(len(data)) <= min(fixed, own):
		w.sync()
		w.dst = appendStored(w.dst, data)
	case fixed <= own:
		w.room(fixed)
		w.put(0b010, 3)
		w.write(tokens, &w.fixed)
	default:
		w.room(own)
		w.put(0b100, 3)
		w.header.write(&w.bitWriter)
		w.write(tokens, &w.header.lengths)
	}
}

// literalRun appends literals to the first n tokens, for data[i:i+k], and returns
// how many tokens there are. There is room for tokenRoom of them.
func (w *writer) literalRun(data []byte, i, k, n int) int {
	for _, b := range data[i : i+k] {
		w.tokens[n] = literal(b)
		n++
	}
	return n
}

// finish writes what is left as the last block: the first n tokens, which stand
// for data up to i, and the bytes from there, which are too few to look at.
func (w *writer) finish(data []byte, i, n int) {
	n = w.literalRun(data, i, len(data)-i, n)
	w.block(data, n)
}

// count counts the symbols of a block.
func (w *writer) count(tokens []token) {
	w.counts = [2]counts{}
	even, odd := &w.counts[0], &w.counts[1]
	for ; len(tokens) >= 2; tokens = tokens[2:] {
		t := tokens[0]
		even.heads[t&511]++
		even.tails[t>>9&31]++
		t = tokens[1]
		odd.heads[t&511]++
		odd.tails[t>>9&31]++
	}
	for _, t := range tokens {
		even.heads[t&511]++
		even.tails[t>>9&31]++
	}
	clear(w.literals[:])
	for i, n := range even.heads {
		symbol := i
		if i > 255 {
			symbol = firstLength + int(w.symbol[i&255])
		}
		w.literals[symbol] += n + odd.heads[i]
	}
	w.literals[endOfBlock] = 1
	for i := range w.distances {
		w.distances[i] = even.tails[i] + odd.tails[i]
	}
}

// size is how many bits the counted tokens take in codes of these lengths.
func (w *writer) size(l *lengths) int {
	size := 3
	for i, n := range w.literals {
		size += int(n) * int(l.literal[i])
	}
	for i, extra := range w.extra {
		size += int(w.literals[firstLength+i]) * int(extra)
	}
	for i, n := range w.distances {
		size += int(n) * (int(l.distance[i]) + distanceExtra(i))
	}
	return size
}

// assign makes the codes of a block from their lengths.
func (w *writer) assign(l *lengths) {
	assign(l.literal[:], w.literalCodes[:])
	assign(l.distance[:], w.distanceCodes[:])
	copy(w.heads[:256], w.literalCodes[:])
	for i, symbol := range w.symbol {
		c := w.literalCodes[firstLength+int(symbol)]
		n := c & 0xFF
		w.heads[256+i] = (c>>8|code(i-int(w.base[symbol]))<<n)<<8 | (n + code(w.extra[symbol]))
	}
	for i, c := range w.distanceCodes {
		n := tail(c & 0xFF)
		w.tails[i] = tail(c>>8)<<16 | (n+tail(distanceExtra(i)))<<8 | n
	}
}

// write writes the tokens and the end of the block in codes of these lengths.
// There is room for them.
func (w *writer) write(tokens []token, l *lengths) {
	w.assign(l)
	dst, at := w.dst[:cap(w.dst)], len(w.dst)
	waiting, n := w.waiting, w.n
	heads, tails := &w.heads, &w.tails
	for _, t := range tokens {
		head, tail := heads[t&511], tails[t>>9&31]
		waiting |= uint64(head>>8) << (n & 63)
		n += uint(head & 0xFF)
		waiting |= uint64(uint32(tail>>16)|uint32(t>>14)<<(tail&31)) << (n & 63)
		n += uint(tail >> 8 & 0xFF)
		binary.LittleEndian.PutUint64(dst[at:], waiting)
		at += int(n >> 3)
		waiting >>= n & 56
		n &= 7
	}
	w.waiting, w.n, w.dst = waiting, n, dst[:at]
	end := w.literalCodes[endOfBlock]
	w.put(uint64(end>>8), uint(end&0xFF))
}
