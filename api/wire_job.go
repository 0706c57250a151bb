package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"cdds"
	"cdds/store"
)

// Schedule is a schedule as it travels. Which keys belong to which kind is
// checked by the domain rules, so that the answer can say it in words.
type Schedule struct {
	Kind      string     `json:"kind" enum:"once,hourly,daily,weekly,monthly" doc:"How often the job runs."`
	StartAt   *time.Time `json:"startAt,omitempty" nullable:"true" doc:"once: the instant of the run; null starts it now."`
	Every     *int       `json:"every,omitempty" nullable:"true" doc:"hourly: every N hours (1..24), counted from 00:00 UTC of each day; daily: every N days (1..31)."`
	At        *string    `json:"at,omitempty" nullable:"true" doc:"daily, weekly, monthly: HH:MM in the schedule's time zone." example:"02:00"`
	Weekday   *string    `json:"weekday,omitempty" nullable:"true" doc:"weekly: monday, tuesday, ... sunday." example:"tuesday"`
	Day       *int       `json:"day,omitempty" nullable:"true" doc:"monthly: 1..31; the last day of a shorter month stands in."`
	TimeZone  *string    `json:"timeZone,omitempty" nullable:"true" doc:"IANA name of the zone that HH:MM is read in." example:"UTC"`
	NotBefore *time.Time `json:"notBefore,omitempty" nullable:"true" doc:"No occurrence before this instant."`
	RunNow    *bool      `json:"runNow,omitempty" nullable:"true" doc:"Also run once now, when the job is saved. Always false in answers."`
}

// MarshalJSON writes exactly the keys that belong to the schedule's kind.
func (s Schedule) MarshalJSON() ([]byte, error) {
	keys := map[string]any{"kind": s.Kind}
	if s.Kind == string(cdds.Once) {
		keys["startAt"] = s.StartAt
		return json.Marshal(keys)
	}
	keys["timeZone"], keys["notBefore"], keys["runNow"] = s.TimeZone, s.NotBefore, s.RunNow
	switch cdds.ScheduleKind(s.Kind) {
	case cdds.Hourly:
		keys["every"] = s.Every
	case cdds.Daily:
		keys["every"], keys["at"] = s.Every, s.At
	case cdds.Weekly:
		keys["weekday"], keys["at"] = s.Weekday, s.At
	case cdds.Monthly:
		keys["day"], keys["at"] = s.Day, s.At
	}
	return json.Marshal(keys)
}

// Timeframe is a timeframe as it travels.
type Timeframe struct {
	Kind  string     `json:"kind" enum:"all,hour,day,week,month,sinceLast,fixed" doc:"The rule that gives a run its window."`
	Start *time.Time `json:"start,omitempty" nullable:"true" doc:"fixed: the window's start; sinceLast: the start of the first window, null for the beginning."`
	End   *time.Time `json:"end,omitempty" nullable:"true" doc:"fixed: the window's end, exclusive."`
	By    string     `json:"by,omitempty" enum:"startDate,modifiedDate" doc:"The date that decides; contacts always go by modified date."`
}

// MarshalJSON writes exactly the keys that belong to the timeframe's kind.
func (t Timeframe) MarshalJSON() ([]byte, error) {
	keys := map[string]any{"kind": t.Kind, "by": t.By}
	switch cdds.TimeframeKind(t.Kind) {
	case cdds.FrameFixed:
		keys["start"], keys["end"] = t.Start, t.End
	case cdds.FrameSinceLast:
		keys["start"] = t.Start
	}
	return json.Marshal(keys)
}

// JobSpec is a job's definition as it travels.
type JobSpec struct {
	Title           string    `json:"title" doc:"1 to 200 characters."`
	Description     string    `json:"description,omitempty" doc:"At most 2,000 characters."`
	Source          string    `json:"source" doc:"contact_history; info_mart is known and not supported." example:"contact_history"`
	Type            string    `json:"type" enum:"interaction,contact" doc:"What is exported."`
	MediaTypes      []string  `json:"mediaTypes,omitempty" nullable:"true" doc:"Media types to export; null for all. Contact jobs leave it null."`
	Schedule        Schedule  `json:"schedule"`
	Timeframe       Timeframe `json:"timeframe"`
	SplitSize       *int64    `json:"splitSize,omitempty" nullable:"true" doc:"Largest size of an artifact in bytes, 1 MiB to 1 TiB; null for one file."`
	Compression     string    `json:"compression,omitempty" enum:"fast,default,small" default:"default" doc:"fast: least time, larger files; small: smallest files, several times the time; default: nearly as small as zip makes them."`
	SettlingMinutes int       `json:"settlingMinutes,omitempty" doc:"Minutes to wait after the scheduled instant before reading."`
}

