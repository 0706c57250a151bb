package store

import (
	"context"
	"time"

	"cdds"
)

// NextHelp returns the open range that a helper is to take next among those of
// all runs: the first one of the oldest run of the tenant whose turn it is. A
// helper counts as a run in progress of its tenant, and where the tenant has a
// limit the runs that wait go first. CodeNotFound when there is none at now.
func (r Reader) NextHelp(ctx context.Context, now time.Time) (Range, error) {
	return one(ctx, r.from, "range to help with", scanRange, `
		SELECT `+rangeColumns+` FROM run_ranges g JOIN runs r ON r.id = g.run_id
		WHERE g.state = 'open' AND (g.due_at IS NULL OR g.due_at <= $1) AND r.state = 'in_progress' AND g.tenant_id = (
			SELECT l.tenant_id FROM turns l JOIN tenants t ON t.id = l.tenant_id
			WHERE l.tenant_id IN (SELECT o.tenant_id FROM run_ranges o WHERE o.state = 'open' AND (o.due_at IS NULL OR o.due_at <= $1))
				AND (t.max_runs = 0 OR t.max_runs > l.running AND (l.due_at IS NULL OR l.due_at > $1))
			ORDER BY l.running, l.turn, l.tenant_id LIMIT 1)
		ORDER BY r.started_at, g.run_id, g.number LIMIT 1`, instant(now))
}

// OpenRange returns the first range of a run that may be taken at now, or
// CodeNotFound.
func (r Reader) OpenRange(ctx context.Context, runID string, now time.Time) (Range, error) {
	return one(ctx, r.from, "open range", scanRange, `
		SELECT `+rangeColumns+` FROM run_ranges g
		WHERE g.run_id = $1 AND g.state = 'open' AND (g.due_at IS NULL OR g.due_at <= $2) ORDER BY g.number LIMIT 1`, runID, instant(now))
}

// TakeRange makes an open range the caller's own, as a helper or as the one who
// carries the run out, and returns it with its new attempt. False means that
// somebody else was faster.
func (t *Tx) TakeRange(ctx context.Context, g Range, helper bool, node string) (Range, bool, error) {
	n, err := exec(ctx, t.tx, "take a range", `
		UPDATE run_ranges SET state = 'taken', attempt = attempt + 1, helper = $4, node = $5, beat = 1, due_at = NULL, waiting = '', ends_early = FALSE
		WHERE run_id = $1 AND number = $2 AND attempt = $3 AND state = 'open'
			AND EXISTS (SELECT 1 FROM runs r WHERE r.id = $1 AND r.state = 'in_progress')`,
		g.RunID, g.Number, g.Attempt, helper, node)
	if err != nil || n == 0 {
		return g, false, err
	}
	if helper {
		// Also so that two helpers of a tenant cannot both take its last place:
		// both write the tenant's row.
		if err := t.takeHelp(ctx, g.TenantID); err != nil {
			return g, false, err
		}
	}
	g.State, g.Attempt, g.Helper, g.Beat = RangeTaken, g.Attempt+1, helper, 1
	return g, true, nil
}

// held is the condition that an attempt of a range, the statement's first three
// parameters, is carried out now. An update under it locks the range's row until
// the end of the transaction.
const held = `run_id = $1 AND number = $2 AND attempt = $3 AND state = 'taken'`

// BeatRange reports the progress of a range and that its holder is alive. False
// means: stop, the range was taken back or its run has ended. It is one
// statement and a transaction by itself.
func (s *Store) BeatRange(ctx context.Context, ref RangeRef, p cdds.Progress) (bool, error) {
	n, err := exec(ctx, s.write, "report the progress of a range", `
		UPDATE run_ranges SET beat = beat + 1, records = $4, encoded_bytes = $5, waiting = $6 WHERE `+held,
		ref.RunID, ref.Number, ref.Attempt, p.Records, p.Bytes, p.Waiting)
	return n == 1, err
}

