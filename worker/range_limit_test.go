package worker_test

import (
	"context"
	"sync/atomic"
	"testing"

	"cdds"
	"cdds/source"
	"cdds/store"
)

// TestAHelperTakesAPlaceOfItsTenant gives a tenant two places: one has who carries
// a large run out, the other a helper of it. Another run of the tenant waits for
// the helper's range to end, and then goes before the next helper.
func TestAHelperTakesAPlaceOfItsTenant(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.inRanges()
		w.limit(t, func(tenant *cdds.Tenant) { tenant.Limits.Runs = 2 })
		run := w.large(t)
		var readers atomic.Int32
		gates := []chan struct{}{make(chan struct{}), make(chan struct{})}
		reading := make(chan struct{}, len(gates))
		w.source.beforeRanges(func(_ context.Context, r source.Range) error {
			if n := int(readers.Add(1)); n <= len(gates) {
				reading <- struct{}{}
				<-gates[n-1]
			}
			return nil
		})
		coordinating := do(w.Worker, run.ID)
		await(t, "the coordinator's read", reading)
		helping := help(w.Worker)
		await(t, "the helper's read", reading)

		other := w.everything(t)
		noError(t, w.Do(t.Context(), other.ID, 1))
		w.wantState(t, other.ID, cdds.RunQueued)
		noError(t, w.Help(t.Context()))
		equal(t, "the range after a helper too many", w.ranges(t, run.ID)[2].State, store.RangeOpen)

		close(gates[1])
		noError(t, await(t, "the end of the helper", helping))
		noError(t, w.Help(t.Context()))
		equal(t, "the range after a helper before the run", w.ranges(t, run.ID)[2].State, store.RangeOpen)
		noError(t, w.Do(t.Context(), other.ID, 1))
		w.wantState(t, other.ID, cdds.RunFinished)
		noError(t, w.Help(t.Context()))
		equal(t, "the range after a helper", w.ranges(t, run.ID)[2].State, store.RangeDone)

		close(gates[0])
		noError(t, await(t, "the end of the run", coordinating))
		w.wantAll(t, run)
	})
}
