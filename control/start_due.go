package control

import (
	"context"
	"slices"
	"time"

	"cdds"
	"cdds/queue"
	"cdds/store"
)

// StartDue starts the due occurrences of a job: each gets a run with its own
// window, oldest first, up to the last 31; older ones are recorded as failed.
// Several nodes may try at once: the one whose conditional update of the job's
// next occurrence changes a row has them all, in one transaction, and the
// others return false.
func (c *Control) StartDue(ctx context.Context, job cdds.Job, now time.Time) (bool, error) {
	if len(job.Due(now).Run) == 0 {
		return false, nil
	}
	var mine bool
	err := c.store.InTx(ctx, func(tx *store.Tx) error {
		var err error
		mine, err = c.startDue(ctx, tx, job, now)
		return err
	})
	return mine, err
}

// DueBatch is what one call of StartDueBatch has had to do with.
type DueBatch struct {
	Jobs    []cdds.Job // that were due and that no other node had taken
	Started []cdds.Job // those whose occurrences this call has started
}

// StartDueBatch does what StartDue does for at most limit jobs that are due,
// those behind the given one, in one transaction: a commit for each job would be
// most of the work. Nodes that call it at the same moment get other jobs each.
// An error undoes the batch, and comes with its jobs: the caller starts them one
// by one, so that the one that is to blame keeps none of the others waiting.
func (c *Control) StartDueBatch(ctx context.Context, after cdds.Job, limit int, now time.Time) (DueBatch, error) {
	var batch DueBatch
	err := c.store.InBatch(ctx, func(tx *store.Tx) error {
		jobs, err := tx.TakeDueJobs(ctx, now, after, limit)
		batch = DueBatch{Jobs: jobs}
		if err != nil {
			return err
		}
		var tasks []queue.Timed
		for _, job := range jobs {
			runs, mine, err := c.addDue(ctx, tx, job, now)
			if err != nil {
				return err
			}
			if mine {
				batch.Started = append(batch.Started, job)
			}
			tasks = append(tasks, firstTasks(runs)...)
		}
		return c.queue.EnqueueAll(ctx, tx.SQL(), tasks)
	})
	if err != nil {
		batch.Started = nil
	}
	return batch, err
}

// startDue does the work of StartDue within a transaction.
func (c *Control) startDue(ctx context.Context, tx *store.Tx, job cdds.Job, now time.Time) (bool, error) {
	runs, mine, err := c.addDue(ctx, tx, job, now)
	if err != nil {
		return false, err
	}
	return mine, c.queue.EnqueueAll(ctx, tx.SQL(), firstTasks(runs))
}

// addDue adds the runs of a job's due occurrences, whose tasks are the caller's.
// False means that another node has done it.
func (c *Control) addDue(ctx context.Context, tx *store.Tx, job cdds.Job, now time.Time) ([]cdds.Run, bool, error) {
	due := job.Due(now)
	if len(due.Run) == 0 {
		return nil, false, nil
	}
	mine, err := tx.ClaimOccurrence(ctx, job.ID, job.NextStartsAt, due.Next, due.Suspend, now)
	if err != nil || !mine {
		return nil, false, err
	}
	done, err := startedSince(ctx, tx, job, slices.Concat(due.Missed, due.Run)[0])
	if err != nil {
		return nil, false, err
	}
	for _, at := range due.Missed {
		if done[at.UnixMicro()] {
			continue
		}
		if err := c.addMissed(ctx, tx, job, at, now); err != nil {
			return nil, false, err
		}
	}
	var runs []cdds.Run
	for _, at := range due.Run {
		if done[at.UnixMicro()] {
			continue
		}
		run, err := newRun(job, cdds.TriggerSchedule, at, now)
		if err != nil {
			return nil, false, err
		}
		if err := c.insertQueued(ctx, tx, run); err != nil {
			return nil, false, err
		}
		runs = append(runs, run)
	}
	return runs, true, nil
}

// firstTasks are the tasks with which runs are born.
func firstTasks(runs []cdds.Run) []queue.Timed {
	tasks := make([]queue.Timed, len(runs))
	for i, run := range runs {
		tasks[i] = queue.Timed{Task: queue.Task{RunID: run.ID, Attempt: run.Attempt}, At: run.DueAt()}
	}
	return tasks
}

// startedSince returns the instants, in microseconds since 1970, of the job's
// occurrences from the given one on that have their run already. There are such
// ones when a clock was set back, or a node whose clock is behind edited the job
// just after its start: the occurrence is due again then, and is not to run
// twice.
func startedSince(ctx context.Context, tx *store.Tx, job cdds.Job, from time.Time) (map[int64]bool, error) {
	instants, err := tx.Occurrences(ctx, job.ID, from)
	done := map[int64]bool{}
	for _, at := range instants {
		done[at.UnixMicro()] = true
	}
	return done, err
}

// addMissed records an occurrence that is too old to be caught up with.
func (c *Control) addMissed(ctx context.Context, tx *store.Tx, job cdds.Job, at, now time.Time) error {
	run, err := newRun(job, cdds.TriggerSchedule, at, now)
	if err != nil {
		return err
	}
	run.State, run.FinishedAt = cdds.RunFailed, now
	run.Failure = &cdds.RunFailure{
		Code: cdds.CodeUnavailable, Message: "This occurrence was missed while the service was down.",
		Hint: "Retry the run to export its window now.",
	}
	tx.OnCommit(func() { c.probe.RunFailed(0) })
	return tx.InsertRun(ctx, run)
}
