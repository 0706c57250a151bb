package deflate

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// levels are all levels by name.
func levels() map[string]Level {
	return map[string]Level{"fast": Fast, "default": Default, "small": Small}
}

// compress compresses data in pieces of a size, each with all that came before
// it, and checks what Append promises of each.
func compress(t testing.TB, e *Encoder, data []byte, size int) []byte {
	t.Helper()
	var stream []byte
	for from := 0; from < len(data); from += size {
		end := min(from+size, len(data))
		begin := max(0, from-maxDistance)
		before := len(stream)
		stream = e.Append(stream, data[begin:end], from-begin)
		if got, most := len(stream)-before, Bound(end-from); got > most {
			t.Errorf("%d bytes became %d, more than %d", end-from, got, most)
		}
	}
	return append(stream, End...)
}

// check inflates a stream by the standard library and compares.
func check(t testing.TB, what string, stream, want []byte) {
	t.Helper()
	r := bytes.NewReader(stream)
	got, err := io.ReadAll(flate.NewReader(r))
	if err != nil || r.Len() > 0 || !bytes.Equal(got, want) {
		t.Fatalf("%s: %d bytes came back as %d, %d are left, error: %v", what, len(want), len(got), r.Len(), err)
	}
}

// lines makes JSON Lines of n bytes with keys that come again and words that
// mostly do.
func lines(random *rand.Rand, n int) []byte {
	words := make([]string, 3000)
	for i := range words {
		word := make([]byte, 2+random.IntN(8))
		for j := range word {
			word[j] = "etaoinshrdlucmfw"[random.IntN(16)&random.IntN(16)]
		}
		words[i] = string(word)
	}
	var b bytes.Buffer
	for at := 0; b.Len() < n; at++ {
		fmt.Fprintf(&b, `{"ixnId":"%016X","tenantId":101,"contactId":"%016X","parentId":null,"threadHash":null,"entityTypeId":%d,"text":"`,
			random.Uint64(), random.Uint64(), at%7)
		for range 20 + random.IntN(150) {
			b.WriteString(words[random.IntN(1+random.IntN(len(words)))])
			b.WriteByte(' ')
		}
		b.WriteString(`","strAttribute1":null,"strAttribute2":null,"strAttribute3":null,"allAttributes":{"source":"test"},"email":null}` + "\n")
	}
	return b.Bytes()[:n]
}

// kinds are texts of n bytes that are hard in different ways.
func kinds(random *rand.Rand, n int) map[string][]byte {
	noise := make([]byte, n)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	few, period, runs := bytes.Clone(noise), bytes.Clone(noise), bytes.Clone(noise)
	for i := range n {
		few[i] &= 3
		if i >= 13 {
			period[i] = period[i-13]
		}
		if i%300 > 0 {
			runs[i] = runs[i-1]
		}
	}
	text := lines(random, n)
	mixed := bytes.Clone(text)
	for at := 0; at < n; at += 4000 {
		copy(mixed[at:min(at+1500, n)], noise[at:])
	}
	far := bytes.Clone(noise) // repeats at the largest distance, and just beyond
	for i := maxDistance; i < n; i++ {
		far[i] = far[i-maxDistance-i/50_000%2]
	}
	return map[string][]byte{"noise": noise, "zeros": make([]byte, n), "few": few, "period": period, "runs": runs, "text": text, "mixed": mixed, "far": far}
}

// TestEveryLength compresses every length from nothing on, with little and with
// much before it.
func TestEveryLength(t *testing.T) {
	all := kinds(rand.New(rand.NewPCG(1, 2)), 2000)
	for level, l := range levels() {
		e := New(l)
		for kind, data := range all {
			for n := range 300 {
				for _, from := range []int{n % 3, 1300 + n%40} {
					out := e.Append(nil, data[:from+n], from)
					if len(out) > Bound(n) {
						t.Fatalf("%s, %s: %d bytes became %d", level, kind, n, len(out))
					}
					var got bytes.Buffer
					_, err := io.Copy(&got, flate.NewReaderDict(bytes.NewReader(append(out, End...)), data[:from]))
					if err != nil || !bytes.Equal(got.Bytes(), data[from:from+n]) {
						t.Fatalf("%s, %s: %d bytes behind %d came back as %d, error: %v", level, kind, n, from, got.Len(), err)
					}
				}
			}
		}
	}
}

// TestPiecesMakeOneStream joins pieces of many sizes.
func TestPiecesMakeOneStream(t *testing.T) {
	all := kinds(rand.New(rand.NewPCG(3, 4)), 1_200_000)
	for level, l := range levels() {
		e := New(l)
		for kind, data := range all {
			for _, size := range []int{1 << 20, 100_003} {
				check(t, fmt.Sprint(level, " ", kind, " ", size), compress(t, e, data, size), data)
			}
			for _, size := range []int{1, 2, 15, 16, 17, 1000} {
				small := data[:40*size]
				check(t, fmt.Sprint(level, " ", kind, " ", size), compress(t, e, small, size), small)
			}
		}
	}
}

