package store

import (
	"context"
	"time"
)

// Checkpoint is a part that an attempt of a run has durably stored, and behind
// which the next attempt goes on.
type Checkpoint struct {
	RunID   string
	Range   int    // the range that it belongs to; 0 where the run is not cut
	Attempt int    // the attempt that stored it: of the range, where there is one
	Part    int    // 1, 2, 3, … without a gap
	Key     string // of the object in the storage
	Body    []byte // what the engine needs to go on; opaque here
	Now     time.Time
}

func scanCheckpoint(row scanner) (Checkpoint, error) {
	var c Checkpoint
	err := row.Scan(&c.RunID, &c.Range, &c.Attempt, &c.Part, &c.Key, &c.Body, (*instant)(&c.Now))
	return c, err
}

// Checkpoints returns the checkpoints of a run by range and part. A run that has ended
// has none: they became artifacts, or their bytes are of no use any more.
func (r Reader) Checkpoints(ctx context.Context, runID string) ([]Checkpoint, error) {
	return all(ctx, r.from, "read the run's checkpoints", scanCheckpoint,
		`SELECT run_id, range_number, attempt, part, key, body, created_at FROM checkpoints WHERE run_id = $1 ORDER BY range_number, part`, runID)
}

// AddCheckpoint keeps a part that is durably stored, and forgives the run its
// faults: it gets on. False means that the attempt is no longer wanted, and that
// nothing was kept. It may be repeated when its answer was lost.
func (t *Tx) AddCheckpoint(ctx context.Context, c Checkpoint) (bool, error) {
	n, err := exec(ctx, t.tx, "keep a stored part",
		`UPDATE runs SET faults = 0 WHERE id = $1 AND attempt = $2 AND `+atWork, c.RunID, c.Attempt)
	if err != nil || n == 0 {
		return false, err
	}
	if _, err := exec(ctx, t.tx, "keep a stored part", `DELETE FROM checkpoints WHERE key = $1`, c.Key); err != nil {
		return false, err
	}
	_, err = exec(ctx, t.tx, "keep a stored part", `
		INSERT INTO checkpoints (run_id, part, tenant_id, attempt, key, body, created_at)
		VALUES ($1, $2, (SELECT tenant_id FROM runs WHERE id = $1), $3, $4, $5, $6)`,
		c.RunID, c.Part, c.Attempt, c.Key, c.Body, instant(c.Now))
	return err == nil, err
}

// DropCheckpoints forgets the checkpoints of a run that is not cut, from a part on: the attempt
// cannot go on behind them and makes these parts anew. False means that the
// attempt is no longer wanted.
func (t *Tx) DropCheckpoints(ctx context.Context, runID string, attempt, fromPart int) (bool, error) {
	mine, err := t.holdAttempt(ctx, runID, attempt)
	if err != nil || !mine {
		return false, err
	}
	_, err = exec(ctx, t.tx, "forget stored parts", `DELETE FROM checkpoints WHERE run_id = $1 AND range_number = 0 AND part >= $2`, runID, fromPart)
	return err == nil, err
}

// atWork is the condition that a run's attempt is carried out now. An update
// under it locks the run's row until the end of the transaction: nobody can
// begin the next attempt meanwhile.
const atWork = `state = 'in_progress' AND lease_owner IS NOT NULL`

// endCheckpoints forgets all checkpoints of a run that has ended.
func (t *Tx) endCheckpoints(ctx context.Context, runID string) error {
	_, err := exec(ctx, t.tx, "forget stored parts", `DELETE FROM checkpoints WHERE run_id = $1`, runID)
	return err
}
