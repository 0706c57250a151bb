package sample

import (
	"math/rand/v2"
	"testing"
	"time"
)

func day(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// TestQuotas makes sure that the days add up to exactly what was asked for, and
// that quiet days are quiet.
func TestQuotas(t *testing.T) {
	start, end := day(2024, 1, 1), day(2026, 1, 1)
	for _, total := range []int{1, 7, 731, 50_000, 1_000_000, 1 << 62} {
		sums := quotas(start, end, total)
		if len(sums) != 731 || sums[len(sums)-1] != total {
			t.Fatalf("%d: %d days and %d in all", total, len(sums), sums[len(sums)-1])
		}
		for i := 1; i < len(sums); i++ {
			if sums[i] < sums[i-1] || sums[0] < 0 {
				t.Fatalf("%d: day %d takes away", total, i)
			}
		}
	}
	sums := quotas(start, end, 1_000_000)
	on := func(d time.Time) int {
		i := int(d.Sub(start) / (24 * time.Hour))
		return sums[i] - sums[i-1]
	}
	for _, test := range []struct {
		what        string
		quiet, busy time.Time
	}{
		{"a Sunday and the Monday after", day(2025, 3, 9), day(2025, 3, 10)},
		{"Christmas and the week before", day(2025, 12, 25), day(2025, 12, 18)},
		{"August and January", day(2025, 8, 12), day(2025, 1, 14)},
		{"the middle of the month and its first days", day(2025, 6, 17), day(2025, 6, 3)},
	} {
		if on(test.quiet) >= on(test.busy) {
			t.Errorf("%s: %d and %d", test.what, on(test.quiet), on(test.busy))
		}
	}
}

// TestWorkingTime moves instants to when somebody is at the desk.
func TestWorkingTime(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, test := range []struct {
		what    string
		t       time.Time
		wantDay time.Time
	}{
		{"within office hours", day(2025, 3, 11).Add(10 * time.Hour), day(2025, 3, 11)},
		{"early in the morning", day(2025, 3, 11).Add(3 * time.Hour), day(2025, 3, 11)},
		{"in the evening", day(2025, 3, 11).Add(18 * time.Hour), day(2025, 3, 12)},
		{"on Saturday evening", day(2025, 3, 15).Add(20 * time.Hour), day(2025, 3, 17)},
		{"on Sunday", day(2025, 3, 16).Add(10 * time.Hour), day(2025, 3, 17)},
		{"on Christmas Eve, a Wednesday", day(2025, 12, 24).Add(10 * time.Hour), day(2025, 12, 27)},
	} {
		got := workingTime(r, test.t)
		if got.Truncate(24*time.Hour) != test.wantDay || got.Before(test.t) || got.Hour() < 7 || got.Hour() >= 18 {
			t.Errorf("%s: %s becomes %s, want %s", test.what, test.t, got, test.wantDay.Format(time.DateOnly))
		}
	}
}
