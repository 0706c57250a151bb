package queue_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"cdds/queue"
)

// TestHelpComesLast enqueues a call for help before attempts of runs: it is worked
// after them, and is not among what waits for a worker of its own.
func TestHelpComesLast(t *testing.T) {
	onBoth(t, func(t *testing.T, d database) {
		started, free := make(chan queue.Task, 10), make(chan struct{})
		q := d.open(t, func(_ context.Context, task queue.Task) error {
			started <- task
			if strings.HasPrefix(task.RunID, "first") {
				<-free
			}
			return nil
		})
		start(t, q)
		d.enqueue(t, q, time.Time{}, (*sql.Tx).Commit, queue.Task{RunID: "first 1", Attempt: 1}, queue.Task{RunID: "first 2", Attempt: 1})
		receive(t, started)
		receive(t, started) // both workers are busy
		waits, err := q.HelpWaits(t.Context())
		noError(t, err)
		if waits {
			t.Fatal("a call for help waits before there is one")
		}
		help := queue.Task{RunID: "large", Help: true}
		d.enqueue(t, q, time.Time{}, (*sql.Tx).Commit, help, queue.Task{RunID: "small", Attempt: 1}, queue.Task{RunID: "small", Attempt: 2})
		if waits, err = q.HelpWaits(t.Context()); err != nil || !waits {
			t.Fatalf("no call for help waits (%v)", err)
		}
		tasks, _, err := q.Waiting(t.Context())
		noError(t, err)
		if len(tasks) != 2 || tasks[help] {
			t.Fatalf("what waits is %v", tasks)
		}
		free <- struct{}{} // one of them goes on, and works all that waits
		for _, want := range []queue.Task{{RunID: "small", Attempt: 2}, {RunID: "small", Attempt: 1}, help} {
			if got := receive(t, started); got != want {
				t.Fatalf("got %+v, want %+v", got, want)
			}
		}
		close(free)
	})
}
