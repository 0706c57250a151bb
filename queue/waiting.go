package queue

import (
	"context"
	"encoding/json"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// mostWaiting bounds how many tasks Waiting looks at.
const mostWaiting = 10_000

// Waiting returns the tasks whose time has come and that no worker has taken yet,
// without calls for help, and whether these are all of them. A task that a worker has taken is not among
// them, whether the worker lives or not.
func (q *Queue) Waiting(ctx context.Context) (tasks map[Task]bool, all bool, err error) {
	list, err := q.client.JobList(ctx, river.NewJobListParams().Kinds(args{}.Kind()).First(mostWaiting).
		States(rivertype.JobStateAvailable))
	if err != nil {
		return nil, false, failure("list what waits", err)
	}
	tasks = make(map[Task]bool, len(list.Jobs))
	for _, job := range list.Jobs {
		var a args
		if err := json.Unmarshal(job.EncodedArgs, &a); err != nil {
			return nil, false, failure("read a task", err)
		}
		tasks[Task{RunID: a.RunID, Attempt: a.Attempt}] = true
	}
	return tasks, len(list.Jobs) < mostWaiting, nil
}

// HelpWaits reports whether a call for help waits for a worker: then all workers
// are busy, and another call would bring nobody.
func (q *Queue) HelpWaits(ctx context.Context) (bool, error) {
	list, err := q.client.JobList(ctx, river.NewJobListParams().Kinds(helpArgs{}.Kind()).First(1).States(rivertype.JobStateAvailable))
	if err != nil {
		return false, failure("list what waits", err)
	}
	return len(list.Jobs) > 0, nil
}
