// Package queue is the job engine: it keeps tasks in the metadata database and
// hands each of them to one worker of one node.
//
// River does the work, on SQLite and on PostgreSQL, and nothing outside this
// package knows of it. A task says which attempt of which run is to be carried
// out, or that a run wants help with its ranges, and nothing else: the rows of
// the run are the truth. A task is therefore tried
// once; whether an attempt is repeated, and what becomes of the run of a worker
// that was lost, is decided with the run's row, and leads to a new task.
//
//	Enqueue (in the caller's transaction) ──▶ river_job ──▶ work, on any node that has started
//
// It holds no schedule: a task is born when it is due, or with the instant
// from which on it may be worked.
package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"cdds"
)

// ErrStopping is the cause with which the context of a task ends when the
// queue is stopped.
var ErrStopping = errors.New("the queue is being stopped")

// Task is one attempt of a run that is to be carried out or, with Help, a call to
// take a range of a run, whichever attempt of it is at work. Help comes after all
// attempts that wait.
type Task struct {
	RunID   string
	Attempt int
	Help    bool
}

// Config is what a queue works with.
type Config struct {
	DB        *sql.DB // of the metadata database; on SQLite the one writing connection
	Postgres  bool    // false: SQLite
	ListenDSN string  // PostgreSQL, to be told of new tasks at once; "" asks once a second
	Workers   int     // how many tasks this node works at a time
	Log       *slog.Logger
	// Now is the clock by which callers say from when on a task may be worked;
	// nil is the system's.
	Now func() time.Time
}

// Limits of a task. River's own rescue of tasks goes by their age alone and
// cannot tell a lost worker from a long export, so both limits are long, and
// lost workers are found by the silence of their runs' rows.
const (
	taskTimeout = 24 * time.Hour
	rescueAfter = taskTimeout + time.Hour
)

// Queue keeps tasks and works them. It is safe for concurrent use.
type Queue struct {
	client    *river.Client[*sql.Tx]
	driver    riverdriver.Driver[*sql.Tx]
	db        *sql.DB
	postgres  bool
	log       *slog.Logger
	now       func() time.Time
	listeners *pgxpool.Pool // nil without ListenDSN
}

// Open returns a queue on a migrated database. work carries out one task: its
// context ends with the cause ErrStopping when the queue is stopped, and an
// error or a panic of it is logged and ends the task. A nil work gives a queue
// that only takes tasks.
func Open(cfg Config, work func(ctx context.Context, t Task) error) (*Queue, error) {
	q := &Queue{db: cfg.DB, postgres: cfg.Postgres, log: cfg.Log, now: cfg.Now}
	if q.now == nil {
		q.now = time.Now
	}
	if err := q.openDriver(cfg); err != nil {
		return nil, err
	}
	riverConfig := &river.Config{
		Logger:               slog.New(quiet{cfg.Log.Handler()}),
		MaxAttempts:          1,
		JobTimeout:           taskTimeout,
		RescueStuckJobsAfter: rescueAfter,
	}
	if work != nil {
		riverConfig.Workers = river.NewWorkers()
		guarded := &guard{work: work, log: cfg.Log}
		river.AddWorker(riverConfig.Workers, &worker{guard: guarded})
		river.AddWorker(riverConfig.Workers, &helper{guard: guarded})
		riverConfig.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: max(cfg.Workers, 1)}}
	}
	client, err := river.NewClient(q.driver, riverConfig)
	if err != nil {
		q.closeListeners()
		return nil, failure("be set up", err)
	}
	q.client = client
	return q, nil
}

// openDriver chooses River's driver. On PostgreSQL one more connection listens
// for new tasks where a DSN for it is given.
func (q *Queue) openDriver(cfg Config) error {
	switch {
	case !cfg.Postgres:
		q.driver = riversqlite.New(cfg.DB)
	case cfg.ListenDSN == "":
		q.driver = riverdatabasesql.New(cfg.DB)
	default:
		pool, err := pgxpool.ParseConfig(cfg.ListenDSN)
		if err != nil {
			// The cause is left out: it may hold the address with its password.
			return &cdds.Error{Code: cdds.CodeInvalid, Message: "The address of the PostgreSQL database cannot be read.",
				Hint: "It looks like postgres://user@host:5432/database."}
		}
		pool.MaxConns, pool.MinConns = 1, 0
		q.listeners, err = pgxpool.NewWithConfig(context.Background(), pool)
		if err != nil {
			return failure("listen for tasks", err)
		}
		q.driver = riverdatabasesql.NewWithPgxListener(cfg.DB, q.listeners)
	}
	return nil
}

// Enqueue adds a task within the caller's transaction: it is born when that
// commits, and not at all when it is rolled back. It may be worked from the
// given instant on; zero or past is at once. River goes by a clock of its own,
// so what it is told is how long the task has to wait.
func (q *Queue) Enqueue(ctx context.Context, tx *sql.Tx, t Task, at time.Time) error {
	return q.EnqueueAll(ctx, tx, []Timed{{t, at}})
}

// Timed is a task and the instant from which on it may be worked.
type Timed struct {
	Task Task
	At   time.Time
}

