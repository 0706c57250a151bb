package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"cdds"
	"cdds/export"
	"cdds/store"
)

// stretch is one range of a run in the hands of this worker.
type stretch struct {
	run    cdds.Run
	cut    store.Cut
	row    store.Range
	of     export.Range
	engine export.Engine
	spec   export.Spec
	stored int64 // bytes of its parts that are kept
	log    *slog.Logger
	// ended is what the engine said of it; nil while it has not come to its end.
	ended *export.Result
}

// said is what a range that is done tells whoever finishes the run.
type said struct {
	SnapshotFirst time.Time `json:"snapshotFirst"`
	SnapshotLast  time.Time `json:"snapshotLast"`
}

// exportRange exports a range that this worker has taken, and records how that
// ended. then is carried out in the transaction that ends the range. Nil means
// that it is recorded, whatever it was; an error, that it is not: the range then
// falls silent and is taken back.
func (w *Worker) exportRange(ctx context.Context, run cdds.Run, cut store.Cut, row store.Range, then func(tx *store.Tx) error) error {
	s := &stretch{run: run, cut: cut, row: row, log: w.cfg.Log.With("run", run.ID, "tenant", run.TenantID, "range", row.Number, "range_attempt", row.Attempt, "node", w.cfg.Node)}
	s.log.Info("range begins", "helper", row.Helper)
	var progress export.Progress
	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	alive := w.beatRange(work, row.RangeRef, &progress, stop)
	err := w.carryOut(work, s, &progress)
	alive.stop()
	record, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	return w.endRange(record, work, s, &progress, err, then)
}

// carryOut exports a range behind what of it is kept. One that is not cut yet is
// cut first, and the others get all but its first stretch.
func (w *Worker) carryOut(ctx context.Context, s *stretch, progress *export.Progress) error {
	if err := json.Unmarshal(s.row.Body, &s.of); err != nil {
		return &cdds.Error{Code: cdds.CodeInternal, Message: "A range of the run cannot be read.", Hint: "Retry the run: it is cut anew.", Err: err}
	}
	s.of.Number = s.row.Number
	tenant, err := w.cfg.Store.Tenant(ctx, s.run.TenantID)
	if err != nil {
		return err
	}
	s.engine = *w.cfg.Engine
	if s.engine.Source, err = w.cfg.Sources.Named(ctx, tenant.Source); err != nil {
		return err
	}
	if s.spec, err = w.rangeSpec(ctx, s, tenant); err != nil {
		return err
	}
	if s.row.Uncut {
		if err := w.cutRest(ctx, s); err != nil {
			return err
		}
	}
	if s.spec.Kept, err = w.keptOf(ctx, s); err != nil {
		return err
	}
	s.spec.Range, s.spec.Keep = &s.of, w.keepingOf(s)
	s.ended, err = s.engine.Run(ctx, s.spec, progress)
	return roomFault(err, tenant.Limits.Storage)
}

// rangeSpec is the order for a range. Whoever exports it encrypts to those whom
// the run's attempt that cut it has found, so that all ranges are for the same.
func (w *Worker) rangeSpec(ctx context.Context, s *stretch, tenant cdds.Tenant) (export.Spec, error) {
	spec := order(s.run, tenant)
	var err error
	if spec.Recipients, err = recipientsOf(s.cut); err != nil {
		return spec, err
	}
	spec.Encryption, spec.Snapshot = s.cut.Encryption, s.cut.Snapshot
	spec.Prefix = cdds.RangePrefix(s.run.TenantID, s.run.ID, s.row.Number, s.row.Attempt)
	if spec.Room, err = w.room(ctx, tenant); err != nil || spec.Room == 0 {
		return spec, err
	}
	all, err := w.cfg.Store.Ranges(ctx, s.run.ID)
	if err != nil {
		return spec, err
	}
	for _, other := range all {
		if other.Number != s.row.Number {
			spec.Room -= other.Stored
		}
	}
	if spec.Room <= 0 {
		return spec, noRoom(tenant.Limits.Storage, nil)
	}
	return spec, nil
}

// mostPieces bounds into how many ranges the rest of one is cut.
const mostPieces = 16

// cutRest cuts the rest of a range that grew larger than was expected.
func (w *Worker) cutRest(ctx context.Context, s *stretch) error {
	spec := s.spec
	spec.Range = &s.of
	pieces, err := s.engine.Cut(ctx, spec, mostPieces)
	if err != nil {
		return err
	}
	bodies, err := bodiesOf(pieces)
	if err != nil {
		return err
	}
	err = w.insist(ctx, func(tx *store.Tx) error {
		mine, err := tx.SplitRange(ctx, s.row.RangeRef, bodies[0], bodies[1:])
		if err != nil || !mine {
			return unwantedUnless(mine, err)
		}
		return w.callHelp(ctx, tx, s.run.ID, len(bodies)-1, w.cfg.Now())
	})
	if err == nil {
		s.of = pieces[0]
		s.of.Number = s.row.Number
	}
	return err
}

// bodiesOf returns ranges in the form in which the metadata keeps them.
func bodiesOf(ranges []export.Range) ([][]byte, error) {
	bodies := make([][]byte, len(ranges))
	for i, r := range ranges {
		body, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("write a range: %w", err)
		}
		bodies[i] = body
	}
	return bodies, nil
}

