package worker

import (
	"context"
	"errors"

	"cdds"
	"cdds/export"
	"cdds/store"
)

// room returns how many bytes a run of the tenant may store; 0 where there is no
// limit. A tenant that has used up its storage is refused, before any data is
// read.
func (w *Worker) room(ctx context.Context, tenant cdds.Tenant) (int64, error) {
	limit := tenant.Limits.Storage
	if limit == 0 {
		return 0, nil
	}
	use, err := w.cfg.Store.StorageUse(ctx, tenant.ID)
	if err != nil {
		return 0, err
	}
	left := limit - use.Bytes
	if left <= 0 {
		return 0, noRoom(limit, nil)
	}
	return left, nil
}

// checkRoom looks, in the transaction that finishes a run, whether its artifacts
// fit: another run of the tenant may have finished since this one was given its
// room. Both write the tenant's row there, so that one sees the other.
func checkRoom(ctx context.Context, tx *store.Tx, outcome store.Outcome, run cdds.Run) error {
	if len(outcome.Artifacts) == 0 {
		return nil
	}
	tenant, err := tx.Tenant(ctx, run.TenantID)
	if err != nil || tenant.Limits.Storage == 0 {
		return err
	}
	use, err := tx.StorageUse(ctx, tenant.ID)
	if err != nil {
		return err
	}
	for _, a := range outcome.Artifacts {
		use.Bytes += a.Size
	}
	if use.Bytes > tenant.Limits.Storage {
		return noRoom(tenant.Limits.Storage, export.ErrNoRoom)
	}
	return nil
}

// noRoom is what a run fails with whose tenant has used up its storage.
func noRoom(limit int64, cause error) error {
	return &cdds.Error{Code: cdds.CodeConflict, Message: "The tenant's storage of " + cdds.FormatSize(limit) + " is used up.",
		Hint: "Delete artifacts that are no longer needed, or ask the operator for more storage; then retry the run.", Err: cause}
}

// roomFault gives the engine's word for it the reason that people read.
func roomFault(err error, limit int64) error {
	if errors.Is(err, export.ErrNoRoom) {
		return noRoom(limit, err)
	}
	return err
}
