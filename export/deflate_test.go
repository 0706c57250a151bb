package export

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"testing"

	"cdds/export/deflate"
)

// deflated sends pieces through a ring, each as a block of its own, and returns
// the stream that they become.
func deflated(t testing.TB, workers int, pieces [][]byte) []byte {
	t.Helper()
	r := newRing(workers, deflate.Default)
	for range workers {
		go r.compress()
	}
	defer close(r.work)
	f := &file{}
	var stream bytes.Buffer
	var sent []*block
	take := func(b *block) {
		<-b.done
		if got, most := int64(len(b.out)), deflateBound(int64(len(b.raw()))); got > most {
			t.Errorf("%d bytes became %d, more than %d", len(b.raw()), got, most)
		}
		stream.Write(b.out)
		r.give(b)
	}
	for _, piece := range pieces {
		if len(sent) == r.size {
			take(<-r.queue)
			sent = sent[1:]
		}
		b, err := r.take(t.Context(), f)
		must(t, err)
		b.data = append(b.data, piece...)
		r.submit(b)
		sent = append(sent, b)
	}
	f.pending.Wait()
	packed := f.packed.Load()
	for range sent {
		take(<-r.queue)
	}
	equal(t, "packed", packed, int64(stream.Len()))
	return append(stream.Bytes(), finalBlock...)
}

// TestDeflate joins blocks of all sizes and kinds and inflates them again by
// the standard library.
func TestDeflate(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(3, 4))
	noise := make([]byte, blockSize)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	text := prose(random, blockSize)
	kinds := map[string]func(n int) []byte{
		"text":  func(n int) []byte { at := random.IntN(blockSize - n + 1); return text[at : at+n] },
		"noise": func(n int) []byte { at := random.IntN(blockSize - n + 1); return noise[at : at+n] },
		"zeros": func(n int) []byte { return make([]byte, n) },
	}
	kinds["mixed"] = func(n int) []byte { return append(bytes.Clone(kinds["noise"](n/2)), kinds["text"](n-n/2)...) }
	for name, kind := range kinds {
		for _, sizes := range [][]int{
			{1}, {2, 3, 1, 1, 30, 33, 100, 127, 128, 129}, {blockSize, blockSize, 5, blockSize}, {dictSize, 1, dictSize - 1, dictSize + 1, 20000, 20000},
			{65535, 65536, 65534, 131070, 131071}, {blockSize - 1, 1, 1, blockSize},
		} {
			t.Run(fmt.Sprint(name, sizes), func(t *testing.T) {
				var pieces [][]byte
				var want []byte
				for _, n := range sizes {
					pieces = append(pieces, kind(n))
					want = append(want, pieces[len(pieces)-1]...)
				}
				for _, workers := range []int{1, 3} {
					stream := bytes.NewReader(deflated(t, workers, pieces))
					got, err := io.ReadAll(flate.NewReader(stream))
					must(t, err)
					equal(t, "left", stream.Len(), 0)
					if !bytes.Equal(got, want) {
						t.Errorf("%d workers: other content", workers)
					}
				}
			})
		}
	}
}

// TestPriming: blocks know what came before them, so that cutting costs little.
func TestPriming(t *testing.T) {
	text := prose(mathrand.New(mathrand.NewPCG(5, 6)), 20_000)
	whole := len(deflated(t, 1, [][]byte{text}))
	twice := len(deflated(t, 1, [][]byte{text, text}))
	if twice > whole+whole/20 {
		t.Errorf("a text takes %d bytes, and %d when it comes again", whole, twice)
	}
	var small [][]byte
	for rest := text; len(rest) > 0; rest = rest[min(len(rest), 500):] {
		small = append(small, rest[:min(len(rest), 500)])
	}
	if cut := len(deflated(t, 2, small)); cut > whole*3/2 {
		t.Errorf("a text takes %d bytes, and %d in small blocks", whole, cut)
	}
}

// FuzzDeflate cuts any content anywhere.
func FuzzDeflate(f *testing.F) {
	f.Add([]byte("hello hello hello"), uint16(3), uint16(7), uint8(2))
	f.Add(bytes.Repeat([]byte{0}, 70_000), uint16(40_000), uint16(1), uint8(9))
	f.Fuzz(func(t *testing.T, content []byte, first, step uint16, times uint8) {
		content = bytes.Repeat(content, 1+int(times)%8)
		var pieces [][]byte
		for at, n := 0, int(first)+1; at < len(content) && len(pieces) < 100; n = int(step) + 1 {
			end := min(at+n, len(content), at+blockSize)
			pieces = append(pieces, content[at:end])
			at = end
		}
		want := bytes.Join(pieces, nil)
		got, err := io.ReadAll(flate.NewReader(bytes.NewReader(deflated(t, 2, pieces))))
		must(t, err)
		if !bytes.Equal(got, want) {
			t.Error("other content")
		}
	})
}