// TestCollision has a match of four bytes, far away, and behind its first byte,
// near, something of the same hash that has but two bytes in common: it is
// nearer, but no match at all.
func TestCollision(t *testing.T) {
	random := rand.New(rand.NewPCG(17, 18))
	for range 20 {
		data := kinds(random, 16_000)["noise"]
		want := data[1:5]
		copy(data[100:], data[:4])
		data[104] = ^want[3]
		near := []byte{want[0], want[1], 0, 0}
		for x := range 1 << 16 {
			binary.BigEndian.PutUint16(near[2:], uint16(x))
			if near[2] != want[2] && hash4(uint64(binary.LittleEndian.Uint32(near))) == hash4(uint64(binary.LittleEndian.Uint32(want))) {
				break
			}
		}
		again := bytes.Clone(data[:5])
		data = data[5:] // so that the match is the one at 100
		size := len(data)
		data = slices.Concat(data, near, again, kinds(random, 100)["noise"], make([]byte, 10_000))
		for level, l := range levels() {
			check(t, level, compress(t, New(l), data, size), data)
		}
	}
}

// TestNothingIsRemembered: the output depends on the input alone.
func TestNothingIsRemembered(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	data, other := lines(random, 400_000), lines(random, 300_000)
	for level, l := range levels() {
		used := New(l)
		first := compress(t, used, data, 150_000)
		compress(t, used, other, 70_000)
		for name, e := range map[string]*Encoder{"used before": used, "new": New(l)} {
			if !bytes.Equal(compress(t, e, data, 150_000), first) {
				t.Errorf("%s: an encoder that is %s gives other bytes", level, name)
			}
		}
	}
}

// TestSizes: each level is worth its time, repetitions are found through the
// whole window, and what came before is used.
func TestSizes(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	data := lines(random, 1<<20)
	var zlib bytes.Buffer
	w, err := flate.NewWriter(&zlib, 6)
	must(t, err)
	_, err = w.Write(data)
	must(t, err)
	must(t, w.Close())
	for level, most := range map[string]float64{"fast": 1.25, "default": 1.08, "small": 1.01} {
		e := New(levels()[level])
		size := len(e.Append(nil, data, 0))
		t.Logf("%s: %.3f of the standard library's level 6", level, float64(size)/float64(zlib.Len()))
		if got := float64(size) / float64(zlib.Len()); got > most {
			t.Errorf("%s: %.3f of the standard library's size, more than %.2f", level, got, most)
		}
		noise := kinds(random, maxDistance-100)["noise"]
		if twice := append(slices.Clone(noise), noise...); len(e.Append(nil, twice, len(noise))) > len(noise)/50 {
			t.Errorf("%s: a copy at the end of the window is not found", level)
		}
		if size := len(e.Append(nil, make([]byte, 1<<20), 0)); size > 1500 {
			t.Errorf("%s: a MiB of zeros takes %d bytes", level, size)
		}
	}
}

// TestUnzip has unzip and the standard library's zip reader judge a zip.
func TestUnzip(t *testing.T) {
	data := kinds(rand.New(rand.NewPCG(9, 10)), 2_500_000)["mixed"]
	for level, l := range levels() {
		stream := compress(t, New(l), data, 1<<20)
		path := filepath.Join(t.TempDir(), level+".zip")
		file, err := os.Create(path)
		must(t, err)
		z := zip.NewWriter(file)
		entry, err := z.CreateRaw(&zip.FileHeader{
			Name: "data", Method: zip.Deflate, CRC32: crc32.ChecksumIEEE(data),
			CompressedSize64: uint64(len(stream)), UncompressedSize64: uint64(len(data)),
		})
		must(t, err)
		_, err = entry.Write(stream)
		must(t, err)
		must(t, z.Close())
		must(t, file.Close())
		if out, err := exec.CommandContext(t.Context(), "unzip", "-t", path).CombinedOutput(); err != nil || !strings.Contains(string(out), "No errors") {
			t.Errorf("%s: unzip: %v: %s", level, err, out)
		}
	}
}

// TestSteadyStateAllocatesNothing: where dst has room, no level allocates.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	data := lines(rand.New(rand.NewPCG(11, 12)), 300_000)
	for level, l := range levels() {
		e, dst := New(l), make([]byte, 0, Bound(len(data))+64)
		e.Append(dst, data, maxDistance)
		if n := testing.AllocsPerRun(5, func() { e.Append(dst, data, maxDistance) }); n > 0 {
			t.Errorf("%s: %v allocations", level, n)
		}
	}
}