// SplitRange leaves the holder of an uncut range the first stretch of it and
// makes new ranges of the others. False means that the range's attempt is no
// longer wanted.
func (t *Tx) SplitRange(ctx context.Context, ref RangeRef, first []byte, others [][]byte) (bool, error) {
	n, err := exec(ctx, t.tx, "cut a range", `UPDATE run_ranges SET body = $4, uncut = FALSE WHERE `+held, ref.RunID, ref.Number, ref.Attempt, first)
	if err != nil || n == 0 {
		return false, err
	}
	return true, t.addRanges(ctx, ref.RunID, others, false)
}

// addRanges adds open ranges to a run that is cut, under the numbers that come
// next. It writes the row of the cut, so that of two that do so at once the second
// begins again and sees the numbers of the first.
func (t *Tx) addRanges(ctx context.Context, runID string, bodies [][]byte, uncut bool) error {
	if _, err := exec(ctx, t.tx, "hold the cut", `UPDATE run_cuts SET total = total WHERE run_id = $1`, runID); err != nil {
		return err
	}
	last, err := one(ctx, t.tx, "number of ranges", value[int], `SELECT COALESCE(max(g.number), 0) FROM run_ranges g WHERE g.run_id = $1`, runID)
	if err != nil {
		return err
	}
	ranges := make([]Range, len(bodies))
	for i, body := range bodies {
		ranges[i] = Range{RangeRef: RangeRef{Number: last + 1 + i}, Body: body, Uncut: uncut}
	}
	return t.insertRanges(ctx, runID, ranges)
}

// Kept is what AddPart says of a part.
type Kept struct {
	Mine bool // false: the range's attempt is no longer wanted and nothing was kept
	Last bool // the range ends with it, and is done
}

// AddPart keeps a part of a range that is durably stored, and forgives the range
// and the run their faults: they get on. stored is what the range has stored with
// it. Where the range is to end early it ends here: its stretch becomes ended, and
// rest a new range, which whoever takes it cuts. It may be repeated when its answer
// was lost.
func (t *Tx) AddPart(ctx context.Context, ref RangeRef, c Checkpoint, stored int64, ended, rest []byte) (Kept, error) {
	if _, err := exec(ctx, t.tx, "keep a stored part", `UPDATE runs SET faults = 0 WHERE id = $1 AND state = 'in_progress' AND faults > 0`, ref.RunID); err != nil {
		return Kept{}, err
	}
	n, err := exec(ctx, t.tx, "keep a stored part", `UPDATE run_ranges SET parts = $4, stored_bytes = $5, faults = 0 WHERE `+held,
		ref.RunID, ref.Number, ref.Attempt, c.Part, stored)
	if err != nil {
		return Kept{}, err
	}
	if n == 0 {
		return t.partKept(ctx, ref, c.Key)
	}
	if _, err := exec(ctx, t.tx, "keep a stored part", `DELETE FROM checkpoints WHERE key = $1`, c.Key); err != nil {
		return Kept{}, err
	}
	_, err = exec(ctx, t.tx, "keep a stored part", `
		INSERT INTO checkpoints (run_id, range_number, part, tenant_id, attempt, key, body, created_at)
		VALUES ($1, $2, $3, (SELECT tenant_id FROM runs WHERE id = $1), $4, $5, $6, $7)`,
		ref.RunID, ref.Number, c.Part, ref.Attempt, c.Key, c.Body, instant(c.Now))
	if err != nil {
		return Kept{}, err
	}
	early, err := exec(ctx, t.tx, "end a range early", `
		UPDATE run_ranges SET state = 'done', body = $4, ends_early = FALSE, waiting = '' WHERE `+held+` AND ends_early`, ref.RunID, ref.Number, ref.Attempt, ended)
	if err != nil || early == 0 {
		return Kept{Mine: true}, err
	}
	if err := t.oweRun(ctx, ref.RunID); err != nil {
		return Kept{}, err
	}
	return Kept{Mine: true, Last: true}, t.addRanges(ctx, ref.RunID, [][]byte{rest}, true)
}

