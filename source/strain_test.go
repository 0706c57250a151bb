package source_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cdds/source"
)

// TestDistressSlowsDown reads range by range while the server's load comes and
// goes.
func TestDistressSlowsDown(t *testing.T) {
	inBubble(t, func(t *testing.T, m *moody) {
		var log bytes.Buffer
		begin := time.Now()
		var asked []time.Duration
		m.onStrain = func() (source.Strain, error) {
			now := time.Since(begin)
			asked = append(asked, now)
			switch {
			case now >= 10*time.Minute && now < 11*time.Minute:
				return source.Strain{}, errors.New("no right to see it")
			case now >= time.Minute && now < 15*time.Minute:
				return source.Strain{Lag: 45 * time.Second}, nil
			}
			return source.Strain{Lag: time.Second, Blocked: 2, Connections: 80, MaxConnections: 100}, nil
		}
		g := source.NewGuard(m, source.Limits{}, logTo(&log))
		said := map[string]bool{}
		ctx := source.WithErrand(t.Context(), source.Errand{Waits: func(why string) { said[why] = true }})
		var opened []time.Duration
		for time.Since(begin) < 16*time.Minute {
			snapshot, err := g.Snapshot(ctx)
			if err != nil {
				t.Fatal(err)
			}
			opened = append(opened, time.Since(begin))
			time.Sleep(time.Second) // a range
			if err := snapshot.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for i := 1; i < len(asked); i++ {
			if asked[i]-asked[i-1] < 5*time.Second {
				t.Fatalf("asked at %s and at %s", asked[i-1], asked[i])
			}
		}
		count := func(from, to time.Duration) (n int) {
			for _, at := range opened {
				if at >= from && at < to {
					n++
				}
			}
			return n
		}
		if well, ill := count(0, time.Minute), count(5*time.Minute, 10*time.Minute); well < 59 || ill < 9 || ill > 11 {
			t.Errorf("%d ranges in a good minute, %d in five bad ones; want 60, and one in 31 s", well, ill)
		}
		if blind := count(10*time.Minute+31*time.Second, 11*time.Minute); blind < 28 {
			t.Errorf("%d ranges in half a minute while the server says nothing", blind)
		}
		for line, want := range map[string]int{"in distress": 2, "well again": 2, "does not say": 0} {
			if got := strings.Count(log.String(), line); got != want {
				t.Errorf("the log says %q %d times, want %d", line, got, want)
			}
		}
		if !said["Reading slowly, to spare the source: replication is 45s behind."] {
			t.Errorf("the run says %v", said)
		}
	})
}

// TestWhatIsDistress asks a server in each of its states once.
func TestWhatIsDistress(t *testing.T) {
	inBubble(t, func(t *testing.T, m *moody) {
		for _, test := range []struct {
			strain source.Strain
			maxLag time.Duration
			why    string
		}{
			{source.Strain{}, 0, ""},
			{source.Strain{Lag: 30 * time.Second}, 0, ""},
			{source.Strain{Lag: 31 * time.Second}, 0, "replication is 31s behind"},
			{source.Strain{Lag: 31 * time.Second}, time.Minute, ""},
			{source.Strain{Lag: time.Hour}, -1, ""},
			{source.Strain{Blocked: 4}, 0, ""},
			{source.Strain{Blocked: 5}, 0, "5 sessions wait for locks"},
			{source.Strain{Connections: 89, MaxConnections: 100}, 0, ""},
			{source.Strain{Connections: 90, MaxConnections: 100}, 0, "90 of its 100 connections are in use"},
		} {
			m.onStrain = func() (source.Strain, error) { return test.strain, nil }
			var said []string
			ctx := source.WithErrand(t.Context(), source.Errand{Waits: func(why string) { said = append(said, why) }})
			snapshot, err := source.NewGuard(m, source.Limits{MaxLag: test.maxLag}, quiet()).Snapshot(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := snapshot.Close(); err != nil {
				t.Fatal(err)
			}
			var want []string
			if test.why != "" {
				want = []string{"Reading slowly, to spare the source: " + test.why + ".", ""}
			}
			if !slices.Equal(said, want) {
				t.Errorf("%+v: %q, want %q", test.strain, said, want)
			}
		}
	})
}
