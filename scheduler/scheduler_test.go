package scheduler_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"cdds"
	"cdds/control"
	"cdds/scheduler"
	"cdds/store"
)

func TestTickStartsWhatIsDue(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.create(t, cdds.Schedule{Kind: cdds.Hourly, Every: 1})
		one := w.create(t, cdds.Schedule{Kind: cdds.Once, StartAt: at(90 * time.Minute)})
		for _, c := range []struct {
			after       time.Duration
			hourly, one int
		}{{0, 0, 0}, {59 * time.Minute, 0, 0}, {time.Hour, 1, 0}, {time.Hour + time.Second, 1, 0}, {90 * time.Minute, 1, 1}, {5 * time.Hour, 5, 1}} {
			noError(t, w.scheduler().Tick(t.Context(), at(c.after), c.after))
			if hourly, one := len(w.runs(t, job.ID)), len(w.runs(t, one.ID)); hourly != c.hourly || one != c.one {
				t.Fatalf("after %s: %d hourly runs and %d of the one-time job, want %d and %d", c.after, hourly, one, c.hourly, c.one)
			}
		}
	})
}

// TestManySchedulers lets the schedulers of several nodes tick at once.
func TestManySchedulers(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		var jobs []cdds.Job
		for range 5 {
			jobs = append(jobs, w.create(t, cdds.Schedule{Kind: cdds.Hourly, Every: 1}))
		}
		var group sync.WaitGroup
		errs := make([]error, 3)
		for i := range errs {
			s := w.scheduler()
			group.Go(func() { errs[i] = s.Tick(t.Context(), at(3*time.Hour), 3*time.Hour) })
		}
		group.Wait()
		for _, err := range errs {
			noError(t, err)
		}
		for _, job := range jobs {
			if n := len(w.runs(t, job.ID)); n != 3 {
				t.Fatalf("three missed occurrences made %d runs", n)
			}
		}
	})
}

// TestTickTakesLostRunsBack lets the worker of each attempt vanish. Nobody's
// clock says so: the run's row does not change any more.
func TestTickTakesLostRunsBack(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		s := w.scheduler()
		run := w.start(t, w.create(t, cdds.Schedule{Kind: cdds.Hourly, Every: 24}))
		for attempt := 1; attempt <= cdds.MaxAttempts; attempt++ {
			steady := time.Duration(attempt) * time.Hour
			w.begin(t, run, attempt, at(time.Duration(attempt)*time.Second))
			for _, silent := range []time.Duration{0, 10 * time.Second, 30 * time.Second} {
				noError(t, s.Tick(t.Context(), at(silent), steady+silent))
			}
			if got := w.run(t, run.ID); got.Attempt != attempt || got.State != cdds.RunInProgress {
				t.Fatalf("the run was taken from a living worker: %s, attempt %d", got.State, got.Attempt)
			}
			noError(t, s.Tick(t.Context(), at(31*time.Second), steady+31*time.Second))
		}
		if got := w.run(t, run.ID); got.State != cdds.RunFailed || got.Faults != cdds.MaxAttempts-1 {
			t.Fatalf("the run is %s after %d faults", got.State, got.Faults)
		}
	})
}

// TestAClockThatIsSetTakesNoRunBack moves the clocks of the scheduler and of
// the worker by days. As long as the worker reports, the run is its own.
func TestAClockThatIsSetTakesNoRunBack(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		s := w.scheduler()
		run := w.start(t, w.create(t, cdds.Schedule{Kind: cdds.Hourly, Every: 24}))
		w.begin(t, run, 1, now)
		const day = 24 * time.Hour
		for i, step := range []time.Duration{0, 0, day, -day, 30 * day, -30 * day, 0} {
			beat, err := w.store.Heartbeat(t.Context(), run.ID, 1, cdds.Progress{}, at(-step+time.Duration(i)))
			noError(t, err)
			if !beat {
				t.Fatalf("after the step by %s the attempt is no longer wanted", step)
			}
			noError(t, s.Tick(t.Context(), at(step), time.Duration(i)*20*time.Second))
		}
	})
}

