package main

import (
	"context"
	"slices"
	"time"
)

// inspect looks into the service's tables and its storage for what should not
// be there. What is cleaned up in the background has its time.
func (r *round) inspect(ctx context.Context) error {
	named, err := r.meta.artifacts(ctx)
	if err != nil {
		return err
	}
	files, err := r.stored()
	if err != nil {
		return err
	}
	sizes := map[string]int64{}
	for _, f := range files {
		sizes[f.key] = f.size
	}
	for key, size := range named {
		if got, there := sizes[key]; !there || got != size {
			r.lose(1, "artifact %s has %d bytes in the storage, not %d", key, got, size)
		}
	}
	open, err := r.meta.openAttempts(ctx)
	if err != nil {
		return err
	}
	if open > 0 {
		r.stick("%d attempts of ended runs are open", open)
	}
	if r.unhurt {
		faults, err := r.meta.faults(ctx, r.jobIDs())
		if err != nil {
			return err
		}
		if faults > 0 {
			r.stick("%d faults were counted, though nothing had failed", faults)
		}
	}
	return r.cleaned(ctx, named)
}

// cleaned waits until no bytes are left that no artifact names, and no task of
// an ended run.
func (r *round) cleaned(ctx context.Context, named map[string]int64) error {
	for deadline := time.Now().Add(r.bound(cleanLimit)); ; {
		left, err := r.stored()
		if err != nil {
			return err
		}
		left = slices.DeleteFunc(left, func(f storedFile) bool { _, known := named[f.key]; return known })
		pending, err := r.meta.pending(ctx)
		if err != nil {
			return err
		}
		if len(left) == 0 && pending == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			for _, f := range left {
				r.stick("%s is in the storage, and no artifact names it", f.key)
			}
			if pending > 0 {
				r.stick("%d tasks wait whose run has ended", pending)
			}
			return nil
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}
