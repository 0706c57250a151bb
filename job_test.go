package cdds_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cdds"
)

// validSpec is a job with nothing wrong in it.
func validSpec(s cdds.Schedule) cdds.JobSpec {
	return cdds.JobSpec{
		Title: "Nightly mail", Source: cdds.SourceContactHistory, Type: cdds.TypeInteraction,
		Schedule: s, Timeframe: cdds.Timeframe{Kind: cdds.FrameSinceLast},
	}
}

// fieldsOf returns the broken fields of a CodeInvalid error whose messages say
// something, none for nil.
func fieldsOf(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var refused *cdds.Error
	if !errors.As(err, &refused) || refused.Code != cdds.CodeInvalid || refused.Message == "" || len(refused.Fields) == 0 {
		t.Fatalf("%v (%s) does not name its broken fields", err, cdds.CodeOf(err))
	}
	var fields []string
	for _, field := range refused.Fields {
		if field.Message == "" {
			t.Errorf("%s: no message", field.Field)
		}
		fields = append(fields, field.Field)
	}
	return fields
}

// wantConflict checks a refusal that says what to do instead.
func wantConflict(t *testing.T, what string, err error) {
	t.Helper()
	var refused *cdds.Error
	if !errors.As(err, &refused) || refused.Code != cdds.CodeConflict || refused.Hint == "" {
		t.Errorf("%s: %v, want a conflict with a hint", what, err)
	}
}

// validateNow is the instant of all tests of Validate.
func validateNow(t *testing.T) time.Time { return instant(t, "2026-05-10T12:00:00Z") }

func TestValidateWhat(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(j *cdds.JobSpec)
		want  []string
	}{
		{"nothing", func(*cdds.JobSpec) {}, nil},
		{"title empty", func(j *cdds.JobSpec) { j.Title = "" }, []string{"title"}},
		{"title of spaces", func(j *cdds.JobSpec) { j.Title = " \t\u00a0" }, []string{"title"}},
		{"title of 200 characters", func(j *cdds.JobSpec) { j.Title = strings.Repeat("ü", 200) }, nil},
		{"title of 201 characters", func(j *cdds.JobSpec) { j.Title = strings.Repeat("u", 201) }, []string{"title"}},
		{"title of 10,000 characters", func(j *cdds.JobSpec) { j.Title = strings.Repeat("x", 10000) }, []string{"title"}},
		{"title of two lines", func(j *cdds.JobSpec) { j.Title = "a\nb" }, []string{"title"}},
		{"title with NUL", func(j *cdds.JobSpec) { j.Title = "a\x00b" }, []string{"title"}},
		{"title not UTF-8", func(j *cdds.JobSpec) { j.Title = "a\xff" }, []string{"title"}},
		{"description of 2,000 characters", func(j *cdds.JobSpec) { j.Description = strings.Repeat("é", 2000) }, nil},
		{"description of 2,001 characters", func(j *cdds.JobSpec) { j.Description = strings.Repeat("e", 2001) }, []string{"description"}},
		{"description of lines and tabs", func(j *cdds.JobSpec) { j.Description = "a\r\n\tb\n" }, nil},
		{"description with NUL", func(j *cdds.JobSpec) { j.Description = "a\x00" }, []string{"description"}},
		{"description not UTF-8", func(j *cdds.JobSpec) { j.Description = "\xc3\x28" }, []string{"description"}},
		{"source missing", func(j *cdds.JobSpec) { j.Source = "" }, []string{"source"}},
		{"source Info Mart", func(j *cdds.JobSpec) { j.Source = cdds.SourceInfoMart }, []string{"source"}},
		{"source unknown", func(j *cdds.JobSpec) { j.Source = "oracle" }, []string{"source"}},
		{"type missing", func(j *cdds.JobSpec) { j.Type = "" }, []string{"type"}},
		{"type unknown", func(j *cdds.JobSpec) { j.Type = "call" }, []string{"type"}},
		{"type contact", func(j *cdds.JobSpec) { j.Type = cdds.TypeContact }, nil},
		{"split size 1 byte", func(j *cdds.JobSpec) { j.SplitSize = 1 }, []string{"splitSize"}},
		{"split size negative", func(j *cdds.JobSpec) { j.SplitSize = -1 }, []string{"splitSize"}},
		{"split size just too small", func(j *cdds.JobSpec) { j.SplitSize = 1<<20 - 1 }, []string{"splitSize"}},
		{"split size 1 MiB", func(j *cdds.JobSpec) { j.SplitSize = 1 << 20 }, nil},
		{"split size 1 TiB", func(j *cdds.JobSpec) { j.SplitSize = 1 << 40 }, nil},
		{"split size over 1 TiB", func(j *cdds.JobSpec) { j.SplitSize = 1<<40 + 1 }, []string{"splitSize"}},
		{"compression left open", func(j *cdds.JobSpec) { j.Compression = "" }, nil},
		{"compression fast", func(j *cdds.JobSpec) { j.Compression = cdds.CompressionFast }, nil},
		{"compression small", func(j *cdds.JobSpec) { j.Compression = cdds.CompressionSmall }, nil},
		{"compression unknown", func(j *cdds.JobSpec) { j.Compression = "Fast" }, []string{"compression"}},
		{"settling negative", func(j *cdds.JobSpec) { j.SettlingMinutes = -1 }, []string{"settlingMinutes"}},
		{"settling 7 days", func(j *cdds.JobSpec) { j.SettlingMinutes = 10080 }, nil},
		{"settling over 7 days", func(j *cdds.JobSpec) { j.SettlingMinutes = 10081 }, []string{"settlingMinutes"}},
		{"media types none", func(j *cdds.JobSpec) { j.MediaTypes = []string{} }, []string{"mediaTypes"}},
		{"media types two", func(j *cdds.JobSpec) { j.MediaTypes = []string{"email", "voice"} }, nil},
		{"media types twice the same", func(j *cdds.JobSpec) { j.MediaTypes = []string{"email", "email"} }, []string{"mediaTypes"}},
		{"media type empty", func(j *cdds.JobSpec) { j.MediaTypes = []string{"email", " "} }, []string{"mediaTypes"}},
		{"media type with NUL", func(j *cdds.JobSpec) { j.MediaTypes = []string{"e\x00"} }, []string{"mediaTypes"}},
		{"media type too long", func(j *cdds.JobSpec) { j.MediaTypes = []string{strings.Repeat("m", 33)} }, []string{"mediaTypes"}},
		{"media types 201", func(j *cdds.JobSpec) { j.MediaTypes = make([]string, 201) }, []string{"mediaTypes"}},
		{"media types of contacts", func(j *cdds.JobSpec) { j.Type, j.MediaTypes = cdds.TypeContact, []string{"email"} }, []string{"mediaTypes"}},
		{"media types none, of contacts", func(j *cdds.JobSpec) { j.Type, j.MediaTypes = cdds.TypeContact, []string{} }, []string{"mediaTypes"}},
		{"several, all named", func(j *cdds.JobSpec) { j.Title, j.Type, j.SplitSize, j.Schedule.Every = "", "x", 1, 0 },
			[]string{"title", "type", "splitSize", "schedule.every"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec := validSpec(hourly(1))
			test.spoil(&spec)
			if got := fieldsOf(t, spec.Validate(validateNow(t))); !slices.Equal(got, test.want) {
				t.Errorf("broken fields %q, want %q", got, test.want)
			}
		})
	}
}

