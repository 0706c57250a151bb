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
)

// fault is something that goes wrong in real life.
type fault struct {
	name   string
	stages []string // where it is done
	kills  bool     // with SIGKILL
	hourly bool     // an hourly job must be among the jobs
	long   bool     // the exports take longer than others
	when   func(*rand.Rand) phase
	do     func(ctx context.Context, r *round) error
}

// fits reports whether the fault is done in a stage.
func (f fault) fits(s stage) bool { return slices.Contains(f.stages, s.name) }

// always returns one phase.
func always(p phase) func(*rand.Rand) phase { return func(*rand.Rand) phase { return p } }

// faults lists all kinds of faults.
func (c *campaign) faults() []fault {
	one, many, disk, both := []string{"sqlite"}, []string{"postgres"}, []string{"disk"}, []string{"sqlite", "postgres"}
	var all []fault
	for _, p := range phases() {
		all = append(all, fault{name: "SIGKILL, " + p.name, stages: one, kills: true, when: always(p), do: killAll})
	}
	all = append(all,
		fault{name: "SIGKILL, idle", stages: one, kills: true, hourly: true, when: always(idle()), do: killAll},
		fault{name: "SIGKILL, one of two nodes", stages: many, kills: true, when: anyPhase, do: killWorker},
		fault{name: "SIGKILL, both nodes", stages: many, kills: true, when: anyPhase, do: killAll},
		fault{name: "SIGTERM", stages: both, when: anyPhase, do: terminate},
		fault{name: "source stopped at once", stages: one, when: anyPhase, do: restartSource(true)},
		fault{name: "source stopped in order", stages: one, when: anyPhase, do: restartSource(false)},
		fault{name: "metadata stopped at once", stages: many, when: anyPhase, do: restartMetadata(true)},
		fault{name: "metadata stopped in order", stages: many, when: anyPhase, do: restartMetadata(false)},
		fault{name: "connections reset", stages: one, when: always(reading()), do: reset},
		fault{name: "connections without progress", stages: one, when: always(reading()), do: stall},
		fault{name: "slow source", stages: one, when: always(claim()), do: slow},
		fault{name: "full disk", stages: disk, when: always(reading()), do: fillDisk},
		fault{name: "cancel", stages: both, when: anyPhase, do: cancelRun},
		fault{name: "clock back by minutes", stages: one, hourly: true, long: true, when: anyPhase, do: moveClock(-1, time.Minute, 50)},
		fault{name: "clock forward by minutes", stages: one, hourly: true, long: true, when: anyPhase, do: moveClock(1, time.Minute, 50)},
		fault{name: "clock back by a day", stages: one, hourly: true, long: true, when: anyPhase, do: moveClock(-1, 24*time.Hour, 1)},
		fault{name: "clock forward by a day", stages: one, hourly: true, long: true, when: anyPhase, do: moveClock(1, 24*time.Hour, 1)},
		fault{name: "stored part damaged", stages: one, when: always(idle()), do: damage},
	)
	return all
}

// killAll kills all nodes and starts them again. Where there is an hourly job,
// hours may pass in between.
func killAll(ctx context.Context, r *round) error {
	for _, n := range r.nodes {
		if n.kill() {
			r.kills++
		}
	}
	if r.hasHourly() {
		if err := r.clock.pass(time.Duration(1+r.random.IntN(3)) * time.Hour); err != nil {
			return err
		}
	}
	return r.start(ctx)
}

// killWorker kills the node that carries a run out, or any where none does. It
// stays down until all runs have ended on the other.
func killWorker(ctx context.Context, r *round) error {
	owner, err := r.meta.owner(ctx)
	if err != nil {
		return err
	}
	victim := r.nodes[r.random.IntN(len(r.nodes))]
	for _, n := range r.nodes {
		if owner != "" && n.name() == owner {
			victim = n
		}
	}
	if victim.kill() {
		r.kills++
	}
	return nil
}

// terminate stops a node as an init system does, and starts it again.
func terminate(ctx context.Context, r *round) error {
	r.unhurt = true
	if err := r.nodes[r.random.IntN(len(r.nodes))].terminate(r.bound(stopLimit)); err != nil {
		r.stick("%v", err)
		for _, n := range r.nodes {
			n.kill()
		}
	}
	return r.start(ctx)
}

