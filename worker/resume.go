package worker

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"cdds"
	"cdds/export"
	"cdds/store"
)

// kept returns what earlier attempts have durably stored, as far as this one
// can go on behind it: the parts are there, and are encrypted to those who are
// the recipients now, in the way that is chosen now. The rest is forgotten and
// made anew.
func (w *Worker) kept(ctx context.Context, run cdds.Run, spec export.Spec) ([]export.Checkpoint, error) {
	rows, err := w.cfg.Store.Checkpoints(ctx, run.ID)
	if err != nil {
		return nil, err
	}
	rows = ofRange(rows, 0)
	kept, err := w.standing(ctx, rows, spec)
	if err != nil || len(kept) == len(rows) {
		return kept, err
	}
	return kept, w.forget(ctx, run, len(kept)+1)
}

// ofRange returns the checkpoints of one range; 0 is the run that is not cut.
func ofRange(rows []store.Checkpoint, number int) []store.Checkpoint {
	var out []store.Checkpoint
	for _, row := range rows {
		if row.Range == number {
			out = append(out, row)
		}
	}
	return out
}

// standing returns those checkpoints, from the first on, behind which an export
// can go on.
func (w *Worker) standing(ctx context.Context, rows []store.Checkpoint, spec export.Spec) ([]export.Checkpoint, error) {
	var kept []export.Checkpoint
	for i, row := range rows {
		var c export.Checkpoint
		usable := json.Unmarshal(row.Body, &c) == nil && row.Part == i+1 && c.Artifact.Part == row.Part &&
			slices.Equal(c.Recipients, export.Fingerprints(spec.Recipients)) &&
			cmp.Or(c.Encryption, cdds.EncryptionCompatible) == spec.Encryption
		if usable {
			var err error
			if usable, err = w.cfg.Engine.Has(ctx, c.Artifact); err != nil {
				return nil, err
			}
		}
		if !usable {
			break
		}
		kept = append(kept, c)
	}
	return kept, nil
}

// forget drops the checkpoints from a part on.
func (w *Worker) forget(ctx context.Context, run cdds.Run, fromPart int) error {
	return w.cfg.Store.InTx(ctx, func(tx *store.Tx) error {
		return unwantedUnless(tx.DropCheckpoints(ctx, run.ID, run.Attempt, fromPart))
	})
}

// keeping returns the function that records each part of a run when it is
// durably stored. While the metadata database is gone the export waits with it.
func (w *Worker) keeping(run *cdds.Run) func(context.Context, export.Checkpoint) error {
	return func(ctx context.Context, c export.Checkpoint) error {
		body, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("write a checkpoint: %w", err)
		}
		err = w.insist(ctx, func(tx *store.Tx) error {
			return unwantedUnless(tx.AddCheckpoint(ctx, store.Checkpoint{
				RunID: run.ID, Attempt: run.Attempt, Part: c.Artifact.Part, Key: c.Artifact.Key, Body: body, Now: w.cfg.Now(),
			}))
		})
		if err == nil {
			run.Faults = 0 // as its row says now: the run gets on
		}
		return err
	}
}

// tidy removes the bytes that an attempt leaves behind and nobody needs: what
// it stored itself, and when the run has ended what all of its attempts did.
func (w *Worker) tidy(ctx context.Context, run cdds.Run) error {
	return w.tidyBelow(ctx, run, cdds.ArtifactPrefix(run.TenantID, run.ID, run.Attempt))
}

// tidyBelow does so for an attempt of a run, or of a range, that stored below a
// prefix. Checkpoints are asked for before artifacts, since the one becomes the
// other.
func (w *Worker) tidyBelow(ctx context.Context, run cdds.Run, prefix string) error {
	needed := map[string]bool{}
	checkpoints, err := w.cfg.Store.Checkpoints(ctx, run.ID)
	if err != nil {
		return err
	}
	for _, c := range checkpoints {
		needed[c.Key] = true
	}
	artifacts, err := w.cfg.Store.ArtifactsOfRun(ctx, run.ID)
	if err != nil {
		return err
	}
	for _, a := range artifacts {
		needed[a.Key] = true
	}
	current, err := w.cfg.Store.RunByID(ctx, run.ID)
	if err != nil && cdds.CodeOf(err) != cdds.CodeNotFound {
		return err
	}
	if err != nil || current.State.Final() {
		prefix = cdds.RunPrefix(run.TenantID, run.ID)
	}
	return w.cfg.Engine.Remove(ctx, prefix, needed)
}
