package cdds_test

import (
	"slices"
	"testing"
	"time"

	"cdds"
)

// zonesWithHistory have changed their clocks in all the ways there are: by an
// hour, half an hour and two hours, at midnight, over midnight, in both
// halves of the year, not at all, and by a whole day.
func zonesWithHistory() []string {
	return []string{
		"UTC", "Europe/Berlin", "Europe/Lisbon", "Europe/Istanbul", "Europe/Moscow", "America/New_York",
		"America/St_Johns", "America/Sao_Paulo", "America/Asuncion", "America/Caracas", "America/Havana",
		"America/Santiago", "America/Nuuk", "America/Scoresbysund", "Antarctica/Troll", "Africa/Cairo",
		"Africa/Casablanca", "Africa/Juba", "Asia/Amman", "Asia/Beirut", "Asia/Dhaka", "Asia/Gaza",
		"Asia/Kathmandu", "Asia/Pyongyang", "Asia/Tehran", "Asia/Tokyo", "Atlantic/Azores",
		"Australia/Lord_Howe", "Pacific/Apia", "Pacific/Chatham", "Pacific/Easter", "Pacific/Fakaofo",
		"Pacific/Fiji", "Pacific/Kiritimati",
	}
}

// shown is what clocks of a zone show at an instant, written as if it were UTC.
func shown(at time.Time, zone *time.Location) time.Time {
	_, offset := at.In(zone).Zone()
	return at.UTC().Add(time.Duration(offset) * time.Second)
}

// firstShowing is the rule in other words: the first minute at which clocks of
// the zone show the time wanted or, over a gap, a later one. No zone is more
// than 14 hours ahead of UTC or more than 12 behind it.
func firstShowing(wanted time.Time, zone *time.Location) time.Time {
	at := wanted.Add(-15 * time.Hour)
	offset := shown(at, zone).Sub(at)
	if after := wanted.Add(13 * time.Hour); shown(after, zone).Sub(after) == offset {
		return wanted.Add(-offset)
	}
	for shown(at, zone).Before(wanted) {
		at = at.Add(time.Minute)
	}
	return at
}

// TestEveryDayOnce: over 20 years a daily schedule has one occurrence for each
// date of the calendar, and it lies on that date. Two things excepted, and all
// of them are listed: a date that the zone skipped, and one whose last minutes
// fell into a gap that reached to midnight; both run as the next date begins.
func TestEveryDayOnce(t *testing.T) {
	moved := map[string][]string{
		"America/Nuuk": {"2024-03-30", "2025-03-29"}, "America/Scoresbysund": {"2025-03-29"}, "Asia/Dhaka": {"2009-06-19"},
		"Asia/Pyongyang": {"2018-05-04"}, "Pacific/Apia": {"2011-12-30"}, "Pacific/Fakaofo": {"2011-12-30"},
	}
	for _, name := range zonesWithHistory() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, at := range []cdds.TimeOfDay{{}, {Hour: 2, Minute: 30}, {Hour: 23, Minute: 30}} {
				got = append(got, everyDayOnce(t, daily(1, at.Hour, at.Minute, name), zoneOf(t, name))...)
			}
			slices.Sort(got)
			if got = slices.Compact(got); !slices.Equal(got, moved[name]) {
				t.Errorf("dates whose occurrence lies on the next one: %q, want %q", got, moved[name])
			}
		})
	}
}

// everyDayOnce walks 20 years of a daily schedule and returns the dates whose
// occurrence lies on the next one.
func everyDayOnce(t *testing.T, s cdds.Schedule, zone *time.Location) []string {
	t.Helper()
	var moved []string
	date := time.Date(2006, 1, 1, s.At.Hour, s.At.Minute, 0, 0, time.UTC)
	last := firstShowing(date.AddDate(0, 0, -1), zone)
	for range 20*365 + 5 {
		want := firstShowing(date, zone)
		if day := shown(want, zone).Format(time.DateOnly); day != date.Format(time.DateOnly) {
			moved = append(moved, date.Format(time.DateOnly))
			if tomorrow := date.AddDate(0, 0, 1).Format(time.DateOnly); day != tomorrow {
				t.Fatalf("%s %+v: the occurrence of %v lies on %s", zone, s.At, date, day)
			}
		}
		// Midnight of a skipped date is midnight of the next: one instant. Of the
		// days on which no clock changes, every tenth will do.
		if !want.Equal(last) && (clocksChange(date, zone) || date.YearDay()%10 == 0) {
			if got := s.Next(last, time.Time{}); !got.Equal(want) {
				t.Fatalf("%s %+v: after %v comes %v, want %v", zone, s.At, last, got, want)
			}
		}
		last, date = want, date.AddDate(0, 0, 1)
	}
	return moved
}

