package cdds_test

import (
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"cdds"
)

// instant reads an instant in RFC 3339; "" is the zero time.
func instant(t testing.TB, text string) time.Time {
	t.Helper()
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// zoneOf loads a time zone.
func zoneOf(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func hourly(n int) cdds.Schedule { return cdds.Schedule{Kind: cdds.Hourly, Every: n} }

func daily(n, hour, minute int, zone string) cdds.Schedule {
	return cdds.Schedule{Kind: cdds.Daily, Every: n, At: cdds.TimeOfDay{Hour: hour, Minute: minute}, TimeZone: zone}
}

func weekly(day time.Weekday, hour, minute int, zone string) cdds.Schedule {
	return cdds.Schedule{Kind: cdds.Weekly, Weekday: day, At: cdds.TimeOfDay{Hour: hour, Minute: minute}, TimeZone: zone}
}

func monthly(day, hour, minute int, zone string) cdds.Schedule {
	return cdds.Schedule{Kind: cdds.Monthly, Day: day, At: cdds.TimeOfDay{Hour: hour, Minute: minute}, TimeZone: zone}
}

// wantStarts checks the occurrences that follow an instant.
func wantStarts(t *testing.T, s cdds.Schedule, after, firstStart string, want []string) {
	t.Helper()
	got := s.Starts(instant(t, after), instant(t, firstStart), len(want))
	if len(got) != len(want) {
		t.Fatalf("%d starts, want %d: %v", len(got), len(want), got)
	}
	for i, at := range got {
		if !at.Equal(instant(t, want[i])) || at.Location() != time.UTC {
			t.Errorf("start %d is %v, want %s", i+1, at, want[i])
		}
	}
}

func TestStarts(t *testing.T) {
	tests := []struct {
		name       string
		schedule   cdds.Schedule
		after      string
		firstStart string
		want       []string
	}{
		{"hourly 1", hourly(1), "2026-03-01T22:10:00Z", "",
			[]string{"2026-03-01T23:00:00Z", "2026-03-02T00:00:00Z", "2026-03-02T01:00:00Z", "2026-03-02T02:00:00Z", "2026-03-02T03:00:00Z"}},
		{"hourly 4 on an occurrence", hourly(4), "2026-03-01T16:00:00Z", "",
			[]string{"2026-03-01T20:00:00Z", "2026-03-02T00:00:00Z", "2026-03-02T04:00:00Z"}},
		{"hourly 5 begins anew at midnight", hourly(5), "2026-03-01T00:00:00Z", "",
			[]string{"2026-03-01T05:00:00Z", "2026-03-01T10:00:00Z", "2026-03-01T15:00:00Z", "2026-03-01T20:00:00Z", "2026-03-02T00:00:00Z"}},
		{"hourly 7", hourly(7), "2026-02-28T13:59:59.999Z", "",
			[]string{"2026-02-28T14:00:00Z", "2026-02-28T21:00:00Z", "2026-03-01T00:00:00Z", "2026-03-01T07:00:00Z"}},
		{"hourly 23", hourly(23), "2026-12-31T00:00:00Z", "",
			[]string{"2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z", "2027-01-01T23:00:00Z"}},
		{"hourly 24", hourly(24), "2028-02-28T00:00:00Z", "",
			[]string{"2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"}},
		{"hourly after an instant in another zone", hourly(6), "2026-03-01T23:30:00+02:00", "",
			[]string{"2026-03-02T00:00:00Z", "2026-03-02T06:00:00Z"}},
		{"daily", daily(1, 6, 30, ""), "2026-02-27T06:30:00Z", "",
			[]string{"2026-02-28T06:30:00Z", "2026-03-01T06:30:00Z", "2026-03-02T06:30:00Z", "2026-03-03T06:30:00Z", "2026-03-04T06:30:00Z"}},
		{"daily 3 counted from the first start", daily(3, 6, 0, ""), "2026-03-05T00:00:00Z", "2026-02-27T06:00:00Z",
			[]string{"2026-03-05T06:00:00Z", "2026-03-08T06:00:00Z"}},
		{"daily 3 never before the first start", daily(3, 6, 0, ""), "2026-01-01T00:00:00Z", "2026-02-27T06:00:00Z",
			[]string{"2026-02-27T06:00:00Z", "2026-03-02T06:00:00Z"}},
		{"daily 31", daily(31, 0, 0, ""), "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z",
			[]string{"2026-02-01T00:00:00Z", "2026-03-04T00:00:00Z", "2026-04-04T00:00:00Z"}},
		{"daily 2 counts days, not hours, across a gap", daily(2, 2, 30, "Europe/Berlin"), "2026-03-27T12:00:00Z", "2026-03-27T01:30:00Z",
			[]string{"2026-03-29T01:00:00Z", "2026-03-31T00:30:00Z", "2026-04-02T00:30:00Z"}},
		{"daily 2 whose first start a gap moved", daily(2, 2, 30, "Europe/Berlin"), "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z",
			[]string{"2026-03-31T00:30:00Z", "2026-04-02T00:30:00Z"}},
		{"daily 2 whose first start a gap moved over midnight", daily(2, 23, 30, "Asia/Dhaka"), "2009-06-19T16:59:59Z", "2009-06-19T17:00:00Z",
			[]string{"2009-06-19T17:00:00Z", "2009-06-21T16:30:00Z", "2009-06-23T16:30:00Z"}},
		{"weekly", weekly(time.Thursday, 18, 0, ""), "2026-12-24T18:00:00Z", "",
			[]string{"2026-12-31T18:00:00Z", "2027-01-07T18:00:00Z"}},
		{"weekly, Sunday, across a fold", weekly(time.Sunday, 2, 30, "Europe/Berlin"), "2026-10-18T12:00:00Z", "",
			[]string{"2026-10-25T00:30:00Z", "2026-11-01T01:30:00Z"}},
		{"monthly 1", monthly(1, 0, 0, ""), "2026-11-30T23:59:00Z", "",
			[]string{"2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"}},
		{"monthly 29", monthly(29, 5, 0, ""), "2027-01-29T05:00:00Z", "",
			[]string{"2027-02-28T05:00:00Z", "2027-03-29T05:00:00Z", "2027-04-29T05:00:00Z"}},
		{"monthly 29 in a leap year", monthly(29, 5, 0, ""), "2028-02-01T00:00:00Z", "",
			[]string{"2028-02-29T05:00:00Z", "2028-03-29T05:00:00Z"}},
		{"monthly 30", monthly(30, 5, 0, ""), "2028-01-31T00:00:00Z", "",
			[]string{"2028-02-29T05:00:00Z", "2028-03-30T05:00:00Z", "2028-04-30T05:00:00Z"}},
		{"monthly 31", monthly(31, 5, 0, ""), "2026-01-31T05:00:00Z", "",
			[]string{"2026-02-28T05:00:00Z", "2026-03-31T05:00:00Z", "2026-04-30T05:00:00Z", "2026-05-31T05:00:00Z", "2026-06-30T05:00:00Z"}},
		{"monthly 31 in a year without 29 February", monthly(31, 0, 0, ""), "2100-01-31T00:00:00Z", "",
			[]string{"2100-02-28T00:00:00Z"}},
		{"monthly 31, whose instant is another day in UTC", monthly(31, 0, 30, "Asia/Tokyo"), "2026-02-01T00:00:00Z", "",
			[]string{"2026-02-27T15:30:00Z", "2026-03-30T15:30:00Z"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { wantStarts(t, test.schedule, test.after, test.firstStart, test.want) })
	}
}

// TestClockChanges has the nights in which a wall-clock time is missing or
// comes twice.
func TestClockChanges(t *testing.T) {
	tests := []struct {
		name     string
		schedule cdds.Schedule
		after    string
		want     []string
	}{
		{"Berlin, gap 02:00 to 03:00", daily(1, 2, 30, "Europe/Berlin"), "2026-03-28T12:00:00Z",
			[]string{"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
		{"Berlin, the start of the gap", daily(1, 2, 0, "Europe/Berlin"), "2026-03-28T12:00:00Z",
			[]string{"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"}},
		{"Berlin, the end of the gap", daily(1, 3, 0, "Europe/Berlin"), "2026-03-28T12:00:00Z",
			[]string{"2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"}},
		{"Berlin, fold 03:00 to 02:00", daily(1, 2, 30, "Europe/Berlin"), "2026-10-24T12:00:00Z",
			[]string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		{"Berlin, after the first of two", daily(1, 2, 30, "Europe/Berlin"), "2026-10-25T00:30:00Z",
			[]string{"2026-10-26T01:30:00Z"}},
		{"Berlin, the end of the fold comes once", daily(1, 3, 0, "Europe/Berlin"), "2026-10-24T12:00:00Z",
			[]string{"2026-10-25T02:00:00Z", "2026-10-26T02:00:00Z"}},
		{"New York, gap", daily(1, 2, 30, "America/New_York"), "2026-03-07T12:00:00Z",
			[]string{"2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"}},
		{"New York, fold", daily(1, 1, 30, "America/New_York"), "2026-10-31T12:00:00Z",
			[]string{"2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}},
		{"Lord Howe, gap of 30 minutes", daily(1, 2, 15, "Australia/Lord_Howe"), "2026-10-03T00:00:00Z",
			[]string{"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
		{"Lord Howe, fold of 30 minutes", daily(1, 1, 45, "Australia/Lord_Howe"), "2026-04-04T00:00:00Z",
			[]string{"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},
		{"Sao Paulo, gap at midnight", daily(1, 0, 0, "America/Sao_Paulo"), "2018-11-03T12:00:00Z",
			[]string{"2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"}},
		{"Sao Paulo, fold before midnight", daily(1, 23, 30, "America/Sao_Paulo"), "2018-02-17T12:00:00Z",
			[]string{"2018-02-18T01:30:00Z", "2018-02-19T02:30:00Z"}},
		{"Sao Paulo, midnight after the fold", daily(1, 0, 0, "America/Sao_Paulo"), "2018-02-17T12:00:00Z",
			[]string{"2018-02-18T03:00:00Z", "2018-02-19T03:00:00Z"}},
		{"Cairo, gap at midnight", daily(1, 0, 0, "Africa/Cairo"), "2024-04-25T12:00:00Z",
			[]string{"2024-04-25T22:00:00Z", "2024-04-26T21:00:00Z"}},
		{"Cairo, fold before midnight", daily(1, 23, 30, "Africa/Cairo"), "2024-10-31T12:00:00Z",
			[]string{"2024-10-31T20:30:00Z", "2024-11-01T21:30:00Z"}},
		{"St. John's, 00:00 comes twice around a fold at 00:01", daily(1, 0, 0, "America/St_Johns"), "2010-11-06T12:00:00Z",
			[]string{"2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z"}},
		{"Apia, the skipped day runs when the next begins", daily(1, 10, 0, "Pacific/Apia"), "2011-12-29T12:00:00Z",
			[]string{"2011-12-29T20:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T20:00:00Z", "2011-12-31T20:00:00Z"}},
		{"Apia, midnight of the skipped day is midnight of the next", daily(1, 0, 0, "Pacific/Apia"), "2011-12-29T09:00:00Z",
			[]string{"2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"}},
		{"Berlin, monthly in a gap", monthly(29, 2, 30, "Europe/Berlin"), "2026-03-01T00:00:00Z",
			[]string{"2026-03-29T01:00:00Z", "2026-04-29T00:30:00Z"}},
		{"UTC does not move", daily(1, 2, 30, "UTC"), "2026-03-28T12:00:00Z",
			[]string{"2026-03-29T02:30:00Z", "2026-03-30T02:30:00Z"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { wantStarts(t, test.schedule, test.after, "", test.want) })
	}
}

func TestOnceAndNotBefore(t *testing.T) {
	now := instant(t, "2026-05-10T12:34:56Z")
	t.Run("once, now", func(t *testing.T) {
		once := cdds.Schedule{Kind: cdds.Once}
		if got := once.FirstStart(now); !got.Equal(now) {
			t.Errorf("first start %v, want now", got)
		}
		wantStarts(t, once, "2026-05-10T12:34:56Z", "", nil)
		if next := once.Next(now, now); !next.IsZero() {
			t.Errorf("next %v, want none", next)
		}
	})
	t.Run("once, later", func(t *testing.T) {
		at := instant(t, "2026-05-11T02:00:00+02:00")
		once := cdds.Schedule{Kind: cdds.Once, StartAt: at}
		if got := once.FirstStart(now); !got.Equal(at) || got.Location() != time.UTC {
			t.Errorf("first start %v, want %v in UTC", got, at)
		}
		if got := once.Starts(now, at, 5); len(got) != 1 || !got[0].Equal(at) {
			t.Errorf("starts %v, want only %v", got, at)
		}
		if next := once.Next(at, at); !next.IsZero() {
			t.Errorf("next after the start is %v, want none", next)
		}
		if !once.Occurs(at, at) || once.Occurs(now, at) || !once.Previous(at, at).IsZero() {
			t.Error("a one-time schedule has one point and none before it")
		}
	})
	notBefore := func(s cdds.Schedule, at string) cdds.Schedule {
		s.NotBefore = instant(t, at)
		return s
	}
	tests := []struct {
		name     string
		schedule cdds.Schedule
		want     []string
	}{
		{"on an occurrence", notBefore(hourly(4), "2026-06-01T08:00:00Z"), []string{"2026-06-01T08:00:00Z", "2026-06-01T12:00:00Z"}},
		{"just after an occurrence", notBefore(hourly(4), "2026-06-01T08:00:00.000000001Z"), []string{"2026-06-01T12:00:00Z"}},
		{"in the past", notBefore(hourly(4), "2026-05-01T08:00:00Z"), []string{"2026-05-10T16:00:00Z"}},
		{"daily 2 counts from the first start after it", notBefore(daily(2, 6, 0, ""), "2026-06-01T07:00:00Z"), []string{"2026-06-02T06:00:00Z", "2026-06-04T06:00:00Z"}},
		{"monthly", notBefore(monthly(31, 6, 0, ""), "2026-06-30T06:00:00Z"), []string{"2026-06-30T06:00:00Z", "2026-07-31T06:00:00Z"}},
	}
	for _, test := range tests {
		t.Run("not before, "+test.name, func(t *testing.T) {
			first := test.schedule.FirstStart(now)
			if !first.Equal(instant(t, test.want[0])) {
				t.Errorf("first start %v, want %s", first, test.want[0])
			}
			wantStarts(t, test.schedule, now.Format(time.RFC3339), first.Format(time.RFC3339), test.want)
		})
	}
}

func TestZone(t *testing.T) {
	for _, name := range []string{"", "UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"} {
		zone, err := cdds.Schedule{TimeZone: name}.Zone()
		if err != nil || (name != "" && zone.String() != name) {
			t.Errorf("zone %q: %v, %v", name, zone, err)
		}
	}
	for _, name := range []string{"Local", "Europe/Atlantis", "../etc/passwd", "+02:00"} {
		if zone, err := (cdds.Schedule{TimeZone: name}).Zone(); err == nil {
			t.Errorf("zone %q: %v, want an error", name, zone)
		}
	}
	lost := daily(1, 6, 0, "Europe/Atlantis")
	wantStarts(t, lost, "2026-01-01T00:00:00Z", "", []string{"2026-01-01T06:00:00Z"})
}
