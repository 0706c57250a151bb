package queue

import (
	"context"
	"errors"
	"log/slog"

	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/rivermigrate"

	"cdds"
)

// TablePrefix begins the names of the queue's tables. They are made for each
// kind of database anew and are never copied: the runs' rows are the truth, and
// tasks are enqueued again.
const TablePrefix = "river_"

// migrationLock is the key of the advisory lock under which one node at a time
// makes the queue's tables on PostgreSQL. The others ask for it once a second,
// for five minutes.
const (
	migrationLock      = 0x63646473_0002
	migrationLockEvery = 1
	migrationLockTries = 300
)

// Migrate brings the queue's tables to the version that this binary works
// with, forward only. On PostgreSQL one node at a time does it.
func (q *Queue) Migrate(ctx context.Context) error {
	if !q.postgres {
		return q.migrate(ctx)
	}
	return failure("be migrated", q.locked(ctx, q.migrate))
}

func (q *Queue) migrate(ctx context.Context) error {
	migrator, err := rivermigrate.New(q.driver, &rivermigrate.Config{Logger: slog.New(quiet{q.log.Handler()})})
	if err != nil {
		return failure("be migrated", err)
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return failure("be migrated", err)
}

// Ready returns nil when the queue's tables are there and of this binary's
// version.
func (q *Queue) Ready(ctx context.Context) error {
	migrator, err := rivermigrate.New(q.driver, &rivermigrate.Config{Logger: slog.New(quiet{q.log.Handler()})})
	if err != nil {
		return failure("be looked at", err)
	}
	found, err := migrator.Validate(ctx, nil)
	if err != nil {
		return failure("be looked at", err)
	}
	if !found.OK {
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The queue's tables are not those of this version.", Hint: "Run \"cdds migrate\"."}
	}
	return nil
}

// locked calls do while no other node is in it.
func (q *Queue) locked(ctx context.Context, do func(context.Context) error) (err error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(migrationLock), lock.WithLockTimeout(migrationLockEvery, migrationLockTries))
	if err != nil {
		return err
	}
	conn, err := q.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := locker.SessionLock(ctx, conn); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, locker.SessionUnlock(context.WithoutCancel(ctx), conn)) }()
	return do(ctx)
}
