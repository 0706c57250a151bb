package worker

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"time"

	"cdds"
	"cdds/export"
	"cdds/source"
	"cdds/store"
)

// gather puts together what the ranges of a run made, when all are done; nil
// before that. Parts that are no longer in the storage are made anew.
func (w *Worker) gather(ctx context.Context, run *cdds.Run, cut store.Cut) (*export.Result, error) {
	rows, err := w.cfg.Store.Ranges(ctx, run.ID)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if row.State != store.RangeDone {
			return nil, nil
		}
	}
	parts, whole, err := w.partsOf(ctx, run, rows)
	if err != nil || !whole {
		return nil, err
	}
	result, err := joined(run, rows, parts)
	if err != nil {
		return nil, err
	}
	result.TotalExact = cut.Exact
	return result, nil
}

// partsOf returns the parts of all ranges, by their numbers. Where the storage
// lacks one its range is opened again, from that part on, and whole is false.
func (w *Worker) partsOf(ctx context.Context, run *cdds.Run, rows []store.Range) (parts map[int][]export.Artifact, whole bool, err error) {
	checkpoints, err := w.cfg.Store.Checkpoints(ctx, run.ID)
	if err != nil {
		return nil, false, err
	}
	sizes, err := w.cfg.Engine.Sizes(ctx, cdds.RunPrefix(run.TenantID, run.ID))
	if err != nil {
		return nil, false, err
	}
	parts, whole = map[int][]export.Artifact{}, true
	for _, row := range rows {
		kept := ofRange(checkpoints, row.Number)
		for i, checkpoint := range kept {
			var c export.Checkpoint
			if err := json.Unmarshal(checkpoint.Body, &c); err != nil {
				return nil, false, fmt.Errorf("read a checkpoint: %w", err)
			}
			if size, there := sizes[c.Artifact.Key]; !there || size != c.Artifact.Size {
				whole = false
				if err := w.reopen(ctx, run, row, i+1); err != nil {
					return nil, false, err
				}
				break
			}
			parts[row.Number] = append(parts[row.Number], c.Artifact)
		}
	}
	return parts, whole, nil
}

// reopen has a range made anew from a part on that the storage has lost.
func (w *Worker) reopen(ctx context.Context, run *cdds.Run, row store.Range, fromPart int) error {
	w.cfg.Log.Warn("a stored part has gone; its range is made anew from there on", "run", run.ID, "range", row.Number, "part", fromPart)
	return w.insist(ctx, func(tx *store.Tx) error {
		mine, err := tx.ReopenRange(ctx, run.Attempt, row.RangeRef, fromPart)
		if err != nil || !mine {
			return err
		}
		return w.callHelp(ctx, tx, run.ID, 1, w.cfg.Now())
	})
}

// joined puts the parts of all ranges into the order of their keys and numbers
// them.
func joined(run *cdds.Run, rows []store.Range, parts map[int][]export.Artifact) (*export.Result, error) {
	ranges := make([]export.Range, len(rows))
	result := &export.Result{Records: map[source.Entity]int64{}}
	for i, row := range rows {
		if err := json.Unmarshal(row.Body, &ranges[i]); err != nil {
			return nil, fmt.Errorf("read a range: %w", err)
		}
		ranges[i].Number = row.Number
		if err := addMoments(result, row, parts[row.Number]); err != nil {
			return nil, err
		}
	}
	ordered, err := export.InOrder(run.Spec.Type, ranges)
	if err != nil {
		return nil, err
	}
	for _, r := range ordered {
		result.Records[r.Entity] += 0 // a kind without records is counted too
		for _, a := range parts[r.Number] {
			result.Artifacts = append(result.Artifacts, a)
			for _, f := range a.Files {
				result.Records[f.Entity] += f.Records
			}
		}
	}
	result.Artifacts = export.Number(run.ID, result.Artifacts)
	return result, nil
}

// addMoments notes of which moments the records of a range are.
func addMoments(result *export.Result, row store.Range, parts []export.Artifact) error {
	var s said
	if row.Outcome != nil {
		if err := json.Unmarshal(row.Outcome, &s); err != nil {
			return fmt.Errorf("read what a range says: %w", err)
		}
	}
	moments := []time.Time{s.SnapshotFirst, s.SnapshotLast}
	for _, a := range parts {
		for _, f := range a.Files {
			moments = append(moments, f.Snapshot)
		}
	}
	for _, at := range moments {
		if at.IsZero() {
			continue
		}
		if result.SnapshotFirst.IsZero() || at.Before(result.SnapshotFirst) {
			result.SnapshotFirst = at
		}
		if at.After(result.SnapshotLast) {
			result.SnapshotLast = at
		}
	}
	return nil
}

// recipientsOf returns the certificates that the ranges of a cut are encrypted to.
func recipientsOf(cut store.Cut) ([]*x509.Certificate, error) {
	certs, err := x509.ParseCertificates(cut.Recipients)
	if err != nil {
		return nil, &cdds.Error{Code: cdds.CodeInternal, Message: "The certificates of the run cannot be read.", Hint: "Retry the run by hand: it is cut anew.", Err: err}
	}
	return certs, nil
}
