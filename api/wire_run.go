package api

import (
	"time"

	"cdds"
)

// Window is a run's half-open window in UTC.
type Window struct {
	Start *time.Time `json:"start" doc:"Null: from the beginning."`
	End   *time.Time `json:"end" doc:"Exclusive."`
}

// Progress is how far a run has come.
type Progress struct {
	Records          int64   `json:"records"`
	TotalRecords     *int64  `json:"totalRecords" doc:"Null until counted."`
	Bytes            int64   `json:"bytes" doc:"Bytes of JSON Lines written so far, before compression."`
	Fraction         float64 `json:"fraction" doc:"0 to 1."`
	EtaSeconds       *int64  `json:"etaSeconds" doc:"Estimated time remaining; null while unknown."`
	RecordsPerSecond float64 `json:"recordsPerSecond"`
	Waiting          *string `json:"waiting" doc:"What the run waits for, such as the end of the source's quiet hours; null while it reads, and while the run waits for a worker."`
}

// Failure is why a run failed.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// RunSummary is what a job's row shows of its latest run.
type RunSummary struct {
	ID           string     `json:"id"`
	State        string     `json:"state"`
	ScheduledFor time.Time  `json:"scheduledFor"`
	StartedAt    *time.Time `json:"startedAt"`
	FinishedAt   *time.Time `json:"finishedAt"`
	NoData       bool       `json:"noData"`
	Progress     Progress   `json:"progress"`
	Error        *Failure   `json:"error"`
}

// Attempt is one try of a run.
type Attempt struct {
	Number     int        `json:"number"`
	Node       string     `json:"node"`
	StartedAt  time.Time  `json:"startedAt"`
	FinishedAt *time.Time `json:"finishedAt"`
	Error      *string    `json:"error"`
}

// Ranges is how far the ranges of a run are that workers share.
type Ranges struct {
	Done  int64 `json:"done"`
	Total int64 `json:"total"`
}

// Run is a run in an answer. Attempts are given by GET /runs/{id} only.
type Run struct {
	ID           string     `json:"id"`
	JobID        string     `json:"jobId"`
	JobDeleted   bool       `json:"jobDeleted" doc:"The job has been deleted since."`
	Job          FrozenJob  `json:"job" doc:"The job as it was when the run was made."`
	State        string     `json:"state" enum:"queued,in_progress,finished,failed,canceled"`
	Trigger      string     `json:"trigger" enum:"schedule,manual,retry"`
	ScheduledFor time.Time  `json:"scheduledFor"`
	CreatedAt    time.Time  `json:"createdAt"`
	StartedAt    *time.Time `json:"startedAt"`
	FinishedAt   *time.Time `json:"finishedAt"`
	Window       Window     `json:"window"`
	Progress     Progress   `json:"progress"`
	NoData       bool       `json:"noData"`
	RetryOf      *string    `json:"retryOf"`
	Attempts     []Attempt  `json:"attempts"`
	Error        *Failure   `json:"error"`
	Ranges       *Ranges    `json:"ranges,omitempty" doc:"Of a run in progress that several workers share; given by GET /runs/{id} only."`
	Artifacts    int        `json:"artifacts" doc:"Number of files the run made."`
	Size         int64      `json:"size" doc:"Bytes of those files."`
	Damaged      int        `json:"damagedArtifacts" doc:"Kept files that are no longer what was written; a finished run that has some can be retried."`
}

// Artifact is an artifact in an answer.
type Artifact struct {
	ID            string    `json:"id"`
	RunID         string    `json:"runId"`
	JobID         string    `json:"jobId"`
	Title         string    `json:"title" doc:"The job's title when it ran."`
	Type          string    `json:"type"`
	Name          string    `json:"name"`
	Part          int       `json:"part"`
	Parts         int       `json:"parts"`
	Size          int64     `json:"size"`
	SHA256        string    `json:"sha256"`
	CreatedAt     time.Time `json:"createdAt"`
	ExpiresAt     time.Time `json:"expiresAt"`
	RemainingDays int       `json:"remainingDays"`
	Recipients    []string  `json:"recipients" doc:"SHA-256 fingerprints of the certificates it is encrypted to."`
	Encryption    string    `json:"encryption" enum:"compatible,authenticated" doc:"compatible: AES-256-CBC; authenticated: AES-256-GCM."`

	VerifiedAt *time.Time `json:"verifiedAt" doc:"When the stored bytes were last compared with sha256; null before the first time."`
	Damaged    *Damage    `json:"damaged" doc:"Null while the stored bytes are what was written."`
}

