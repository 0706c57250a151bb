package cdds

import (
	"cmp"
	"strings"
	"time"
	"unicode/utf8"
)

// Validate returns nil, or a CodeInvalid error with all broken fields, named
// as in the API's body.
func (j JobSpec) Validate(now time.Time) error {
	fields := j.validateWhat()
	fields = append(fields, j.Schedule.validate(now)...)
	fields = append(fields, j.Timeframe.validate()...)
	if len(fields) > 0 {
		return &Error{Code: CodeInvalid, Message: "The job has invalid fields.", Fields: fields}
	}
	return nil
}

// validateWhat returns the broken fields of all that is not time.
func (j JobSpec) validateWhat() []FieldError {
	var fields []FieldError
	broken := func(field, message string) {
		fields = append(fields, FieldError{Field: field, Message: message})
	}
	switch n := utf8.RuneCountInString(j.Title); {
	case strings.TrimSpace(j.Title) == "":
		broken("title", "is mandatory: 1 to 200 characters.")
	case n > MaxTitleLength:
		broken("title", "is too long; allowed are 1 to 200 characters.")
	case !printable(j.Title):
		broken("title", "may not hold control characters.")
	}
	switch {
	case utf8.RuneCountInString(j.Description) > MaxDescriptionLength:
		broken("description", "is too long; allowed are at most 2000 characters.")
	case !printable(strings.NewReplacer("\n", "", "\r", "", "\t", "").Replace(j.Description)):
		broken("description", "may not hold control characters other than tabs and line breaks.")
	}
	switch j.Source {
	case SourceContactHistory:
	case SourceInfoMart:
		broken("source", "Info Mart is not supported; choose contact_history.")
	default:
		broken("source", "must be contact_history.")
	}
	if j.Type != TypeInteraction && j.Type != TypeContact {
		broken("type", "must be interaction or contact.")
	}
	if j.SplitSize != 0 && (j.SplitSize < MinSplitSize || j.SplitSize > MaxSplitSize) {
		broken("splitSize", "must be between 1048576 (1 MiB) and 1099511627776 (1 TiB) bytes, or null for one file.")
	}
	switch j.Compression {
	case "", CompressionFast, CompressionDefault, CompressionSmall:
	default:
		broken("compression", "must be fast, default or small.")
	}
	if j.SettlingMinutes < 0 || j.SettlingMinutes > MaxSettlingMinutes {
		broken("settlingMinutes", "must be between 0 and 10080 minutes (7 days).")
	}
	if message := j.brokenMediaTypes(); message != "" {
		broken("mediaTypes", message)
	}
	return fields
}

// brokenMediaTypes says what is wrong with the media types, or "".
func (j JobSpec) brokenMediaTypes() string {
	switch {
	case j.MediaTypes == nil:
		return ""
	case j.Type == TypeContact:
		return "do not apply to contacts; leave them null."
	case len(j.MediaTypes) == 0:
		return "must name at least one media type, or be null for all."
	case len(j.MediaTypes) > MaxMediaTypes:
		return "must name at most 200 media types."
	}
	seen := map[string]bool{}
	for _, m := range j.MediaTypes {
		switch {
		case strings.TrimSpace(m) == "" || !printable(m) || utf8.RuneCountInString(m) > MaxMediaTypeLength:
			return "must be names of 1 to 32 characters, none of them a control character."
		case seen[m]:
			return "must not name one media type twice."
		}
		seen[m] = true
	}
	return ""
}

// Clone returns the definition for a new job: its title is marked as a copy,
// and a one-time start, which would lie in the past by then, is cleared.
func (j JobSpec) Clone() JobSpec {
	const mark = "Copy of "
	title := []rune(mark + j.Title)
	if len(title) > MaxTitleLength {
		title = title[:MaxTitleLength]
	}
	j.Title = string(title)
	j.Schedule.StartAt = time.Time{}
	j.Schedule.RunNow = false
	return j
}

// settled returns the definition as it is saved: to run now is an act of saving,
// not a trait of a job, and what is left open gets its default.
func (j JobSpec) settled() JobSpec {
	j.Schedule.RunNow = false
	j.Compression = cmp.Or(j.Compression, CompressionDefault)
	return j
}