func TestValidateSchedule(t *testing.T) {
	once := func(at string) cdds.Schedule { return cdds.Schedule{Kind: cdds.Once, StartAt: instant(t, at)} }
	with := func(s cdds.Schedule, change func(s *cdds.Schedule)) cdds.Schedule {
		change(&s)
		return s
	}
	far := func(s *cdds.Schedule) { s.NotBefore = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }
	tests := []struct {
		name     string
		schedule cdds.Schedule
		want     []string
	}{
		{"kind missing", cdds.Schedule{}, []string{"schedule.kind"}},
		{"kind unknown", cdds.Schedule{Kind: "yearly"}, []string{"schedule.kind"}},
		{"once, now", once(""), nil},
		{"once, in a minute", once("2026-05-10T12:01:00Z"), nil},
		{"once, a minute ago", once("2026-05-10T11:59:00Z"), nil},
		{"once, in the past", once("2026-05-10T11:58:59Z"), []string{"schedule.startAt"}},
		{"once, in the year 10000", with(once(""), func(s *cdds.Schedule) { s.StartAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }), []string{"schedule.startAt"}},
		{"hourly 0", hourly(0), []string{"schedule.every"}},
		{"hourly -1", hourly(-1), []string{"schedule.every"}},
		{"hourly 24", hourly(24), nil},
		{"hourly 25", hourly(25), []string{"schedule.every"}},
		{"hourly in UTC", with(hourly(1), func(s *cdds.Schedule) { s.TimeZone = "UTC" }), nil},
		{"hourly in a zone", with(hourly(1), func(s *cdds.Schedule) { s.TimeZone = "Europe/Berlin" }), []string{"schedule.timeZone"}},
		{"daily 0", daily(0, 6, 0, ""), []string{"schedule.every"}},
		{"daily 31", daily(31, 6, 0, ""), nil},
		{"daily 32", daily(32, 6, 0, ""), []string{"schedule.every"}},
		{"daily at 24:00", daily(1, 24, 0, ""), []string{"schedule.at"}},
		{"daily at 23:60", daily(1, 23, 60, ""), []string{"schedule.at"}},
		{"daily at -1:00", daily(1, -1, 0, ""), []string{"schedule.at"}},
		{"daily at 00:-1", daily(1, 0, -1, ""), []string{"schedule.at"}},
		{"daily in a zone", daily(1, 23, 59, "Asia/Tokyo"), nil},
		{"daily in no zone", daily(1, 6, 0, "Europe/Atlantis"), []string{"schedule.timeZone"}},
		{"daily in the machine's zone", daily(1, 6, 0, "Local"), []string{"schedule.timeZone"}},
		{"weekly, Saturday", weekly(time.Saturday, 6, 0, ""), nil},
		{"weekly, no weekday", weekly(7, 6, 0, ""), []string{"schedule.weekday"}},
		{"weekly, negative weekday", weekly(-1, 6, 0, ""), []string{"schedule.weekday"}},
		{"monthly 0", monthly(0, 6, 0, ""), []string{"schedule.day"}},
		{"monthly 31", monthly(31, 6, 0, ""), nil},
		{"monthly 32", monthly(32, 6, 0, ""), []string{"schedule.day"}},
		{"not before a time long past", with(hourly(1), func(s *cdds.Schedule) { s.NotBefore = instant(t, "1999-01-01T00:00:00Z") }), nil},
		{"not before the year 10000", with(hourly(1), far), []string{"schedule.notBefore"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := fieldsOf(t, validSpec(test.schedule).Validate(validateNow(t))); !slices.Equal(got, test.want) {
				t.Errorf("broken fields %q, want %q", got, test.want)
			}
		})
	}
}

