package source

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"cdds"
)

// pacePerSecond is how many times a second a ceiling lets some records pass: no
// burst is longer than a tenth of a second.
const pacePerSecond = 10

// pace holds all runs together to the ceilings.
type pace struct {
	records *rate.Limiter // nil: no ceiling
	bytes   *rate.Limiter

	mutex sync.Mutex
	mean  float64 // bytes of a record
}

// firstMean is what a record is taken for before one was seen.
const firstMean = 4096

func newPace(l Limits) *pace {
	return &pace{records: limiter(l.RecordsPerSecond), bytes: limiter(l.BytesPerSecond), mean: firstMean}
}

func limiter(perSecond int64) *rate.Limiter {
	if perSecond <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(perSecond), int(max(perSecond/pacePerSecond, 1)))
}

// batch returns how many of most records one read may ask for; most is 0 for
// all. It is 0 where there is no limit at all.
func (p *pace) batch(most int) int {
	if p.records != nil {
		most = bounded(most, p.records.Burst())
	}
	if p.bytes != nil {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		most = bounded(most, max(int(float64(p.bytes.Burst())/p.mean), 1))
	}
	return most
}

// bounded is the smaller limit, where 0 is none.
func bounded(most, limit int) int {
	if most == 0 {
		return limit
	}
	return min(most, limit)
}

// take waits until the records of a batch may be read, and calls doze before it
// does.
func (p *pace) take(ctx context.Context, records int, doze func() error) error {
	if p.records == nil {
		return nil
	}
	return waitN(ctx, p.records, int64(records), doze)
}

// spend waits for bytes that were read, which are known only then, and calls doze
// before it does.
func (p *pace) spend(ctx context.Context, records int, bytes int64, doze func() error) error {
	if p.bytes == nil || records == 0 {
		return nil
	}
	p.mutex.Lock()
	const weight = 0.2 // of the newest batch: some records are a thousand times as large as others
	p.mean = max(1, (1-weight)*p.mean+weight*float64(bytes)/float64(records))
	p.mutex.Unlock()
	return waitN(ctx, p.bytes, bytes, doze)
}

// waitN waits for n events, in portions of what may happen at once.
func waitN(ctx context.Context, l *rate.Limiter, n int64, doze func() error) error {
	if float64(n) > l.Tokens() {
		if err := doze(); err != nil {
			return err
		}
	}
	for n > 0 {
		portion := min(n, int64(l.Burst()))
		if err := l.WaitN(ctx, int(portion)); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("keep to the source's ceiling: %w", err)
		}
		n -= portion
	}
	return nil
}

// sizeOf is the size of a record's values.
func sizeOf(r *Record) int64 {
	const fixed = 8 // of a number, a flag or an instant
	size := int64(len(r.Values) * fixed)
	for i := range r.Values {
		size += int64(len(r.Values[i].Bytes))
	}
	for _, a := range r.Attributes {
		size += int64(len(a.Name) + len(a.Value))
	}
	if r.Content != nil {
		size += r.Content.Size
	}
	return size
}

// progressWatch ends a read that gives nothing for too long. The time in which
// it is the reader that works does not count.
type progressWatch struct {
	turns  atomic.Int64 // odd while the reader works
	cancel context.CancelCauseFunc
	quit   chan struct{}
	done   chan struct{}
}

// looks is how often the watch looks within its time.
const looks = 10

// watchProgress begins to watch; stop must be called. The context that it
// returns ends when the read does.
func watchProgress(ctx context.Context, limit time.Duration) (context.Context, *progressWatch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &progressWatch{cancel: cancel, quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		w.run(limit)
	}()
	return ctx, w
}

// turn tells that the reader begins or ends to work on a record.
func (w *progressWatch) turn() { w.turns.Add(1) }

// run looks for progress until the read ends or has had none for too long.
func (w *progressWatch) run(limit time.Duration) {
	tick := time.NewTicker(limit / looks)
	defer tick.Stop()
	last, idle := int64(0), 0
	for {
		select {
		case <-w.quit:
			return
		case <-tick.C:
		}
		now := w.turns.Load()
		if now != last || now%2 == 1 {
			last, idle = now, 0
			continue
		}
		if idle++; idle >= looks {
			w.cancel(noProgress(limit))
			return
		}
	}
}

// stop ends the watch and waits for it.
func (w *progressWatch) stop() {
	close(w.quit)
	<-w.done
	w.cancel(nil)
}

// noProgress is the fault of a read that stands still.
func noProgress(limit time.Duration) error {
	return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The source gave no record for " + limit.String() + ", so the read was ended.",
		Hint: "Look at the database's load, at locks on its tables and at the network; cdds source check says whether an index is missing. --source-timeout allows more time."}
}