// TestTickCleansUp looks at what is done once a minute and once an hour.
func TestTickCleansUp(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		s := w.scheduler()
		job := w.create(t, cdds.Schedule{Kind: cdds.Hourly, Every: 24})
		a := w.finish(t, w.start(t, job), at(time.Hour))
		in, err := w.control.SignIn(t.Context(), control.Credentials{Username: "ann", Password: password, Remember: true}, control.Browser{}, now)
		noError(t, err)
		orphan := cdds.ArtifactPrefix(job.TenantID, a.RunID, 7) + "x"
		tick := func(after time.Duration, artifact, lost bool) {
			t.Helper()
			noError(t, s.Tick(t.Context(), at(after), after))
			if got := w.has(t, a.Key); got != artifact {
				t.Fatalf("after %s: the artifact is there: %t, want %t", after, got, artifact)
			}
			if got := w.has(t, orphan); got != lost {
				t.Fatalf("after %s: the orphan is there: %t, want %t", after, got, lost)
			}
		}
		w.put(t, orphan)
		tick(0, true, false)
		_, err = w.control.Caller(t.Context(), in.Secret, "", at(time.Minute))
		noError(t, err)
		w.put(t, orphan)
		tick(59*time.Minute+30*time.Second, true, true)
		tick(time.Hour, true, false)
		tick(time.Hour+30*time.Second, false, false)
		// A clock that is put back by hours puts no sweep off.
		s.SweepEvery(10 * time.Minute)
		w.put(t, orphan)
		noError(t, s.Tick(t.Context(), at(-5*time.Hour), 2*time.Hour))
		if w.has(t, orphan) {
			t.Fatal("the clock was put back, and nothing was swept")
		}
		w.put(t, orphan)
		noError(t, s.Tick(t.Context(), at(-5*time.Hour), 2*time.Hour+9*time.Minute))
		if !w.has(t, orphan) {
			t.Fatal("it was swept again before its time")
		}
		tick(13*time.Hour, false, false)
		// By this moment it would go on; so it is the housekeeping that ended it.
		_, err = w.control.Caller(t.Context(), in.Secret, "", at(2*time.Minute))
		if cdds.CodeOf(err) != cdds.CodeUnauthenticated {
			t.Fatalf("the old session is kept: %v", err)
		}
		_, err = w.store.RememberedBrowser(t.Context(), in.Session.RememberedID)
		noError(t, err)
		tick(31*24*time.Hour, false, false)
		if _, err = w.store.RememberedBrowser(t.Context(), in.Session.RememberedID); cdds.CodeOf(err) != cdds.CodeNotFound {
			t.Fatalf("the old browser is kept: %v", err)
		}
	})
}

func TestTickNudgesStuckRuns(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.start(t, w.create(t, cdds.Schedule{Kind: cdds.Hourly, Every: 24}))
		_, err := w.store.DB().Exec(`DELETE FROM river_job`) // the task is lost
		noError(t, err)
		s := w.scheduler()
		for _, c := range []struct {
			after time.Duration
			tasks int
		}{{0, 0}, {59 * time.Second, 0}, {61 * time.Second, 1}, {70 * time.Second, 1}, {122 * time.Second, 1}} {
			noError(t, s.Tick(t.Context(), at(c.after), c.after))
			if n := w.tasks(t); n != c.tasks {
				t.Fatalf("after %s: %d tasks, want %d", c.after, n, c.tasks)
			}
		}
	})
}

// TestAJobThatCannotBeStarted keeps no other job waiting, and no other part of
// the round.
func TestAJobThatCannotBeStarted(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		bad := w.create(t, cdds.Schedule{Kind: cdds.Once, StartAt: at(time.Minute)})
		good := w.create(t, cdds.Schedule{Kind: cdds.Hourly, Every: 1})
		w.refuseRunsOf(t, bad.ID)
		run := w.start(t, w.create(t, cdds.Schedule{Kind: cdds.Hourly, Every: 24}))
		w.begin(t, run, 1, now)
		s := w.scheduler()
		noError(t, s.Tick(t.Context(), now, 0))
		err := s.Tick(t.Context(), at(time.Hour), time.Hour)
		if err == nil || !strings.Contains(err.Error(), bad.ID) {
			t.Fatalf("the error does not name the job: %v", err)
		}
		if n := len(w.runs(t, good.ID)); n != 1 {
			t.Fatalf("the other job has %d runs", n)
		}
		if got := w.run(t, run.ID); got.Attempt != 2 {
			t.Fatal("the lost run was not taken back")
		}
	})
}

// TestRunEnds lets the scheduler go by the real clock until it is told to end.
func TestRunEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, store.SQLite)
	job := w.create(t, cdds.Schedule{Kind: cdds.Hourly, Every: 24})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	s := scheduler.New(w.store, w.control, quiet())
	go func() {
		defer close(ended)
		s.Run(ctx, func() time.Time { return time.Now().UTC() })
	}()
	deadline := time.After(time.Minute)
	for len(w.runs(t, job.ID)) == 0 { // by the real clock the job is due long since
		select {
		case <-deadline:
			t.Fatal("nothing was started in a minute")
		case <-time.After(20 * time.Millisecond):
		}
	}
	cancel()
	select {
	case <-ended:
	case <-deadline:
		t.Fatal("the scheduler did not end")
	}
}