// outage is how long a database is down.
func (r *round) outage() time.Duration {
	return 200*time.Millisecond + time.Duration(r.random.IntN(3000))*time.Millisecond
}

// restartSource stops the source database and starts it again.
func restartSource(atOnce bool) func(context.Context, *round) error {
	return func(ctx context.Context, r *round) error {
		stop := r.history.server.Shutdown
		if atOnce {
			stop = r.history.server.Stop
		}
		return errors.Join(stop(), sleep(ctx, r.outage()), r.history.server.Start())
	}
}

// restartMetadata stops the metadata database and starts it again.
func restartMetadata(atOnce bool) func(context.Context, *round) error {
	return func(ctx context.Context, r *round) error {
		stop := r.server.Shutdown
		if atOnce {
			stop = r.server.Stop
		}
		return errors.Join(stop(), sleep(ctx, r.outage()), r.server.Start())
	}
}

// reset cuts all connections to the source.
func reset(_ context.Context, r *round) error {
	r.proxy.cut()
	return nil
}

// stall lets the connections stand still for some seconds, and then resets them
// in half of the cases.
func stall(ctx context.Context, r *round) error {
	release := r.proxy.hold()
	defer release()
	cut := r.random.IntN(2) == 0
	r.unhurt = !cut
	err := sleep(ctx, 3*time.Second+time.Duration(r.random.IntN(5000))*time.Millisecond)
	if cut {
		r.proxy.cut()
	}
	return err
}

// slow lets the source send a tenth of the usual for some seconds. It makes
// progress, so no attempt may be given up.
func slow(ctx context.Context, r *round) error {
	r.unhurt = true
	defer r.pace(r.length)
	r.proxy.pace.Store(r.proxy.pace.Load() / 10)
	return sleep(ctx, 8*time.Second)
}

// fillDisk takes the room that the artifacts need, until a run says so.
func fillDisk(ctx context.Context, r *round) error {
	if err := r.disk.fill(); err != nil {
		return err
	}
	for deadline := time.Now().Add(r.bound(reachLimit)); time.Now().Before(deadline); {
		ended, err := r.meta.ended(ctx, r.jobIDs())
		if err != nil {
			return err
		}
		faults, err := r.meta.faults(ctx, r.jobIDs())
		if err != nil {
			return err
		}
		if faults > 0 || ended {
			break
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return r.disk.free()
}

// cancelRun cancels the run of the first job, which must end in time and leave
// nothing behind.
func cancelRun(ctx context.Context, r *round) error {
	<-r.ordered
	id, began := r.jobs[0].first, time.Now()
	err := r.client.call(ctx, "POST", "/runs/"+id+"/cancel", "", nil, nil)
	var no *refusal
	if errors.As(err, &no) && no.Status == http.StatusConflict {
		return nil // it had ended
	}
	if err != nil {
		return fmt.Errorf("cancel: %w", err)
	}
	for {
		files, err := r.stored()
		if err != nil {
			return err
		}
		left := len(slices.DeleteFunc(files, func(f storedFile) bool { return !strings.Contains(f.key, id) }))
		busy, err := r.meta.working(ctx, id)
		if err != nil {
			return err
		}
		if left == 0 && !busy {
			return nil
		}
		if time.Since(began) > r.bound(cancelLimit) {
			r.stick("%d files of canceled run %s are there after %s; a worker is at it: %t", left, id, r.bound(cancelLimit), busy)
			return nil
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// moveClock sets the clock wrong, and right again after some seconds.
func moveClock(direction int, unit time.Duration, most int) func(context.Context, *round) error {
	return func(ctx context.Context, r *round) error {
		right := r.clock.offset
		wrong := right + time.Duration(direction*(1+r.random.IntN(most)))*unit
		if err := r.clock.set(wrong); err != nil {
			return err
		}
		err := sleep(ctx, time.Second+time.Duration(r.random.IntN(5000))*time.Millisecond)
		return errors.Join(err, r.clock.set(right))
	}
}
