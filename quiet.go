package cdds

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Quiet is a time of each day in which nothing is read from a source. It may go
// over midnight.
type Quiet struct {
	From, To TimeOfDay
	Zone     *time.Location // in which From and To are read
}

// QuietHours are all quiet times of a source.
type QuietHours []Quiet

// longestQuiet bounds the search for an end: hours that have none within two
// days leave no time to read.
const longestQuiet = 48 * time.Hour

// ParseQuietHours reads quiet times such as "08:00-18:00", which is UTC, or
// "22:00-06:00 Europe/Berlin". Together they must leave some of the day.
func ParseQuietHours(texts []string) (QuietHours, error) {
	var all QuietHours
	for _, text := range texts {
		q, err := parseQuiet(text)
		if err != nil {
			return nil, &Error{Code: CodeInvalid, Message: fmt.Sprintf("The quiet hours %q cannot be read: %s.", text, err),
				Hint: "Write them as 08:00-18:00, which is UTC, or with a time zone as 08:00-18:00 Europe/Berlin."}
		}
		all = append(all, q)
	}
	// Every quiet time begins once within these hours, whatever the zone.
	for i := range all {
		if start := all[i].begin(time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC), 0); all.Until(start).Sub(start) >= longestQuiet {
			return nil, &Error{Code: CodeInvalid, Message: "The quiet hours leave no time to read the source.", Hint: "Leave out some of them."}
		}
	}
	return all, nil
}

// parseQuiet reads one quiet time. Its error says what is wrong and has no full
// stop.
func parseQuiet(text string) (Quiet, error) {
	hours, name, _ := strings.Cut(strings.TrimSpace(text), " ")
	from, to, ok := strings.Cut(hours, "-")
	if !ok {
		return Quiet{}, errors.New("there is no - between the beginning and the end")
	}
	zone, err := Schedule{TimeZone: strings.TrimSpace(name)}.Zone()
	if err != nil {
		return Quiet{}, errors.New("the time zone is not known")
	}
	q := Quiet{Zone: zone}
	if q.From, err = parseTimeOfDay(from); err != nil {
		return Quiet{}, err
	}
	if to == "24:00" {
		to = "00:00" // the midnight at which the day ends
	}
	if q.To, err = parseTimeOfDay(to); err != nil {
		return Quiet{}, err
	}
	if q.From == q.To {
		return Quiet{}, errors.New("they begin when they end")
	}
	return q, nil
}

// parseTimeOfDay reads HH:MM.
func parseTimeOfDay(text string) (TimeOfDay, error) {
	at, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return TimeOfDay{}, fmt.Errorf("%q is no time of the day", text)
	}
	return TimeOfDay{Hour: at.Hour(), Minute: at.Minute()}, nil
}

// Until returns the instant at which the source may be read again, in UTC, and
// the zero time where it may be read now. Quiet times that overlap or touch
// count as one.
func (h QuietHours) Until(now time.Time) time.Time {
	var until time.Time
	for at, grown := now, true; grown && at.Sub(now) < longestQuiet; {
		grown = false
		for _, q := range h {
			if end := q.until(at); end.After(at) {
				at, until, grown = end, end.UTC(), true
			}
		}
	}
	return until
}

// until returns the end of the quiet time that an instant lies in, or the zero
// time. One that began on the day before may reach into this one.
func (q Quiet) until(at time.Time) time.Time {
	for _, day := range []int{-1, 0} {
		begin, end := q.begin(at, day), q.end(at, day)
		if !at.Before(begin) && at.Before(end) {
			return end
		}
	}
	return time.Time{}
}

// begin is when the quiet time of a day begins, counted from the day of an
// instant in the zone of the quiet time. A wall-clock time that a clock change
// leaves out moves by the change.
func (q Quiet) begin(at time.Time, day int) time.Time {
	date := at.In(q.Zone)
	return time.Date(date.Year(), date.Month(), date.Day()+day, q.From.Hour, q.From.Minute, 0, 0, q.Zone)
}

// end is when it ends.
func (q Quiet) end(at time.Time, day int) time.Time {
	if q.To.Hour < q.From.Hour || q.To.Hour == q.From.Hour && q.To.Minute < q.From.Minute {
		day++ // over midnight
	}
	date := at.In(q.Zone)
	return time.Date(date.Year(), date.Month(), date.Day()+day, q.To.Hour, q.To.Minute, 0, 0, q.Zone)
}
