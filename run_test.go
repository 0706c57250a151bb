package cdds_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"cdds"
)

// runStates are all states of a run.
func runStates() []cdds.RunState {
	return []cdds.RunState{cdds.RunQueued, cdds.RunInProgress, cdds.RunFinished, cdds.RunFailed, cdds.RunCanceled}
}

func TestRunStates(t *testing.T) {
	allowed := map[[2]cdds.RunState]bool{
		{cdds.RunQueued, cdds.RunInProgress}:   true,
		{cdds.RunQueued, cdds.RunFailed}:       true,
		{cdds.RunQueued, cdds.RunCanceled}:     true,
		{cdds.RunInProgress, cdds.RunFinished}: true,
		{cdds.RunInProgress, cdds.RunFailed}:   true,
		{cdds.RunInProgress, cdds.RunCanceled}: true,
	}
	states := append(runStates(), "", "lost")
	for _, from := range states {
		for _, to := range states {
			if got := from.CanBecome(to); got != allowed[[2]cdds.RunState{from, to}] {
				t.Errorf("%q to %q: %v", from, to, got)
			}
		}
	}
	tests := []struct {
		state         cdds.RunState
		title         string
		active, final bool
	}{
		{cdds.RunQueued, "Queued", true, false},
		{cdds.RunInProgress, "In Progress", true, false},
		{cdds.RunFinished, "Finished", false, true},
		{cdds.RunFailed, "Failed", false, true},
		{cdds.RunCanceled, "Canceled", false, true},
		{"lost", "lost", false, false},
	}
	for _, test := range tests {
		if s := test.state; s.Title() != test.title || s.Active() != test.active || s.Final() != test.final {
			t.Errorf("%q: title %q, active %v, final %v", s, s.Title(), s.Active(), s.Final())
		}
	}
}

func TestRetry(t *testing.T) {
	at := instant(t, "2026-05-10T12:00:00Z")
	failed := cdds.Run{
		ID: "r1", TenantID: "t1", JobID: "j1", OwnerID: "u1", Spec: frame(hourly(1), cdds.FrameHour), State: cdds.RunFailed,
		Trigger: cdds.TriggerSchedule, ScheduledFor: at, Window: cdds.Window{Start: at.Add(-time.Hour), End: at}, WindowFrozen: true,
		Attempt: 3, Faults: 3, CreatedAt: at, StartedAt: at, FinishedAt: at, UpdatedAt: at, Bytes: 10, Artifacts: 1,
		Progress: cdds.Progress{Records: 5, TotalRecords: 10, Bytes: 7}, Failure: &cdds.RunFailure{Code: cdds.CodeUnavailable},
	}
	now := at.AddDate(0, 0, 2)
	for _, test := range []struct {
		state    cdds.RunState
		damaged  int
		canRetry bool
	}{
		{cdds.RunQueued, 0, false},
		{cdds.RunInProgress, 0, false},
		{cdds.RunInProgress, 1, false},
		{cdds.RunFinished, 0, false},
		{cdds.RunFinished, 1, true},
		{cdds.RunFailed, 0, true},
		{cdds.RunCanceled, 0, true},
	} {
		run, state := failed, test.state
		run.State, run.Damaged = state, test.damaged
		again, err := run.Retry("r2", now)
		if run.CanRetry() != test.canRetry {
			t.Errorf("%s with %d damaged files: can be retried is %v", state, test.damaged, run.CanRetry())
		}
		if !test.canRetry {
			wantConflict(t, "retry of a run that is "+state.Title(), err)
			continue
		}
		want := cdds.Run{
			ID: "r2", TenantID: "t1", JobID: "j1", OwnerID: "u1", Spec: failed.Spec, State: cdds.RunQueued, Trigger: cdds.TriggerRetry,
			ScheduledFor: at, Window: failed.Window, WindowFrozen: true, Attempt: 1, CreatedAt: now, UpdatedAt: now,
			Progress: cdds.Progress{TotalRecords: -1}, RetryOf: "r1",
		}
		if err != nil || !reflect.DeepEqual(again, want) {
			t.Errorf("%s: %+v, %v, want %+v", state, again, err, want)
		}
	}
	for faults, want := range []time.Duration{10 * time.Second, 10 * time.Second, time.Minute, time.Minute} {
		if got := cdds.RetryDelay(faults); got != want {
			t.Errorf("after fault %d: %v, want %v", faults, got, want)
		}
	}
	failed.Spec.SettlingMinutes = 90
	if due := failed.DueAt(); !due.Equal(at.Add(90 * time.Minute)) {
		t.Errorf("due at %v", due)
	}
}

func TestProgress(t *testing.T) {
	tests := []struct {
		name      string
		progress  cdds.Progress
		fraction  float64
		remaining time.Duration
		known     bool
	}{
		{"not counted yet", cdds.Progress{Records: 5, TotalRecords: -1, RecordsPerSecond: 5}, 0, 0, false},
		{"nothing to do", cdds.Progress{RecordsPerSecond: 1}, 0, 0, true},
		{"not begun", cdds.Progress{TotalRecords: 100}, 0, 0, false},
		{"rate unknown", cdds.Progress{Records: 50, TotalRecords: 100}, 0.5, 0, false},
		{"a quarter", cdds.Progress{Records: 25, TotalRecords: 100, RecordsPerSecond: 5}, 0.25, 15 * time.Second, true},
		{"done", cdds.Progress{Records: 100, TotalRecords: 100, RecordsPerSecond: 5}, 1, 0, true},
		{"more than counted", cdds.Progress{Records: 150, TotalRecords: 100, RecordsPerSecond: 5}, 1, 0, true},
		{"hardly moving", cdds.Progress{Records: 1, TotalRecords: math.MaxInt64, RecordsPerSecond: 1e-300}, 1.0 / math.MaxInt64, 365 * 24 * time.Hour, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.progress.Fraction(); got != test.fraction {
				t.Errorf("fraction %v, want %v", got, test.fraction)
			}
			if got, known := test.progress.Remaining(); got != test.remaining || known != test.known {
				t.Errorf("remaining %v, %v, want %v, %v", got, known, test.remaining, test.known)
			}
		})
	}
}

