// Package scheduler watches the clock: it starts what is due, takes back what
// a lost worker left, and removes what has expired.
//
// It decides nothing by itself. Tick asks the store what is due and asks
// control to do it; control's conditional updates let any number of schedulers
// run beside each other without a leader.
package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"cdds"
	"cdds/control"
	"cdds/store"
	"cdds/telemetry"
)

// How often what is looked at, and how much of it at a time.
const (
	tickEvery   = time.Second
	expireEvery = time.Minute
	nudgePause  = 10 * time.Second
	batch       = 100
	mostHeld    = 10_000 // runs in progress that are watched; far more than all workers hold
	maxBatches  = 100    // bounds one tick; the next one goes on
	startBatch  = 50     // due jobs that are started by one transaction
	mostStarted = 5      // such transactions in a tick; the next tick follows at once
)

// DefaultSweep is how often stored bytes that no artifact names are looked for.
const DefaultSweep = time.Hour

// Scheduler is the clock's hand. Its methods are called from one goroutine.
type Scheduler struct {
	store      *store.Store
	control    *control.Control
	log        *slog.Logger
	sweepEvery time.Duration
	probe      *telemetry.Probe
	seen       sightings
	expireDue  time.Duration // by the steady clock
	sweepDue   time.Duration
	nudgeDue   time.Duration
}

// New returns a Scheduler.
func New(st *store.Store, ctl *control.Control, log *slog.Logger) *Scheduler {
	return &Scheduler{store: st, control: ctl, log: log, sweepEvery: DefaultSweep, seen: sightings{}}
}

// SweepEvery sets how often the artifact storage is swept. It is called before
// Run.
func (s *Scheduler) SweepEvery(every time.Duration) { s.sweepEvery = every }

// Tell has the scheduler tell a probe what it does. It is called before Run.
func (s *Scheduler) Tell(probe *telemetry.Probe) { s.probe = probe }

// Run ticks once a second, by the given clock, until ctx ends, and at once where
// more is due than a tick starts. A tick that
// fails is logged and the next one tries again: a database that is gone for a
// while stops nothing. What asks the artifact storage has ticks of its own, since
// one that answers slowly must keep no job waiting.
func (s *Scheduler) Run(ctx context.Context, now func() time.Time) {
	var tidying sync.WaitGroup
	tidying.Go(func() { s.every(ctx, now, s.tidy) })
	s.every(ctx, now, s.turn)
	tidying.Wait()
}

