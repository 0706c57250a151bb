package export

import (
	"archive/zip"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"

	"cdds/cms"
	"cdds/source"
)

// BenchmarkExport exports the same records by the engine and by what one would
// write in an afternoon: structs, encoding/json, archive/zip with the standard
// library's deflate, the same encryption. Both get their records ready-made.
// It prints speed, CPU and memory of both, and their ratios.
func BenchmarkExport(b *testing.B) {
	id, h := newIdentity(b), newHistory(60_000, 0, 0)
	discard := blob.NewBucket(&nowhere{})
	b.Cleanup(func() { must(b, discard.Close()) })
	e := &Engine{Source: h, Bucket: discard}
	naive := newNaive(h, id)
	var ours, theirs usage
	for b.Loop() {
		ours.measure(func() (plain, stored int64) {
			result, p := export(b, e, newSpec(id))
			return p.Bytes.Load(), result.Artifacts[0].Size
		})
		theirs.measure(func() (plain, stored int64) { return naive.run(b) })
	}
	b.Logf("%d CPUs, %d MB of lines each time", runtime.GOMAXPROCS(0), ours.plain/int64(b.N)/1e6)
	b.Logf("%-44s %s", "engine", ours)
	b.Logf("%-44s %s", "encoding/json, archive/zip (compress/flate)", theirs)
	b.ReportMetric(ours.speed(), "MB/s")
	b.ReportMetric(ours.cpu.Seconds()*1e9/float64(ours.plain), "CPU-s/GB")
	b.ReportMetric(theirs.wall.Seconds()/ours.wall.Seconds(), "times-faster")
	b.ReportMetric(theirs.cpu.Seconds()/ours.cpu.Seconds(), "times-less-CPU")
	b.ReportMetric(float64(ours.stored)/float64(theirs.stored), "size-ratio")
	b.ReportMetric(float64(ours.allocs)/float64(b.N)/float64(h.count[source.Interaction]), "allocs/record")
}

// usage sums up what runs have cost.
type usage struct {
	wall, cpu     time.Duration
	plain, stored int64
	allocs        uint64
}

func (u usage) speed() float64 { return float64(u.plain) / 1e6 / u.wall.Seconds() }

func (u usage) String() string {
	gigabytes := float64(u.plain) / 1e9
	return fmt.Sprintf("%6.1f MB/s  %6.2f CPU s/GB  %5.1f %% of size  %9.0f allocs/GB", u.speed(), u.cpu.Seconds()/gigabytes,
		100*float64(u.stored)/float64(u.plain), float64(u.allocs)/gigabytes)
}

func (u *usage) measure(run func() (plain, stored int64)) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	cpu, start := cpuTime(), time.Now()
	plain, stored := run()
	u.wall += time.Since(start)
	u.cpu += cpuTime() - cpu
	runtime.ReadMemStats(&after)
	u.plain, u.stored, u.allocs = u.plain+plain, u.stored+stored, u.allocs+after.Mallocs-before.Mallocs
}

func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// nowhere is a bucket that forgets.
type nowhere struct{ driver.Bucket }

func (*nowhere) Close() error { return nil }
func (*nowhere) NewTypedWriter(context.Context, string, string, *driver.WriterOptions) (driver.Writer, error) {
	return forgetful{}, nil
}

type forgetful struct{}

func (forgetful) Write(p []byte) (int, error) { return len(p), nil }
func (forgetful) Close() error                { return nil }
func (forgetful) Upload(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// naive holds records as structs.
type naive struct {
	records []any
	count   int
	id      identity
}

func newNaive(h *history, id identity) *naive {
	n := &naive{count: h.count[source.Interaction], id: id}
	shape := structOf(source.Fields(source.Interaction), "")
	r := source.Record{}
	for i := range 2000 {
		h.fill(source.Interaction, i, &r)
		n.records = append(n.records, structFrom(shape, source.Fields(source.Interaction), r.Values, "").Interface())
	}
	return n
}

// run exports all records and returns how many bytes it encoded and wrote.
func (n *naive) run(b *testing.B) (plain, stored int64) {
	out := &digest{sum: sha256.New()}
	cipher, err := cms.Encrypt(bufio.NewWriterSize(out, writeSize), newSpec(n.id).Recipients, cms.Compatible)
	must(b, err)
	z := zip.NewWriter(cipher)
	entry, err := z.Create("Interaction-run-1.json")
	must(b, err)
	content := &digest{sum: sha256.New()}
	enc := json.NewEncoder(io.MultiWriter(content, entry))
	enc.SetEscapeHTML(false)
	for i := range n.count {
		must(b, enc.Encode(n.records[i%len(n.records)]))
	}
	must(b, z.Close())
	must(b, cipher.Close())
	return content.size, out.size
}

// structOf makes the struct type that a person would write for these fields.
func structOf(fields []source.Field, group string) reflect.Type {
	var members []reflect.StructField
	for _, f := range fields {
		if f.Group != group {
			continue
		}
		kind := map[source.Kind]reflect.Type{
			source.Text: reflect.TypeFor[*string](), source.Int: reflect.TypeFor[*int64](), source.Bool: reflect.TypeFor[*bool](),
			source.Instant: reflect.TypeFor[*time.Time](), source.JSON: reflect.TypeFor[json.RawMessage](), source.Binary: reflect.TypeFor[[]byte](),
		}[f.Kind]
		if f.Kind == source.Group {
			kind = reflect.PointerTo(structOf(fields, f.Name))
		}
		members = append(members, reflect.StructField{Name: strings.ToUpper(f.Name[:1]) + f.Name[1:], Type: kind, Tag: reflect.StructTag(`json:"` + f.Name + `"`)})
	}
	return reflect.StructOf(members)
}

func structFrom(shape reflect.Type, fields []source.Field, values []source.Value, group string) reflect.Value {
	out := reflect.New(shape)
	member := 0
	for i, f := range fields {
		if f.Group != group {
			continue
		}
		to, v := out.Elem().Field(member), values[i]
		member++
		if v.Null {
			continue
		}
		text, truth, instant := string(v.Bytes), v.Int != 0, time.UnixMicro(v.Int).UTC()
		switch f.Kind {
		case source.Text:
			to.Set(reflect.ValueOf(&text))
		case source.Int:
			to.Set(reflect.ValueOf(&v.Int))
		case source.Bool:
			to.Set(reflect.ValueOf(&truth))
		case source.Instant:
			to.Set(reflect.ValueOf(&instant))
		case source.JSON:
			to.Set(reflect.ValueOf(json.RawMessage(v.Bytes)))
		case source.Binary:
			to.SetBytes(v.Bytes)
		case source.Group:
			to.Set(structFrom(to.Type().Elem(), fields, values, f.Name))
		}
	}
	return out
}
