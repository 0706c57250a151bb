package deflate

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	fast "github.com/klauspost/compress/flate"
)

// benchBlock is how much the engine compresses at a time, more or less.
const benchBlock = 1 << 20

// rival is one way to compress a block behind what came before it.
type rival struct {
	name   string
	append func(dst, data []byte, from int) []byte
}

// rivals are our levels, those of the library that was there before, and the
// standard library's level 6, which is the measure of size.
func rivals(b *testing.B) []rival {
	b.Helper()
	list := []rival{}
	for _, level := range []string{"fast", "default", "small"} {
		list = append(list, rival{level, New(levels()[level]).Append})
	}
	for _, level := range []int{1, 5, 6} {
		var out bytes.Buffer
		w, err := fast.NewWriter(&out, level)
		must(b, err)
		list = append(list, rival{fmt.Sprint("klauspost ", level), func(dst, data []byte, from int) []byte {
			out.Reset()
			w.ResetDict(&out, data[:from])
			_, err := w.Write(data[from:])
			must(b, err)
			must(b, w.Flush())
			return append(dst, out.Bytes()...)
		}})
	}
	var out bytes.Buffer
	return append(list, rival{"standard 6", func(dst, data []byte, from int) []byte {
		out.Reset()
		w, err := flate.NewWriterDict(&out, 6, data[:from])
		must(b, err)
		_, err = w.Write(data[from:])
		must(b, err)
		must(b, w.Flush())
		return append(dst, out.Bytes()...)
	}})
}

// realLines are the first n bytes of the real conversations beside the project.
func realLines(b *testing.B, n int) []byte {
	b.Helper()
	const path = "../../../shared/data/interactions.jsonl.gz"
	file, err := os.Open(path)
	if err != nil {
		b.Fatalf("this benchmark reads real conversations, which are expected in ../shared/data beside the project: %v", err)
	}
	defer func() { must(b, file.Close()) }()
	r, err := gzip.NewReader(file)
	must(b, err)
	data := make([]byte, n)
	_, err = io.ReadFull(r, data)
	must(b, err)
	return data
}

// BenchmarkRivals compresses the same blocks in turns and prints speed and size
// of all against the standard library's level 6. For each block the best time
// counts, since whatever else the machine does can only add to it.
func BenchmarkRivals(b *testing.B) {
	for name, data := range map[string][]byte{"real": realLines(b, 24<<20), "made up": lines(rand.New(rand.NewPCG(1, 1)), 8<<20)} {
		b.Run(name, func(b *testing.B) {
			all := rivals(b)
			best, size := make([]map[int]time.Duration, len(all)), make([]int, len(all))
			for i := range all {
				best[i] = map[int]time.Duration{}
			}
			dst := make([]byte, 0, 2*benchBlock)
			for b.Loop() {
				clear(size)
				for from := 0; from < len(data); from += benchBlock {
					begin, end := max(0, from-maxDistance), min(from+benchBlock, len(data))
					for i, r := range all {
						start := cpuTime()
						dst = r.append(dst[:0], data[begin:end], from-begin)
						took := cpuTime() - start
						size[i] += len(dst)
						if old, ok := best[i][from]; !ok || took < old {
							best[i][from] = took
						}
					}
				}
			}
			report(b, all, best, size, len(data))
		})
	}
}

// cpuTime is what the process has used so far.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func report(b *testing.B, all []rival, best []map[int]time.Duration, size []int, plain int) {
	total := make([]time.Duration, len(all))
	for i := range all {
		for _, took := range best[i] {
			total[i] += took
		}
	}
	last := len(all) - 1
	var table strings.Builder
	for i, r := range all {
		speed, share := float64(total[last])/float64(total[i]), float64(size[i])/float64(size[last])
		fmt.Fprintf(&table, "\n%-12s %7.1f MB/s  %5.2f times the speed and %.4f of the size of %s", r.name, float64(plain)/1e6/total[i].Seconds(), speed, share, all[last].name)
		b.ReportMetric(speed, strings.ReplaceAll(r.name, " ", "-")+"-speed")
		b.ReportMetric(share, strings.ReplaceAll(r.name, " ", "-")+"-size")
	}
	b.Log(table.String())
}

// BenchmarkAppend is each level by itself, with its allocations: none.
func BenchmarkAppend(b *testing.B) {
	data := lines(rand.New(rand.NewPCG(1, 1)), maxDistance+benchBlock)
	for level, l := range levels() {
		b.Run(level, func(b *testing.B) {
			e, dst := New(l), make([]byte, 0, 2*benchBlock)
			b.SetBytes(benchBlock)
			b.ReportAllocs()
			for b.Loop() {
				dst = e.Append(dst[:0], data, maxDistance)
			}
		})
	}
}
