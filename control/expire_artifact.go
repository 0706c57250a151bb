package control

import (
	"context"
	"errors"
	"time"

	"gocloud.dev/gcerrors"

	"cdds"
	"cdds/store"
)

// DeleteArtifact removes the bytes of one artifact at once; History keeps its
// row as expired.
func (c *Control) DeleteArtifact(ctx context.Context, by Caller, id string, now time.Time) error {
	a, err := c.store.Artifact(ctx, by.User.TenantID, id)
	if err != nil {
		return err
	}
	if err := c.removeBytes(ctx, a.Key); err != nil {
		return err
	}
	return c.store.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.MarkExpired(ctx, id, now); err != nil {
			return err
		}
		return audit(ctx, tx, by, "artifact.delete", id, a.Name, now)
	})
}

// ExpireArtifacts removes the artifacts whose retention has ended, at most
// limit of them, and returns how many it removed. One that the storage does not
// delete is left for the next time and keeps no other from being removed. The bytes go first and the
// row is marked after, so that what is shown as present is present.
func (c *Control) ExpireArtifacts(ctx context.Context, now time.Time, limit int) (int, error) {
	due, err := c.store.ExpiredArtifacts(ctx, now, limit)
	if err != nil {
		return 0, err
	}
	removed := 0
	var errs []error
	for _, a := range due {
		if err := c.removeBytes(ctx, a.Key); err != nil {
			errs = append(errs, err)
			continue
		}
		err := c.store.InTx(ctx, func(tx *store.Tx) error {
			expired, err := tx.MarkExpired(ctx, a.ID, now)
			if err != nil || !expired {
				return err
			}
			return audit(ctx, tx, service(a.TenantID), "artifact.expire", a.ID, a.Name, now)
		})
		if err != nil {
			return removed, errors.Join(append(errs, err)...)
		}
		removed++
	}
	return removed, errors.Join(errs...)
}

// RecordDownload writes the audit line of a download that is about to begin.
func (c *Control) RecordDownload(ctx context.Context, by Caller, a cdds.Artifact, form string, now time.Time) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error {
		return audit(ctx, tx, by, "artifact.download", a.ID, a.Name+" ("+form+")", now)
	})
}

// removeBytes deletes an object; one that is gone already is fine, since a
// crash may have come between the bytes and the row.
func (c *Control) removeBytes(ctx context.Context, key string) error {
	err := c.bucket.Delete(ctx, key)
	if err == nil || gcerrors.Code(err) == gcerrors.NotFound {
		return nil
	}
	return &cdds.Error{
		Code: cdds.CodeUnavailable, Message: "The artifact storage did not delete a file.",
		Hint: "Look at the storage that --artifacts names; CDDS tries again by itself.", Err: err,
	}
}
