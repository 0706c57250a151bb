// Package worker carries out one attempt of a run and records its outcome in
// one transaction.
//
//	claim, whose turn it is ─▶ certificate, room ─▶ export ─▶ manifest ─▶ finish (rows of all artifacts at once)
//	        └─ heartbeat every second: progress, "am I still wanted?"
//
// The worker trusts its claim only as long as its heartbeat succeeds: each
// write carries the attempt's number, and once another attempt has begun, or
// the run was canceled, the write changes nothing and the worker stops. It
// knows neither the queue nor HTTP; what it needs of the queue is a function.
package worker

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"

	"cdds"
	"cdds/export"
	"cdds/source"
	"cdds/store"
	"cdds/telemetry"
)

// Times of a worker's life. One that cannot report for leaseTime stops by itself
// before the scheduler, which waits a little longer, takes its run back.
const (
	heartbeatEvery = time.Second
	leaseTime      = 25 * time.Second
	finishTime     = 30 * time.Second // for recording an outcome when the attempt's own context is over
	// A run that comes before the end of its window waits at least and at most
	// so long before it looks at the source's clock again.
	shortestWait = time.Second
	longestWait  = time.Minute
	// promoteAhead is how far ahead the end of a run looks for the job's next
	// one. One that came due while the outcome was being recorded has lost its
	// task, since this run was in progress still.
	promoteAhead = finishTime
)

// Causes with which an attempt's context ends before its work does.
var (
	// ErrUnwanted: the run was canceled, or another attempt has begun.
	ErrUnwanted = errors.New("the attempt is no longer wanted")
	// ErrLeaseLost: the metadata database did not answer until the lease ran out.
	ErrLeaseLost = errors.New("the lease could not be renewed in time")
)

// Config is what a worker works with.
type Config struct {
	Store     *store.Store
	Sources   *source.Registry
	Engine    *export.Engine // without a source: each run reads that of its tenant
	Node      string         // names this process in attempts
	Version   string         // the product's version, for the manifest
	Retention time.Duration  // how long artifacts of tenants are kept that have no time of their own
	// Enqueue adds a queue task for an attempt within a transaction.
	Enqueue func(ctx context.Context, tx *sql.Tx, runID string, attempt int, at time.Time) error
	// CallHelp adds a queue task for a worker to help with the ranges of a run.
	CallHelp func(ctx context.Context, tx *sql.Tx, runID string, at time.Time) error
	// HelpWaits reports whether such a task waits for a worker.
	HelpWaits func(ctx context.Context) (bool, error)
	// MostRanges bounds into how many ranges a run is cut; 0: 256, 1: it is not.
	MostRanges int
	// Silence is how long who holds a range may say nothing; 0: 30 seconds.
	Silence time.Duration
	// EncodeJob gives the frozen job its public JSON form, for the manifest.
	EncodeJob func(spec cdds.JobSpec) ([]byte, error)
	// Stopping reports whether a context was ended by the service's own stop.
	Stopping func(ctx context.Context) bool
	Now      func() time.Time
	Log      *slog.Logger
	Probe    *telemetry.Probe
}

// Worker carries out attempts. It is safe for concurrent use.
type Worker struct{ cfg Config }

// New returns a Worker.
func New(cfg Config) *Worker { return &Worker{cfg: cfg} }

// Do carries out one attempt of a run, or of the one whose turn it is in its
// place. It returns nil when there is nothing for it to do: the attempt is
// stale, taken, canceled, or has to wait for another run (whose end enqueues it
// again). An error means that the outcome could not be recorded; the run then
// falls silent and the scheduler takes the run back.
func (w *Worker) Do(ctx context.Context, runID string, attempt int) error {
	run, err := w.claim(ctx, runID, attempt)
	if err != nil || run == nil {
		return err
	}
	log := w.cfg.Log.With("run", run.ID, "tenant", run.TenantID, "attempt", run.Attempt, "node", w.cfg.Node)
	log.Info("attempt begins", "job", run.JobID, "type", string(run.Spec.Type))
	var progress meter
	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	beat := w.startHeartbeat(work, *run, &progress, stop)
	spanned, end := w.cfg.Probe.Attempt(work, run.ID, run.TenantID, run.Attempt)
	outcome, err := w.attempt(spanned, run, &progress, log)
	end(w.blame(work, err), slog.Int64("cdds.records", progress.Records.Load()))
	beat.stop()
	// The outcome is recorded even while the service is stopping, within a bound.
	record, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	if err != nil {
		return w.recordFault(record, work, *run, &progress, err, log)
	}
	outcome.Progress = beat.final()
	err = w.recordFinish(record, *run, outcome, log)
	if errors.Is(err, export.ErrNoRoom) {
		return w.recordFault(record, work, *run, &progress, err, log)
	}
	return err
}