// Job is a job in an answer.
type Job struct {
	ID           string      `json:"id"`
	State        string      `json:"state" enum:"active,suspended"`
	Owner        string      `json:"owner" doc:"Username of the owner, to whose certificate artifacts are encrypted."`
	CreatedAt    time.Time   `json:"createdAt"`
	UpdatedAt    time.Time   `json:"updatedAt"`
	NextStartsAt *time.Time  `json:"nextStartsAt" doc:"Null where no occurrence is to come."`
	LatestRun    *RunSummary `json:"latestRun" doc:"Null for a job that never ran."`
	FrozenJob
}

// FrozenJob is a job's definition in an answer: as it is, or as it was in the
// copy that a run keeps.
type FrozenJob struct {
	Title           string    `json:"title"`
	Description     string    `json:"description"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	MediaTypes      []string  `json:"mediaTypes" nullable:"true"`
	Schedule        Schedule  `json:"schedule"`
	Timeframe       Timeframe `json:"timeframe"`
	SplitSize       *int64    `json:"splitSize"`
	Compression     string    `json:"compression" enum:"fast,default,small"`
	SettlingMinutes int       `json:"settlingMinutes"`
}

// spec turns the wire form into the noun. It refuses what the noun has no
// place for; all other rules are JobSpec.Validate's.
func (s JobSpec) spec() (cdds.JobSpec, error) {
	schedule, fields := s.Schedule.schedule()
	out := cdds.JobSpec{
		Title: strings.TrimSpace(s.Title), Description: s.Description, Source: cdds.SourceName(s.Source), Type: cdds.EntityType(s.Type),
		MediaTypes: s.MediaTypes, Schedule: schedule, Timeframe: s.Timeframe.timeframe(),
		Compression: cdds.Compression(cmp.Or(s.Compression, string(cdds.CompressionDefault))), SettlingMinutes: s.SettlingMinutes,
	}
	if s.SplitSize != nil {
		out.SplitSize = *s.SplitSize
		if *s.SplitSize == 0 {
			fields = append(fields, cdds.FieldError{Field: "splitSize", Message: "must be between 1048576 (1 MiB) and 1099511627776 (1 TiB) bytes, or null for one file."})
		}
	}
	if len(fields) > 0 {
		return out, &cdds.Error{Code: cdds.CodeInvalid, Message: "The job has invalid fields.", Fields: fields}
	}
	return out, nil
}

// schedule turns the wire form into the noun and names the keys that do not
// belong to the kind or cannot be read.
func (s Schedule) schedule() (cdds.Schedule, []cdds.FieldError) {
	out := cdds.Schedule{Kind: cdds.ScheduleKind(s.Kind), StartAt: instant(s.StartAt), NotBefore: instant(s.NotBefore)}
	given := map[string]bool{
		"startAt": s.StartAt != nil, "every": s.Every != nil, "at": s.At != nil, "weekday": s.Weekday != nil,
		"day": s.Day != nil, "timeZone": s.TimeZone != nil, "notBefore": s.NotBefore != nil, "runNow": s.RunNow != nil && *s.RunNow,
	}
	fields := misplaced(s.Kind, given)
	needs := func(key, message string) {
		fields = append(fields, cdds.FieldError{Field: "schedule." + key, Message: message})
	}
	if s.Every != nil {
		out.Every = *s.Every
	} else if out.Kind == cdds.Daily {
		out.Every = 1
	}
	if s.TimeZone != nil {
		out.TimeZone = *s.TimeZone
	}
	out.RunNow = s.RunNow != nil && *s.RunNow
	if s.Day != nil {
		out.Day = *s.Day
	}
	if s.At != nil {
		at, ok := parseTimeOfDay(*s.At)
		if !ok {
			needs("at", "must be a time of day as HH:MM, from 00:00 to 23:59.")
		}
		out.At = at
	} else if keyBelongs(s.Kind, "at") {
		needs("at", "is needed: a time of day as HH:MM.")
	}
	if s.Weekday != nil {
		day, ok := parseWeekday(*s.Weekday)
		if !ok {
			needs("weekday", "must be one of monday, tuesday, wednesday, thursday, friday, saturday, sunday.")
		}
		out.Weekday = day
	} else if keyBelongs(s.Kind, "weekday") {
		needs("weekday", "is needed: monday to sunday.")
	}
	return out, fields
}

// keyBelongs reports whether a key has a meaning for a kind of schedule.
func keyBelongs(kind, key string) bool {
	switch key {
	case "startAt":
		return kind == "once"
	case "timeZone", "notBefore", "runNow":
		return kind != "once"
	case "every":
		return kind == "hourly" || kind == "daily"
	case "at":
		return kind == "daily" || kind == "weekly" || kind == "monthly"
	case "weekday":
		return kind == "weekly"
	case "day":
		return kind == "monthly"
	}
	return false
}

// misplaced names the given keys that have no meaning for the kind.
func misplaced(kind string, given map[string]bool) []cdds.FieldError {
	var fields []cdds.FieldError
	for _, key := range []string{"startAt", "every", "at", "weekday", "day", "timeZone", "notBefore", "runNow"} {
		if given[key] && !keyBelongs(kind, key) {
			fields = append(fields, cdds.FieldError{Field: "schedule." + key, Message: fmt.Sprintf("does not belong to a schedule of kind %q.", kind)})
		}
	}
	return fields
}

func (t Timeframe) timeframe() cdds.Timeframe {
	by := cdds.DateField(t.By)
	if by == "" {
		by = cdds.ByStartDate
	}
	return cdds.Timeframe{Kind: cdds.TimeframeKind(t.Kind), Start: instant(t.Start), End: instant(t.End), By: by}
}

// wireSpec is the answer's form of a job's definition.
func wireSpec(s cdds.JobSpec) FrozenJob {
	return FrozenJob{
		Title: s.Title, Description: s.Description, Source: string(s.Source), Type: string(s.Type), MediaTypes: s.MediaTypes,
		Schedule: wireSchedule(s.Schedule), Timeframe: wireTimeframe(s.Timeframe),
		SplitSize: positive(s.SplitSize), Compression: string(s.Compression), SettlingMinutes: s.SettlingMinutes,
	}
}

func wireSchedule(s cdds.Schedule) Schedule {
	at := fmt.Sprintf("%02d:%02d", s.At.Hour, s.At.Minute)
	weekday := strings.ToLower(s.Weekday.String())
	zone := s.TimeZone
	if zone == "" {
		zone = "UTC"
	}
	return Schedule{
		Kind: string(s.Kind), StartAt: optional(s.StartAt), Every: &s.Every, At: &at, Weekday: &weekday, Day: &s.Day,
		TimeZone: &zone, NotBefore: optional(s.NotBefore), RunNow: &s.RunNow,
	}
}

func wireTimeframe(t cdds.Timeframe) Timeframe {
	by := t.By
	if by == "" {
		by = cdds.ByStartDate
	}
	return Timeframe{Kind: string(t.Kind), Start: optional(t.Start), End: optional(t.End), By: string(by)}
}

// wireJob is the answer's form of a job.
func wireJob(row store.JobRow) Job {
	out := Job{
		ID: row.ID, State: string(row.State), Owner: row.OwnerName, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
		NextStartsAt: optional(row.NextStartsAt), FrozenJob: wireSpec(row.Spec),
	}
	if row.LatestRun != nil {
		summary := wireRunSummary(*row.LatestRun)
		out.LatestRun = &summary
	}
	return out
}

// parseTimeOfDay reads HH:MM.
func parseTimeOfDay(s string) (cdds.TimeOfDay, bool) {
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != 5 {
		return cdds.TimeOfDay{}, false
	}
	return cdds.TimeOfDay{Hour: t.Hour(), Minute: t.Minute()}, true
}

// parseWeekday reads an English weekday in lower case.
func parseWeekday(s string) (time.Weekday, bool) {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if s == strings.ToLower(day.String()) {
			return day, true
		}
	}
	return 0, false
}

// instant is the noun's form of an optional instant: UTC, cut to microseconds
// (what the store keeps), zero for null.
func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// optional is the wire form of an instant that may be absent.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// positive is the wire form of a size of which zero means none.
func positive(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}
