package control

import (
	"context"
	"fmt"
	"iter"
	"time"

	"cdds"
)

// Uploads lists the uploads below a prefix, by their keys, that have neither
// ended nor been aborted.
type Uploads func(ctx context.Context, prefix string) iter.Seq2[Upload, error]

// Upload is an object in the making. A worker that ends, or whose attempt fails,
// aborts its own; one that is killed leaves its pieces in the store, where they
// cost and no listing of objects shows them.
type Upload struct {
	Key   string
	Began time.Time
	Abort func(ctx context.Context) error
}

// abortUploads ends the uploads of attempts that are over. Those of an attempt
// that may still be at work go on, however old they are, and those of tenants
// that the metadata does not know are another installation's.
func (c *Control) abortUploads(ctx context.Context, kept keeper) error {
	if c.uploads == nil {
		return nil
	}
	aborted := 0
	known := sweepMemory{}
	for upload, err := range c.uploads(ctx, cdds.ArtifactRoot) {
		if err != nil {
			return fmt.Errorf("list the uploads to the artifact storage: %w", err)
		}
		orphan, err := c.isOrphan(ctx, upload.Key, &known)
		if err != nil {
			return err
		}
		if !orphan || kept.keeps(upload.Key, upload.Began) {
			continue
		}
		if err := upload.Abort(ctx); err != nil {
			return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The artifact storage did not abort an upload.",
				Hint: "Give the service the right to abort uploads, which docs/storage.md names; CDDS tries again by itself.", Err: err}
		}
		aborted++
	}
	if aborted > 0 {
		c.log.Info("unfinished uploads aborted in the artifact storage", "count", aborted)
	}
	return nil
}
