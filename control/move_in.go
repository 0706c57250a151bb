package control

import (
	"context"
	"time"

	"cdds"
	"cdds/queue"
	"cdds/store"
)

// Move is a single-node installation that comes into this, empty, database.
type Move struct {
	From *store.Store
	ID   string // names the move, so that its outcome can be asked for later
	// Damaged are artifacts whose files did not come along whole.
	Damaged []DamagedArtifact
	// Ready is called when all is there and only the commit is left. Its error
	// ends the move.
	Ready func() error
	Told  func(store.TableRows) // hears of each table that is copied
}

// DamagedArtifact is an artifact and what is wrong with its file, for people.
type DamagedArtifact struct {
	Artifact cdds.Artifact
	Damage   string
}

// moveDone is the action of the audit lines about a move.
const moveDone = "metadata.move"

// MoveIn copies the metadata and makes it fit to go on, in one transaction:
//   - Every run that waits gets its task: the queue's own tables are not copied.
//   - Runs in progress, whose workers are gone, go to their next attempt, without
//     a fault, and so do their ranges.
//   - Artifacts whose files did not come along are marked.
//
// Sessions stay: whoever is signed in notices nothing. It returns how many rows
// each table has.
func (c *Control) MoveIn(ctx context.Context, m Move, now time.Time) ([]store.TableRows, error) {
	return c.store.CopyIn(ctx, store.CopyIn{From: m.From, Strange: queue.TablePrefix, Told: m.Told, Then: func(tx *store.Tx) error {
		if err := c.settleMove(ctx, tx, m, now); err != nil {
			return err
		}
		return m.Ready()
	}})
}

func (c *Control) settleMove(ctx context.Context, tx *store.Tx, m Move, now time.Time) error {
	if err := c.enqueueWaiting(ctx, tx); err != nil {
		return err
	}
	if err := c.handOnRuns(ctx, tx, "The service was moved to another database while the run was in progress.", now); err != nil {
		return err
	}
	for _, d := range m.Damaged {
		if err := tx.MarkVerified(ctx, d.Artifact, d.Damage, now); err != nil {
			return err
		}
	}
	tenants, err := tx.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		if err := audit(ctx, tx, Operator(t.ID), moveDone, t.ID, "from SQLite to PostgreSQL", now); err != nil {
			return err
		}
	}
	return audit(ctx, tx, Operator(store.NoTenant), moveDone, m.ID, "from SQLite to PostgreSQL", now)
}

// enqueueWaiting enqueues all runs that no worker holds. One that comes up too
// early is let go, as ever.
func (c *Control) enqueueWaiting(ctx context.Context, tx *store.Tx) error {
	const batch = 100
	for last := ""; ; {
		runs, err := tx.WaitingRuns(ctx, last, batch)
		if err != nil || len(runs) == 0 {
			return err
		}
		for _, run := range runs {
			if err := c.queue.Enqueue(ctx, tx.SQL(), queue.Task{RunID: run.ID, Attempt: run.Attempt}, run.DueAt()); err != nil {
				return err
			}
			last = run.ID
		}
	}
}

// HasMovedIn reports whether a move of this id has been completed here.
func (c *Control) HasMovedIn(ctx context.Context, id string) (bool, error) {
	page, err := c.store.Audit(ctx, store.AuditQuery{TenantID: store.NoTenant, Action: moveDone, Text: id})
	return len(page.Items) > 0, err
}