// FuzzAppend compresses any data in any pieces, at all levels, and inflates it
// by the standard library. shape stretches what the fuzzer finds: it repeats
// it, at distances of its choice, to the sizes where blocks and windows end.
func FuzzAppend(f *testing.F) {
	f.Add([]byte(""), uint32(1), uint32(0))
	f.Add([]byte("a"), uint32(1), uint32(3))
	f.Add([]byte("hello hello hello hello"), uint32(7), uint32(0))
	f.Add([]byte(`{"ixnId":"A1","text":null}`+"\n"), uint32(1000), uint32(40_000))
	f.Add(bytes.Repeat([]byte{0}, 300), uint32(65_535), uint32(70_000))
	for i, data := range kinds(rand.New(rand.NewPCG(13, 14)), 600) {
		f.Add(data, uint32(len(i)*97), uint32(0))
		f.Add(data, uint32(65_536+len(i)), uint32(100_000+len(i)))
		f.Add(data[:50], uint32(32_768), uint32(33_000))
	}
	encoders := map[string]*Encoder{}
	for level, l := range levels() {
		encoders[level] = New(l)
	}
	f.Fuzz(func(t *testing.T, data []byte, size, shape uint32) {
		data = stretch(data, int(shape%200_000))
		size = max(1+size%(1<<18), uint32(len(data)/200))
		for level, e := range encoders {
			stream := compress(t, e, data, int(size))
			check(t, level, stream, data)
			if again := compress(t, e, data, int(size)); !bytes.Equal(again, stream) {
				t.Errorf("%s: other bytes the second time", level)
			}
		}
	})
}

// stretch repeats data up to n bytes and changes a byte every now and then, in
// the rhythm of the data itself.
func stretch(data []byte, n int) []byte {
	if len(data) == 0 {
		return data
	}
	out := bytes.Clone(data)
	for len(out) < n {
		at := len(out)
		out = append(out, data...)
		if step := int(data[at%len(data)]); step > 0 {
			for i := at; i < len(out); i += step {
				out[i] ^= byte(at >> 3)
			}
		}
	}
	return out
}

// TestCodeLengths: codes are within their limit, complete, and no rarer symbol
// has a shorter one.
func TestCodeLengths(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 16))
	var s sizer
	for try := range 2000 {
		limit := []int{7, maxCode, maxBits}[try%3]
		frequency := make([]uint32, 2+random.IntN([]int{numLengths, numLiterals, 30}[try%3]-1))
		for i := range frequency {
			switch try % 4 {
			case 0:
				frequency[i] = random.Uint32() >> (12 + random.IntN(20))
			case 1:
				frequency[i] = 1 << min(i, 25) // as deep as it gets
			case 2:
				frequency[i] = uint32(random.IntN(2))
			case 3:
				frequency[random.IntN(len(frequency))]++
			}
		}
		length := make([]uint8, len(frequency))
		s.lengths(frequency, limit, length)
		kraft := 0
		for i, l := range length {
			if int(l) > limit {
				t.Fatalf("a code of %d bits, above %d: %v", l, limit, frequency)
			}
			if l > 0 {
				kraft += 1 << (limit - int(l))
			}
			for j, other := range length {
				if frequency[i] > frequency[j] && frequency[j] > 0 && l > other {
					t.Fatalf("symbol %d is more frequent than %d but has the longer code", i, j)
				}
			}
		}
		if kraft != 1<<limit {
			t.Fatalf("the tree is not full: %d of %d: %v", kraft, 1<<limit, frequency)
		}
	}
}

// TestMatchTokens compares the parts of a match's token with the tables of RFC
// 1951, section 3.2.5, in the spelling of its other end, the reader.
func TestMatchTokens(t *testing.T) {
	var w writer
	w.prepare()
	for length := 3; length <= maxLength; length++ {
		symbol := int(w.symbol[length-3])
		more := length - 3 - int(w.base[symbol])
		if more < 0 || more >= 1<<w.extra[symbol] || (length == maxLength) != (symbol == 28) {
			t.Errorf("length %d has symbol %d", length, firstLength+symbol)
		}
	}
	for distance := 1; distance <= maxDistance; distance++ {
		token := match(100, distance-1)
		symbol, more := int(token>>9&31), int(token>>14)
		least := symbol + 1
		if extra := distanceExtra(symbol); extra > 0 {
			least = (2+symbol&1)<<extra + 1
		}
		if least+more != distance || more >= 1<<distanceExtra(symbol) || token&511 != 256+97 {
			t.Fatalf("distance %d has symbol %d and %d", distance, symbol, more)
		}
	}
	if literal(0xFF)&511 != 0xFF || binary.Size(literal(0)) != 4 {
		t.Error("a literal is not itself")
	}
}
