package source

import (
	"context"
	"time"
)

// Sharer is a Source whose snapshots others can read under, from connections and
// nodes of their own.
type Sharer interface {
	// Share takes a snapshot and holds it for others, until it is closed. The
	// server itself gives it up some time after its life, should its holder
	// hang. It is nil where the source cannot share one, or should not now.
	Share(ctx context.Context, life time.Duration) (*Shared, error)
}

// Shared is a snapshot that is held for others.
type Shared struct {
	Name  string       // for Errand.Snapshot
	Close func() error // gives it up; reads that go on under it are not disturbed
}

// Share waits until the source may be read, and has it share a snapshot if it
// can. Under a ceiling none is held: to spare the server is worth more then, and
// it cannot clean up behind what is changed while one is.
func (g *Guard) Share(ctx context.Context, life time.Duration) (*Shared, error) {
	sharer, ok := g.Source.(Sharer)
	if !ok || g.pace.batch(0) > 0 {
		return nil, nil
	}
	if err := g.await(ctx, ErrandOf(ctx)); err != nil {
		return nil, err
	}
	return sharer.Share(ctx, life)
}
