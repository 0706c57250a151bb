package worker

import (
	"context"
	"time"

	"cdds"
	"cdds/export"
)

// heartbeat reports an attempt's progress, and with it that its worker is alive,
// once a second, and ends the attempt when it is no longer wanted.
type heartbeat struct {
	run      cdds.Run
	progress *export.Progress
	rate     cdds.Rate
	quit     chan struct{}
	done     chan struct{}
}

// startHeartbeat begins to beat; stop must be called.
func (w *Worker) startHeartbeat(ctx context.Context, run cdds.Run, p *export.Progress, cancel context.CancelCauseFunc) *heartbeat {
	p.Total.Store(-1)
	h := &heartbeat{run: run, progress: p, quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(h.done)
		w.beat(ctx, h, cancel)
	}()
	return h
}

// beat runs until the attempt ends. A database that does not answer is asked
// again each second until the lease is over: then the attempt stops, since
// another worker may begin after that. The lease goes by the machine's steady
// clock: whoever sets the time does not end it.
func (w *Worker) beat(ctx context.Context, h *heartbeat, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	reported := time.Now()
	for {
		select {
		case <-h.quit:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asked := time.Now()
		bounded, done := context.WithTimeout(ctx, 5*heartbeatEvery)
		wanted, err := w.cfg.Store.Heartbeat(bounded, h.run.ID, h.run.Attempt, h.observe(), w.cfg.Now())
		done()
		switch {
		case err == nil && !wanted:
			cancel(ErrUnwanted)
			return
		case err == nil:
			reported = asked
		case time.Since(reported) > leaseTime:
			cancel(&cdds.Error{
				Code: cdds.CodeUnavailable, Message: "The metadata database did not answer for so long that another worker may have begun; this attempt was given up.",
				Hint: "Look whether the metadata database and the network to it are up. The run is tried again by itself.", Err: ErrLeaseLost,
			})
			return
		default:
			w.cfg.Log.Warn("heartbeat failed, trying again", "run", h.run.ID, "error", err)
		}
	}
}

// observe returns the progress as it is now. Its rate goes by the steady clock.
func (h *heartbeat) observe() cdds.Progress {
	records := h.progress.Records.Load()
	return cdds.Progress{
		Records: records, TotalRecords: h.progress.Total.Load(), Bytes: h.progress.Bytes.Load(),
		RecordsPerSecond: h.rate.Observe(time.Now(), records), Waiting: h.progress.Waiting(),
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
	p := h.observe()
	p.TotalRecords = p.Records
	return p
}