// blame is what an attempt's span says of its end: one that was canceled, taken
// over or stopped is no fault.
func (w *Worker) blame(work context.Context, err error) error {
	if err != nil && (errors.Is(context.Cause(work), ErrUnwanted) || w.cfg.Stopping(work)) {
		return context.Canceled
	}
	return err
}

// attempt exports the run's window, or what earlier attempts have left of it,
// and returns the outcome to record. What can be refused is, before any data is
// read.
func (w *Worker) attempt(ctx context.Context, run *cdds.Run, progress *meter, log *slog.Logger) (store.Outcome, error) {
	tenant, err := w.cfg.Store.Tenant(ctx, run.TenantID)
	if err != nil {
		return store.Outcome{}, err
	}
	spec, err := w.spec(ctx, *run, tenant)
	if err != nil {
		return store.Outcome{}, err
	}
	engine := *w.cfg.Engine
	if engine.Source, err = w.cfg.Sources.Named(ctx, tenant.Source); err != nil {
		return store.Outcome{}, err
	}
	result, err := w.export(ctx, run, &spec, &engine, progress, log)
	if err != nil {
		return store.Outcome{}, roomFault(err, tenant.Limits.Storage)
	}
	return w.outcome(*run, tenant, spec, result)
}

// export carries an order out: by this attempt alone, behind what earlier ones
// have stored, or in ranges that others help with.
func (w *Worker) export(ctx context.Context, run *cdds.Run, spec *export.Spec, engine *export.Engine, progress *meter, log *slog.Logger) (*export.Result, error) {
	if spec.SplitSize > 0 {
		p, err := w.split(ctx, run, spec, engine)
		if err != nil {
			return nil, err
		}
		if p != nil {
			log.Info("the run is exported in ranges", "cut_now", len(p.rows))
			return w.coordinate(ctx, run, p, engine, progress)
		}
		if spec.Kept, err = w.kept(ctx, *run, *spec); err != nil {
			return nil, err
		}
		if len(spec.Kept) > 0 {
			log.Info("attempt goes on behind what is stored", "parts", len(spec.Kept))
		}
		spec.Keep = w.keeping(run)
	}
	return engine.Run(ctx, *spec, &progress.Progress)
}

// spec turns a run into an order for the engine. All certificates and the
// tenant's storage are looked at here, before any data is read.
func (w *Worker) spec(ctx context.Context, run cdds.Run, tenant cdds.Tenant) (export.Spec, error) {
	recipients, err := w.recipients(ctx, run)
	if err != nil {
		return export.Spec{}, err
	}
	encryption, err := w.cfg.Store.Encryption(ctx, run.OwnerID)
	if err != nil {
		return export.Spec{}, err
	}
	room, err := w.room(ctx, tenant)
	if err != nil {
		return export.Spec{}, err
	}
	spec := order(run, tenant)
	spec.Recipients, spec.Encryption, spec.Room = recipients, encryption, room
	spec.Prefix = cdds.ArtifactPrefix(run.TenantID, run.ID, run.Attempt)
	return spec, nil
}

// order is what a run orders of the engine, whichever attempt carries it out.
func order(run cdds.Run, tenant cdds.Tenant) export.Spec {
	var notBefore time.Time
	if run.Spec.Timeframe.Kind != cdds.FrameFixed { // a fixed end is the person's choice, also in the future
		notBefore = run.Window.End
	}
	return export.Spec{
		RunID: run.ID, Type: run.Spec.Type, TenantID: tenant.SourceID, Window: run.Window, By: run.Spec.Timeframe.By,
		MediaTypes: run.Spec.MediaTypes, SplitSize: run.Spec.SplitSize, Compression: run.Spec.Compression, NotBefore: notBefore,
	}
}
