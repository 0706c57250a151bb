package cdds

import "time"

// ScheduleKind names how often a job runs.
type ScheduleKind string

// The kinds of schedule.
const (
	Once    ScheduleKind = "once"
	Hourly  ScheduleKind = "hourly"
	Daily   ScheduleKind = "daily"
	Weekly  ScheduleKind = "weekly"
	Monthly ScheduleKind = "monthly"
)

// TimeOfDay is a wall-clock time, to the minute.
type TimeOfDay struct {
	Hour   int // 0..23
	Minute int // 0..59
}

// Schedule says when a job's runs are due. It is computed in UTC; only HH:MM
// of a daily, weekly or monthly schedule may be wall-clock time of another
// zone. Fields that a kind does not use are zero.
type Schedule struct {
	Kind      ScheduleKind
	StartAt   time.Time // once: the instant; zero means now
	Every     int       // hourly: every N hours, 1..24; daily: every N days, 1..31
	At        TimeOfDay // daily, weekly, monthly
	Weekday   time.Weekday
	Day       int       // monthly: 1..31, the last day of a shorter month stands in
	TimeZone  string    // IANA name; "" and "UTC" are UTC
	NotBefore time.Time // recurring: no occurrence before this instant; zero: none
	RunNow    bool      // recurring: also run once when saved
}