// every calls do once a second, and at once where that asks for it, until ctx
// ends.
func (s *Scheduler) every(ctx context.Context, now func() time.Time, do func(context.Context, time.Time, time.Duration) (again bool, err error)) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	began := time.Now()
	for {
		again, err := do(ctx, now(), time.Since(began))
		if err != nil && ctx.Err() == nil {
			s.log.Error("the scheduler could not finish its round; it tries again", "error", err)
		}
		if again && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Tick does all that is due at now. Its parts are independent: the failure of
// one does not keep the others from being done. steady is the time since any
// moment by a clock that is never set.
func (s *Scheduler) Tick(ctx context.Context, now time.Time, steady time.Duration) error {
	_, err := s.turn(ctx, now, steady)
	_, tidyErr := s.tidy(ctx, now, steady)
	return errors.Join(err, tidyErr)
}

// turn does what the metadata alone decides, and reports whether more is due than
// it has started.
func (s *Scheduler) turn(ctx context.Context, now time.Time, steady time.Duration) (behind bool, err error) {
	behind, err = s.startDue(ctx, now)
	err = errors.Join(err, s.takeLost(ctx, now, steady), s.takeUnbegun(ctx, now), s.nudge(ctx, now, steady))
	if err == nil {
		s.probe.RoundDone(now)
	}
	return behind, err
}

// tidy does what needs the artifact storage.
func (s *Scheduler) tidy(ctx context.Context, now time.Time, steady time.Duration) (again bool, err error) {
	var errs []error
	if steady >= s.expireDue {
		s.expireDue = steady + expireEvery
		errs = append(errs, s.expire(ctx, now))
	}
	if steady >= s.sweepDue {
		s.sweepDue = steady + s.sweepEvery
		errs = append(errs, s.sweep(ctx, now))
	}
	return false, errors.Join(errs...)
}

// startDue starts the due occurrences of all jobs, and reports whether more are
// due than that.
func (s *Scheduler) startDue(ctx context.Context, now time.Time) (behind bool, err error) {
	var errs []error
	var last cdds.Job
	for range mostStarted {
		due, err := s.control.StartDueBatch(ctx, last, startBatch, now)
		s.told(due.Started, now)
		switch {
		case err != nil && len(due.Jobs) == 0:
			return false, errors.Join(append(errs, err)...)
		case err != nil:
			s.log.Warn("due jobs are started one by one: not all of them could be together", "jobs", len(due.Jobs), "error", err)
			errs = append(errs, s.startEach(ctx, due.Jobs, now))
		}
		if len(due.Jobs) < startBatch {
			return false, errors.Join(errs...)
		}
		last = due.Jobs[len(due.Jobs)-1]
	}
	return len(errs) == 0, errors.Join(errs...)
}

// told tells of jobs whose occurrences were started.
func (s *Scheduler) told(started []cdds.Job, now time.Time) {
	for _, job := range started {
		s.probe.OccurrenceStarted(now.Sub(job.NextStartsAt))
		s.log.Info("job is due", "job", job.ID, "tenant", job.TenantID, "scheduled_for", job.NextStartsAt)
	}
}

// startEach starts the due occurrences of the given jobs. One that cannot be
// started keeps none of the others waiting.
func (s *Scheduler) startEach(ctx context.Context, jobs []cdds.Job, now time.Time) error {
	var errs []error
	for _, job := range jobs {
		mine, err := s.control.StartDue(ctx, job, now)
		if err != nil {
			errs = append(errs, fmt.Errorf("start job %s: %w", job.ID, err))
		}
		if mine && err == nil {
			s.told([]cdds.Job{job}, now)
		}
	}
	return errors.Join(errs...)
}

// nudge enqueues runs again that are due and that nobody has started.
// Where they only wait behind others there is no hurry, and many of them to
// look at.
func (s *Scheduler) nudge(ctx context.Context, now time.Time, steady time.Duration) error {
	if steady < s.nudgeDue {
		return nil
	}
	found, err := s.control.Nudge(ctx, now, batch)
	if found.Waiting > 0 {
		s.nudgeDue = steady + nudgePause
	}
	if found.Enqueued > 0 {
		s.log.Info("runs that nobody has started are enqueued again", "count", found.Enqueued)
	}
	return err
}

// takeLost gives runs of lost workers to others.
func (s *Scheduler) takeLost(ctx context.Context, now time.Time, steady time.Duration) error {
	held, err := s.store.RunsInProgress(ctx, mostHeld)
	if err != nil {
		return err
	}
	for _, run := range s.seen.lost(held, steady) {
		mine, err := s.control.TakeBack(ctx, run, "The worker that carried the run out stopped responding.", now)
		if err != nil {
			return err
		}
		if mine {
			s.log.Warn("run taken back from a lost worker", "run", run.ID, "tenant", run.TenantID, "attempt", run.Attempt)
		}
	}
	return nil
}

// takeUnbegun gives runs whose next attempt nobody has begun to others.
func (s *Scheduler) takeUnbegun(ctx context.Context, now time.Time) error {
	n, err := s.control.TakeUnbegun(ctx, now, batch)
	if n > 0 {
		s.log.Info("runs whose next attempt nobody has begun are enqueued again", "count", n)
	}
	return err
}

// expire removes artifacts at the end of their retention.
func (s *Scheduler) expire(ctx context.Context, now time.Time) error {
	for range maxBatches {
		n, err := s.control.ExpireArtifacts(ctx, now, batch)
		if err != nil {
			return err
		}
		if n > 0 {
			s.log.Info("artifacts expired", "count", n)
		}
		if n < batch {
			break
		}
	}
	return s.control.ForgetOld(ctx, now)
}

// sweep removes stored bytes that no artifact names.
func (s *Scheduler) sweep(ctx context.Context, _ time.Time) error {
	n, err := s.control.Sweep(ctx)
	if n > 0 {
		s.log.Info("orphaned files removed from the artifact storage", "count", n)
	}
	return err
}
