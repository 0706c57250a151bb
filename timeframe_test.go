package cdds_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"cdds"
)

// frame is a job with a schedule and a timeframe of one kind.
func frame(s cdds.Schedule, kind cdds.TimeframeKind) cdds.JobSpec {
	spec := validSpec(s)
	spec.Timeframe = cdds.Timeframe{Kind: kind}
	return spec
}

// wantWindow checks a window against its two ends.
func wantWindow(t *testing.T, got cdds.Window, start, end string) {
	t.Helper()
	if !got.Start.Equal(instant(t, start)) || !got.End.Equal(instant(t, end)) {
		t.Errorf("window [%v, %v), want [%s, %s)", got.Start, got.End, start, end)
	}
	if got.Start.Location() != time.UTC || got.End.Location() != time.UTC {
		t.Errorf("window [%v, %v) is not in UTC", got.Start, got.End)
	}
}

func TestWindow(t *testing.T) {
	once := cdds.Schedule{Kind: cdds.Once}
	berlin := daily(1, 2, 30, "Europe/Berlin")
	tests := []struct {
		name       string
		spec       cdds.JobSpec
		at         string
		start, end string
	}{
		{"all", frame(once, cdds.FrameAll), "2026-05-10T10:00:00+02:00", "", "2026-05-10T08:00:00Z"},
		{"hour", frame(once, cdds.FrameHour), "2026-01-01T00:15:30Z", "2025-12-31T23:15:30Z", "2026-01-01T00:15:30Z"},
		{"hour of an hourly job", frame(hourly(1), cdds.FrameHour), "2026-01-01T00:00:00Z", "2025-12-31T23:00:00Z", "2026-01-01T00:00:00Z"},
		{"hour of a 4-hourly job", frame(hourly(4), cdds.FrameHour), "2026-01-01T04:00:00Z", "2026-01-01T03:00:00Z", "2026-01-01T04:00:00Z"},
		{"day", frame(once, cdds.FrameDay), "2028-03-01T06:00:00Z", "2028-02-29T06:00:00Z", "2028-03-01T06:00:00Z"},
		{"day of a daily job", frame(daily(1, 6, 0, ""), cdds.FrameDay), "2026-03-01T06:00:00Z", "2026-02-28T06:00:00Z", "2026-03-01T06:00:00Z"},
		{"day of 23 hours", frame(daily(1, 6, 0, "Europe/Berlin"), cdds.FrameDay), "2026-03-29T04:00:00Z", "2026-03-28T05:00:00Z", "2026-03-29T04:00:00Z"},
		{"day of 25 hours", frame(daily(1, 6, 0, "Europe/Berlin"), cdds.FrameDay), "2026-10-25T05:00:00Z", "2026-10-24T04:00:00Z", "2026-10-25T05:00:00Z"},
		{"day that begins behind a gap", frame(berlin, cdds.FrameDay), "2026-03-30T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},
		{"day that ends behind a gap", frame(berlin, cdds.FrameDay), "2026-03-29T01:00:00Z", "2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z"},
		{"day that begins in a fold", frame(berlin, cdds.FrameDay), "2026-10-26T01:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
		{"day, started by hand between occurrences", frame(berlin, cdds.FrameDay), "2026-06-10T12:00:01.5Z", "2026-06-09T12:00:01.5Z", "2026-06-10T12:00:01.5Z"},
		{"day, by hand, in the zone", frame(berlin, cdds.FrameDay), "2026-03-29T10:00:00Z", "2026-03-28T11:00:00Z", "2026-03-29T10:00:00Z"},
		{"day of a 24-hourly job", frame(hourly(24), cdds.FrameDay), "2026-03-01T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"},
		{"day of a weekly job", frame(weekly(time.Monday, 6, 0, ""), cdds.FrameDay), "2026-03-02T06:00:00Z", "2026-03-01T06:00:00Z", "2026-03-02T06:00:00Z"},
		{"week", frame(once, cdds.FrameWeek), "2026-01-03T06:00:00Z", "2025-12-27T06:00:00Z", "2026-01-03T06:00:00Z"},
		{"week of a weekly job across a gap", frame(weekly(time.Monday, 6, 0, "America/New_York"), cdds.FrameWeek), "2026-03-09T10:00:00Z", "2026-03-02T11:00:00Z", "2026-03-09T10:00:00Z"},
		{"month", frame(once, cdds.FrameMonth), "2026-01-15T06:00:00Z", "2025-12-15T06:00:00Z", "2026-01-15T06:00:00Z"},
		{"month back from 31 March", frame(once, cdds.FrameMonth), "2026-03-31T06:00:00Z", "2026-02-28T06:00:00Z", "2026-03-31T06:00:00Z"},
		{"month back from 30 March of a leap year", frame(once, cdds.FrameMonth), "2028-03-30T06:00:00Z", "2028-02-29T06:00:00Z", "2028-03-30T06:00:00Z"},
		{"month back from 31 December", frame(once, cdds.FrameMonth), "2026-12-31T06:00:00Z", "2026-11-30T06:00:00Z", "2026-12-31T06:00:00Z"},
		{"month of a monthly job on 31", frame(monthly(31, 6, 0, ""), cdds.FrameMonth), "2026-02-28T06:00:00Z", "2026-01-31T06:00:00Z", "2026-02-28T06:00:00Z"},
		{"month after a shorter one", frame(monthly(31, 6, 0, ""), cdds.FrameMonth), "2026-04-30T06:00:00Z", "2026-03-31T06:00:00Z", "2026-04-30T06:00:00Z"},
		{"month back in the zone, where it is another day", frame(monthly(15, 6, 0, "Asia/Tokyo"), cdds.FrameMonth), "2026-03-31T20:00:00Z", "2026-02-28T20:00:00Z", "2026-03-31T20:00:00Z"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			lastEnd := instant(t, "2020-01-01T00:00:00Z") // counts for sinceLast only
			wantWindow(t, test.spec.Window(instant(t, test.at), time.Time{}, lastEnd), test.start, test.end)
		})
	}
}

func TestFixedAndSinceLast(t *testing.T) {
	fixed := frame(hourly(1), cdds.FrameFixed)
	fixed.Timeframe.Start, fixed.Timeframe.End = instant(t, "2026-01-01T01:00:00+01:00"), instant(t, "2026-02-01T00:00:00Z")
	wantWindow(t, fixed.Window(instant(t, "2026-05-01T00:00:00Z"), time.Time{}, time.Time{}), "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")

	tests := []struct{ name, given, lastEnd, at, start, end string }{
		{"first, from the beginning", "", "", "2026-05-01T00:00:00Z", "", "2026-05-01T00:00:00Z"},
		{"first, from a given start", "2026-01-01T00:00:00+01:00", "", "2026-05-01T00:00:00Z", "2025-12-31T23:00:00Z", "2026-05-01T00:00:00Z"},
		{"on from the last end", "2026-01-01T00:00:00Z", "2026-04-03T04:05:06.789Z", "2026-05-01T00:00:00Z", "2026-04-03T04:05:06.789Z", "2026-05-01T00:00:00Z"},
		{"never negative after a last end", "", "2026-06-01T00:00:00Z", "2026-05-01T00:00:00Z", "2026-05-01T00:00:00Z", "2026-05-01T00:00:00Z"},
		{"never negative after a given start", "2027-01-01T00:00:00Z", "", "2026-05-01T00:00:00Z", "2026-05-01T00:00:00Z", "2026-05-01T00:00:00Z"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			since := frame(hourly(1), cdds.FrameSinceLast)
			since.Timeframe.Start = instant(t, test.given)
			wantWindow(t, since.Window(instant(t, test.at), time.Time{}, instant(t, test.lastEnd)), test.start, test.end)
		})
	}
}

