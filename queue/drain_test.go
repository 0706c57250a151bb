package queue_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"cdds"
	"cdds/queue"
)

// TestDrainTakesNoMore drains a queue whose task is under way, gives up once, and
// drains again when the task has ended: what came meanwhile is left for others.
func TestDrainTakesNoMore(t *testing.T) {
	onBoth(t, func(t *testing.T, d database) {
		started, free := make(chan struct{}), make(chan struct{})
		causes := make(chan error, 1)
		q := d.open(t, func(ctx context.Context, _ queue.Task) error {
			close(started) // a second task would close it again
			<-free
			causes <- context.Cause(ctx)
			return nil
		})
		noError(t, q.Start(t.Context()))
		d.enqueue(t, q, time.Time{}, (*sql.Tx).Commit, queue.Task{RunID: "under way", Attempt: 1})
		receive(t, started)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if err := q.Drain(over); cdds.CodeOf(err) != cdds.CodeUnavailable {
			t.Fatalf("got %v", err)
		}
		d.enqueue(t, q, time.Time{}, (*sql.Tx).Commit, queue.Task{RunID: "too late", Attempt: 1})
		close(free)
		noError(t, q.Drain(t.Context()))
		if cause := receive(t, causes); cause != nil {
			t.Errorf("the work under way was ended: %v", cause)
		}
		stop(t, q)
		work, tasks := working()
		start(t, d.open(t, work))
		if task := receive(t, tasks); task.RunID != "too late" {
			t.Fatalf("got %+v", task)
		}
	})
}
