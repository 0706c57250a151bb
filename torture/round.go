package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// round is one fault with the exports that it is done to.
type round struct {
	*world
	findings
	stage   string
	number  int
	fault   fault
	random  *rand.Rand
	plain   bool // without a fault
	phase   phase
	length  time.Duration // of the reading, at least
	jobs    []*job
	ordered chan struct{} // closed when all jobs are saved
	late    bool          // all runs had ended when the fault came
	unhurt  bool          // the fault must not count as one
	kills   int
	runs    int
	records int
	said    []string
	took    time.Duration
}

// seeded returns random numbers for what needs none.
func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }

// job is a job that the round has ordered.
type job struct {
	id      string
	body    object
	hourly  bool
	created time.Time
	first   string      // the run that it was saved with
	runs    []runAnswer // of the last look
}

// play carries the round out. What the service did wrong is in the findings; an
// error means that the round could not be carried out.
func (r *round) play(ctx context.Context) error {
	began := time.Now()
	r.ordered = make(chan struct{})
	r.proxy.passed.Store(0)
	r.choose()
	r.pace(r.length)
	group, both := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(r.ordered)
		return r.order(both)
	})
	if !r.plain {
		group.Go(func() error {
			if err := r.reach(both); err != nil {
				return err
			}
			return r.fault.do(both, r)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{r.settle, r.revive, r.compare, r.inspect, r.tidy} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	r.took = time.Since(began)
	return nil
}

// choose decides what the round orders and when its fault comes.
func (r *round) choose() {
	add := func(title string, changes object) {
		body := object{"title": title, "source": "contact_history", "type": "interaction", "mediaTypes": nil, "schedule": object{"kind": "once", "startAt": nil},
			"timeframe": object{"kind": "all", "by": "startDate"}, "splitSize": nil, "settlingMinutes": 0}
		for key, value := range changes {
			body[key] = value
		}
		r.jobs = append(r.jobs, &job{body: body, hourly: changes["schedule"] != nil})
	}
	if !r.plain {
		r.phase = r.fault.when(r.random)
		r.length = readTime + time.Duration(r.random.Int64N(int64(readTime)))
	}
	if r.fault.long {
		r.length *= 3
	}
	if r.plain || r.phase.parts || r.random.IntN(2) == 0 {
		add("Parts", object{"splitSize": 1 << 20})
	} else {
		add("One file", nil)
	}
	if r.plain {
		return
	}
	if r.random.IntN(2) == 0 {
		add("Contacts", object{"type": "contact"})
	}
	if r.fault.hourly || r.random.IntN(3) == 0 {
		add("Hourly", object{"schedule": object{"kind": "hourly", "every": 1}, "timeframe": object{"kind": "hour", "by": "startDate"}})
	}
}

// jobIDs waits until all jobs are saved and lists them.
func (r *round) jobIDs() []string {
	<-r.ordered
	var ids []string
	for _, j := range r.jobs {
		ids = append(ids, j.id)
	}
	return ids
}

// hasHourly reports whether an hourly job is among the jobs.
func (r *round) hasHourly() bool {
	return slices.ContainsFunc(r.jobs, func(j *job) bool { return j.hourly })
}

// order saves the jobs. The idempotency key makes a call that got no answer
// safe to be made again.
func (r *round) order(ctx context.Context) error {
	for i, j := range r.jobs {
		var saved struct {
			ID        string
			CreatedAt time.Time
			LatestRun *struct{ ID string }
		}
		key := fmt.Sprintf("%s-%d-%d-%d", r.stage, r.number, i, time.Now().UnixNano())
		if err := r.client.call(ctx, "POST", "/jobs", key, j.body, &saved); err != nil {
			return fmt.Errorf("save a job: %w", err)
		}
		j.id, j.created = saved.ID, saved.CreatedAt
		if saved.LatestRun != nil {
			j.first = saved.LatestRun.ID
		}
	}
	return nil
}

// look reads the runs of all jobs.
func (r *round) look(ctx context.Context) error {
	for _, j := range r.jobs {
		runs, err := everything[runAnswer](ctx, r.client, "/runs?sort=scheduledFor&limit=100&job="+j.id)
		if err != nil {
			return err
		}
		j.runs = runs
	}
	return nil
}

// done reports whether all runs that are due have ended, and all occurrences
// have their run.
func (r *round) done() bool {
	now := r.clock.now()
	for _, j := range r.jobs {
		if len(j.runs) < len(r.occurrences(j)) || !j.hourly && len(j.runs) == 0 {
			return false
		}
		if slices.ContainsFunc(j.runs, func(run runAnswer) bool { return !run.ended() && !run.ScheduledFor.After(now) }) {
			return false
		}
	}
	return true
}

// ended reports whether all runs have ended.
func (r *round) ended() bool {
	for _, j := range r.jobs {
		if slices.ContainsFunc(j.runs, func(run runAnswer) bool { return !run.ended() }) {
			return false
		}
	}
	return true
}

// await looks at the runs until a condition holds. Runs that do not end in time
// are canceled, so that the next rounds can go on.
func (r *round) await(ctx context.Context, condition func() bool) error {
	for deadline := time.Now().Add(r.bound(endLimit)); ; {
		if err := r.look(ctx); err != nil {
			return err
		}
		if condition() {
			return nil
		}
		if time.Now().After(deadline) {
			r.giveUp(ctx)
			return nil
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// scheduling is how far the scheduler may be behind the clock, and nudging after
// what time it looks for runs that nobody has begun, those included that wait
// for the end of their window.
const (
	scheduling = 3 * time.Second
	nudging    = 15 * time.Minute
)

// occurrences lists the instants at which an hourly job must have started.
func (r *round) occurrences(j *job) []time.Time {
	if !j.hourly {
		return nil
	}
	var all []time.Time
	until := r.clock.now().Add(-scheduling)
	for at := j.created.Truncate(time.Hour).Add(time.Hour); !at.After(until); at = at.Add(time.Hour) {
		all = append(all, at)
	}
	return all
}

// settle waits until all runs have ended, and reads what they say of their
// attempts. Runs that a wrong clock has made before their time end when their
// time has come, so the clock is moved there.
func (r *round) settle(ctx context.Context) error {
	if err := r.await(ctx, r.done); err != nil {
		return err
	}
	if !r.ended() {
		past := r.clock.highest.Sub(r.clock.now()) + nudging
		if err := r.clock.pass(past); err != nil {
			return err
		}
		if err := r.await(ctx, func() bool { return r.done() && r.ended() }); err != nil {
			return err
		}
	}
	for _, j := range r.jobs {
		for i := range j.runs {
			if err := r.client.call(ctx, "GET", "/runs/"+j.runs[i].ID, "", nil, &j.runs[i]); err != nil {
				return fmt.Errorf("look at a run: %w", err)
			}
			r.listen(j.runs[i])
		}
	}
	return nil
}

// giveUp notes the runs that have not ended and cancels them.
func (r *round) giveUp(ctx context.Context) {
	for _, j := range r.jobs {
		for _, run := range j.runs {
			if run.ended() {
				continue
			}
			r.stick("run %s, due at %s, is still %s at %s\n%s", run.ID, run.ScheduledFor, run.State, r.clock.now(), r.logs())
			if err := r.client.call(ctx, "POST", "/runs/"+run.ID+"/cancel", "", nil, nil); err != nil {
				r.stick("run %s cannot be canceled: %v", run.ID, err)
			}
		}
	}
	if err := r.look(ctx); err != nil {
		r.stick("the runs cannot be listed: %v", err)
	}
}

// listen collects what a run says, and notes one that failed: one fault that
// passes is no reason to fail.
func (r *round) listen(run runAnswer) {
	for _, a := range run.Attempts {
		if a.Error != nil {
			r.said = append(r.said, *a.Error)
		}
		if a.FinishedAt == nil {
			r.stick("attempt %d of run %s, which is %s, is open", a.Number, run.ID, run.State)
		}
	}
	if run.Error != nil {
		r.said = append(r.said, run.Error.Message+" "+run.Error.Hint)
	}
	if run.State == "failed" {
		r.stick("run %s failed: %s\n%s", run.ID, run.Error.Message, r.logs())
	}
}

// revive starts the nodes that are down. One that nobody has ended is a finding.
func (r *round) revive(ctx context.Context) error {
	for _, n := range r.nodes {
		if !n.alive() && !n.ended {
			r.stick("a node ended by itself:\n%s", n.tail(20))
		}
	}
	return r.start(ctx)
}

// tidy deletes what the round has made, as a user would.
func (r *round) tidy(ctx context.Context) error {
	for _, j := range r.jobs {
		if err := r.remove(ctx, "/jobs/"+j.id); err != nil {
			return err
		}
	}
	if err := r.look(ctx); err != nil {
		return err
	}
	for _, j := range r.jobs {
		for _, run := range j.runs {
			if err := r.remove(ctx, "/runs/"+run.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// remove deletes a job or a run. An hourly job may have started a run at the
// turn of the hour, which has to end first; what is not there any more was
// deleted by a call that got no answer.
func (r *round) remove(ctx context.Context, path string) error {
	for deadline := time.Now().Add(r.bound(callLimit)); ; {
		err := r.client.call(ctx, "DELETE", path, "", nil, nil)
		var no *refusal
		switch {
		case err == nil, errors.As(err, &no) && no.Status == http.StatusNotFound:
			return nil
		case no == nil || no.Status != http.StatusConflict || time.Now().After(deadline):
			return fmt.Errorf("delete %s: %w", path, err)
		}
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}

// String is the round's line.
func (r *round) String() string {
	var titles []string
	for _, j := range r.jobs {
		titles = append(titles, fmt.Sprint(j.body["title"]))
	}
	text := fmt.Sprintf("%-8s %3d  %-38s %-10s %-24s %2d runs %6d records %5.1f s  lost %d doubled %d stuck %d", r.stage, r.number, r.fault.name,
		r.phase.name, strings.Join(titles, ", "), r.runs, r.records, r.took.Seconds(), r.lost, r.doubled, r.stuck)
	if r.late {
		text += "  (late)"
	}
	for _, note := range r.notes {
		text += "\n    " + note
	}
	return text
}
