package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gocloud.dev/blob"

	"cdds"
	"cdds/store"
)

// Sweep removes the stored bytes that no artifact and no checkpoint names: what
// an attempt left behind when its worker was lost. Bytes of an attempt that may
// still be at work are kept, and so is what keeper names. Where the store keeps
// uploads that were never finished, those of lost workers end as well. It
// returns how many objects it removed.
func (c *Control) Sweep(ctx context.Context) (int, error) {
	removed := 0
	kept, err := c.keeper(ctx)
	if err != nil {
		return 0, err
	}
	list := c.bucket.List(&blob.ListOptions{Prefix: cdds.ArtifactRoot})
	known := sweepMemory{}
	for {
		object, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return removed, c.abortUploads(ctx, kept)
		}
		if err != nil {
			return removed, fmt.Errorf("list the artifact storage: %w", err)
		}
		orphan, err := c.isOrphan(ctx, object.Key, &known)
		if err != nil {
			return removed, err
		}
		if !orphan || kept.keeps(object.Key, object.ModTime) {
			continue
		}
		if err := c.removeBytes(ctx, object.Key); err != nil {
			return removed, err
		}
		removed++
	}
}

// removeStored removes what all attempts of a run that came to nothing have
// stored. Where the storage does not do it now, the sweep does later.
func (c *Control) removeStored(ctx context.Context, tenantID, runID string) {
	list := c.bucket.List(&blob.ListOptions{Prefix: cdds.RunPrefix(tenantID, runID)})
	for {
		object, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			err = c.removeBytes(ctx, object.Key)
		}
		if err != nil {
			c.log.Warn("the stored parts of a run are left for the sweep", "run", runID, "error", err)
			return
		}
	}
}

// sweepMemory keeps what is known of the run whose objects are being listed;
// listings are sorted, so one run is enough.
type sweepMemory struct {
	runID string
	run   cdds.Run
	found bool
	// ranges holds the attempt of each range of the run.
	ranges map[int]int
	keys   map[string]bool
}

// isOrphan reports whether no artifact names the object and no attempt may
// still be writing it. Keys of another form are not ours and stay.
func (c *Control) isOrphan(ctx context.Context, key string, m *sweepMemory) (bool, error) {
	runID, attempt, ok := cdds.ParseArtifactKey(key)
	number := 0
	if !ok {
		if runID, number, attempt, ok = cdds.ParseRangeKey(key); !ok {
			return false, nil
		}
	}
	if m.runID != runID {
		if err := c.recall(ctx, runID, m); err != nil {
			return false, err
		}
	}
	if !m.found {
		return true, nil
	}
	// A later attempt may have begun since the run was looked at, and a range may
	// have come.
	current := m.run.Attempt
	if number > 0 {
		current = m.ranges[number]
	}
	if m.run.State.Active() && attempt >= current {
		return false, nil
	}
	return !m.keys[key], nil
}

// recall loads the run, its ranges, and the keys of its checkpoints and living
// artifacts, in this order: an attempt keeps nothing more when the next one has
// begun, and when the run finishes meanwhile the one becomes the other.
func (c *Control) recall(ctx context.Context, runID string, m *sweepMemory) error {
	*m = sweepMemory{runID: runID, ranges: map[int]int{}, keys: map[string]bool{}}
	run, err := c.store.RunByID(ctx, runID)
	if cdds.CodeOf(err) == cdds.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	m.run, m.found = run, true
	ranges, err := c.store.Ranges(ctx, runID)
	if err != nil {
		return err
	}
	for _, r := range ranges {
		m.ranges[r.Number] = r.Attempt
	}
	checkpoints, err := c.store.Checkpoints(ctx, runID)
	if err != nil {
		return err
	}
	for _, kept := range checkpoints {
		m.keys[kept.Key] = true
	}
	files, err := c.store.ArtifactsOfRun(ctx, runID)
	if err != nil {
		return err
	}
	for _, a := range files {
		if a.ExpiredAt.IsZero() {
			m.keys[a.Key] = true
		}
	}
	return nil
}

// idempotencyKept is how long a repeated create is recognised.
const idempotencyKept = 24 * time.Hour

// ForgetOld removes sessions, remembered browsers and attempts to sign in that
// have ended, idempotency keys and failed sign-ins of more than a day, and nodes
// that are no more, and lets the sweep have what was kept for a restore whose
// time is over.
func (c *Control) ForgetOld(ctx context.Context, now time.Time) error {
	if _, err := c.store.ForgetNodes(ctx); err != nil {
		return err
	}
	return c.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.DeleteOldSessions(ctx, now); err != nil {
			return err
		}
		if err := tx.DeleteOldFailures(ctx, cdds.SignInsForgotten(now)); err != nil {
			return err
		}
		if err := tx.DeleteOldSignOns(ctx, now); err != nil {
			return err
		}
		if _, err := tx.ForgetRestores(ctx, now); err != nil {
			return err
		}
		return tx.ForgetOld(ctx, now.Add(-idempotencyKept))
	})
}
