package export

import (
	"context"
	"errors"
	"log/slog"
	"math/bits"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cdds"
	"cdds/source"
	"cdds/telemetry"
)

// Reading ahead. A connection is served by one process of the database, which
// rests while the client takes what it has sent, and the other way round. So two
// readers take stretches of a run's key order in turn: while the lines of one are
// handed over, the next one is read into memory.
//
//	claim ─▶ read, encode into a batch ─▶ stretch.batches ─┐
//	claim ─▶ read, encode into a batch ─▶ stretch.batches ─┴─ in the order of their claims ─▶ cut
//
// A stretch is claimed with a snapshot in hand, and nothing but the source is
// waited for while there is one. So whoever has the first stretch gets on,
// however few connections there are. The second reader takes only a connection
// that nobody else wants.
const (
	aheadReaders = 2
	// stretchBytes is how many bytes of lines a stretch has at most, about, and
	// batchBytes how many of it are held before they must be handed over.
	stretchBytes = 8 << 20
	batchBytes   = 2 * stretchBytes
	// firstStretch is how many records a stretch has before the length of a line
	// is known.
	firstStretch = 512
	// aheadPays is how many records must be expected for a second connection.
	aheadPays = 10_000
	// spareEvery is how often a connection is looked for that nobody else uses.
	spareEvery = time.Second
)

// errHeld ends a read when a batch holds as much as it may.
var errHeld = errors.New("the batch is full")

// stretch is what one reader reads.
type stretch struct {
	after, upto *source.Key
	limit       int         // of records for each snapshot
	batches     chan *batch // closed behind the last
}

// ahead is what the readers of a run share.
type ahead struct {
	*reader
	entity source.Entity
	order  chan *stretch // as they were claimed; closed behind the last
	spare  chan *batch

	mu             sync.Mutex
	after          *source.Key // where the next stretch begins
	ended          bool        // all stretches are claimed
	records, bytes int64       // read so far
}

// readsAhead reports whether a second reader pays for a kind of records: where
// many interactions become one file, on a machine that does two things at a time.
// The ranges of a split run are read side by side anyway.
func (r *reader) readsAhead(e source.Entity) bool {
	return e == source.Interaction && r.spec.SplitSize == 0 && r.spec.By == cdds.ByStartDate && r.whole == nil &&
		r.progress.Total.Load() >= aheadPays && runtime.GOMAXPROCS(0) > 1
}

// readAhead reads all records of a kind by several readers, and hands them over
// in their order.
func (r *reader) readAhead(ctx context.Context, e source.Entity) error {
	// One batch more than there are readers is on its way. Since all of them come
	// back, no reader waits for one in vain.
	a := &ahead{reader: r, entity: e, order: make(chan *stretch, aheadReaders), spare: make(chan *batch, aheadReaders+1)}
	for range cap(a.spare) {
		a.spare <- &batch{}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		readers, ctx := errgroup.WithContext(ctx)
		for i := range aheadReaders {
			readers.Go(func() error { return a.read(ctx, i > 0) })
		}
		err := readers.Wait()
		if err == nil {
			close(a.order)
		}
		return err
	})
	group.Go(func() error { return a.handOver(ctx) })
	if err := group.Wait(); err != nil {
		return err
	}
	r.cut.endFile()
	return nil
}

// read reads stretches until all are claimed. A reader that is spare begins one
// only with a connection that nobody else uses.
func (a *ahead) read(ctx context.Context, spare bool) error {
	errand := source.ErrandOf(ctx)
	enc := newEncoder(a.entity)
	var line []byte
	for {
		var s *stretch
		for more := true; more; {
			b, err := receive(ctx, a.spare)
			if err != nil {
				return err
			}
			b.clear()
			errand.Spare = spare && s == nil
			err = a.inSnapshot(source.WithErrand(ctx, errand), func(snapshot source.Snapshot) (err error) {
				if s == nil {
					if s, err = a.claim(ctx, snapshot); s == nil || err != nil {
						return err
					}
				}
				line, more, err = a.fill(ctx, snapshot, enc, line, s, b)
				return err
			})
			if s == nil && errors.Is(err, source.ErrBusy) {
				a.spare <- b
				if ended, err := a.rest(ctx); ended || err != nil {
					return err
				}
				continue
			}
			if s == nil || err != nil {
				return err
			}
			if err := send(ctx, s.batches, b); err != nil {
				return err
			}
		}
		close(s.batches)
	}
}

// rest waits a little before a connection is looked for again, and reports
// whether all stretches are claimed by then.
func (a *ahead) rest(ctx context.Context) (ended bool, err error) {
	timer := time.NewTimer(spareEvery)
	defer timer.Stop()
	if _, err := receive(ctx, timer.C); err != nil {
		return false, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ended, nil
}

// claim takes the next stretch, nil where there is none left.
func (a *ahead) claim(ctx context.Context, snapshot source.Snapshot) (*stretch, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return nil, nil
	}
	if a.after == nil {
		if err := early(a.spec, snapshot); err != nil {
			return nil, err
		}
	}
	s := &stretch{after: a.after, limit: min(a.size(), a.limit), batches: make(chan *batch)}
	var err error
	if s.upto, err = snapshot.Ahead(ctx, a.query(a.entity), a.after, s.limit); err != nil {
		return nil, err
	}
	a.after, a.ended = s.upto, s.upto == nil
	return s, send(ctx, a.order, s)
}

