// Package export is the engine: it reads a window of Contact History and
// stores it as encrypted artifacts.
//
//	records ─▶ JSON Lines ─▶ deflate on several cores ─▶ zip ─▶ CMS ─▶ bucket
//
// All is one stream in constant memory, and no plaintext touches a disk. The
// engine knows no database of ours, no queue and no HTTP. What it stores under
// an attempt's prefix is all there when Run returns nil, and gone when it
// returns an error.
package export

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"cdds"
	"cdds/source"
)

// defaultRange is how many records one short transaction reads.
const defaultRange = 10_000

// Engine carries out exports. It is safe for concurrent runs.
type Engine struct {
	Source source.Source
	Bucket *blob.Bucket
	// Sync makes a stored object durable; nil where the bucket does by itself.
	Sync         func(ctx context.Context, key string) error
	Workers      int // compressors of a run; 0: one for each core
	RangeRecords int // records of a short transaction; 0: 10,000
}

// Spec says what to export.
type Spec struct {
	RunID       string
	Type        cdds.EntityType
	TenantID    int64 // the tenant's number in the source
	Window      cdds.Window
	By          cdds.DateField
	MediaTypes  []string
	SplitSize   int64 // bytes of an artifact; 0: one file
	Recipients  []*x509.Certificate
	Prefix      string // of the objects' keys; belongs to this attempt alone
	OneSnapshot bool   // read the whole run in one transaction
}

// Progress is how far a run has come; it may be read while the run works.
type Progress struct {
	Records atomic.Int64 // records encoded, attachments included
	Bytes   atomic.Int64 // bytes of JSON Lines
	Total   atomic.Int64 // records to come, as counted or estimated at the start
}

// Result is what a run made.
type Result struct {
	Artifacts     []Artifact
	OneSnapshot   bool
	SnapshotFirst time.Time // when the first and the last snapshot were taken
	SnapshotLast  time.Time
}

// Artifact is one stored file.
type Artifact struct {
	Name   string
	Key    string
	Part   int // 1..Parts
	Parts  int
	Size   int64  // bytes
	SHA256 string // of the stored bytes, lower-case hex
	Files  []File // what is inside
}

// File is one plaintext file inside of an artifact.
type File struct {
	Name        string
	Entity      source.Entity
	Records     int64
	Size        int64  // bytes
	SHA256      string // lower-case hex
	First, Last source.Key
}

// run is one call of Run.
type run struct {
	ctx      context.Context
	engine   *Engine
	spec     Spec
	progress *Progress
	result   Result
	deflater *deflater
	ring     int // most blocks in flight
	part     *part
	parts    int
	line     []byte
	whole    source.Snapshot // with OneSnapshot
}

// Run exports and returns what it stored. An error is *cdds.Error where it is
// known what to do, or the cause of ctx; nothing of the attempt is left then,
// as far as the storage lets itself be cleaned.
func (e *Engine) Run(ctx context.Context, spec Spec, p *Progress) (*Result, error) {
	workers := e.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	r := &run{ctx: ctx, engine: e, spec: spec, progress: p, ring: 2*workers + 2, result: Result{OneSnapshot: spec.OneSnapshot}}
	r.deflater = newDeflater(workers)
	err := r.export()
	if err != nil && r.part != nil {
		err = errors.Join(err, r.part.abort())
	}
	r.deflater.close()
	if err == nil {
		return &r.result, nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return nil, errors.Join(err, e.cleanUp(ctx, spec.Prefix))
}

// cleanTime bounds the removal of a failed attempt's files.
const cleanTime = 30 * time.Second

// cleanUp removes what a failed attempt stored, also when its context is over.
func (e *Engine) cleanUp(ctx context.Context, prefix string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTime)
	defer cancel()
	return e.Remove(ctx, prefix)
}

// Remove deletes all objects below a prefix.
func (e *Engine) Remove(ctx context.Context, prefix string) error {
	list := e.Bucket.List(&blob.ListOptions{Prefix: prefix})
	for {
		object, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list an attempt's files: %w", err)
		}
		if err := e.Bucket.Delete(ctx, object.Key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return fmt.Errorf("remove an attempt's file: %w", err)
		}
	}
}

// export does the work of Run.
func (r *run) export() (err error) {
	entities := []source.Entity{source.Interaction, source.Attachment}
	if r.spec.Type == cdds.TypeContact {
		entities = []source.Entity{source.Contact}
	}
	if r.spec.OneSnapshot {
		if r.whole, err = r.engine.Source.Snapshot(r.ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.whole.Close()) }()
	}
	if err := r.count(entities); err != nil {
		return err
	}
	for _, e := range entities {
		if err := r.entity(e); err != nil {
			return err
		}
	}
	if err := r.closePart(); err != nil {
		return err
	}
	for i := range r.result.Artifacts {
		r.result.Artifacts[i].Parts = len(r.result.Artifacts)
	}
	return nil
}

// inSnapshot runs do in the run's one snapshot, or in a new short one.
func (r *run) inSnapshot(do func(source.Snapshot) error) (err error) {
	snapshot := r.whole
	if snapshot == nil {
		if snapshot, err = r.engine.Source.Snapshot(r.ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, snapshot.Close()) }()
	}
	if r.result.SnapshotFirst.IsZero() {
		r.result.SnapshotFirst = snapshot.Time()
	}
	r.result.SnapshotLast = snapshot.Time()
	return do(snapshot)
}

// count fills in the total for the progress.
func (r *run) count(entities []source.Entity) error {
	return r.inSnapshot(func(snapshot source.Snapshot) error {
		var total int64
		for _, e := range entities {
			n, err := snapshot.Count(r.ctx, r.query(e))
			if err != nil {
				return err
			}
			total += n.Records
		}
		r.progress.Total.Store(total)
		return nil
	})
}

func (r *run) query(e source.Entity) source.Query {
	return source.Query{Entity: e, TenantID: r.spec.TenantID, Window: r.spec.Window, By: r.spec.By, MediaTypes: r.spec.MediaTypes}
}

// entity exports all records of one entity, range by range. A range that gives
// fewer records than it may is the last one.
func (r *run) entity(e source.Entity) error {
	limit := r.engine.RangeRecords
	if limit <= 0 {
		limit = defaultRange
	}
	enc := newEncoder(e)
	var last *source.Key
	for {
		var n int
		err := r.inSnapshot(func(snapshot source.Snapshot) error {
			var err error
			n, err = snapshot.Read(r.ctx, r.query(e), source.Range{After: last, Limit: limit}, func(record *source.Record) error {
				key := record.Key
				last = &key
				return r.record(e, enc, record)
			})
			return err
		})
		if err != nil {
			return err
		}
		if n < limit {
			return r.closeEntry()
		}
	}
}

// record encodes a record and puts it into the artifact that it belongs to.
func (r *run) record(e source.Entity, enc *encoder, record *source.Record) error {
	r.line = enc.append(r.line[:0], record)
	if err := r.makeRoom(e, int64(len(r.line))); err != nil {
		return err
	}
	if err := r.part.add(r.line, record.Key); err != nil {
		return err
	}
	r.progress.Records.Add(1)
	r.progress.Bytes.Add(int64(len(r.line)))
	if cap(r.line) > 4*blockSize {
		r.line = nil // a huge record must not keep its memory
	}
	return nil
}
