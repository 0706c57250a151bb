package store

import (
	"context"
	"time"

	"cdds"
)

// Ranges of a run. A split run may be cut into ranges that workers of any node
// export side by side. The one who carries the run's attempt out coordinates
// them; a range's own attempts are counted apart, so that a range survives the
// change of the coordinator. Every write of a holder carries the attempt of its
// range and changes nothing once the range was taken back, and when the run ends
// its ranges go in the same transaction.

// RangeState is the state of a range.
type RangeState string

// The states of a range.
const (
	RangeOpen   RangeState = "open"   // waits for a worker
	RangeTaken  RangeState = "taken"  // a worker is at it
	RangeDone   RangeState = "done"   // all of its parts are kept
	RangeFailed RangeState = "failed" // and the run fails with it
)

// Cut is what is true of all ranges of a run.
type Cut struct {
	RunID      string
	Recipients []byte // the certificates that all ranges are encrypted to, DER, one behind the other
	Encryption cdds.Encryption
	Snapshot   string // name of the source's snapshot that is held open; "" for none
	Total      int64  // records that are expected
	Exact      bool   // they were counted
}

// RangeRef names one attempt of a range.
type RangeRef struct {
	RunID   string
	Number  int
	Attempt int
}

// Range is a stretch of a run's records that one worker exports.
type Range struct {
	RangeRef
	TenantID  string
	Body      []byte // the stretch; opaque here
	State     RangeState
	Helper    bool  // its holder is not the one who carries the run out
	Beat      int64 // counts up while the holder is alive
	Faults    int   // attempts since the last kept part that ended in a fault
	Records   int64
	Bytes     int64
	Waiting   string // what the holder waits for, for people
	Parts     int    // that are kept
	Stored    int64  // bytes of these
	EndsEarly bool   // the holder is asked to end the range at its next part
	Uncut     bool   // whoever takes it cuts it first
	Outcome   []byte // what the engine said of it when it was done; opaque here
	Failure   cdds.RunFailure
}

const rangeColumns = `g.run_id, g.number, g.attempt, g.tenant_id, g.body, g.state, g.helper, g.beat, g.faults,
	g.records, g.encoded_bytes, g.waiting, g.parts, g.stored_bytes, g.ends_early, g.uncut, g.outcome, g.failure_code, g.failure_message, g.failure_hint`

func scanRange(row scanner) (Range, error) {
	var g Range
	var code, message, hint text
	err := row.Scan(&g.RunID, &g.Number, &g.Attempt, &g.TenantID, &g.Body, &g.State, &g.Helper, &g.Beat, &g.Faults,
		&g.Records, &g.Bytes, &g.Waiting, &g.Parts, &g.Stored, &g.EndsEarly, &g.Uncut, &g.Outcome, &code, &message, &hint)
	g.Failure = cdds.RunFailure{Code: cdds.Code(code), Message: string(message), Hint: string(hint)}
	return g, err
}

// Cut returns what is true of all ranges of a run, or CodeNotFound for a run
// that is not cut.
func (r Reader) Cut(ctx context.Context, runID string) (Cut, error) {
	return one(ctx, r.from, "cut of the run", func(row scanner) (Cut, error) {
		var c Cut
		err := row.Scan(&c.RunID, &c.Recipients, &c.Encryption, &c.Snapshot, &c.Total, &c.Exact)
		return c, err
	}, `SELECT c.run_id, c.recipients, c.encryption, c.snapshot, c.total, c.exact FROM run_cuts c WHERE c.run_id = $1`, runID)
}

// Ranges returns the ranges of a run by number. A run that has ended has none.
func (r Reader) Ranges(ctx context.Context, runID string) ([]Range, error) {
	return all(ctx, r.from, "read the run's ranges", scanRange, `SELECT `+rangeColumns+` FROM run_ranges g WHERE g.run_id = $1 ORDER BY g.number`, runID)
}

// RangeUse is how many ranges a run has, and how many of them are done.
type RangeUse struct{ Done, Total int64 }

