package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
	"golang.org/x/sync/errgroup"

	"cdds"
	"cdds/source"
)

const (
	// defaultRange is how many records one short transaction reads.
	defaultRange = 10_000
	// mostWorkers bounds the default: reading and encoding one stream feeds
	// four or five compressors, and each costs some memory.
	mostWorkers = 8
	// cleanTime bounds the removal of a failed attempt's files.
	cleanTime = 30 * time.Second
)

// Run exports and returns what it stored. Its error is the first fault: a
// *cdds.Error where it is known what to do (CodeUnavailable for the storage),
// one of the source as it came, or the cause of ctx when that has ended. All
// that the attempt stored and that Spec.Keep did not take is removed before Run
// returns an error; if that fails too, the error says so as well.
func (e *Engine) Run(ctx context.Context, spec Spec, p *Progress) (*Result, error) {
	kept := map[string]bool{}
	if keep := spec.Keep; keep != nil {
		spec.Keep = func(ctx context.Context, c Checkpoint) error {
			err := keep(ctx, c)
			kept[c.Artifact.Key] = err == nil || errors.Is(err, ErrCut)
			return err
		}
	}
	result, err := e.export(ctx, spec, p)
	if err == nil {
		return result, nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	// The removal must work when the context is over as well.
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTime)
	defer cancel()
	if cleanErr := e.Remove(clean, spec.Prefix, kept); cleanErr != nil {
		return nil, fmt.Errorf("%w (and its files could not be removed: %w)", err, cleanErr)
	}
	return nil, err
}

// export does the work of Run: it starts the goroutines and waits for all of
// them. The first that fails ends the others through their context, and so does
// a storage that does not move.
func (e *Engine) export(ctx context.Context, spec Spec, p *Progress) (*Result, error) {
	if spec.SplitSize > 0 && e.Largest > 0 {
		spec.SplitSize = min(spec.SplitSize, e.Largest)
	}
	room, err := zipRoom(spec)
	if err != nil {
		return nil, err
	}
	workers := e.Workers
	if workers <= 0 {
		workers = min(runtime.GOMAXPROCS(0), mostWorkers)
	}
	result := &Result{Records: map[source.Entity]int64{}, OneSnapshot: spec.OneSnapshot}
	ring := newRing(workers, levelOf(spec.Compression))
	in := e.newReader(spec, room, ring, p, result)
	out := &writer{engine: e, spec: spec, ring: ring, calls: newCalls(e.StorageTimeout), room: spec.Room}
	if err := goOn(spec.Kept, in, out); err != nil {
		return nil, err
	}

	ctx = withErrand(ctx, spec, p.wait)
	moving, stop := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { out.calls.watch(moving, stop) })
	defer watch.Wait()
	defer stop(nil)
	group, ctx := errgroup.WithContext(moving)
	for range workers {
		group.Go(func() error {
			ring.compress()
			return nil
		})
	}
	group.Go(func() error { return in.feed(ctx, ring) })
	group.Go(func() error { return out.run(ctx) })
	err = group.Wait()
	result.Artifacts = out.artifacts
	for i := range result.Artifacts {
		result.Artifacts[i].Parts = len(result.Artifacts)
	}
	if out.ended {
		// All up to here is stored and kept, whatever has become of what was read
		// behind it.
		result.endAtLast(p)
		return result, nil
	}
	if err != nil {
		if cause := context.Cause(moving); cause != nil {
			err = cause // what ended all the others
		}
		return nil, err
	}
	return result, nil
}

// withErrand is the context in which a run reads.
func withErrand(ctx context.Context, spec Spec, waits func(why string)) context.Context {
	return source.WithErrand(ctx, source.Errand{Run: spec.RunID, OneSnapshot: spec.OneSnapshot, Snapshot: spec.Snapshot, Waits: waits})
}

// endAtLast takes back what was counted behind the last artifact, where a run
// was cut.
func (r *Result) endAtLast(p *Progress) {
	var records, bytes int64
	for e := range r.Records {
		r.Records[e] = 0
	}
	for _, a := range r.Artifacts {
		for _, f := range a.Files {
			r.Records[f.Entity] += f.Records
			records += f.Records
			bytes += f.Size
			r.Last = &f.Last
		}
	}
	p.Records.Store(records)
	p.Bytes.Store(bytes)
}

// entitiesOf lists the kinds of records that a run reads, in their order.
func entitiesOf(t cdds.EntityType) []source.Entity {
	if t == cdds.TypeContact {
		return []source.Entity{source.Contact}
	}
	return []source.Entity{source.Interaction, source.Attachment}
}

// entities lists those that are to be read.
func (s Spec) entities() []source.Entity {
	if s.Range != nil {
		return []source.Entity{s.Range.Entity}
	}
	return entitiesOf(s.Type)
}

// Remove deletes all objects below a prefix except those with the given keys;
// that there are none is no error.
func (e *Engine) Remove(ctx context.Context, prefix string, except map[string]bool) error {
	list := e.Bucket.List(&blob.ListOptions{Prefix: prefix})
	for {
		object, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return StorageFailure(fmt.Errorf("list an attempt's files: %w", err))
		}
		if except[object.Key] {
			continue
		}
		if err := e.Bucket.Delete(ctx, object.Key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return StorageFailure(fmt.Errorf("remove an attempt's file: %w", err))
		}
	}
}
