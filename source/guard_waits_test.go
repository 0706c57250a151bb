package source_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"cdds"
	"cdds/source"
)

// TestGuardTellsItsWaits adds up what a guard tells of its waits, for each of
// their reasons.
func TestGuardTellsItsWaits(t *testing.T) {
	quietNow := func(t *testing.T, begin time.Time) cdds.QuietHours {
		hours, err := cdds.ParseQuietHours([]string{begin.UTC().Format("15:04") + "-" + begin.UTC().Add(2*time.Hour).Format("15:04")})
		if err != nil {
			t.Fatal(err)
		}
		return hours
	}
	for _, test := range []struct {
		reason      string
		limits      func(t *testing.T) source.Limits
		make        func(m *moody)
		least, most time.Duration
	}{
		{"quiet", func(t *testing.T) source.Limits { return source.Limits{Quiet: quietNow(t, time.Now())} }, nil, 119 * time.Minute, 2 * time.Hour},
		{"ceiling", func(*testing.T) source.Limits { return source.Limits{RecordsPerSecond: 10} }, nil, 25 * time.Second, 31 * time.Second},
		{"strain", func(*testing.T) source.Limits { return source.Limits{} }, func(m *moody) {
			m.onStrain = func() (source.Strain, error) { return source.Strain{Lag: time.Hour}, nil }
		}, time.Millisecond, time.Minute},
		{"lost", func(*testing.T) source.Limits { return source.Limits{} }, func(m *moody) {
			failures := 2
			m.onSnapshot = func() error {
				if failures--; failures >= 0 {
					return errors.Join(source.ErrLost, errors.New("gone"))
				}
				return nil
			}
		}, 3 * time.Second, 3 * time.Second},
	} {
		t.Run(test.reason, func(t *testing.T) {
			inBubble(t, func(t *testing.T, m *moody) {
				if test.make != nil {
					test.make(m)
				}
				g := source.NewGuard(m, test.limits(t), quiet())
				waited := map[string]time.Duration{}
				g.Tell(func(reason string, d time.Duration) {
					if d > 0 {
						waited[reason] += d
					}
				})
				lines(t, t.Context(), g, source.Interaction, 10_000)
				if got := waited[test.reason]; len(waited) != 1 || got < test.least || got > test.most {
					t.Errorf("waited %v, want %s to %s for %s", fmt.Sprint(waited), test.least, test.most, test.reason)
				}
			})
		})
	}
}
