package cdds

import "time"

// JobState says whether a job's occurrences are due.
type JobState string

const (
	// JobActive jobs start their runs when these are due.
	JobActive JobState = "active"
	// JobSuspended jobs start nothing by themselves.
	JobSuspended JobState = "suspended"
)

// Compression is how much work a job puts into the size of its files.
type Compression string

const (
	// CompressionDefault is within a few hundredths of the size that zip makes,
	// at several times its speed.
	CompressionDefault Compression = "default"
	// CompressionFast takes the least time; files are about a seventh larger than zip's.
	CompressionFast Compression = "fast"
	// CompressionSmall makes files smaller than zip does, and is no slower.
	CompressionSmall Compression = "small"
)

// Limits of a job's fields.
const (
	MaxTitleLength       = 200     // characters
	MaxDescriptionLength = 2000    // characters
	MinSplitSize         = 1 << 20 // bytes, 1 MiB
	MaxSplitSize         = 1 << 40 // bytes, 1 TiB
	MaxSettlingMinutes   = 7 * 24 * 60
	MaxMediaTypes        = 200 // media types chosen in one job
	MaxMediaTypeLength   = 32  // characters, the width of the source's column
)

// JobSpec is what a person says when defining a job. A run keeps a frozen
// copy of it.
type JobSpec struct {
	Title           string
	Description     string
	Source          SourceName
	Type            EntityType
	MediaTypes      []string // nil: all; contact jobs must leave it nil
	Schedule        Schedule
	Timeframe       Timeframe
	SplitSize       int64       // bytes of a finished artifact; 0: one file
	Compression     Compression // "" is taken for default when the job is saved
	SettlingMinutes int         // minutes to wait after the scheduled instant before reading
}

// Job is a saved definition with its place in time.
type Job struct {
	ID       string
	TenantID string
	OwnerID  string
	Spec     JobSpec
	State    JobState
	// FirstStart is the instant from which "every N days" is counted.
	FirstStart time.Time
	// NextStartsAt is the next occurrence that has not been started; zero where
	// none is due any more or the job is suspended.
	NextStartsAt time.Time
	CreatedAt    time.Time
	UpdatedAt    time.Time
	DeletedAt    time.Time // zero while the job exists
}