func TestWindowContains(t *testing.T) {
	start, end := instant(t, "2026-01-01T00:00:00Z"), instant(t, "2026-01-02T00:00:00Z")
	window, open := cdds.Window{Start: start, End: end}, cdds.Window{End: end}
	tests := []struct {
		name   string
		window cdds.Window
		at     time.Time
		want   bool
	}{
		{"before", window, start.Add(-1), false},
		{"the start belongs", window, start, true},
		{"the last instant", window, end.Add(-1), true},
		{"the end does not belong", window, end, false},
		{"open start", open, time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), true},
		{"open start, the end", open, end, false},
		{"empty", cdds.Window{Start: start, End: start}, start, false},
	}
	for _, test := range tests {
		if got := test.window.Contains(test.at); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	if window.Empty() || open.Empty() || !(cdds.Window{Start: end, End: end}).Empty() || !(cdds.Window{Start: end, End: start}).Empty() {
		t.Error("a window is empty where its start is not before its end")
	}
}

// equalPeriods are the jobs whose timeframe is one recurrence of their
// schedule, in a zone.
func equalPeriods(zone string, pick func(n int) int) []cdds.JobSpec {
	hour, minute := pick(24), pick(60)
	return []cdds.JobSpec{
		frame(hourly(1), cdds.FrameHour),
		frame(hourly(24), cdds.FrameDay),
		frame(daily(1, hour, minute, zone), cdds.FrameDay),
		frame(daily(7, hour, minute, zone), cdds.FrameWeek),
		frame(weekly(time.Weekday(pick(7)), hour, minute, zone), cdds.FrameWeek),
		frame(monthly(pick(31)+1, hour, minute, zone), cdds.FrameMonth),
	}
}

