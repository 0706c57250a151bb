package export

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"cdds"
	"cdds/source"
	"cdds/telemetry"
)

// reader reads a run's records and hands them, as lines, to the cutter. One
// goroutine runs it.
type reader struct {
	source   source.Source
	spec     Spec
	limit    int // records of a range
	cut      *cutter
	progress *Progress
	result   *Result // its records and snapshots are filled in
	whole    source.Snapshot
	kinds    source.Kinds
	line     []byte
	behind   *source.Key   // of the last record that earlier attempts have stored; nil: none
	resumes  source.Entity // the kind of that record
}

// newReader returns the reader of a run that fills the blocks of a ring.
func (e *Engine) newReader(spec Spec, room int64, ring *ring, p *Progress, result *Result) *reader {
	limit := e.RangeRecords
	if limit <= 0 {
		limit = defaultRange
	}
	return &reader{source: e.Source, spec: spec, limit: limit, cut: &cutter{spec: spec, room: room, ring: ring}, progress: p, result: result}
}

// feed reads all records into the ring, and closes it behind them. Only a run
// that was read to its end may be written to its end.
func (r *reader) feed(ctx context.Context, ring *ring) error {
	defer close(ring.work)
	if err := r.run(ctx); err != nil {
		return err
	}
	close(ring.queue)
	return nil
}

// run reads all records. Attachments come after all interactions.
func (r *reader) run(ctx context.Context) (err error) {
	if r.spec.OneSnapshot {
		if r.whole, err = r.source.Snapshot(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.whole.Close()) }()
	}
	entities := r.spec.entities()
	if err := r.count(ctx); err != nil {
		return err
	}
	if r.behind != nil {
		// Kinds before that of the last stored record were read to their end.
		entities = entities[slices.Index(entities, r.resumes):]
	}
	for _, e := range entities {
		if err := r.entity(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// inSnapshot runs do in the run's one snapshot, or in a new short one.
func (r *reader) inSnapshot(ctx context.Context, do func(source.Snapshot) error) (err error) {
	if r.whole != nil {
		return do(r.whole)
	}
	snapshot, err := r.source.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	return do(snapshot)
}

// count fills in the total for the progress. Whoever cut the run into ranges has
// counted them.
func (r *reader) count(ctx context.Context) (err error) {
	counted := r.spec.Counted
	if r.spec.Range != nil {
		counted = []Range{*r.spec.Range}
	}
	if counted == nil {
		err = r.inSnapshot(ctx, func(snapshot source.Snapshot) (err error) {
			if err := early(r.spec, snapshot); err != nil {
				return err
			}
			counted, err = count(ctx, r.spec, snapshot)
			return err
		})
	}
	if err != nil {
		return err
	}
	r.result.TotalExact = true
	total := int64(0)
	for _, c := range counted {
		total += c.Records
		r.result.TotalExact = r.result.TotalExact && c.Exact
		if c.Entity == source.Interaction {
			r.kinds = c.Kinds
		}
	}
	r.progress.Total.Store(total)
	return nil
}

// early turns a run away that comes too early by the source's clock.
func early(spec Spec, snapshot source.Snapshot) error {
	if wait := spec.NotBefore.Sub(snapshot.Time()); !spec.NotBefore.IsZero() && wait > 0 {
		return &TooEarly{Wait: wait}
	}
	return nil
}

// count counts each kind of records of a run, as one range of it, and learns
// what it can about interactions.
func count(ctx context.Context, spec Spec, snapshot source.Snapshot) (ranges []Range, err error) {
	var total int64
	ctx, end := telemetry.Begin(ctx, "count")
	defer func() { end(err, slog.Int64("cdds.records", total)) }()
	for i, e := range spec.entities() {
		n, err := snapshot.Count(ctx, spec.query(e))
		if err != nil {
			return nil, err
		}
		total += n.Records
		r := Range{Number: i + 1, Entity: e, Records: n.Records, Exact: n.Exact}
		if e == source.Interaction {
			if r.Kinds, err = snapshot.Kinds(ctx, n.Records); err != nil {
				return nil, err
			}
		}
		ranges = append(ranges, r)
	}
	return ranges, nil
}

// query asks for all records of an entity.
func (s Spec) query(e source.Entity) source.Query {
	return source.Query{Entity: e, TenantID: s.TenantID, Window: s.Window, By: s.By, MediaTypes: s.MediaTypes}
}

func (r *reader) query(e source.Entity) source.Query {
	q := r.spec.query(e)
	q.Kinds = r.kinds
	return q
}

// entity reads all records of one kind, range by range. A range that gives
// fewer records than it may is the last one.
func (r *reader) entity(ctx context.Context, e source.Entity) error {
	r.result.Records[e] += 0 // a kind without records is counted too
	enc := newEncoder(e)
	var after, upto *source.Key
	if r.spec.Range != nil {
		after, upto = r.spec.Range.After, r.spec.Range.Upto
	}
	if e == r.resumes {
		after = r.behind
	}
	for {
		if after != nil && upto != nil && *after == *upto {
			r.cut.endFile() // what was read last may be the end of the range
			return nil
		}
		n, last, err := r.readRange(ctx, e, enc, source.Range{After: after, Upto: upto, Limit: r.limit})
		if err != nil {
			return err
		}
		r.result.Records[e] += int64(n)
		if n < r.limit {
			r.cut.endFile()
			return nil
		}
		if after != nil && last == *after {
			return &cdds.Error{Code: cdds.CodeInternal, Message: "The source gave the same range of records twice."}
		}
		after = &last
	}
}

// readRange reads a range, and returns how many records it gave and the key of
// the last.
func (r *reader) readRange(ctx context.Context, e source.Entity, enc *encoder, stretch source.Range) (n int, last source.Key, err error) {
	ctx, end := telemetry.Begin(ctx, "read range", slog.String("cdds.entity", string(e)))
	defer func() { end(err, slog.Int("cdds.records", n)) }()
	err = r.inSnapshot(ctx, func(snapshot source.Snapshot) error {
		if r.result.SnapshotFirst.IsZero() {
			if err := early(r.spec, snapshot); err != nil {
				return err
			}
			r.result.SnapshotFirst = snapshot.Time()
		}
		r.result.SnapshotLast = snapshot.Time()
		r.cut.at = snapshot.Time()
		var err error
		n, err = snapshot.Read(ctx, r.query(e), stretch, func(record *source.Record) error {
			last = record.Key
			return r.record(ctx, e, enc, record)
		})
		r.result.SnapshotLast = snapshot.Time() // the source may have gone on in a new transaction
		return err
	})
	return n, last, err
}

// record encodes a record and hands it over.
func (r *reader) record(ctx context.Context, e source.Entity, enc *encoder, record *source.Record) error {
	r.line = enc.append(r.line[:0], record)
	var err error
	if record.Content != nil {
		err = r.long(ctx, e, record)
	} else if err = r.cut.add(ctx, e, r.line, record.Key); err == nil {
		r.progress.Bytes.Add(int64(len(r.line)))
	}
	if err != nil {
		return err
	}
	r.progress.Records.Add(1)
	if cap(r.line) > 4*blockSize {
		r.line = nil // a huge record must not keep its memory
	}
	return nil
}
