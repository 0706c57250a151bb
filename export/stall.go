package export

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"cdds"
)

const (
	// defaultStall is how long the storage may take for one call, which is a
	// write of 1 MiB or the end of an object, before the attempt is given up. A
	// slow storage is waited for; one that has stopped moving is not.
	defaultStall = 10 * time.Minute
	// stallChecks is how often within that time is looked.
	stallChecks = 20
)

// calls watches the calls to the storage, one of which is under way at a time.
type calls struct {
	began  time.Time    // of the watch; calls count from here by the steady clock
	since  atomic.Int64 // nanoseconds after began at which the present call began; 0: none is under way
	longer time.Duration
}

func newCalls(longest time.Duration) *calls {
	if longest <= 0 {
		longest = defaultStall
	}
	return &calls{began: time.Now(), longer: longest}
}

// enter begins a call; what it returns ends it.
func (c *calls) enter() (leave func()) {
	c.since.Store(max(1, int64(time.Since(c.began))))
	return func() { c.since.Store(0) }
}

// watch ends ctx through cancel when a call takes too long, and itself when ctx
// has ended.
func (c *calls) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(c.longer / stallChecks)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if since := c.since.Load(); since > 0 && time.Since(c.began)-time.Duration(since) > c.longer {
			cancel(&cdds.Error{
				Code: cdds.CodeUnavailable, Message: "The artifact storage took nothing for " + c.longer.String() + ".",
				Hint: "Look whether the artifact storage and the network to it are up. The run is tried again by itself.",
			})
			return
		}
	}
}

// watched is a writer whose calls are watched.
type watched struct {
	io.Writer
	calls *calls
}

// Write writes p.
func (w watched) Write(p []byte) (int, error) {
	defer w.calls.enter()()
	return w.Writer.Write(p)
}