// clocksChange reports whether the zone changes its clocks within three days of
// the date.
func clocksChange(date time.Time, zone *time.Location) bool {
	_, before := date.AddDate(0, 0, -3).In(zone).Zone()
	_, after := date.AddDate(0, 0, 3).In(zone).Zone()
	return before != after
}

// schedules are one or more of each recurring kind in a zone.
func schedules(zone string) []cdds.Schedule {
	return []cdds.Schedule{
		hourly(1), hourly(5), hourly(7), hourly(24), daily(1, 2, 30, zone), daily(3, 0, 0, zone), daily(31, 23, 30, zone),
		weekly(time.Sunday, 1, 30, zone), monthly(1, 0, 0, zone), monthly(29, 2, 15, zone), monthly(31, 23, 59, zone),
	}
}

// TestGridAgrees: Previous, Occurs and Next see the same grid, from each of its
// points and from between them.
func TestGridAgrees(t *testing.T) {
	for _, zone := range []string{"", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia"} {
		for _, s := range schedules(zone) {
			from := time.Date(2011, 11, 20, 11, 7, 0, 0, time.UTC)
			first := s.FirstStart(from)
			for at := first; at.Before(from.AddDate(0, 4, 0)); {
				next := s.Next(at, first)
				checkStep(t, s, first, at, next)
				at = next
			}
		}
	}
}

// checkStep checks two occurrences that follow each other.
func checkStep(t *testing.T, s cdds.Schedule, first, at, next time.Time) {
	t.Helper()
	if !next.After(at) || next.Location() != time.UTC {
		t.Fatalf("%+v: after %v comes %v", s, at, next)
	}
	if !s.Occurs(at, first) || !s.Occurs(next, first) {
		t.Errorf("%+v: %v or %v is not on the grid", s, at, next)
	}
	between := at.Add(next.Sub(at) / 2)
	if s.Occurs(between, first) {
		t.Errorf("%+v: %v is on the grid, between %v and %v", s, between, at, next)
	}
	if got := s.Next(between, first); !got.Equal(next) {
		t.Errorf("%+v: after %v comes %v, want %v", s, between, got, next)
	}
	for _, later := range []time.Time{next, between} {
		if got := s.Previous(later, first); !got.Equal(at) {
			t.Errorf("%+v: before %v comes %v, want %v", s, later, got, at)
		}
	}
}

// anySchedule makes a valid recurring schedule of five numbers.
func anySchedule(kind, every, hour, minute, zone uint8) cdds.Schedule {
	zones := zonesWithHistory()
	name := zones[int(zone)%len(zones)]
	h, m := int(hour%24), int(minute%60)
	switch kind % 4 {
	case 0:
		return hourly(int(every%24) + 1)
	case 1:
		return daily(int(every%31)+1, h, m, name)
	case 2:
		return weekly(time.Weekday(every%7), h, m, name)
	}
	return monthly(int(every%31)+1, h, m, name)
}

// anyInstant makes an instant of the years 1990 to 2090.
func anyInstant(seconds uint32) time.Time {
	const century = 100 * 365 * 24 * 3600
	return time.Unix(int64(seconds)%century+631152000, 0).UTC()
}

// FuzzNext: the next start lies strictly after, nothing lies between, and the
// way back finds the same points.
func FuzzNext(f *testing.F) {
	f.Add(uint8(0), uint8(4), uint8(0), uint8(0), uint8(0), uint32(1))
	f.Add(uint8(1), uint8(2), uint8(2), uint8(30), uint8(1), uint32(1143334800))
	f.Add(uint8(1), uint8(0), uint8(10), uint8(0), uint8(28), uint32(694000000))
	f.Add(uint8(2), uint8(0), uint8(0), uint8(0), uint8(7), uint32(910000000))
	f.Add(uint8(3), uint8(30), uint8(23), uint8(59), uint8(27), uint32(1200000000))
	f.Fuzz(func(t *testing.T, kind, every, hour, minute, zone uint8, seconds uint32) {
		s, after := anySchedule(kind, every, hour, minute, zone), anyInstant(seconds)
		if err := validSpec(s).Validate(after); err != nil {
			t.Fatal(err)
		}
		first := s.FirstStart(after)
		if !first.After(after) {
			t.Fatalf("%+v: the first start after %v is %v", s, after, first)
		}
		starts := s.Starts(after, first, 5)
		if len(starts) != 5 || !starts[0].Equal(first) {
			t.Fatalf("%+v: starts %v, the first is %v", s, starts, first)
		}
		for i := range 4 {
			checkStep(t, s, first, starts[i], starts[i+1])
		}
	})
}