// TestRemainingOnCurves: from a tenth of a run onwards the estimated end lies
// within 20% of the time that is really left, to the second. The curves are
// records per second.
func TestRemainingOnCurves(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 3))
	curves := []struct {
		name    string
		seconds int
		speed   func(second int) float64
	}{
		{"even, 20 s", 20, func(int) float64 { return 10000 }},
		{"even, 2 min", 120, func(int) float64 { return 25000 }},
		{"even, 2 h", 7200, func(int) float64 { return 40 }},
		{"two steps of the database", 300, func(s int) float64 { return 15000 + 10000*float64(s%2) }},
		{"noisy", 600, func(int) float64 { return 20000 * (0.75 + 0.5*random.Float64()) }},
		{"a slow first second", 120, func(s int) float64 { return 20000 * math.Min(1, 0.1+float64(s)) }},
		{"a fast first second, from a cache", 120, func(s int) float64 { return 20000 * math.Max(1, 3-2*float64(s)) }},
		{"a pause in the middle", 120, func(s int) float64 { return standing(20000, s >= 60 && s < 70) }},
		{"a long pause", 900, func(s int) float64 { return standing(20000, s >= 300 && s < 360) }},
		{"pauses again and again", 300, func(s int) float64 { return standing(20000, s%30 < 4) }},
		{"a ceiling that lets records through by bursts", 240, func(s int) float64 { return standing(40000, s%2 == 0) }},
		{"recorded on two cores that 25 processes wanted", len(recorded()[24:]), func(s int) float64 { return recorded()[24+s] }},
	}
	for _, curve := range curves {
		t.Run(curve.name, func(t *testing.T) {
			speeds, total := make([]float64, curve.seconds), 0.0
			for s := range speeds {
				speeds[s] = curve.speed(s)
				total += speeds[s]
			}
			var rate cdds.Rate
			start, done := instant(t, "2026-05-10T12:00:00Z"), 0.0
			rate.Observe(start, 0)
			for s, speed := range speeds {
				done += speed
				at := start.Add(time.Duration(s+1) * time.Second)
				progress := cdds.Progress{Records: int64(done), TotalRecords: int64(total), RecordsPerSecond: rate.Observe(at, int64(done))}
				left := float64(curve.seconds - s - 1)
				got, known := progress.Remaining()
				if s+1 >= curve.seconds/10 && (!known || math.Abs(got.Seconds()-left) > 0.2*left+1) {
					t.Errorf("after %d of %d seconds: %v left, known %v", s+1, curve.seconds, got, known)
				}
			}
		})
	}
}

// standing is a speed, or none.
func standing(speed float64, stands bool) float64 {
	if stands {
		return 0
	}
	return speed
}

// recorded is what an export of even records did in each second of a run.
func recorded() []float64 {
	return []float64{
		2067, 1903, 1546, 2655, 2154, 4132, 3120, 3772, 5498, 3438, 3452, 3784, 4177, 3739, 2064, 3926, 884, 2411, 3441, 1723, 3099, 2070, 2751, 4809,
		1328, 2115, 2066, 2472, 3718, 3109, 3087, 2689, 3161, 1042, 2745, 3108, 2062, 2744, 2407, 2762, 3432, 469, 2290, 2406, 2061, 3098, 1716, 2414,
		1715, 2759, 1722, 1719, 2408, 3085, 2066, 2066, 2414, 3090, 1117, 3009, 2763, 2059, 1028, 3105, 1089, 1996, 3450, 2667, 2141, 4130, 2760, 2233,
	}
}

func TestRate(t *testing.T) {
	var rate cdds.Rate
	start := instant(t, "2026-05-10T12:00:00Z")
	observe := func(after time.Duration, records int64, want float64) {
		t.Helper()
		if got := rate.Observe(start.Add(after), records); math.Abs(got-want) > 1e-9*math.Max(1, want) {
			t.Errorf("after %v the rate is %v, want %v", after, got, want)
		}
	}
	observe(0, 1000, 0)
	observe(0, 2000, 0) // no time has passed
	observe(10*time.Second, 2000, 100)
	observe(10*time.Second, 9000, 100)
	observe(5*time.Second, 9000, 100) // a clock that was set back
	observe(20*time.Second, 3000, 100)
	for s := range 100 {
		rate.Observe(start.Add(time.Duration(21+s)*time.Second), 3000)
	}
	if got := rate.Observe(start.Add(121*time.Second), 3000); got > 25 {
		t.Errorf("the rate of a run that has stood still for most of its time is %v", got)
	}
}

// TestRateFollows: of a speed that changes for good the estimate has followed
// half when as much time has passed behind the change as before it.
func TestRateFollows(t *testing.T) {
	for _, speeds := range [][2]float64{{10000, 20000}, {10000, 5000}} {
		const half = 300
		var rate cdds.Rate
		start, done, got := instant(t, "2026-05-10T12:00:00Z"), 0.0, 0.0
		rate.Observe(start, 0)
		for s := range 2 * half {
			done += speeds[s/half]
			got = rate.Observe(start.Add(time.Duration(s+1)*time.Second), int64(done))
		}
		if followed := (got - speeds[0]) / (speeds[1] - speeds[0]); followed < 0.4 || followed > 0.6 {
			t.Errorf("after %v per second came %v, and the rate is %.0f", speeds[0], speeds[1], got)
		}
	}
}