// RangeUse counts the ranges of a run of the tenant; none where it is not cut.
func (r Reader) RangeUse(ctx context.Context, tenantID, runID string) (RangeUse, error) {
	return one(ctx, r.from, "ranges of the run", func(row scanner) (RangeUse, error) {
		var u RangeUse
		err := row.Scan(&u.Done, &u.Total)
		return u, err
	}, `SELECT CAST(COALESCE(SUM(CASE WHEN g.state = 'done' THEN 1 ELSE 0 END), 0) AS BIGINT), count(*)
		FROM run_ranges g WHERE g.run_id = $1 AND g.tenant_id = $2`, runID, tenantID)
}

// InsertCut cuts a run into ranges, which are open. False means that the run's
// attempt is no longer wanted.
func (t *Tx) InsertCut(ctx context.Context, attempt int, c Cut, ranges []Range) (bool, error) {
	mine, err := t.holdAttempt(ctx, c.RunID, attempt)
	if err != nil || !mine {
		return false, err
	}
	_, err = exec(ctx, t.tx, "cut the run", `
		INSERT INTO run_cuts (run_id, tenant_id, recipients, encryption, snapshot, total, exact)
		VALUES ($1, (SELECT tenant_id FROM runs WHERE id = $1), $2, $3, $4, $5, $6)`,
		c.RunID, c.Recipients, string(c.Encryption), c.Snapshot, c.Total, c.Exact)
	if err != nil {
		return false, err
	}
	return true, t.insertRanges(ctx, c.RunID, ranges)
}

// insertRanges adds open ranges to a run.
func (t *Tx) insertRanges(ctx context.Context, runID string, ranges []Range) error {
	for _, g := range ranges {
		_, err := exec(ctx, t.tx, "add a range", `
			INSERT INTO run_ranges (run_id, number, tenant_id, body, state, attempt, helper, node, beat, faults,
				records, encoded_bytes, waiting, parts, stored_bytes, ends_early, uncut)
			VALUES ($1, $2, (SELECT tenant_id FROM runs WHERE id = $1), $3, 'open', 0, FALSE, '', 0, 0, 0, 0, '', 0, 0, FALSE, $4)`,
			runID, g.Number, g.Body, g.Uncut)
		if err != nil {
			return err
		}
	}
	return nil
}

// RestartRanges has all ranges of a run made anew, for other recipients or in
// another way: whoever holds one loses it, and nothing is kept. False means that
// the run's attempt is no longer wanted.
func (t *Tx) RestartRanges(ctx context.Context, attempt int, c Cut) (bool, error) {
	mine, err := t.holdAttempt(ctx, c.RunID, attempt)
	if err != nil || !mine {
		return false, err
	}
	_, err = exec(ctx, t.tx, "have the ranges made anew", `
		UPDATE run_ranges SET state = 'open', due_at = NULL, faults = 0, records = 0, encoded_bytes = 0, waiting = '', parts = 0, stored_bytes = 0,
			ends_early = FALSE, outcome = NULL, failure_code = NULL, failure_message = NULL, failure_hint = NULL
		WHERE run_id = $1`, c.RunID)
	if err != nil {
		return false, err
	}
	if err := t.oweRun(ctx, c.RunID); err != nil {
		return false, err
	}
	if err := t.endCheckpoints(ctx, c.RunID); err != nil {
		return false, err
	}
	_, err = exec(ctx, t.tx, "have the ranges made anew", `UPDATE run_cuts SET recipients = $2, encryption = $3, snapshot = '' WHERE run_id = $1`,
		c.RunID, c.Recipients, string(c.Encryption))
	return err == nil, err
}

// HoldSnapshot says under which snapshot of the source the ranges of a run are
// read from now on; "" is none. A run's attempt that is no longer wanted changes
// nothing.
func (t *Tx) HoldSnapshot(ctx context.Context, runID string, attempt int, name string) error {
	mine, err := t.holdAttempt(ctx, runID, attempt)
	if err != nil || !mine {
		return err
	}
	_, err = exec(ctx, t.tx, "note the snapshot of the run", `UPDATE run_cuts SET snapshot = $2 WHERE run_id = $1`, runID, name)
	return err
}

// holdAttempt reports whether a run's attempt is carried out now, and keeps it
// so until the end of the transaction.
func (t *Tx) holdAttempt(ctx context.Context, runID string, attempt int) (bool, error) {
	n, err := exec(ctx, t.tx, "hold the attempt", `UPDATE runs SET attempt = attempt WHERE id = $1 AND attempt = $2 AND `+atWork, runID, attempt)
	return n == 1, err
}