// checkTiling checks the windows of consecutive runs after an instant.
func checkTiling(t *testing.T, spec cdds.JobSpec, after time.Time, runs int) {
	t.Helper()
	if spec.Tiling().Kind != cdds.Tiles {
		t.Fatalf("%+v: the editor says %q", spec.Schedule, spec.Tiling().Kind)
	}
	first := spec.Schedule.FirstStart(after)
	var last time.Time
	for _, at := range spec.Schedule.Starts(after, first, runs) {
		window := spec.Window(at, first, time.Time{})
		if !window.End.Equal(at) || !window.Start.Before(window.End) {
			t.Fatalf("%+v: the window of %v is [%v, %v)", spec.Schedule, at, window.Start, window.End)
		}
		if !last.IsZero() && !window.Start.Equal(last) {
			t.Fatalf("%+v: a window begins at %v, the one before ended at %v", spec.Schedule, window.Start, last)
		}
		last = window.End
	}
	if last.IsZero() {
		t.Fatalf("%+v: no run after %v", spec.Schedule, after)
	}
}

// TestTiling: windows that should tile have neither gap nor overlap, from
// 10,000 random starts for each pair of equal periods.
func TestTiling(t *testing.T) {
	t.Parallel()
	const starts = 10000
	zones := []string{"", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Cairo", "Pacific/Apia"}
	random := rand.New(rand.NewPCG(2, 1))
	for n := range starts {
		for _, spec := range equalPeriods(zones[n%len(zones)], random.IntN) {
			checkTiling(t, spec, anyInstant(random.Uint32()), 2)
		}
	}
}

// FuzzTiling is TestTiling from starts and in zones that nobody has chosen.
func FuzzTiling(f *testing.F) {
	f.Add(uint8(0), uint8(0), uint8(0), uint8(1), uint32(1143334800))
	f.Add(uint8(2), uint8(2), uint8(30), uint8(1), uint32(1143334800))
	f.Add(uint8(2), uint8(10), uint8(0), uint8(28), uint32(694000000))
	f.Add(uint8(5), uint8(23), uint8(59), uint8(27), uint32(1200000000))
	f.Fuzz(func(t *testing.T, pair, hour, minute, zone uint8, seconds uint32) {
		zones := zonesWithHistory()
		numbers := []int{int(hour), int(minute), int(hour) + int(minute), int(seconds % 31)}
		specs := equalPeriods(zones[int(zone)%len(zones)], func(n int) int {
			number := numbers[0] % n
			numbers = numbers[1:]
			return number
		})
		checkTiling(t, specs[int(pair)%len(specs)], anyInstant(seconds), 4)

		since := frame(specs[int(pair)%len(specs)].Schedule, cdds.FrameSinceLast)
		at, lastEnd := anyInstant(seconds), anyInstant(seconds^uint32(hour)<<24)
		if window := since.Window(at, time.Time{}, lastEnd); window.End.Before(window.Start) || !window.End.Equal(at) {
			t.Errorf("since %v at %v gives [%v, %v)", lastEnd, at, window.Start, window.End)
		}
	})
}

// TestSinceLastTiles: whatever becomes of the schedule, the finished windows
// follow each other.
func TestSinceLastTiles(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	at, lastEnd := instant(t, "2026-01-01T00:00:00Z"), time.Time{}
	for range 10000 {
		s := anySchedule(uint8(random.UintN(256)), uint8(random.UintN(256)), uint8(random.UintN(256)), uint8(random.UintN(256)), uint8(random.UintN(256)))
		at = s.Next(at, time.Time{})
		window := frame(s, cdds.FrameSinceLast).Window(at, time.Time{}, lastEnd)
		if !window.Start.Equal(lastEnd) || !window.End.Equal(at) {
			t.Fatalf("window [%v, %v), want [%v, %v)", window.Start, window.End, lastEnd, at)
		}
		if random.IntN(4) > 0 { // else the run fails, and the next one covers its time too
			lastEnd = window.End
		}
	}
}

func TestTilingNotes(t *testing.T) {
	once := cdds.Schedule{Kind: cdds.Once}
	week := weekly(time.Friday, 0, 0, "")
	tests := []struct {
		name string
		spec cdds.JobSpec
		want cdds.TilingKind
	}{
		{"once", frame(once, cdds.FrameDay), cdds.OpenTiling},
		{"since last", frame(week, cdds.FrameSinceLast), cdds.Tiles},
		{"all", frame(week, cdds.FrameAll), cdds.Overlaps},
		{"fixed", frame(week, cdds.FrameFixed), cdds.Overlaps},
		{"hour hourly", frame(hourly(1), cdds.FrameHour), cdds.Tiles},
		{"hour every 2 hours", frame(hourly(2), cdds.FrameHour), cdds.Gaps},
		{"hour daily", frame(daily(1, 0, 0, ""), cdds.FrameHour), cdds.Gaps},
		{"day daily", frame(daily(1, 0, 0, "Europe/Berlin"), cdds.FrameDay), cdds.Tiles},
		{"day every 24 hours", frame(hourly(24), cdds.FrameDay), cdds.Tiles},
		{"day every 23 hours", frame(hourly(23), cdds.FrameDay), cdds.Overlaps},
		{"day every 12 hours", frame(hourly(12), cdds.FrameDay), cdds.Overlaps},
		{"day every 2 days", frame(daily(2, 0, 0, ""), cdds.FrameDay), cdds.Gaps},
		{"day weekly", frame(week, cdds.FrameDay), cdds.Gaps},
		{"week weekly", frame(week, cdds.FrameWeek), cdds.Tiles},
		{"week every 7 days", frame(daily(7, 0, 0, ""), cdds.FrameWeek), cdds.Tiles},
		{"week every 6 days", frame(daily(6, 0, 0, ""), cdds.FrameWeek), cdds.Overlaps},
		{"week monthly", frame(monthly(1, 0, 0, ""), cdds.FrameWeek), cdds.Gaps},
		{"month monthly", frame(monthly(31, 0, 0, ""), cdds.FrameMonth), cdds.Tiles},
		{"month weekly", frame(week, cdds.FrameMonth), cdds.Overlaps},
		{"month every 28 days, which no month is shorter than", frame(daily(28, 0, 0, ""), cdds.FrameMonth), cdds.Overlaps},
		{"month every 29 days, which February is shorter than", frame(daily(29, 0, 0, ""), cdds.FrameMonth), cdds.Gaps},
		{"month every 31 days", frame(daily(31, 0, 0, ""), cdds.FrameMonth), cdds.Gaps},
	}
	for _, test := range tests {
		if got := test.spec.Tiling(); got.Kind != test.want || got.Note == "" {
			t.Errorf("%s: %q (%s), want %q and a note", test.name, got.Kind, got.Note, test.want)
		}
	}
}
