package control_test

import (
	"context"
	"testing"
	"time"

	"cdds"
	"cdds/control"
	"cdds/store"
)

// cutRun starts a run and cuts it into three ranges, of which the first has had
// two attempts and has kept a part.
func (w *world) cutRun(t testing.TB) cdds.Run {
	t.Helper()
	run := got(w.StartRun(t.Context(), w.ann, w.create(t, spec()).ID, control.Once{}, now))(t)
	w.begin(t, run, 1)
	w.tx(t, func(ctx context.Context, tx *store.Tx) error {
		var ranges []store.Range
		for number := 1; number <= 3; number++ {
			ranges = append(ranges, store.Range{RangeRef: store.RangeRef{Number: number}, Body: []byte("{}")})
		}
		_, err := tx.InsertCut(ctx, 1, store.Cut{RunID: run.ID, Recipients: []byte("der"), Encryption: cdds.EncryptionCompatible}, ranges)
		return err
	})
	first := w.takeRange(t, run.ID, 1)
	w.tx(t, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.AddPart(ctx, first.RangeRef, store.Checkpoint{Part: 1, Key: rangeKey(run, 1, 1) + "-kept", Body: []byte("{}"), Now: now}, 1, nil, nil)
		if err != nil {
			return err
		}
		_, err = tx.ReleaseRange(ctx, store.Release{RangeRef: first.RangeRef})
		return err
	})
	w.takeRange(t, run.ID, 1)
	return run
}

func (w *world) takeRange(t testing.TB, runID string, number int) store.Range {
	t.Helper()
	row := got(w.st.Ranges(t.Context(), runID))(t)[number-1]
	w.tx(t, func(ctx context.Context, tx *store.Tx) (err error) {
		row, _, err = tx.TakeRange(ctx, row, true, "node")
		return err
	})
	return row
}

func rangeKey(run cdds.Run, number, attempt int) string {
	return cdds.RangePrefix(run.TenantID, run.ID, number, attempt) + "part.zip.p7m"
}

// TestSweepOfRanges removes what attempts of ranges have left behind that are
// over, and nothing of one that may be at work.
func TestSweepOfRanges(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		run := w.cutRun(t)
		keep := map[string]bool{
			rangeKey(run, 1, 1) + "-kept": true, rangeKey(run, 1, 1): false, rangeKey(run, 1, 2): true, rangeKey(run, 1, 3): true,
			rangeKey(run, 2, 1): true, rangeKey(run, 9, 1): true, // a range that has come since the look
		}
		for key := range keep {
			w.put(t, key)
		}
		equal(t, "removed", got(w.Sweep(ctx))(t), 1)
		for key, want := range keep {
			equal(t, key, w.has(t, key), want)
		}
		got(w.CancelRun(ctx, w.ann, run.ID, now))(t)
		for key := range keep {
			equal(t, key+" after the cancel", w.has(t, key), false)
		}
		w.put(t, rangeKey(run, 1, 2)) // by who was at it
		equal(t, "removed", got(w.Sweep(ctx))(t), 1)
	})
}

// TestRangesAreHandedOn by a restore without a fault, and with one where the only
// node has stopped suddenly.
func TestRangesAreHandedOn(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		run := w.cutRun(t)
		first := func() []any {
			row := got(w.st.Ranges(ctx, run.ID))(t)[0]
			return []any{row.State, row.Faults, row.Parts}
		}
		noError(t, w.SettleRestore(ctx, at(24*time.Hour), at(time.Hour)))
		equal(t, "the range after a restore", first(), []any{store.RangeOpen, 0, 1})
		w.takeRange(t, run.ID, 1)
		noError(t, w.LoseRanges(ctx, "It stopped."))
		equal(t, "the range after a sudden stop", first(), []any{store.RangeOpen, 1, 1})
		noError(t, w.LoseRanges(ctx, "It stopped."))
		equal(t, "a range that nobody held", first(), []any{store.RangeOpen, 1, 1})
	})
}
