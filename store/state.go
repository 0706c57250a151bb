package store

import (
	"context"
	"time"
)

// QueueState is what waits and what is under way, of all tenants.
type QueueState struct {
	Queued, InProgress int64
	Due                int64     // queued runs whose time has come
	OldestDue          time.Time // when the first of them was due; zero: none waits
}

// QueueState counts the runs that have not ended. It reads the small indexes of
// these runs only.
func (r Reader) QueueState(ctx context.Context, now time.Time) (QueueState, error) {
	return one(ctx, r.from, "state of the queue", func(row scanner) (QueueState, error) {
		var q QueueState
		err := row.Scan(&q.Queued, &q.InProgress, &q.Due, (*instant)(&q.OldestDue))
		return q, err
	}, `SELECT (SELECT count(*) FROM runs WHERE state = 'queued'), (SELECT count(*) FROM runs WHERE state = 'in_progress'),
		(SELECT count(*) FROM runs WHERE state = 'queued' AND due_at <= $1), (SELECT min(due_at) FROM runs WHERE state = 'queued' AND due_at <= $1)`, instant(now))
}

// StorageStock is what the artifacts of all tenants take, and which certificate
// ends first.
type StorageStock struct {
	Artifacts, Bytes, Damaged int64
	OwnersEnd                 time.Time // the first certificate of an owner of active jobs to end; zero: there is none
	RecipientsEnd             time.Time // the first of a recipient
}

// StorageStock sums up all artifacts that have not expired. It reads a row for
// each of them, so it is not for every second.
func (r Reader) StorageStock(ctx context.Context) (StorageStock, error) {
	return one(ctx, r.from, "stock of artifacts", func(row scanner) (StorageStock, error) {
		var s StorageStock
		err := row.Scan(&s.Artifacts, &s.Bytes, &s.Damaged, (*instant)(&s.OwnersEnd), (*instant)(&s.RecipientsEnd))
		return s, err
	}, `SELECT count(*), CAST(COALESCE(SUM(a.size), 0) AS BIGINT), count(a.damaged_at),
		(SELECT min(c.not_after) FROM certificates c JOIN users u ON u.id = c.user_id WHERE u.active AND EXISTS (
			SELECT 1 FROM jobs j WHERE j.tenant_id = u.tenant_id AND j.owner_id = u.id AND j.state = 'active' AND j.deleted_at IS NULL)),
		(SELECT min(p.not_after) FROM recipients p)
		FROM artifacts a WHERE a.expired_at IS NULL`)
}

// Ping returns nil when the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return failure("reach the metadata database", s.read.PingContext(ctx))
}

// Clock returns the time by the database server's clock. SQLite has none of its
// own: it is the machine's.
func (s *Store) Clock(ctx context.Context) (time.Time, error) {
	return one(ctx, s.read, "time of the metadata database", func(row scanner) (time.Time, error) {
		var micros int64
		err := row.Scan(&micros)
		return time.UnixMicro(micros).UTC(), err
	}, s.dialect.clock())
}