// size is how many records a stretch should have: a power of two, so that the
// database sees few different statements, which it then need not plan anew.
func (a *ahead) size() int {
	if a.records == 0 {
		return firstStretch
	}
	n := max(stretchBytes*a.records/max(a.bytes, 1), 1)
	return 1 << (bits.Len64(uint64(n)) - 1)
}

// fill reads of a stretch what a batch may hold, and reports whether there may
// be more. It returns the line's buffer for the next one.
func (a *ahead) fill(ctx context.Context, snapshot source.Snapshot, enc *encoder, line []byte, s *stretch, b *batch) (_ []byte, more bool, err error) {
	ctx, end := telemetry.Begin(ctx, "read range", slog.String("cdds.entity", string(a.entity)))
	defer func() { end(err, slog.Int("cdds.records", b.records)) }()
	b.at = snapshot.Time()
	n, err := snapshot.Read(ctx, a.query(a.entity), source.Range{After: s.after, Upto: s.upto, Limit: s.limit}, func(record *source.Record) error {
		line = enc.append(line[:0], record)
		b.add(line, record.Key)
		if cap(line) > 4*blockSize {
			line = nil // a huge record must not keep its memory
		}
		if b.bytes > batchBytes {
			return errHeld
		}
		return nil
	})
	// A spare reader that has lost its connection goes on as any other.
	held := errors.Is(err, errHeld) || errors.Is(err, source.ErrBusy)
	if err != nil && !held {
		return line, false, err
	}
	if b.records > 0 {
		if s.after != nil && b.last == *s.after {
			return line, false, twice()
		}
		s.after = &source.Key{At: b.last.At, ID: b.last.ID}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.records += int64(b.records)
	a.bytes += b.bytes
	return line, held || n == s.limit, nil
}

// handOver hands over all stretches in their order.
func (a *ahead) handOver(ctx context.Context) error {
	for {
		s, err := receive(ctx, a.order)
		if s == nil || err != nil {
			return err
		}
		for {
			b, err := receive(ctx, s.batches)
			if err != nil {
				return err
			}
			if b == nil {
				break
			}
			if err := a.hand(ctx, b); err != nil {
				return err
			}
			a.spare <- b
		}
	}
}

// hand hands over one batch.
func (a *ahead) hand(ctx context.Context, b *batch) error {
	if b.records == 0 {
		return nil
	}
	if a.result.SnapshotFirst.IsZero() {
		a.result.SnapshotFirst = b.at
	}
	a.result.SnapshotLast, a.cut.at = b.at, b.at
	if err := a.cut.addBatch(ctx, a.entity, b); err != nil {
		return err
	}
	a.result.Records[a.entity] += int64(b.records)
	a.progress.Records.Add(int64(b.records))
	a.progress.Bytes.Add(b.bytes)
	return nil
}

// send sends a value, unless the context ends first.
func send[T any](ctx context.Context, to chan<- T, v T) error {
	select {
	case to <- v:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// receive receives a value, or the zero value from a channel that is closed,
// unless the context ends first.
func receive[T any](ctx context.Context, from <-chan T) (v T, err error) {
	select {
	case v = <-from:
		return v, nil
	case <-ctx.Done():
		return v, ctx.Err()
	}
}

// batch is lines that were read ahead, in the buffers of blocks.
type batch struct {
	buffers     [][]byte // room for what a block refers back to, then lines; all but the last used one are full
	used        int
	records     int
	bytes       int64
	first, last source.Key
	at          time.Time // of the snapshot
}

// clear empties the batch and keeps what buffers a stretch needs.
func (b *batch) clear() {
	kept := min(len(b.buffers), batchBytes/blockSize+1)
	clear(b.buffers[kept:])
	*b = batch{buffers: b.buffers[:kept]}
}

// add appends the line of a record.
func (b *batch) add(line []byte, key source.Key) {
	if b.records == 0 {
		b.first = key
	}
	b.last = key
	b.records++
	b.bytes += int64(len(line))
	for len(line) > 0 {
		if b.used == 0 || len(b.buffers[b.used-1]) == dictSize+blockSize {
			if b.used == len(b.buffers) {
				b.buffers = append(b.buffers, newBuffer())
			}
			b.buffers[b.used] = b.buffers[b.used][:dictSize]
			b.used++
		}
		buffer := &b.buffers[b.used-1]
		n := min(len(line), dictSize+blockSize-len(*buffer))
		*buffer = append(*buffer, line[:n]...)
		line = line[n:]
	}
}

// newBuffer returns the buffer of a block, with room for what it refers back to.
func newBuffer() []byte { return make([]byte, dictSize, dictSize+blockSize) }
