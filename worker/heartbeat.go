package worker

import (
	"context"
	"sync/atomic"
	"time"

	"cdds"
	"cdds/export"
	"cdds/store"
)

// heartbeat reports an attempt's progress, and with it that its worker is alive,
// once a second, and ends the attempt when it is no longer wanted.
type heartbeat struct {
	*reports
	progress *meter
	rate     cdds.Rate
}

// meter is the progress of an attempt. One that coordinates ranges sets it by what
// they report.
type meter struct {
	export.Progress
	waits atomic.Pointer[string]
}

// Waiting says what the attempt waits for.
func (m *meter) Waiting() string {
	if why := m.waits.Load(); why != nil {
		return *why
	}
	return m.Progress.Waiting()
}

// set says what all ranges together have made.
func (m *meter) set(result *export.Result) {
	var records, size int64
	for _, a := range result.Artifacts {
		for _, f := range a.Files {
			records += f.Records
			size += f.Size
		}
	}
	m.Records.Store(records)
	m.Bytes.Store(size)
}

// startHeartbeat begins to beat; stop must be called.
func (w *Worker) startHeartbeat(ctx context.Context, run cdds.Run, p *meter, cancel context.CancelCauseFunc) *heartbeat {
	p.Total.Store(-1)
	h := &heartbeat{progress: p}
	h.reports = w.startReports(ctx, run.ID, cancel, func(ctx context.Context) (bool, error) {
		return w.cfg.Store.Heartbeat(ctx, run.ID, run.Attempt, h.observe(), w.cfg.Now())
	})
	return h
}

// beatRange begins to report the progress of a range; stop must be called.
func (w *Worker) beatRange(ctx context.Context, ref store.RangeRef, p *export.Progress, cancel context.CancelCauseFunc) *reports {
	return w.startReports(ctx, ref.RunID, cancel, func(ctx context.Context) (bool, error) {
		return w.cfg.Store.BeatRange(ctx, ref, cdds.Progress{Records: p.Records.Load(), Bytes: p.Bytes.Load(), Waiting: p.Waiting()})
	})
}

// reports are what says that an attempt, of a run or of a range, is alive.
type reports struct{ quit, done chan struct{} }

// startReports begins to report; stop must be called.
func (w *Worker) startReports(ctx context.Context, runID string, cancel context.CancelCauseFunc, say func(context.Context) (bool, error)) *reports {
	r := &reports{quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		w.report(ctx, runID, r.quit, cancel, say)
	}()
	return r
}

// stop ends the reports and waits for it.
func (r *reports) stop() {
	close(r.quit)
	<-r.done
}

// report says once a second that an attempt, of a run or of a range, is alive,
// and ends it when it is no longer wanted. A database that does not answer is asked
// again each second until the lease is over: then the attempt stops, since
// another worker may begin after that. The lease goes by the machine's steady
// clock: whoever sets the time does not end it.
func (w *Worker) report(ctx context.Context, runID string, quit <-chan struct{}, cancel context.CancelCauseFunc, say func(context.Context) (bool, error)) {
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	reported := time.Now()
	for {
		select {
		case <-quit:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asked := time.Now()
		bounded, done := context.WithTimeout(ctx, 5*heartbeatEvery)
		wanted, err := say(bounded)
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
			w.cfg.Log.Warn("heartbeat failed, trying again", "run", runID, "error", err)
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

// final is the progress of a finished attempt: what was counted becomes what
// there was.
func (h *heartbeat) final() cdds.Progress {
	p := h.observe()
	p.TotalRecords = p.Records
	return p
}
