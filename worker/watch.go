package worker

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"cdds"
	"cdds/export"
	"cdds/store"
)

const (
	// defaultSilence is how long who holds a range may say nothing. It reports
	// every second, and stops by itself a few seconds before this time is over.
	defaultSilence = 30 * time.Second
	// callAgain is how often help is called where ranges are open and nobody is
	// about to come: a call was lost, or the tenant was at its limit.
	callAgain = 10 * time.Second
	// defaultLeast is the growth from which on a range is worth to be cut again,
	// where the engine has no number of its own.
	defaultLeast = 50_000
	// mostCalls bounds how many calls for help of a run there are at a time. Each
	// that is answered leads to another one.
	mostCalls = 64
)

// failedRange is the fault of a run one of whose ranges has failed for good.
type failedRange struct{ failure cdds.RunFailure }

// Error returns what is wrong.
func (f *failedRange) Error() string { return "a range of the run has failed: " + f.failure.Message }

// sign is the last sign of life of who holds a range, and when it was first seen.
type sign struct {
	attempt int
	beat    int64
	seen    time.Time // by the steady clock
}

// watch looks at the ranges of a run once a second, until ctx ends: it sums up
// their progress, takes back those whose holder is silent, has those that grow too
// large ended early, calls for help, and ends the attempt with the fault of a
// range that has failed.
func (w *Worker) watch(ctx context.Context, runID string, m *meter, stop context.CancelCauseFunc) {
	signs := map[int]sign{}
	called := time.Now()
	for ; ctx.Err() == nil; wait(ctx, heartbeatEvery) {
		bounded, cancel := context.WithTimeout(ctx, 5*heartbeatEvery)
		rows, err := w.cfg.Store.Ranges(bounded, runID)
		cancel()
		if err != nil {
			w.cfg.Log.Warn("the ranges of a run could not be read, trying again", "run", runID, "error", err)
			continue
		}
		for _, row := range rows {
			if row.State == store.RangeFailed {
				stop(&failedRange{row.Failure})
				return
			}
		}
		sum(m, rows)
		err = w.takeBackSilent(ctx, rows, signs, time.Now())
		if err == nil {
			err = w.endLarge(ctx, rows)
		}
		if err == nil && time.Since(called) >= callAgain {
			called = time.Now()
			err = w.callAgain(ctx, runID, rows)
		}
		if err != nil && ctx.Err() == nil {
			w.cfg.Log.Warn("the ranges of a run could not be seen to, trying again", "run", runID, "error", err)
		}
	}
}

// sum adds up the progress of all ranges. The run waits when all who are at work
// on it do.
func sum(m *meter, rows []store.Range) {
	var records, size int64
	var why string
	waits := true
	for _, row := range rows {
		records += row.Records
		size += row.Bytes
		if row.State == store.RangeTaken {
			waits = waits && row.Waiting != ""
			why = cmp.Or(why, row.Waiting)
		}
	}
	if !waits {
		why = ""
	}
	m.Records.Store(records)
	m.Bytes.Store(size)
	m.waits.Store(&why)
}

// takeBackSilent opens the ranges whose row has not changed for too long by the
// steady clock. Only that it has changed counts, so no clocks are compared.
func (w *Worker) takeBackSilent(ctx context.Context, rows []store.Range, signs map[int]sign, now time.Time) error {
	for _, row := range rows {
		last, known := signs[row.Number]
		if row.State != store.RangeTaken || !known || last.attempt != row.Attempt || last.beat != row.Beat {
			signs[row.Number] = sign{row.Attempt, row.Beat, now}
			continue
		}
		if now.Sub(last.seen) <= cmp.Or(w.cfg.Silence, defaultSilence) {
			continue
		}
		mine := false
		err := w.cfg.Store.InTx(ctx, func(tx *store.Tx) (err error) {
			mine, err = w.release(ctx, tx, store.Release{RangeRef: row.RangeRef, Fault: true, Beat: row.Beat, Due: w.cfg.Now(), Failure: cdds.RunFailure{
				Code: cdds.CodeUnavailable, Message: "The workers that carried a part of the run out stopped responding.",
				Hint: "Retry the run. If it fails again, look at the service's log and memory.",
			}})
			return err
		})
		if err != nil {
			return err
		}
		if mine {
			w.cfg.Log.Warn("range taken back from a lost worker", "run", row.RunID, "range", row.Number, "range_attempt", row.Attempt)
		}
	}
	return nil
}

// endLarge has ranges end early that hold far more than the statistics made
// expect, where nobody has anything else to take. Their rest is cut again.
func (w *Worker) endLarge(ctx context.Context, rows []store.Range) error {
	for _, row := range rows {
		if row.State == store.RangeOpen {
			return nil
		}
	}
	most := 2 * cmp.Or(w.cfg.MostRanges, defaultRanges)
	for _, row := range rows {
		if row.State != store.RangeTaken || row.EndsEarly || row.Uncut || row.Parts == 0 || len(rows) >= most {
			continue
		}
		var r export.Range
		if err := json.Unmarshal(row.Body, &r); err != nil {
			return err
		}
		if row.Records <= 2*w.expected(r) {
			continue
		}
		w.cfg.Log.Info("a range holds more than was expected and ends early", "run", row.RunID, "range", row.Number, "records", row.Records, "expected", r.Records)
		if err := w.cfg.Store.InTx(ctx, func(tx *store.Tx) error { return tx.EndRangeEarly(ctx, row.RangeRef) }); err != nil {
			return err
		}
	}
	return nil
}

// expected is how many records a range is to have, the least that one is cut for
// where it is fewer.
func (w *Worker) expected(r export.Range) int64 {
	return max(r.Records, cmp.Or(w.cfg.Engine.LeastRecords, defaultLeast))
}

// callAgain calls for help where a range is open and no call waits for a worker.
func (w *Worker) callAgain(ctx context.Context, runID string, rows []store.Range) error {
	open := 0
	for _, row := range rows {
		if row.State == store.RangeOpen {
			open++
		}
	}
	if open == 0 {
		return nil
	}
	if waits, err := w.cfg.HelpWaits(ctx); err != nil || waits {
		return err
	}
	return w.cfg.Store.InTx(ctx, func(tx *store.Tx) error { return w.callHelp(ctx, tx, runID, 1, w.cfg.Now()) })
}