// Damage is what is wrong with an artifact's stored bytes.
type Damage struct {
	At     time.Time `json:"at" doc:"When it was first seen."`
	Reason string    `json:"reason"`
}

func wireWindow(w cdds.Window) Window {
	return Window{Start: optional(w.Start), End: optional(w.End)}
}

func wireProgress(p cdds.Progress) Progress {
	out := Progress{Records: p.Records, Bytes: p.Bytes, Fraction: p.Fraction(), RecordsPerSecond: p.RecordsPerSecond}
	if p.TotalRecords >= 0 {
		out.TotalRecords = &p.TotalRecords
	}
	if left, known := p.Remaining(); known {
		seconds := int64(left.Round(time.Second) / time.Second)
		out.EtaSeconds = &seconds
	}
	if p.Waiting != "" {
		out.Waiting = &p.Waiting
	}
	return out
}

// runProgress is a run's progress; a finished one is whole and has no time
// remaining, whatever was estimated.
func runProgress(r cdds.Run) Progress {
	p := wireProgress(r.Progress)
	if r.State.Final() {
		p.EtaSeconds, p.RecordsPerSecond = nil, 0
	}
	if r.State == cdds.RunFinished {
		p.Fraction = 1
	}
	return p
}

func wireFailure(f *cdds.RunFailure) *Failure {
	if f == nil {
		return nil
	}
	return &Failure{Code: string(f.Code), Message: f.Message, Hint: f.Hint}
}

func wireRunSummary(r cdds.Run) RunSummary {
	return RunSummary{
		ID: r.ID, State: string(r.State), ScheduledFor: r.ScheduledFor, StartedAt: optional(r.StartedAt), FinishedAt: optional(r.FinishedAt),
		NoData: r.NoData, Progress: runProgress(r), Error: wireFailure(r.Failure),
	}
}

func wireRun(r cdds.Run, attempts []cdds.Attempt) Run {
	out := Run{
		ID: r.ID, JobID: r.JobID, JobDeleted: r.JobDeleted, Job: wireSpec(r.Spec), State: string(r.State), Trigger: string(r.Trigger),
		ScheduledFor: r.ScheduledFor, CreatedAt: r.CreatedAt, StartedAt: optional(r.StartedAt), FinishedAt: optional(r.FinishedAt),
		Window: wireWindow(r.Window), Progress: runProgress(r), NoData: r.NoData, Error: wireFailure(r.Failure),
		Attempts: make([]Attempt, 0, len(attempts)), Artifacts: r.Artifacts, Size: r.Bytes, Damaged: r.Damaged,
	}
	if r.RetryOf != "" {
		out.RetryOf = &r.RetryOf
	}
	for _, a := range attempts {
		try := Attempt{Number: a.Number, Node: a.Node, StartedAt: a.StartedAt, FinishedAt: optional(a.FinishedAt)}
		if a.Error != "" {
			try.Error = &a.Error
		}
		out.Attempts = append(out.Attempts, try)
	}
	return out
}

func wireArtifact(a cdds.Artifact, now time.Time) Artifact {
	out := Artifact{
		ID: a.ID, RunID: a.RunID, JobID: a.JobID, Title: a.Title, Type: string(a.Type), Name: a.Name, Part: a.Part, Parts: a.Parts,
		Size: a.Size, SHA256: a.SHA256, CreatedAt: a.CreatedAt, ExpiresAt: a.ExpiresAt, RemainingDays: a.RemainingDays(now), Recipients: a.Recipients, Encryption: string(a.Encryption),
		VerifiedAt: optional(a.VerifiedAt),
	}
	if a.Damage != "" {
		out.Damaged = &Damage{At: a.DamagedAt, Reason: a.Damage}
	}
	return out
}
