package cdds

import (
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxSteps bounds every search for an occurrence. The longest distance between
// two occurrences is 31 days, and a zone may skip a day.
const maxSteps = 800

// Zone returns the time zone in which HH:MM is read. An empty name is UTC. A
// name that this machine does not know gives an error; Validate refuses it.
func (s Schedule) Zone() (*time.Location, error) {
	if s.TimeZone == "" || s.TimeZone == "UTC" {
		return time.UTC, nil
	}
	if s.TimeZone == "Local" {
		return nil, errors.New("the zone of the machine is not a zone of a schedule")
	}
	return time.LoadLocation(s.TimeZone)
}

// zone is Zone for schedules that were validated. Where a zone has vanished
// since (a machine with other zone data), UTC stands in: a run at a shifted
// hour loses nothing, a schedule that stops would.
func (s Schedule) zone() *time.Location {
	zone, err := s.Zone()
	if err != nil {
		return time.UTC
	}
	return zone
}

// FirstStart returns the first occurrence after now, which is also the day
// from which "every N days" is counted. For a one-time schedule it is the
// given start, or now where none is given.
func (s Schedule) FirstStart(now time.Time) time.Time {
	if s.Kind == Once {
		if s.StartAt.IsZero() {
			return now.UTC()
		}
		return s.StartAt.UTC()
	}
	every := s
	if s.Kind == Daily {
		every.Every = 1
	}
	return every.Next(now, time.Time{})
}

// Next returns the first occurrence strictly after the given instant, never
// one before NotBefore or before firstStart, in UTC. The zero time means that
// there is none.
func (s Schedule) Next(after, firstStart time.Time) time.Time {
	if s.Kind == Once {
		if start := s.StartAt; start.After(after) {
			return start.UTC()
		}
		return time.Time{}
	}
	for _, bound := range []time.Time{s.NotBefore, firstStart} {
		if !bound.IsZero() && !after.After(bound.Add(-1)) {
			after = bound.Add(-1)
		}
	}
	return s.gridAfter(after, firstStart)
}

// Previous returns the last point of the schedule's grid strictly before at.
// The grid has no beginning here: it says where the period that ends at an
// occurrence began, also for the first one.
func (s Schedule) Previous(at, firstStart time.Time) time.Time {
	if s.Kind == Once {
		return time.Time{}
	}
	var last time.Time
	step := s.longestGap()
	for from := at.Add(-step); ; from = from.Add(-step) {
		for next := s.gridAfter(from, firstStart); !next.IsZero() && next.Before(at); next = s.gridAfter(next, firstStart) {
			last = next
		}
		if !last.IsZero() || at.Sub(from) > 4*step {
			return last
		}
	}
}

// Occurs reports whether at lies on the schedule's grid.
func (s Schedule) Occurs(at, firstStart time.Time) bool {
	if s.Kind == Once {
		return at.Equal(s.StartAt)
	}
	return s.gridAfter(at.Add(-1), firstStart).Equal(at)
}

// Starts returns the next n occurrences after the given instant, fewer where
// there are fewer.
func (s Schedule) Starts(after, firstStart time.Time, n int) []time.Time {
	var starts []time.Time
	for len(starts) < n {
		next := s.Next(after, firstStart)
		if next.IsZero() {
			break
		}
		starts = append(starts, next)
		after = next
	}
	return starts
}

// equal reports whether two schedules have the same occurrences.
func (s Schedule) equal(o Schedule) bool {
	if !s.StartAt.Equal(o.StartAt) || !s.NotBefore.Equal(o.NotBefore) {
		return false
	}
	if s.zone().String() != o.zone().String() { // "" and "UTC" are one
		return false
	}
	s.StartAt, s.NotBefore, s.RunNow, s.TimeZone = o.StartAt, o.NotBefore, o.RunNow, o.TimeZone
	return s == o
}

// longestGap is a time in which the grid surely has a point.
func (s Schedule) longestGap() time.Duration {
	const day = 24 * time.Hour
	switch s.Kind {
	case Hourly:
		return 25 * time.Hour
	case Daily:
		return time.Duration(s.Every+2) * day
	case Weekly:
		return 9 * day
	}
	return 33 * day
}

// gridAfter returns the first point of the grid strictly after the given
// instant, without regard to where the schedule begins.
func (s Schedule) gridAfter(after, firstStart time.Time) time.Time {
	if s.Kind == Hourly {
		return s.hourAfter(after.UTC())
	}
	zone := s.zone()
	// A day earlier, since a gap may have moved that day's occurrence behind
	// the given instant.
	date := civil(after.In(zone)).AddDate(0, 0, -1)
	for range maxSteps {
		if s.onDate(date, firstStart, zone) {
			if at := wallTime(date, s.At, zone); at.After(after) {
				return at
			}
		}
		date = date.AddDate(0, 0, 1)
	}
	return time.Time{}
}

// hourAfter returns the next hour of the grid that starts anew at 00:00 UTC of
// each day.
func (s Schedule) hourAfter(after time.Time) time.Time {
	if s.Every < 1 {
		return time.Time{}
	}
	midnight := civil(after)
	hour := (after.Hour()/s.Every + 1) * s.Every
	if hour >= 24 {
		return midnight.AddDate(0, 0, 1)
	}
	return midnight.Add(time.Duration(hour) * time.Hour)
}

// onDate reports whether a calendar date of the zone has an occurrence.
func (s Schedule) onDate(date, firstStart time.Time, zone *time.Location) bool {
	switch s.Kind {
	case Daily:
		if s.Every <= 1 || firstStart.IsZero() {
			return s.Every == 1 || firstStart.IsZero()
		}
		days := int(date.Sub(s.dateOf(firstStart, zone)) / (24 * time.Hour))
		return days%s.Every == 0
	case Weekly:
		return date.Weekday() == s.Weekday
	case Monthly:
		return date.Day() == min(s.Day, daysIn(date))
	}
	return false
}

// dateOf returns the calendar date whose occurrence the first start is. A gap
// may have moved it to the next date.
func (s Schedule) dateOf(firstStart time.Time, zone *time.Location) time.Time {
	date := civil(firstStart.In(zone))
	before := date.AddDate(0, 0, -1)
	if !wallTime(date, s.At, zone).Equal(firstStart) && wallTime(before, s.At, zone).Equal(firstStart) {
		return before
	}
	return date
}

// civil returns the calendar date of t as midnight UTC, a form in which dates
// can be counted.
func civil(t time.Time) time.Time {
	year, month, day := t.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// daysIn returns the number of days of the date's month.
func daysIn(date time.Time) int {
	return time.Date(date.Year(), date.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// wallTime returns the instant, in UTC, at which clocks of the zone show the
// time on the date: the first of two where clocks were set back, and the first
// instant after the gap where clocks were set forward over it.
func wallTime(date time.Time, at TimeOfDay, zone *time.Location) time.Time {
	wanted := date.Add(time.Duration(at.Hour)*time.Hour + time.Duration(at.Minute)*time.Minute)
	guess := time.Date(date.Year(), date.Month(), date.Day(), at.Hour, at.Minute, 0, 0, zone)
	start, end := guess.ZoneBounds()
	shown := wall(guess)
	switch {
	case shown.After(wanted): // in a gap, and the guess lies behind it
		return start.UTC()
	case shown.Before(wanted): // in a gap, and the guess lies before it
		return end.UTC()
	}
	if start.IsZero() {
		return guess.UTC()
	}
	// The zone period before may show the same time: that one came first.
	_, offset := guess.Zone()
	_, before := start.Add(-1).Zone()
	earlier := guess.Add(time.Duration(offset-before) * time.Second)
	if earlier.Before(start) && wall(earlier).Equal(wanted) {
		return earlier.UTC()
	}
	return guess.UTC()
}

// wall returns what clocks show at t, as if it were UTC.
func wall(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// validate returns the broken fields of a schedule.
func (s Schedule) validate(now time.Time) []FieldError {
	var fields []FieldError
	broken := func(field, message string) {
		fields = append(fields, FieldError{Field: "schedule." + field, Message: message})
	}
	if _, err := s.Zone(); err != nil {
		broken("timeZone", "is not a time zone; allowed are IANA names such as UTC or Europe/Berlin.")
	}
	if s.At.Hour < 0 || s.At.Hour > 23 || s.At.Minute < 0 || s.At.Minute > 59 {
		broken("at", "must be a time of day from 00:00 to 23:59.")
	}
	if !s.NotBefore.IsZero() && (s.NotBefore.Year() < 1 || s.NotBefore.Year() > 9999) {
		broken("notBefore", "must lie in the years 1 to 9999.")
	}
	switch s.Kind {
	case Once:
		if !s.StartAt.IsZero() && s.StartAt.Before(now.Add(-startSlack)) {
			broken("startAt", "lies in the past; give a future instant, or null to start now.")
		}
		if s.StartAt.Year() > 9999 {
			broken("startAt", "must lie before the year 10000.")
		}
	case Hourly:
		if s.Every < 1 || s.Every > 24 {
			broken("every", "must be a number of hours from 1 to 24.")
		}
		if s.TimeZone != "" && s.TimeZone != "UTC" {
			broken("timeZone", "must be UTC for an hourly schedule, which is counted from 00:00 UTC.")
		}
	case Daily:
		if s.Every < 1 || s.Every > 31 {
			broken("every", "must be a number of days from 1 to 31.")
		}
	case Weekly:
		if s.Weekday < time.Sunday || s.Weekday > time.Saturday {
			broken("weekday", "must be a day from monday to sunday.")
		}
	case Monthly:
		if s.Day < 1 || s.Day > 31 {
			broken("day", "must be a day of the month from 1 to 31.")
		}
	default:
		broken("kind", "must be once, hourly, daily, weekly or monthly.")
	}
	return fields
}

// startSlack is how far in the past a one-time start may lie when it arrives:
// a form filled in for "in a minute" is still meant.
const startSlack = time.Minute

// printable reports whether a text of one line is valid UTF-8 without control
// characters; a database refuses to store others.
func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}
