package cdds

import "time"

// RunState is the state of a run. It changes only along
// queued -> in_progress | failed | canceled and
// in_progress -> finished | failed | canceled.
type RunState string

// The run states.
const (
	RunQueued     RunState = "queued"
	RunInProgress RunState = "in_progress"
	RunFinished   RunState = "finished"
	RunFailed     RunState = "failed"
	RunCanceled   RunState = "canceled"
)

// MaxAttempts is how often a run is tried in all before it fails.
const MaxAttempts = 3

// BeginWithin is how long a run that is due, or waits for its next attempt, may
// stay without a worker before it is enqueued again: a node that dies between
// taking a task and beginning the attempt takes the task with it. A task too
// many does no harm, so this is short.
const BeginWithin = time.Minute

// MaxCatchUp is how many missed occurrences of a job still run after a
// downtime; older ones are recorded as failed.
const MaxCatchUp = 31

// RunTrigger says what started a run.
type RunTrigger string

// The triggers.
const (
	TriggerSchedule RunTrigger = "schedule"
	TriggerManual   RunTrigger = "manual"
	TriggerRetry    RunTrigger = "retry"
)

// Run is one execution of a job.
type Run struct {
	ID           string
	TenantID     string
	JobID        string
	OwnerID      string  // the job's owner when the run was made; artifacts are encrypted to their certificate
	Spec         JobSpec // the job as it was
	State        RunState
	Trigger      RunTrigger
	ScheduledFor time.Time
	// Window is frozen when the run is made; only a sinceLast run that waits
	// behind another one gets it when it starts (WindowFrozen tells).
	Window       Window
	WindowFrozen bool
	Attempt      int // number of the current attempt; a queued run waits for attempt 1
	Faults       int // attempts that ended in a fault; a stop of the service is none
	CreatedAt    time.Time
	StartedAt    time.Time
	FinishedAt   time.Time
	UpdatedAt    time.Time
	Progress     Progress
	NoData       bool
	RetryOf      string // id of the run that this one repeats, or ""
	Failure      *RunFailure
	Artifacts    int // files it made, also those that have expired
	Damaged      int // files that are kept and no longer what was written
	Bytes        int64
	JobDeleted   bool // the job has been deleted since
}

// RunFailure is what a failed run says about itself.
type RunFailure struct {
	Code    Code
	Message string
	Hint    string
}

// Attempt is one try of a run.
type Attempt struct {
	Number     int
	Node       string
	StartedAt  time.Time
	FinishedAt time.Time // zero while it works
	Error      string    // person-facing; "" where it worked
}

// Progress is how far a run has come.
type Progress struct {
	Records      int64
	TotalRecords int64 // -1: not counted yet
	Bytes        int64 // plaintext bytes encoded so far
	// RecordsPerSecond is the smoothed rate; 0 while unknown.
	RecordsPerSecond float64
	Waiting          string // what it waits for, in a sentence for people; "" while it reads
}
