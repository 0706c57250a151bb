package queue_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"cdds"
	"cdds/queue"
)

// working returns a function that sends each task that it works.
func working() (func(context.Context, queue.Task) error, <-chan queue.Task) {
	tasks := make(chan queue.Task, 1000)
	return func(_ context.Context, task queue.Task) error {
		tasks <- task
		return nil
	}, tasks
}

func TestATaskIsBornWithItsTransactionOrNotAtAll(t *testing.T) {
	onBoth(t, func(t *testing.T, d database) {
		work, tasks := working()
		q := d.open(t, work)
		start(t, q)
		d.enqueue(t, q, time.Time{}, (*sql.Tx).Rollback, queue.Task{RunID: "rolled back", Attempt: 1})
		want := queue.Task{RunID: "committed", Attempt: 3}
		d.enqueue(t, q, time.Time{}, (*sql.Tx).Commit, want)
		if task := receive(t, tasks); task != want {
			t.Fatalf("got %+v, want %+v", task, want)
		}
		stop(t, q)
		if len(tasks) > 0 {
			t.Fatalf("another task was worked: %+v", <-tasks)
		}
	})
}

func TestEachTaskIsWorkedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, d database) {
		work, tasks := working()
		q := d.open(t, work)
		start(t, q)
		var all []queue.Task
		for i := range 20 {
			all = append(all, queue.Task{RunID: fmt.Sprint(i), Attempt: 1})
		}
		d.enqueue(t, q, time.Now().Add(-time.Hour), (*sql.Tx).Commit, all...)
		seen := map[queue.Task]int{}
		for range all {
			seen[receive(t, tasks)]++
		}
		stop(t, q)
		if len(seen) != len(all) || len(tasks) > 0 {
			t.Fatalf("%d tasks of %d were worked, %d more than once", len(seen), len(all), len(tasks))
		}
	})
}

func TestAScheduledTaskWaits(t *testing.T) {
	onBoth(t, func(t *testing.T, d database) {
		work, tasks := working()
		q := d.open(t, work)
		soon := time.Now().Add(time.Second)
		d.enqueue(t, q, soon, (*sql.Tx).Commit, queue.Task{RunID: "soon", Attempt: 1})
		d.enqueue(t, q, soon.Add(time.Hour), (*sql.Tx).Commit, queue.Task{RunID: "later", Attempt: 1})
		d.enqueue(t, q, time.Time{}, (*sql.Tx).Commit, queue.Task{RunID: "now", Attempt: 1})
		start(t, q)
		for _, want := range []string{"now", "soon"} {
			if task := receive(t, tasks); task.RunID != want {
				t.Fatalf("got task %q, want %q", task.RunID, want)
			}
		}
		if time.Now().Before(soon) {
			t.Fatal("the task did not wait for its instant")
		}
		stop(t, q)
		if len(tasks) > 0 {
			t.Fatal("the task of the next hour was worked")
		}
	})
}

// TestAnotherClock enqueues by a clock that is a day ahead, or behind: what a
// task waits is the time that lies before it on that clock.
func TestAnotherClock(t *testing.T) {
	onBoth(t, func(t *testing.T, d database) {
		work, tasks := working()
		for _, off := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
			clock := func() time.Time { return time.Now().Add(off) }
			q, err := queue.Open(queue.Config{DB: d.db, Postgres: d.dsn != "", Log: slog.New(slog.DiscardHandler), Now: clock}, nil)
			noError(t, err)
			d.enqueue(t, q, clock(), (*sql.Tx).Commit, queue.Task{RunID: "now", Attempt: 1})
			d.enqueue(t, q, clock().Add(time.Hour), (*sql.Tx).Commit, queue.Task{RunID: "later", Attempt: 1})
		}
		q := d.open(t, work)
		start(t, q)
		for range 2 {
			if task := receive(t, tasks); task.RunID != "now" {
				t.Fatalf("got task %q, want the one that is due", task.RunID)
			}
		}
		stop(t, q)
		if len(tasks) > 0 {
			t.Fatal("the task of the next hour was worked")
		}
	})
}