// EnqueueAll is Enqueue for many tasks, by one statement.
func (q *Queue) EnqueueAll(ctx context.Context, tx *sql.Tx, tasks []Timed) error {
	if len(tasks) == 0 {
		return nil
	}
	inserts := make([]river.InsertManyParams, len(tasks))
	for i, t := range tasks {
		at := time.Time{} // River looks at tasks with an instant every five seconds only, even past ones
		if wait := t.At.Sub(q.now()); wait > 0 {
			at = time.Now().Add(wait)
		}
		inserts[i] = river.InsertManyParams{Args: t.Task.args(), InsertOpts: &river.InsertOpts{MaxAttempts: 1, ScheduledAt: at, Priority: t.Task.priority()}}
	}
	_, err := q.client.InsertManyTx(ctx, tx, inserts)
	return failure("take a task", err)
}

// Priorities of tasks, highest first. A first attempt is a call for a worker
// and begins whatever run has its turn, so all of them are alike. A later one
// goes on with a run that holds a place of its tenant and keeps the other runs
// of its job from starting: it does not stand behind all that waits. Help comes
// last: a run that begins is worth more than one that ends sooner.
const (
	goesOn = 1
	begins = 2
	helps  = 4
)

func (t Task) priority() int {
	switch {
	case t.Help:
		return helps
	case t.Attempt > 1:
		return goesOn
	}
	return begins
}

// args is the task as River keeps it.
func (t Task) args() river.JobArgs {
	if t.Help {
		return helpArgs{RunID: t.RunID}
	}
	return args{RunID: t.RunID, Attempt: t.Attempt}
}

// Start begins to work tasks and returns; Stop ends it. The end of ctx does
// not: work that is under way is handed back in order by Stop only.
func (q *Queue) Start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return failure("start", err)
	}
	return failure("start", q.client.Start(context.WithoutCancel(ctx)))
}

// Drain takes no more tasks and waits for those under way until ctx ends. Then
// its error says so, the tasks go on, and Stop ends them.
func (q *Queue) Drain(ctx context.Context) error {
	if err := q.client.Stop(ctx); err != nil {
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "Work is still under way.", Hint: "Wait longer, or stop the queue.", Err: err}
	}
	return nil
}

// Stop takes no more tasks, ends the context of those under way with
// ErrStopping, and waits for them until ctx ends. A task that returns the error
// of its context waits for the next start, here or on another node. A queue that
// was never started is stopped too, and one that could not be stopped in time
// may be asked again.
func (q *Queue) Stop(ctx context.Context) error {
	defer q.closeListeners()
	if err := q.client.StopAndCancel(ctx); err != nil {
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The queue could not be stopped in time; work is still under way.",
			Hint: "It is taken back from this node when its runs have been silent for 30 seconds.", Err: err}
	}
	return nil
}

func (q *Queue) closeListeners() {
	if q.listeners != nil {
		q.listeners.Close()
	}
}

// failure wraps an engine's error. Causes stay in the chain, so that a caller
// can still see a transaction conflict and try again.
func failure(what string, err error) error {
	if err == nil {
		return nil
	}
	return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The queue could not " + what + ".",
		Hint: "Look whether the metadata database is up and migrated; then try again.", Err: err}
}

// args is a task as River keeps it.
type args struct {
	RunID   string `json:"runId"`
	Attempt int    `json:"attempt"`
}

// Kind names this sort of task; it stands in the database and stays.
func (args) Kind() string { return "run_attempt" }

// helpArgs is a call for help as River keeps it.
type helpArgs struct {
	RunID string `json:"runId"`
}

// Kind names this sort of task; it stands in the database and stays.
func (helpArgs) Kind() string { return "run_help" }

// worker hands River's tasks to the owner's function.
type worker struct {
	river.WorkerDefaults[args]
	*guard
}

// Work carries out one task.
func (w *worker) Work(ctx context.Context, job *river.Job[args]) error {
	return w.carryOut(ctx, Task{RunID: job.Args.RunID, Attempt: job.Args.Attempt})
}

// helper hands River's calls for help to the owner's function.
type helper struct {
	river.WorkerDefaults[helpArgs]
	*guard
}

// Work carries out one task.
func (w *helper) Work(ctx context.Context, job *river.Job[helpArgs]) error {
	return w.carryOut(ctx, Task{RunID: job.Args.RunID, Help: true})
}

// guard stands between River and the owner's function.
type guard struct {
	work func(ctx context.Context, t Task) error
	log  *slog.Logger
}

// carryOut carries out one task.
func (g *guard) carryOut(ctx context.Context, t Task) error {
	task, stop := ownContext(ctx)
	defer stop()
	err := g.guarded(task, t)
	log := g.log.With("run", t.RunID, "attempt", t.Attempt, "help", t.Help)
	switch {
	case err == nil:
		return nil
	case errors.Is(context.Cause(task), ErrStopping) && (errors.Is(err, ErrStopping) || errors.Is(err, context.Canceled)):
		log.Info("task handed back: the queue is being stopped")
		return context.Canceled // by which River knows to keep the task
	}
	log.Error("task failed", "error", err)
	return err
}

// ownContext returns a context for the owner's function that ends with River's
// and whose cause is ours.
func ownContext(rivers context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(rivers))
	unhook := context.AfterFunc(rivers, func() {
		if errors.Is(rivers.Err(), context.DeadlineExceeded) {
			cancel(fmt.Errorf("the task took longer than %s: %w", taskTimeout, context.DeadlineExceeded))
			return
		}
		cancel(ErrStopping)
	})
	return ctx, func() {
		unhook()
		cancel(nil)
	}
}
