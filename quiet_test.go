package cdds_test

import (
	"strings"
	"testing"
	"time"

	"cdds"
)

func TestQuietHours(t *testing.T) {
	const stamp = "2006-01-02T15:04:05Z"
	for _, test := range []struct {
		name  string
		hours []string
		now   string
		until string // "": the source may be read
	}{
		{"none", nil, "2026-03-10T12:00:00Z", ""},
		{"before", []string{"08:00-18:00"}, "2026-03-10T07:59:59Z", ""},
		{"at the beginning", []string{"08:00-18:00"}, "2026-03-10T08:00:00Z", "2026-03-10T18:00:00Z"},
		{"within", []string{"08:00-18:00"}, "2026-03-10T12:30:00Z", "2026-03-10T18:00:00Z"},
		{"at the end", []string{"08:00-18:00"}, "2026-03-10T18:00:00Z", ""},
		{"over midnight, in the evening", []string{"22:00-06:00"}, "2026-03-10T23:00:00Z", "2026-03-11T06:00:00Z"},
		{"over midnight, in the morning", []string{"22:00-06:00"}, "2026-03-11T05:59:59Z", "2026-03-11T06:00:00Z"},
		{"over midnight, by day", []string{"22:00-06:00"}, "2026-03-11T12:00:00Z", ""},
		{"until midnight", []string{"20:00-24:00"}, "2026-03-10T23:59:00Z", "2026-03-11T00:00:00Z"},
		{"one after the other", []string{"12:00-18:00", "08:00-12:00"}, "2026-03-10T09:00:00Z", "2026-03-10T18:00:00Z"},
		{"overlapping", []string{"08:00-13:00", "12:00-14:00", "20:00-21:00"}, "2026-03-10T09:00:00Z", "2026-03-10T14:00:00Z"},
		{"over midnight and touching", []string{"22:00-02:00", "02:00-06:00"}, "2026-03-10T23:00:00Z", "2026-03-11T06:00:00Z"},
		{"in a zone, in winter", []string{"08:00-18:00 Europe/Berlin"}, "2026-01-10T07:00:00Z", "2026-01-10T17:00:00Z"},
		{"in a zone, in summer", []string{"08:00-18:00 Europe/Berlin"}, "2026-07-10T06:00:00Z", "2026-07-10T16:00:00Z"},
		{"in a zone, where it is another day", []string{"08:00-18:00 Asia/Tokyo"}, "2026-07-10T23:30:00Z", "2026-07-11T09:00:00Z"},
		{"the clock goes forward", []string{"01:00-04:00 Europe/Berlin"}, "2026-03-29T00:30:00Z", "2026-03-29T02:00:00Z"},
		{"the clock goes back", []string{"01:00-04:00 Europe/Berlin"}, "2026-10-25T00:30:00Z", "2026-10-25T03:00:00Z"},
		{"an end that the clock leaves out", []string{"01:00-02:30 Europe/Berlin"}, "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			hours, err := cdds.ParseQuietHours(test.hours)
			if err != nil {
				t.Fatal(err)
			}
			now, err := time.Parse(stamp, test.now)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if until := hours.Until(now); !until.IsZero() {
				got = until.Format(stamp)
			}
			if got != test.until {
				t.Errorf("quiet until %q, want %q", got, test.until)
			}
		})
	}
}

func TestQuietHoursAreRefused(t *testing.T) {
	for _, test := range []struct {
		hours []string
		says  string
	}{
		{[]string{""}, "no -"},
		{[]string{"08:00"}, "no -"},
		{[]string{"8-18"}, "no time"},
		{[]string{"8:00-18:00"}, "no time"},
		{[]string{"08:00-25:00"}, "no time"},
		{[]string{"24:00-08:00"}, "no time"},
		{[]string{"08:00-08:00"}, "begin when they end"},
		{[]string{"00:00-24:00"}, "begin when they end"},
		{[]string{"08:00-18:00 Nowhere/City"}, "time zone"},
		{[]string{"08:00-18:00 Local"}, "time zone"},
		{[]string{"00:00-12:00", "12:00-24:00"}, "no time to read"},
		{[]string{"06:00-18:00", "10:00-22:00 Asia/Tokyo", "17:00-07:00"}, "no time to read"},
	} {
		_, err := cdds.ParseQuietHours(test.hours)
		if cdds.CodeOf(err) != cdds.CodeInvalid || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%q: got %v, want words of %q", test.hours, err, test.says)
		}
	}
}
