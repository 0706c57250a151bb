package worker

import (
	"context"
	"time"

	"cdds"
	"cdds/export"
)

// heartbeat reports an attempt's progress and renews its lease once a second,
// and ends the attempt when it is no longer wanted.
type heartbeat struct {
	run      cdds.Run
	progress *export.Progress
	rate     cdds.Rate
	quit     chan struct{}
	done     chan struct{}
	now      func() time.Time
}

// startHeartbeat begins to beat; stop must be called.
func (w *Worker) startHeartbeat(ctx context.Context, run cdds.Run, p *export.Progress, cancel context.CancelCauseFunc) *heartbeat {
	p.Total.Store(-1)
	h := &heartbeat{run: run, progress: p, quit: make(chan struct{}), done: make(chan struct{}), now: w.cfg.Now}
	go func() {
		defer close(h.done)
		w.beat(ctx, h, cancel)
	}()
	return h
}

// beat runs until the attempt ends. A database that does not answer is asked
// again each second until the lease is nearly over: then the attempt stops,
// since another worker may begin after that.
func (w *Worker) beat(ctx context.Context, h *heartbeat, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	leaseEnds := h.now().Add(leaseTime)
	for {
		select {
		case <-h.quit:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := h.now()
		bounded, done := context.WithTimeout(ctx, 5*heartbeatEvery)
		wanted, err := w.cfg.Store.Heartbeat(bounded, h.run.ID, h.run.Attempt, h.observe(now), now, now.Add(leaseTime))
		done()
		switch {
		case err == nil && !wanted:
			cancel(ErrUnwanted)
			return
		case err == nil:
			leaseEnds = now.Add(leaseTime)
		case h.now().Add(5 * heartbeatEvery).After(leaseEnds):
			cancel(ErrLeaseLost)
			return
		default:
			w.cfg.Log.Warn("heartbeat failed, trying again", "run", h.run.ID, "error", err)
		}
	}
}

// observe returns the progress as it is now.
func (h *heartbeat) observe(now time.Time) cdds.Progress {
	records := h.progress.Records.Load()
	return cdds.Progress{
		Records: records, TotalRecords: h.progress.Total.Load(), Bytes: h.progress.Bytes.Load(),
		RecordsPerSecond: h.rate.Observe(now, records),
	}
}

// stop ends the heartbeat and waits for it.
func (h *heartbeat) stop() {
	close(h.quit)
	<-h.done
}

// final is the progress of a finished attempt: what was counted becomes what
// there was.
func (h *heartbeat) final() cdds.Progress {
	p := h.observe(h.now())
	p.TotalRecords = p.Records
	return p
}
