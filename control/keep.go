package control

import (
	"context"
	"strings"
	"time"

	"cdds"
	"cdds/store"
)

// keeper tells which of the files that no artifact names are kept all the
// same, because the metadata may be the one that is wrong:
//   - those of a tenant that the metadata does not know. They belong to another
//     database, or to this one before it was lost.
//   - those stored before a restore. They may be the artifacts of runs since
//     the backup, and are kept as long as an artifact is.
type keeper struct {
	tenants map[string]bool
	before  time.Time
}

// clockMargin is how far the clocks of the storage and of the service may
// differ.
const clockMargin = 10 * time.Minute

func (c *Control) keeper(ctx context.Context) (keeper, error) {
	tenants, err := c.store.Tenants(ctx)
	if err != nil {
		return keeper{}, err
	}
	k := keeper{tenants: map[string]bool{}}
	for _, t := range tenants {
		k.tenants[t.ID] = true
	}
	restored, err := c.store.KeptBefore(ctx)
	if !restored.IsZero() {
		k.before = restored.Add(clockMargin)
	}
	return k, err
}

// keeps reports whether the file is kept though no artifact names it.
func (k keeper) keeps(key string, stored time.Time) bool {
	tenant, _, _ := strings.Cut(strings.TrimPrefix(key, cdds.ArtifactRoot), "/")
	return !k.tenants[tenant] || stored.Before(k.before)
}

// DiscardUnknown ends the keeping of files that were stored before a restore
// and that the restored metadata does not know: the next sweep removes them. It
// reports whether any restore's files were still kept.
func (c *Control) DiscardUnknown(ctx context.Context, now time.Time) (bool, error) {
	var restores int64
	err := c.store.InTx(ctx, func(tx *store.Tx) error {
		var err error
		if restores, err = tx.ForgetAllRestores(ctx); err != nil {
			return err
		}
		return audit(ctx, tx, Operator(store.NoTenant), "restore.discard", "", "", now)
	})
	return restores > 0, err
}