// LoseRanges opens all ranges that somebody holds, where it is known that nobody
// is at work: after a sudden stop of the only node, or a restore. It counts as a
// fault of each where fault says so; failure is what the run of a range says that
// has had too many.
func (t *Tx) LoseRanges(ctx context.Context, fault bool, failure cdds.RunFailure) error {
	held, err := all(ctx, t.tx, "list the ranges that are held", scanRange, `SELECT `+rangeColumns+` FROM run_ranges g WHERE g.state = 'taken'`)
	if err != nil {
		return err
	}
	for _, g := range held {
		if _, err := t.ReleaseRange(ctx, Release{RangeRef: g.RangeRef, Fault: fault, Failure: failure}); err != nil {
			return err
		}
	}
	return nil
}

// endRanges forgets the ranges of a run that has ended. It waits for holders that
// are about to keep a part, and they find nothing afterwards.
func (t *Tx) endRanges(ctx context.Context, runID string) error {
	if _, err := exec(ctx, t.tx, "forget the ranges", `DELETE FROM run_ranges WHERE run_id = $1`, runID); err != nil {
		return err
	}
	_, err := exec(ctx, t.tx, "forget the cut", `DELETE FROM run_cuts WHERE run_id = $1`, runID)
	return err
}

// checkRanges holds that a run which is to finish with that many artifacts has
// all ranges done, and that the parts of each are kept, all of them, and no
// others. It is the last look before the parts become artifacts.
func (t *Tx) checkRanges(ctx context.Context, runID string, artifacts int) error {
	type cover struct{ ranges, undone, gaps, parts int }
	c, err := one(ctx, t.tx, "ranges of the run", func(row scanner) (cover, error) {
		var c cover
		err := row.Scan(&c.ranges, &c.undone, &c.gaps, &c.parts)
		return c, err
	}, `SELECT count(*), count(CASE WHEN g.state <> 'done' THEN 1 END),
			count(CASE WHEN g.parts <> (SELECT count(*) FROM checkpoints k WHERE k.run_id = g.run_id AND k.range_number = g.number AND k.part <= g.parts) THEN 1 END),
			(SELECT count(*) FROM checkpoints k WHERE k.run_id = $1)
		FROM run_ranges g WHERE g.run_id = $1`, runID)
	if err != nil || c.ranges == 0 || c.undone == 0 && c.gaps == 0 && c.parts == artifacts {
		return err
	}
	return &cdds.Error{Code: cdds.CodeInternal, Message: "The run cannot finish: its ranges are not all done, or their parts are not all kept.",
		Hint: "The run is tried again by itself."}
}

// Release is the end of a range's attempt that has not come to the range's end.
type Release struct {
	RangeRef
	Fault   bool            // it counts; too many in a row make the range fail
	Final   bool            // the range fails at once
	Failure cdds.RunFailure // what the run says where the range fails
	Due     time.Time       // when the range may be taken again; zero: at once
	Beat    int64           // of a holder that fell silent: only if it has not beaten since; 0: in any case
}

// ReleaseRange opens a range for its next attempt, or makes it fail. False means
// that the attempt was over already.
func (t *Tx) ReleaseRange(ctx context.Context, r Release) (bool, error) {
	faults := 0
	if r.Fault {
		faults = 1
	}
	n, err := exec(ctx, t.tx, "give a range back", `
		UPDATE run_ranges SET faults = faults + $4, due_at = $5, waiting = '', ends_early = FALSE,
			state = CASE WHEN $6 OR faults + $4 >= $7 THEN 'failed' ELSE 'open' END,
			failure_code = CASE WHEN $6 OR faults + $4 >= $7 THEN $8 END,
			failure_message = CASE WHEN $6 OR faults + $4 >= $7 THEN $9 END,
			failure_hint = CASE WHEN $6 OR faults + $4 >= $7 THEN $10 END
		WHERE run_id = $1 AND number = $2 AND attempt = $3 AND state = 'taken' AND (beat = $11 OR $11 = 0)`,
		r.RunID, r.Number, r.Attempt, faults, instant(r.Due), r.Final, cdds.MaxAttempts,
		text(r.Failure.Code), text(r.Failure.Message), text(r.Failure.Hint), r.Beat)
	if err != nil || n == 0 {
		return false, err
	}
	return true, t.oweRun(ctx, r.RunID)
}
