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
// and whether these are all of them. A task that a worker has taken is not among
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
		tasks[Task(a)] = true
	}
	return tasks, len(list.Jobs) < mostWaiting, nil
}
