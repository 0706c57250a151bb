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
	var kept []export.Checkpoint
	for i, row := range rows {
		var c export.Checkpoint
		usable := json.Unmarshal(row.Body, &c) == nil && row.Part == i+1 && c.Artifact.Part == row.Part &&
			slices.Equal(c.Recipients, export.Fingerprints(spec.Recipients)) &&
			cmp.Or(c.Encryption, cdds.EncryptionCompatible) == spec.Encryption
		if usable {
			if usable, err = w.cfg.Engine.Has(ctx, c.Artifact); err != nil {
				return nil, err
			}
		}
		if !usable {
			return kept, w.forget(ctx, run, i+1)
		}
		kept = append(kept, c)
	}
	return kept, nil
}

// forget drops the checkpoints from a part on.
func (w *Worker) forget(ctx context.Context, run cdds.Run, fromPart int) error {
	return w.cfg.Store.InTx(ctx, func(tx *store.Tx) error {
		mine, err := tx.DropCheckpoints(ctx, run.ID, run.Attempt, fromPart)
		if err == nil && !mine {
			return ErrUnwanted
		}
		return err
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
			mine, err := tx.AddCheckpoint(ctx, store.Checkpoint{
				RunID: run.ID, Attempt: run.Attempt, Part: c.Artifact.Part, Key: c.Artifact.Key, Body: body, Now: w.cfg.Now(),
			})
			if err == nil && !mine {
				return ErrUnwanted
			}
			return err
		})
		if err == nil {
			run.Faults = 0 // as its row says now: the run gets on
		}
		return err
	}
}

// tidy removes the bytes that an attempt leaves behind and nobody needs: what
// it stored itself, and when the run has ended what all of its attempts did.
// Checkpoints are asked for before artifacts, since the one becomes the other.
func (w *Worker) tidy(ctx context.Context, run cdds.Run) error {
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
	prefix := cdds.ArtifactPrefix(run.TenantID, run.ID, run.Attempt)
	current, err := w.cfg.Store.RunByID(ctx, run.ID)
	if err != nil && cdds.CodeOf(err) != cdds.CodeNotFound {
		return err
	}
	if err != nil || current.State.Final() {
		prefix = cdds.RunPrefix(run.TenantID, run.ID)
	}
	return w.cfg.Engine.Remove(ctx, prefix, needed)
}
