package control

import (
	"context"
	"log/slog"

	"cdds/queue"
	"cdds/store"
)

// Migrate brings a metadata database to this version: the store's tables and the
// queue's.
func Migrate(ctx context.Context, st *store.Store) error {
	if err := st.Migrate(ctx); err != nil {
		return err
	}
	q, err := queue.Open(queue.Config{DB: st.DB(), Postgres: st.Dialect() == store.Postgres, Log: slog.New(slog.DiscardHandler)}, nil)
	if err != nil {
		return err
	}
	return q.Migrate(ctx)
}
