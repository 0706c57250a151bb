package export

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"cdds/source"
)

// Lines reads a run's records and writes them to w as JSON Lines, by the same
// way as Run but without compression, encryption and storage. It is there for
// measuring what these cost; what it writes is plaintext, which a product's
// export must never leave lying about.
func (e *Engine) Lines(ctx context.Context, spec Spec, p *Progress, w io.Writer) (*Result, error) {
	spec.SplitSize = 0
	result := &Result{Records: map[source.Entity]int64{}, OneSnapshot: spec.OneSnapshot}
	ring := newRing(1, levelOf(spec.Compression))
	in := e.newReader(spec, 0, ring, p, result)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return in.feed(ctx, ring) })
	group.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case b, more := <-ring.queue:
				if !more {
					return nil
				}
				<-ring.work // the same block, which nobody compresses
				b.file.pending.Done()
				if _, err := w.Write(b.raw()); err != nil {
					return fmt.Errorf("write the lines: %w", err)
				}
				ring.give(b)
			}
		}
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return result, nil
}