// keptOf returns what earlier attempts of the range have durably stored, as far
// as it is there. The rest is forgotten and made anew.
func (w *Worker) keptOf(ctx context.Context, s *stretch) ([]export.Checkpoint, error) {
	rows, err := w.cfg.Store.Checkpoints(ctx, s.run.ID)
	if err != nil {
		return nil, err
	}
	rows = ofRange(rows, s.row.Number)
	kept, err := w.standing(ctx, rows, s.spec)
	if err != nil {
		return nil, err
	}
	for _, c := range kept {
		s.stored += c.Artifact.Size
	}
	if len(kept) == len(rows) {
		return kept, nil
	}
	return kept, w.cfg.Store.InTx(ctx, func(tx *store.Tx) error {
		return unwantedUnless(tx.DropParts(ctx, s.row.RangeRef, len(kept)+1, s.stored))
	})
}

// keepingOf returns the function that records each part of a range when it is
// durably stored. Where the range is to end early, the part that comes next ends
// it, and the rest becomes a range that others can take.
func (w *Worker) keepingOf(s *stretch) func(context.Context, export.Checkpoint) error {
	return func(ctx context.Context, c export.Checkpoint) error {
		body, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("write a checkpoint: %w", err)
		}
		last := c.Artifact.Files[len(c.Artifact.Files)-1].Last
		ended, rest := s.of, s.of
		ended.Upto, rest.After = &last, &last
		rest.Records, rest.Exact = 2*w.expected(s.of), false // what lies there is not known; so much was before it
		ends, err := bodiesOf([]export.Range{ended, rest})
		if err != nil {
			return err
		}
		var kept store.Kept
		err = w.insist(ctx, func(tx *store.Tx) (err error) {
			kept, err = tx.AddPart(ctx, s.row.RangeRef, store.Checkpoint{Part: c.Artifact.Part, Key: c.Artifact.Key, Body: body, Now: w.cfg.Now()},
				s.stored+c.Artifact.Size, ends[0], ends[1])
			if err != nil || !kept.Last {
				return err
			}
			return w.callHelp(ctx, tx, s.run.ID, 1, w.cfg.Now())
		})
		switch {
		case err != nil:
			return err
		case !kept.Mine:
			return ErrUnwanted
		case kept.Last:
			return export.ErrCut
		}
		s.stored += c.Artifact.Size
		return nil
	}
}

// endRange records how an attempt of a range has ended: it is done, or open
// again, or has failed for good, which ends the run.
func (w *Worker) endRange(ctx, work context.Context, s *stretch, p *export.Progress, fault error, then func(tx *store.Tx) error) error {
	var release store.Release
	if fault != nil {
		release = w.releaseOf(work, s, fault)
	}
	var mine bool
	err := w.insist(ctx, func(tx *store.Tx) (err error) {
		if fault == nil {
			mine, err = finishRange(ctx, tx, s, p)
		} else {
			mine, err = w.release(ctx, tx, release)
		}
		if err != nil {
			return err
		}
		return then(tx)
	})
	if err != nil {
		return fmt.Errorf("record the end of range %d of run %s: %w", s.row.Number, s.run.ID, err)
	}
	if mine {
		return nil
	}
	s.log.Info("range stopped: its run has ended, or it was taken over")
	return w.tidyBelow(ctx, s.run, cdds.RangePrefix(s.run.TenantID, s.run.ID, s.row.Number, s.row.Attempt))
}

// finishRange records that a range has come to its end. False means that its
// attempt was over before.
func finishRange(ctx context.Context, tx *store.Tx, s *stretch, p *export.Progress) (bool, error) {
	body, err := json.Marshal(said{SnapshotFirst: s.ended.SnapshotFirst, SnapshotLast: s.ended.SnapshotLast})
	if err != nil {
		return false, fmt.Errorf("write what a range says: %w", err)
	}
	done := cdds.Progress{Records: p.Records.Load(), Bytes: p.Bytes.Load()}
	return tx.FinishRange(ctx, s.row.RangeRef, len(s.ended.Artifacts), done, body)
}

// release gives a range back, and calls for somebody to take it. False means that
// its attempt was over before.
func (w *Worker) release(ctx context.Context, tx *store.Tx, release store.Release) (bool, error) {
	mine, err := tx.ReleaseRange(ctx, release)
	if err != nil || !mine || release.Final {
		return mine, err
	}
	return mine, w.callHelp(ctx, tx, release.RunID, 1, release.Due)
}

// releaseOf says what becomes of a range whose attempt did not come to its end. A
// stop of the service, and the end of the run's own attempt, count for nothing.
func (w *Worker) releaseOf(work context.Context, s *stretch, fault error) store.Release {
	now := w.cfg.Now()
	release := store.Release{RangeRef: s.row.RangeRef, Due: now}
	cause := context.Cause(work)
	var early *export.TooEarly
	switch {
	case errors.As(fault, &early):
		release.Due = now.Add(pauseOf(early))
		return release
	case errors.Is(cause, ErrLeaseLost):
		fault = cause
	case cause != nil || errors.Is(fault, ErrUnwanted):
		return release
	}
	code := cdds.CodeOf(fault)
	s.log.Warn("range failed", "code", string(code), "error", fault)
	w.cfg.Probe.AttemptFailed(string(code))
	release.Fault, release.Failure = true, failureOf(fault)
	release.Final = !code.Retryable()
	release.Due = now.Add(cdds.RetryDelay(s.row.Faults + 1))
	return release
}

// unwantedUnless is the error of a write that was refused.
func unwantedUnless(mine bool, err error) error {
	if err == nil && !mine {
		return ErrUnwanted
	}
	return err
}