// NewJob returns a job that is ready to be saved. A one-time job that starts
// at once is born suspended: its one run is made with it.
func NewJob(id, tenantID, ownerID string, spec JobSpec, now time.Time) (Job, error) {
	if err := spec.Validate(now); err != nil {
		return Job{}, err
	}
	job := Job{
		ID: id, TenantID: tenantID, OwnerID: ownerID, Spec: spec, State: JobActive,
		FirstStart: spec.Schedule.FirstStart(now), CreatedAt: now, UpdatedAt: now,
	}
	job.Spec = spec.settled()
	switch {
	case spec.Schedule.Kind != Once:
		job.NextStartsAt = job.FirstStart
	case spec.Schedule.StartAt.IsZero():
		job.State = JobSuspended
	default:
		job.NextStartsAt = spec.Schedule.StartAt.UTC()
	}
	return job, nil
}

// errOneTime is the answer to what a one-time job cannot do.
func errOneTime(what string) error {
	return Conflict("A one-time job cannot be "+what+" once it is submitted.", "Clone the job and save the copy.")
}

// Edit returns the job with another definition for its future runs. "Every N
// days" goes on counting where the schedule stayed the same.
func (j Job) Edit(spec JobSpec, now time.Time) (Job, error) {
	if j.Spec.Schedule.Kind == Once {
		return j, errOneTime("edited")
	}
	if spec.Schedule.Kind == Once {
		return j, Invalid("schedule.kind", "a recurring job cannot become a one-time job; clone it instead.")
	}
	if err := spec.Validate(now); err != nil {
		return j, err
	}
	spec = spec.settled()
	changed := j
	changed.Spec, changed.UpdatedAt = spec, now
	if !spec.Schedule.equal(j.Spec.Schedule) {
		changed.FirstStart = spec.Schedule.FirstStart(now)
	}
	if changed.State == JobActive {
		changed.NextStartsAt = spec.Schedule.Next(now, changed.FirstStart)
	}
	return changed, nil
}

// Suspend returns the job with no occurrence due. Suspending twice is fine.
func (j Job) Suspend(now time.Time) (Job, error) {
	if j.State == JobSuspended {
		return j, nil
	}
	j.State, j.NextStartsAt, j.UpdatedAt = JobSuspended, time.Time{}, now
	return j, nil
}

// Resume returns the job with its next occurrence due; what lay in the time of
// suspension stays undone. A one-time job can be resumed only while its start
// is still to come.
func (j Job) Resume(now time.Time) (Job, error) {
	if j.State == JobActive {
		return j, nil
	}
	next := j.Spec.Schedule.Next(now, j.FirstStart)
	if next.IsZero() {
		return j, Conflict("A one-time job cannot be resumed after its start.", "Clone the job and save the copy.")
	}
	j.State, j.NextStartsAt, j.UpdatedAt = JobActive, next, now
	return j, nil
}

// Delete returns the job marked as deleted. It is refused while runs are
// queued or in progress.
func (j Job) Delete(activeRuns int, now time.Time) (Job, error) {
	if activeRuns > 0 {
		return j, Conflict("A run of the job is queued or in progress.", "Wait for it to end, or cancel it first.")
	}
	j.State, j.NextStartsAt, j.UpdatedAt, j.DeletedAt = JobSuspended, time.Time{}, now, now
	return j, nil
}

// maxMissed bounds how many missed occurrences are recorded: more than a year
// of an hourly job.
const maxMissed = 10000

// Due is what a job has to start.
type Due struct {
	Run     []time.Time // occurrences to run, oldest first
	Missed  []time.Time // occurrences that are too old to run, oldest first
	Next    time.Time   // the occurrence after all of these; zero: none
	Suspend bool        // a one-time job starts now and has nothing more to do
}

// Due returns what the job has to start at now. After a downtime each missed
// occurrence runs with its own window, up to the last 31; for sinceLast jobs
// one run covers them all.
func (j Job) Due(now time.Time) Due {
	if j.State != JobActive || !j.DeletedAt.IsZero() || j.NextStartsAt.IsZero() || j.NextStartsAt.After(now) {
		return Due{Next: j.NextStartsAt}
	}
	if j.Spec.Schedule.Kind == Once {
		return Due{Run: []time.Time{j.NextStartsAt}, Suspend: true}
	}
	var all []time.Time
	next := j.NextStartsAt
	for !next.IsZero() && !next.After(now) {
		all = append(all, next)
		if len(all) > maxMissed+MaxCatchUp {
			all = all[1:]
		}
		next = j.Spec.Schedule.Next(next, j.FirstStart)
	}
	due := Due{Run: all, Next: next}
	switch {
	case j.Spec.Timeframe.Kind == FrameSinceLast:
		due.Run = all[len(all)-1:]
	case len(all) > MaxCatchUp:
		due.Missed, due.Run = all[:len(all)-MaxCatchUp], all[len(all)-MaxCatchUp:]
	}
	return due
}