func TestValidateTimeframe(t *testing.T) {
	start, end := instant(t, "2026-01-01T00:00:00Z"), instant(t, "2026-02-01T00:00:00Z")
	far := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name  string
		frame cdds.Timeframe
		want  []string
	}{
		{"kind missing", cdds.Timeframe{}, []string{"timeframe.kind"}},
		{"kind unknown", cdds.Timeframe{Kind: "year"}, []string{"timeframe.kind"}},
		{"all", cdds.Timeframe{Kind: cdds.FrameAll}, nil},
		{"month with start and end", cdds.Timeframe{Kind: cdds.FrameMonth, Start: start, End: end}, []string{"timeframe.start", "timeframe.end"}},
		{"all with end", cdds.Timeframe{Kind: cdds.FrameAll, End: end}, []string{"timeframe.end"}},
		{"fixed", cdds.Timeframe{Kind: cdds.FrameFixed, Start: start, End: end}, nil},
		{"fixed without start", cdds.Timeframe{Kind: cdds.FrameFixed, End: end}, []string{"timeframe.start"}},
		{"fixed without both", cdds.Timeframe{Kind: cdds.FrameFixed}, []string{"timeframe.start", "timeframe.end"}},
		{"fixed, end before start", cdds.Timeframe{Kind: cdds.FrameFixed, Start: end, End: start}, []string{"timeframe.end"}},
		{"fixed, end at start", cdds.Timeframe{Kind: cdds.FrameFixed, Start: start, End: start}, []string{"timeframe.end"}},
		{"fixed, both too far", cdds.Timeframe{Kind: cdds.FrameFixed, Start: far, End: far.AddDate(1, 0, 0)}, []string{"timeframe.start", "timeframe.end"}},
		{"since last", cdds.Timeframe{Kind: cdds.FrameSinceLast, Start: start}, nil},
		{"since last with end", cdds.Timeframe{Kind: cdds.FrameSinceLast, End: end}, []string{"timeframe.end"}},
		{"by modified date", cdds.Timeframe{Kind: cdds.FrameDay, By: cdds.ByModifiedDate}, nil},
		{"by an unknown date", cdds.Timeframe{Kind: cdds.FrameDay, By: "endDate"}, []string{"timeframe.by"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec := validSpec(hourly(1))
			spec.Timeframe = test.frame
			if got := fieldsOf(t, spec.Validate(validateNow(t))); !slices.Equal(got, test.want) {
				t.Errorf("broken fields %q, want %q", got, test.want)
			}
		})
	}
}