// partKept tells an attempt that has ended its range early with this very part,
// and did not hear so, from one that was fenced off.
func (t *Tx) partKept(ctx context.Context, ref RangeRef, key string) (Kept, error) {
	n, err := one(ctx, t.tx, "stored part", value[int], `
		SELECT count(*) FROM run_ranges g JOIN checkpoints k ON k.run_id = g.run_id AND k.range_number = g.number
		WHERE g.run_id = $1 AND g.number = $2 AND g.attempt = $3 AND g.state = 'done' AND k.key = $4`, ref.RunID, ref.Number, ref.Attempt, key)
	return Kept{Mine: n == 1, Last: n == 1}, err
}

// DropParts forgets the parts of a range from one on: its holder cannot go on
// behind them and makes them anew. stored is what is left. False means that the
// range's attempt is no longer wanted.
func (t *Tx) DropParts(ctx context.Context, ref RangeRef, fromPart int, stored int64) (bool, error) {
	n, err := exec(ctx, t.tx, "forget stored parts", `UPDATE run_ranges SET parts = $4, stored_bytes = $5 WHERE `+held,
		ref.RunID, ref.Number, ref.Attempt, fromPart-1, stored)
	if err != nil || n == 0 {
		return false, err
	}
	_, err = exec(ctx, t.tx, "forget stored parts", `DELETE FROM checkpoints WHERE run_id = $1 AND range_number = $2 AND part >= $3`, ref.RunID, ref.Number, fromPart)
	return err == nil, err
}

// FinishRange ends a range with all of its parts kept. False means that the
// range's attempt is no longer wanted. It may be repeated when its answer was
// lost.
func (t *Tx) FinishRange(ctx context.Context, ref RangeRef, parts int, p cdds.Progress, outcome []byte) (bool, error) {
	n, err := exec(ctx, t.tx, "end a range", `
		UPDATE run_ranges SET state = 'done', records = $4, encoded_bytes = $5, outcome = $6, waiting = '', ends_early = FALSE
		WHERE run_id = $1 AND number = $2 AND attempt = $3 AND state IN ('taken', 'done') AND parts = $7`,
		ref.RunID, ref.Number, ref.Attempt, p.Records, p.Bytes, outcome, parts)
	if err != nil || n == 0 {
		return false, err
	}
	return true, t.oweRun(ctx, ref.RunID)
}

// EndRangeEarly asks the holder of a range to end it at its next part. It does
// nothing where the range's attempt is over.
func (t *Tx) EndRangeEarly(ctx context.Context, ref RangeRef) error {
	_, err := exec(ctx, t.tx, "have a range end early", `UPDATE run_ranges SET ends_early = TRUE WHERE `+held, ref.RunID, ref.Number, ref.Attempt)
	return err
}

// ReopenRange opens a range that was done but has lost stored parts: what is
// before them is kept. It is for the run's coordinator; false means that its
// attempt is no longer wanted, or the range is not done.
func (t *Tx) ReopenRange(ctx context.Context, runAttempt int, ref RangeRef, fromPart int) (bool, error) {
	mine, err := t.holdAttempt(ctx, ref.RunID, runAttempt)
	if err != nil || !mine {
		return false, err
	}
	n, err := exec(ctx, t.tx, "open a range again", `
		UPDATE run_ranges SET state = 'open', outcome = NULL, due_at = NULL, parts = $4 WHERE run_id = $1 AND number = $2 AND attempt = $3 AND state = 'done'`,
		ref.RunID, ref.Number, ref.Attempt, fromPart-1)
	if err != nil || n == 0 {
		return false, err
	}
	_, err = exec(ctx, t.tx, "forget stored parts", `DELETE FROM checkpoints WHERE run_id = $1 AND range_number = $2 AND part >= $3`, ref.RunID, ref.Number, fromPart)
	return err == nil, err
}
