package telemetry

import (
	"strconv"
	"time"
)

// RunQueued counts a run that was born.
func (p *Probe) RunQueued() {
	if p != nil {
		p.metrics.transitions.add(1, "queued")
	}
}

// RunBegan counts a run whose first attempt begins, so long after it was due.
func (p *Probe) RunBegan(late time.Duration) {
	if p != nil {
		p.metrics.transitions.add(1, "in_progress")
		p.metrics.startLag.Observe(max(late, 0).Seconds())
	}
}

// RunCanceled counts a run that was canceled.
func (p *Probe) RunCanceled() {
	if p != nil {
		p.metrics.transitions.add(1, "canceled")
	}
}

// RunFailed counts a run that failed; took is 0 where it never began.
func (p *Probe) RunFailed(took time.Duration) {
	if p == nil {
		return
	}
	p.metrics.transitions.add(1, "failed")
	if took > 0 {
		p.metrics.duration.observe(took.Seconds(), "failed")
	}
}

// Finished is what a finished run made.
type Finished struct {
	Type                    string // of its records
	Took                    time.Duration
	Records, Bytes          int64
	Artifacts, StoredOctets int64
}

// RunFinished counts a run that finished.
func (p *Probe) RunFinished(f Finished) {
	if p == nil {
		return
	}
	p.metrics.transitions.add(1, "finished")
	p.metrics.duration.observe(max(f.Took, 0).Seconds(), "finished")
	p.metrics.records.add(float64(f.Records), f.Type)
	p.metrics.encodedBytes.Add(float64(f.Bytes))
	p.metrics.artifacts.Add(float64(f.Artifacts))
	p.metrics.artifactBytes.Add(float64(f.StoredOctets))
}

// AttemptFailed counts an attempt that did not work; code is one of the closed
// list of our errors.
func (p *Probe) AttemptFailed(code string) {
	if p != nil {
		p.metrics.faults.add(1, code)
	}
}

// SourceWaited counts time for which a run waited on behalf of its source.
func (p *Probe) SourceWaited(reason string, d time.Duration) {
	if p != nil {
		p.metrics.waits.add(max(d, 0).Seconds(), reason)
	}
}

// OccurrenceStarted notes how long after its instant an occurrence was queued.
func (p *Probe) OccurrenceStarted(late time.Duration) {
	if p != nil {
		p.metrics.schedulerLag.Observe(max(late, 0).Seconds())
	}
}

// RoundDone notes that the scheduler has finished a round.
func (p *Probe) RoundDone(now time.Time) {
	if p != nil {
		p.metrics.lastRound.Set(float64(now.UnixMilli()) / 1000)
	}
}

// SignInRefused counts a refused sign-in: by "credentials", as "limited", or by
// "single_sign_on".
func (p *Probe) SignInRefused(reason string) {
	if p != nil {
		p.metrics.refusedSignIns.add(1, reason)
	}
}

// DownloadBegan counts a download by its form.
func (p *Probe) DownloadBegan(form string) {
	if p != nil {
		p.metrics.downloads.add(1, form)
	}
}

// Downloaded counts bytes that were read for a download.
func (p *Probe) Downloaded(n int64) {
	if p != nil {
		p.metrics.downloadBytes.Add(float64(n))
	}
}

// request counts one request. status is 0 where a stream wrote its own, and
// broken where the answer was cut off.
func (p *Probe) request(operation string, status int, broken, endless bool, took time.Duration) {
	class := "2xx"
	switch {
	case broken:
		class = "broken"
	case status > 0:
		class = strconv.Itoa(status/100) + "xx"
	}
	p.metrics.requests.add(1, operation, class)
	if !endless {
		p.metrics.requestTime.observe(took.Seconds(), operation)
	}
}