// TestStopEndsTheWork stops a queue whose task is under way: the task learns
// why, Stop waits for it, and the next start works it again.
func TestStopEndsTheWork(t *testing.T) {
	onBoth(t, func(t *testing.T, d database) {
		started, ended := make(chan struct{}), make(chan error, 1)
		q := d.open(t, func(ctx context.Context, _ queue.Task) error {
			close(started)
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return fmt.Errorf("could not go on: %w", ctx.Err())
		})
		ctx, cancel := context.WithCancel(t.Context())
		noError(t, q.Start(ctx))
		d.enqueue(t, q, time.Time{}, (*sql.Tx).Commit, queue.Task{RunID: "long", Attempt: 1})
		receive(t, started)
		cancel() // ends nothing: only Stop hands work back
		if len(ended) > 0 {
			t.Fatal("the work ended with the context of Start")
		}
		stop(t, q)
		select {
		case cause := <-ended:
			if !errors.Is(cause, queue.ErrStopping) {
				t.Fatalf("the cause is %v", cause)
			}
		default:
			t.Fatal("Stop did not wait for the work")
		}
		work, tasks := working()
		start(t, d.open(t, work))
		if task := receive(t, tasks); task != (queue.Task{RunID: "long", Attempt: 1}) {
			t.Fatalf("got %+v", task)
		}
	})
}

func TestStopIsBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, d database) {
		started, free := make(chan struct{}), make(chan struct{})
		q := d.open(t, func(context.Context, queue.Task) error {
			close(started)
			<-free // deaf
			return nil
		})
		noError(t, q.Start(t.Context()))
		d.enqueue(t, q, time.Time{}, (*sql.Tx).Commit, queue.Task{RunID: "deaf", Attempt: 1})
		receive(t, started)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if err := q.Stop(over); cdds.CodeOf(err) != cdds.CodeUnavailable {
			t.Fatalf("got %v", err)
		}
		close(free)
		stop(t, q)
	})
}

// TestATaskThatIsLeftBehind is taken by a queue that only enqueues, closed, and
// opened again by one that works.
func TestATaskThatIsLeftBehind(t *testing.T) {
	onBoth(t, func(t *testing.T, d database) {
		taker := d.open(t, nil)
		d.enqueue(t, taker, time.Time{}, (*sql.Tx).Commit, queue.Task{RunID: "left", Attempt: 2})
		if err := taker.Start(t.Context()); cdds.CodeOf(err) != cdds.CodeUnavailable {
			t.Fatalf("a queue without work was started: %v", err)
		}
		stop(t, taker)
		work, tasks := working()
		start(t, d.open(t, work))
		if task := receive(t, tasks); task != (queue.Task{RunID: "left", Attempt: 2}) {
			t.Fatalf("got %+v", task)
		}
	})
}

