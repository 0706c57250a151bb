package worker

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"cdds"
	"cdds/export"
	"cdds/store"
)

// defaultRanges is the most ranges that a run is cut into, at first; as many may
// come of those that grow larger than expected.
const defaultRanges = 256

// plan is how a run is exported in ranges.
type plan struct {
	cut  store.Cut
	rows []store.Range // to be recorded; nil where an earlier attempt has done so
}

// split decides whether a run is exported in ranges, and returns nil for one that
// this attempt exports by itself. One that has been cut stays so, and one that has
// parts of its own goes on as it began.
func (w *Worker) split(ctx context.Context, run *cdds.Run, spec *export.Spec, engine *export.Engine) (*plan, error) {
	cut, err := w.cfg.Store.Cut(ctx, run.ID)
	if err == nil {
		return w.takeUp(ctx, run, *spec, cut)
	}
	if cdds.CodeOf(err) != cdds.CodeNotFound {
		return nil, err
	}
	rows, err := w.cfg.Store.Checkpoints(ctx, run.ID)
	most := cmp.Or(w.cfg.MostRanges, defaultRanges)
	if err != nil || len(rows) > 0 || most < 2 {
		return nil, err
	}
	ranges, err := engine.Cut(ctx, *spec, most)
	if err != nil {
		return nil, err
	}
	if len(ranges) <= kindsOf(run.Spec.Type) {
		spec.Counted = ranges
		return nil, nil
	}
	bodies, err := bodiesOf(ranges)
	if err != nil {
		return nil, err
	}
	p := &plan{cut: cutOf(run.ID, *spec), rows: make([]store.Range, len(ranges))}
	p.cut.Exact = true
	for i, r := range ranges {
		p.rows[i] = store.Range{RangeRef: store.RangeRef{Number: r.Number}, Body: bodies[i]}
		p.cut.Total += r.Records
		p.cut.Exact = p.cut.Exact && r.Exact
	}
	return p, nil
}

// kindsOf is how many kinds of records a run reads.
func kindsOf(t cdds.EntityType) int {
	if t == cdds.TypeContact {
		return 1
	}
	return 2
}

// cutOf is what all ranges of a run have in common.
func cutOf(runID string, spec export.Spec) store.Cut {
	cut := store.Cut{RunID: runID, Encryption: cmp.Or(spec.Encryption, cdds.EncryptionCompatible)}
	for _, c := range spec.Recipients {
		cut.Recipients = append(cut.Recipients, c.Raw...)
	}
	return cut
}

// takeUp goes on with a run that an earlier attempt has cut. Where the recipients
// are others now, or the kind of encryption is, all ranges are made anew.
func (w *Worker) takeUp(ctx context.Context, run *cdds.Run, spec export.Spec, cut store.Cut) (*plan, error) {
	now := cutOf(run.ID, spec)
	if bytes.Equal(now.Recipients, cut.Recipients) && now.Encryption == cut.Encryption {
		return &plan{cut: cut}, nil
	}
	w.cfg.Log.Info("the run's recipients have changed; all of its ranges are made anew", "run", run.ID, "attempt", run.Attempt)
	now.Total, now.Exact = cut.Total, cut.Exact
	err := w.insist(ctx, func(tx *store.Tx) error { return unwantedUnless(tx.RestartRanges(ctx, run.Attempt, now)) })
	return &plan{cut: now}, err
}

// coordinate sees to it that all ranges of a run get exported, by whom ever, and
// returns what they made together. It exports ranges itself as long as one is
// open, so that one worker alone gets all of them done.
func (w *Worker) coordinate(ctx context.Context, run *cdds.Run, p *plan, engine *export.Engine, m *meter) (_ *export.Result, err error) {
	m.Total.Store(p.cut.Total)
	name, release, err := engine.HoldSnapshot(ctx, run.ID)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := w.record(ctx, run, p, name); err != nil {
		return nil, err
	}
	work, stop := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { w.watch(work, run.ID, m, stop) })
	result, err := w.exportAll(work, run, p.cut)
	stop(nil)
	watching.Wait()
	if err != nil {
		return nil, w.fate(ctx, run, err)
	}
	m.set(result)
	return result, nil
}

// record records how the run is cut, and under which snapshot its ranges are read,
// and calls for help with them.
func (w *Worker) record(ctx context.Context, run *cdds.Run, p *plan, snapshot string) error {
	known := p.rows == nil && p.cut.Snapshot == snapshot
	p.cut.Snapshot = snapshot
	if known {
		return nil
	}
	return w.insist(ctx, func(tx *store.Tx) error {
		if p.rows == nil {
			return tx.HoldSnapshot(ctx, run.ID, run.Attempt, snapshot)
		}
		if _, err := tx.Cut(ctx, run.ID); err == nil {
			return nil // it was carried out, and the answer got lost
		}
		mine, err := tx.InsertCut(ctx, run.Attempt, p.cut, p.rows)
		if err != nil || !mine {
			return unwantedUnless(mine, err)
		}
		return w.callHelp(ctx, tx, run.ID, len(p.rows)-1, w.cfg.Now())
	})
}

// exportAll exports open ranges, and waits for those that others have, until all
// are done. What it asks for that does not answer is asked again for a while.
func (w *Worker) exportAll(ctx context.Context, run *cdds.Run, cut store.Cut) (*export.Result, error) {
	answered := time.Now()
	for {
		took, err := w.exportOne(ctx, *run, cut)
		if err == nil && !took {
			var result *export.Result
			if result, err = w.gather(ctx, run, cut); result != nil {
				return result, nil
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err == nil:
			answered = time.Now()
		case cdds.CodeOf(err) != cdds.CodeUnavailable || time.Since(answered) > finishTime:
			return nil, err
		default:
			w.cfg.Log.Warn("the ranges of a run could not be looked at, trying again", "run", run.ID, "error", err)
		}
		if !took {
			wait(ctx, heartbeatEvery)
		}
	}
}

// fate notes for the record of a fault that parts of ranges, which others kept,
// have forgiven the run its earlier ones.
func (w *Worker) fate(ctx context.Context, run *cdds.Run, fault error) error {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*heartbeatEvery)
	defer cancel()
	if now, err := w.cfg.Store.RunByID(bounded, run.ID); err == nil && now.Attempt == run.Attempt {
		run.Faults = now.Faults
	}
	return fault
}

// wait waits for so long, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// exportOne takes an open range of the run and exports it. False means that none
// is open.
func (w *Worker) exportOne(ctx context.Context, run cdds.Run, cut store.Cut) (bool, error) {
	var row store.Range
	var mine bool
	bounded, cancel := context.WithTimeout(ctx, finishTime)
	defer cancel()
	err := w.insist(bounded, func(tx *store.Tx) error {
		open, err := tx.OpenRange(ctx, run.ID, w.cfg.Now())
		if err != nil {
			return err
		}
		row, mine, err = tx.TakeRange(ctx, open, false, w.cfg.Node)
		return err
	})
	switch {
	case cdds.CodeOf(err) == cdds.CodeNotFound:
		return false, nil
	case err != nil || !mine:
		return false, err
	}
	return true, w.exportRange(ctx, run, cut, row, func(*store.Tx) error { return nil })
}
