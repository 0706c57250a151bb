package cdds

import "time"

// Window returns the window of a run that is scheduled for the given instant.
// lastEnd is the end of the job's last finished window (zero: none) and only
// counts for sinceLast.
//
// Where the period equals the schedule's recurrence and the instant is one of
// its occurrences, the window begins at the occurrence before: so the windows
// tile also where days and months differ in length. Everywhere else the
// calendar is counted back from the instant, in the job's zone.
func (j JobSpec) Window(scheduledFor, firstStart, lastEnd time.Time) Window {
	end := scheduledFor.UTC()
	switch j.Timeframe.Kind {
	case FrameAll:
		return Window{End: end}
	case FrameFixed:
		return Window{Start: j.Timeframe.Start.UTC(), End: j.Timeframe.End.UTC()}
	case FrameSinceLast:
		start := lastEnd
		if start.IsZero() {
			start = j.Timeframe.Start
		}
		if start.After(end) {
			start = end // a clock that was set back gives an empty window, never a negative one
		}
		if start.IsZero() {
			return Window{End: end}
		}
		return Window{Start: start.UTC(), End: end}
	}
	if j.periodIsRecurrence() && j.Schedule.Occurs(end, firstStart) {
		if start := j.Schedule.Previous(end, firstStart); !start.IsZero() {
			return Window{Start: start, End: end}
		}
	}
	return Window{Start: j.Timeframe.back(end, j.Schedule.zone()), End: end}
}

// back counts one period back from end on the zone's calendar.
func (t Timeframe) back(end time.Time, zone *time.Location) time.Time {
	if t.Kind == FrameHour {
		return end.Add(-time.Hour)
	}
	local := end.In(zone)
	date := civil(local)
	switch t.Kind {
	case FrameDay:
		date = date.AddDate(0, 0, -1)
	case FrameWeek:
		date = date.AddDate(0, 0, -7)
	case FrameMonth:
		first := time.Date(date.Year(), date.Month()-1, 1, 0, 0, 0, 0, time.UTC)
		date = first.AddDate(0, 0, min(date.Day(), daysIn(first))-1)
	}
	minute := wallTime(date, TimeOfDay{Hour: local.Hour(), Minute: local.Minute()}, zone)
	rest := time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	return minute.Add(rest)
}

// periodIsRecurrence reports whether the timeframe is exactly one recurrence
// of the schedule.
func (j JobSpec) periodIsRecurrence() bool {
	s := j.Schedule
	switch j.Timeframe.Kind {
	case FrameHour:
		return s.Kind == Hourly && s.Every == 1
	case FrameDay:
		return (s.Kind == Daily && s.Every == 1) || (s.Kind == Hourly && s.Every == 24)
	case FrameWeek:
		return s.Kind == Weekly || (s.Kind == Daily && s.Every == 7)
	case FrameMonth:
		return s.Kind == Monthly
	}
	return false
}

// TilingKind says how the windows of consecutive runs meet.
type TilingKind string

const (
	// Tiles: every record is exported exactly once.
	Tiles TilingKind = "tiles"
	// Gaps: records between two windows are never exported.
	Gaps TilingKind = "gaps"
	// Overlaps: some records are exported more than once.
	Overlaps TilingKind = "overlaps"
	// OpenTiling: there are no consecutive windows to speak of.
	OpenTiling TilingKind = "open"
)

// Tiling is what the editor says about a job's windows.
type Tiling struct {
	Kind TilingKind
	Note string // for people
}

// Tiling says how the windows of the job's scheduled runs meet.
func (j JobSpec) Tiling() Tiling {
	if j.Schedule.Kind == Once {
		return Tiling{OpenTiling, "The job runs once."}
	}
	switch j.Timeframe.Kind {
	case FrameSinceLast:
		return Tiling{Tiles, "Each run goes on where the last finished one ended."}
	case FrameAll:
		return Tiling{Overlaps, "Each run exports all data up to its start again."}
	case FrameFixed:
		return Tiling{Overlaps, "Each run exports the same fixed interval again."}
	}
	if j.periodIsRecurrence() {
		return Tiling{Tiles, "The windows follow each other without gap or overlap."}
	}
	if j.shortestPeriod() >= j.longestRecurrence() { // equal: a month every 28 days
		return Tiling{Overlaps, "The timeframe is longer than the time between two runs: some records are exported more than once."}
	}
	return Tiling{Gaps, "The timeframe is shorter than the time between two runs: some records are never exported. Choose \"since last\" to miss none."}
}

// shortestPeriod is the length of the timeframe's shortest window.
func (j JobSpec) shortestPeriod() time.Duration {
	const day = 24 * time.Hour
	switch j.Timeframe.Kind {
	case FrameHour:
		return time.Hour
	case FrameDay:
		return day
	case FrameWeek:
		return 7 * day
	}
	return 28 * day
}

// longestRecurrence is the longest time between two occurrences.
func (j JobSpec) longestRecurrence() time.Duration {
	const day = 24 * time.Hour
	switch j.Schedule.Kind {
	case Hourly:
		return time.Duration(j.Schedule.Every) * time.Hour
	case Daily:
		return time.Duration(j.Schedule.Every) * day
	case Weekly:
		return 7 * day
	}
	return 31 * day
}

// validate returns the broken fields of a timeframe.
func (t Timeframe) validate() []FieldError {
	var fields []FieldError
	broken := func(field, message string) {
		fields = append(fields, FieldError{Field: "timeframe." + field, Message: message})
	}
	switch t.By {
	case "", ByStartDate, ByModifiedDate:
	default:
		broken("by", "must be startDate or modifiedDate.")
	}
	switch t.Kind {
	case FrameFixed:
		if t.Start.IsZero() {
			broken("start", "is needed for a fixed interval.")
		}
		if t.End.IsZero() {
			broken("end", "is needed for a fixed interval.")
		} else if !t.Start.IsZero() && !t.End.After(t.Start) {
			broken("end", "must lie after the start.")
		}
	case FrameSinceLast:
		if !t.End.IsZero() {
			broken("end", "does not belong to a timeframe of kind \"sinceLast\".")
		}
	case FrameAll, FrameHour, FrameDay, FrameWeek, FrameMonth:
		if !t.Start.IsZero() {
			broken("start", "does not belong to a timeframe of kind \""+string(t.Kind)+"\".")
		}
		if !t.End.IsZero() {
			broken("end", "does not belong to a timeframe of kind \""+string(t.Kind)+"\".")
		}
	default:
		broken("kind", "must be all, hour, day, week, month, sinceLast or fixed.")
	}
	writable := func(field string, at time.Time) {
		if !at.IsZero() && (at.Year() < 1 || at.Year() > 9999) {
			broken(field, "must lie in the years 1 to 9999.")
		}
	}
	writable("start", t.Start)
	writable("end", t.End)
	return fields
}