// TestTwoNodesShareTheWork lets two queues work on one database. Each holds its
// first task until the other has one too.
func TestTwoNodesShareTheWork(t *testing.T) {
	t.Parallel()
	d := openPostgres(t)
	noError(t, d.open(t, nil).Migrate(t.Context()))
	const many = 40
	var mutex sync.Mutex
	worked := map[queue.Task]int{}
	finished := make(chan struct{}, 2*many)
	first := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	var queues [2]*queue.Queue
	for node := range queues {
		var once sync.Once
		queues[node] = d.open(t, func(ctx context.Context, task queue.Task) error {
			mutex.Lock()
			worked[task]++
			mutex.Unlock()
			once.Do(func() { close(first[node]) })
			select {
			case <-first[1-node]:
			case <-ctx.Done():
			}
			finished <- struct{}{}
			return nil
		})
	}
	var all []queue.Task
	for i := range many {
		all = append(all, queue.Task{RunID: fmt.Sprint(i), Attempt: 1})
	}
	d.enqueue(t, queues[0], time.Time{}, (*sql.Tx).Commit, all...)
	start(t, queues[0])
	start(t, queues[1])
	for range many {
		receive(t, finished)
	}
	var listeners int
	noError(t, d.db.QueryRow(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'listen%'`).Scan(&listeners))
	if listeners != 2 {
		t.Errorf("%d connections listen for tasks, want one for each node", listeners)
	}
	stop(t, queues[0])
	stop(t, queues[1])
	for task, times := range worked {
		if times != 1 {
			t.Errorf("task %s was worked %d times", task.RunID, times)
		}
	}
	if len(worked) != many {
		t.Errorf("%d tasks were worked, want %d", len(worked), many)
	}
}

// TestFailuresAreLoggedAndHarmless works a task that fails, two that panic and
// one that is fine. The panic's value, which may be customer data, shows
// neither in the log nor in the database.
func TestFailuresAreLoggedAndHarmless(t *testing.T) {
	onBoth(t, func(t *testing.T, d database) {
		const secret = "4111 1111 1111 1111"
		var log syncBuffer
		worked := make(chan string, 10)
		q := d.openLogged(t, &log, func(_ context.Context, task queue.Task) error {
			worked <- task.RunID
			switch task.RunID {
			case "fails":
				return errors.New("it did not work")
			case "panics":
				panic(secret)
			case "crashes":
				worked <- []string{}[task.Attempt]
			}
			return nil
		})
		start(t, q)
		for _, id := range []string{"fails", "panics", "crashes", "fine"} {
			d.enqueue(t, q, time.Time{}, (*sql.Tx).Commit, queue.Task{RunID: id, Attempt: 1})
			if got := receive(t, worked); got != id {
				t.Fatalf("got %s, want %s", got, id)
			}
		}
		stop(t, q)
		text := log.String()
		for _, want := range []string{"it did not work", "run=fails", "run=panics", "a value of type string", "run=crashes", "index out of range", "queue_test.go"} {
			if !strings.Contains(text, want) {
				t.Errorf("the log does not say %q:\n%s", want, text)
			}
		}
		if strings.Contains(text, "River") || strings.Contains(text, "level=INFO") {
			t.Errorf("River chatters in the log:\n%s", text)
		}
		var left int
		noError(t, d.db.QueryRow(`SELECT count(*) FROM river_job WHERE state IN ('available', 'retryable', 'scheduled', 'running')`).Scan(&left))
		var errs string
		noError(t, d.db.QueryRow(`SELECT CAST(errors AS TEXT) FROM river_job WHERE state = 'discarded' ORDER BY id DESC LIMIT 1`).Scan(&errs))
		if left != 0 || strings.Contains(text+errs, secret) {
			t.Errorf("%d tasks are tried again; the panic's value shows: %t", left, strings.Contains(text+errs, secret))
		}
	})
}

// TestALostConnectionIsReplaced ends all connections at the server, as its
// restart does: the next task is worked all the same.
func TestALostConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	d := openPostgres(t)
	noError(t, d.open(t, nil).Migrate(t.Context()))
	work, tasks := working()
	q := d.open(t, work)
	start(t, q)
	d.enqueue(t, q, time.Time{}, (*sql.Tx).Commit, queue.Task{RunID: "before", Attempt: 1})
	receive(t, tasks)
	other, err := sql.Open("pgx", d.dsn)
	noError(t, err)
	t.Cleanup(func() { noError(t, other.Close()) })
	_, err = other.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	noError(t, err)
	d.db = other // the queue's own handle has dead connections that only it may meet
	d.enqueue(t, q, time.Time{}, (*sql.Tx).Commit, queue.Task{RunID: "after", Attempt: 1})
	if task := receive(t, tasks); task.RunID != "after" {
		t.Fatalf("got %+v", task)
	}
}

func TestMigrateTwiceAndTogether(t *testing.T) {
	onBoth(t, func(t *testing.T, d database) {
		noError(t, d.open(t, nil).Migrate(t.Context()))
	})
	d := openPostgres(t)
	var group sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs {
		q := d.open(t, nil)
		group.Go(func() { errs[i] = q.Migrate(t.Context()) })
	}
	group.Wait()
	noError(t, errors.Join(errs...))
}

func TestAnUnmigratedDatabase(t *testing.T) {
	t.Parallel()
	for _, d := range []database{openSQLite(t), openPostgres(t)} {
		q := d.open(t, nil)
		tx, err := d.db.BeginTx(t.Context(), nil)
		noError(t, err)
		if err := q.Enqueue(t.Context(), tx, queue.Task{RunID: "x", Attempt: 1}, time.Time{}); cdds.CodeOf(err) != cdds.CodeUnavailable {
			t.Errorf("got %v", err)
		}
		noError(t, tx.Rollback())
	}
}

func TestABadListenDSN(t *testing.T) {
	_, err := queue.Open(queue.Config{Postgres: true, ListenDSN: "postgres://u:hunter2@host:port/x"}, nil)
	if cdds.CodeOf(err) != cdds.CodeInvalid || strings.Contains(err.Error(), "hunter2") {
		t.Fatalf("got %v", err)
	}
}

// syncBuffer is a buffer that many may write to.
type syncBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}
