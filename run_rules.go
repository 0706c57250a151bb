package cdds

import (
	"math"
	"time"
)

// CanBecome reports whether a run may go from its state to the next.
func (s RunState) CanBecome(next RunState) bool {
	switch s {
	case RunQueued:
		return next == RunInProgress || next == RunFailed || next == RunCanceled
	case RunInProgress:
		return next == RunFinished || next == RunFailed || next == RunCanceled
	}
	return false
}

// Final reports whether the state is one that stays.
func (s RunState) Final() bool {
	return s == RunFinished || s == RunFailed || s == RunCanceled
}

// Active reports whether the run is queued or in progress.
func (s RunState) Active() bool { return s == RunQueued || s == RunInProgress }

// Title is the state as people read it.
func (s RunState) Title() string {
	switch s {
	case RunQueued:
		return "Queued"
	case RunInProgress:
		return "In Progress"
	case RunFinished:
		return "Finished"
	case RunFailed:
		return "Failed"
	case RunCanceled:
		return "Canceled"
	}
	return string(s)
}

// CanRetry reports whether the run can be repeated: it failed, was canceled, or
// finished and lost something of its files since.
func (r Run) CanRetry() bool {
	return r.State == RunFailed || r.State == RunCanceled || r.State == RunFinished && r.Damaged > 0
}

// Retry returns a new run of the same frozen job and window, linked to this
// one. Only a run that CanRetry is repeated.
func (r Run) Retry(id string, now time.Time) (Run, error) {
	if !r.CanRetry() {
		return Run{}, Conflict("Only a failed or canceled run, or a finished one with damaged files, can be retried; this one is "+r.State.Title()+".", "Start the job again, or clone it.")
	}
	return Run{
		ID: id, TenantID: r.TenantID, JobID: r.JobID, OwnerID: r.OwnerID, Spec: r.Spec,
		State: RunQueued, Trigger: TriggerRetry, ScheduledFor: r.ScheduledFor,
		Window: r.Window, WindowFrozen: r.WindowFrozen, Attempt: 1, CreatedAt: now, UpdatedAt: now,
		Progress: Progress{TotalRecords: -1}, RetryOf: r.ID,
	}, nil
}

// RetryDelay is how long a run waits before the attempt that follows its n-th
// fault.
func RetryDelay(faults int) time.Duration {
	if faults <= 1 {
		return 10 * time.Second
	}
	return time.Minute
}

// Fraction is the part that is done, from 0 to 1; 0 while the total is unknown.
// An estimated total that was too small gives 1 at most.
func (p Progress) Fraction() float64 {
	if p.TotalRecords <= 0 || p.Records <= 0 {
		return 0
	}
	return math.Min(1, float64(p.Records)/float64(p.TotalRecords))
}

// Remaining is the estimated time to the end, and false while it is unknown.
func (p Progress) Remaining() (time.Duration, bool) {
	if p.TotalRecords < 0 || p.RecordsPerSecond <= 0 {
		return 0, false
	}
	left := float64(max(p.TotalRecords-p.Records, 0)) / p.RecordsPerSecond
	const longest = 365 * 24 * 3600
	return time.Duration(math.Min(left, longest) * float64(time.Second)), true
}

// rateHalfLife is the time after which an observation counts half, at least.
const rateHalfLife = 10 * time.Second

// Rate smooths a run's speed: an exponentially weighted mean. Its half-life is
// three quarters of the run's age, ten seconds at least: the longer a run has
// gone on, the more it has seen of the pauses and the uneven speed of its
// database and its machine, and the longer it still takes. So a pause of a tenth
// of the run moves the estimated end by less than 20%, and a lasting change of
// speed is followed in time. The zero value is ready.
type Rate struct {
	begun   time.Time
	at      time.Time
	records int64
	sum     float64 // weighted rates
	weight  float64 // of all observations, 0 to 1
}

// Observe takes the number of records done so far and returns the smoothed
// rate in records per second. Time that does not move on changes nothing.
func (r *Rate) Observe(at time.Time, records int64) float64 {
	if r.at.IsZero() {
		r.begun, r.at, r.records = at, at, records
		return 0
	}
	elapsed := at.Sub(r.at).Seconds()
	if elapsed > 0 {
		now := float64(records-r.records) / elapsed
		halfLife := max(rateHalfLife, at.Sub(r.begun)*3/4)
		keep := math.Exp2(-elapsed / halfLife.Seconds())
		r.sum = keep*r.sum + (1-keep)*now
		r.weight = keep*r.weight + (1 - keep)
		r.at, r.records = at, records
	}
	if r.weight == 0 {
		return 0
	}
	// Divided by the weight, the first observation counts no more than its
	// time: a slow first second does not spoil the estimate of the next twenty.
	return r.sum / r.weight
}
