package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"cdds"
	"cdds/export"
	"cdds/store"
	"cdds/telemetry"
)

// outcome turns a result into the rows to record: the artifacts, the manifest
// and the counts.
func (w *Worker) outcome(run cdds.Run, tenant cdds.Tenant, spec export.Spec, result *export.Result) (store.Outcome, error) {
	now := w.cfg.Now()
	job, err := w.cfg.EncodeJob(run.Spec)
	if err != nil {
		return store.Outcome{}, err
	}
	manifest, err := json.Marshal(export.NewManifest(spec, result, job, w.cfg.Version, now))
	if err != nil {
		return store.Outcome{}, &cdds.Error{Code: cdds.CodeInternal, Message: "The manifest could not be written.", Err: err}
	}
	artifacts := make([]cdds.Artifact, 0, len(result.Artifacts))
	for _, a := range result.Artifacts {
		id, err := uuid.NewV7()
		if err != nil {
			return store.Outcome{}, &cdds.Error{Code: cdds.CodeInternal, Message: "No random numbers for a new id.", Err: err}
		}
		artifacts = append(artifacts, cdds.Artifact{
			ID: id.String(), TenantID: run.TenantID, RunID: run.ID, JobID: run.JobID, Title: run.Spec.Title, Type: run.Spec.Type,
			Name: a.Name, Key: a.Key, Part: a.Part, Parts: a.Parts, Size: a.Size, SHA256: a.SHA256,
			Recipients: export.Fingerprints(spec.Recipients), Encryption: spec.Encryption, CreatedAt: now, ExpiresAt: now.Add(tenant.Limits.Retention(w.cfg.Retention)),
		})
	}
	return store.Outcome{
		RunID: run.ID, Attempt: run.Attempt, State: cdds.RunFinished, Now: now,
		NoData: len(artifacts) == 0, Manifest: manifest, Artifacts: artifacts,
	}, nil
}

// recordFinish makes the run finished and all its artifacts visible in one
// transaction. If the attempt was fenced off meanwhile nothing is recorded and
// what it stored is removed.
func (w *Worker) recordFinish(ctx context.Context, run cdds.Run, outcome store.Outcome, log *slog.Logger) error {
	mine, err := w.finish(ctx, run, outcome)
	if err != nil {
		return fmt.Errorf("record the end of run %s: %w", run.ID, err)
	}
	if !mine {
		log.Warn("attempt ended after it was taken back; its files are removed")
		return w.tidy(ctx, run)
	}
	log.Info("run finished", "records", outcome.Progress.Records, "artifacts", len(outcome.Artifacts), "no_data", outcome.NoData)
	if run.Attempt > 1 || run.Spec.SplitSize > 0 { // its ranges may have had attempts
		return w.tidy(ctx, run)
	}
	return nil
}

// recordFault records an attempt that did not work: the run waits for its next
// attempt where the fault may pass, and fails where it will not.
func (w *Worker) recordFault(ctx, work context.Context, run cdds.Run, p *meter, fault error, log *slog.Logger) error {
	if errors.Is(context.Cause(work), ErrUnwanted) || errors.Is(fault, ErrUnwanted) {
		log.Info("attempt stopped: canceled or taken over")
		return w.tidy(ctx, run)
	}
	var early *export.TooEarly
	if errors.As(fault, &early) {
		wait := pauseOf(early)
		log.Info("the window is not over yet by the source's clock; the run waits", "wait", wait)
		now := w.cfg.Now()
		return w.next(ctx, run, store.Retry{Error: tooEarly(early.Wait), Now: now}, now.Add(wait))
	}
	stopping := w.cfg.Stopping(work)
	if errors.Is(context.Cause(work), ErrLeaseLost) {
		fault = context.Cause(work)
	}
	code, failure := cdds.CodeOf(fault), failureOf(fault)
	var last *failedRange
	if errors.As(fault, &last) {
		code, failure = last.failure.Code, last.failure
	}
	log.Warn("attempt failed", "code", string(code), "error", fault, "stopping", stopping)
	if !stopping {
		w.cfg.Probe.AttemptFailed(string(code))
	}
	now := w.cfg.Now()
	switch {
	case stopping:
		return w.next(ctx, run, store.Retry{Error: "The service was stopped while the run was in progress.", Now: now}, now)
	case last == nil && code.Retryable() && run.Faults+1 < cdds.MaxAttempts:
		return w.next(ctx, run, store.Retry{Fault: true, Error: failure.Message, Now: now}, now.Add(cdds.RetryDelay(run.Faults+1)))
	}
	_, err := w.finish(ctx, run, store.Outcome{
		RunID: run.ID, Attempt: run.Attempt, State: cdds.RunFailed, Now: now, Failure: &failure,
		Progress: cdds.Progress{Records: p.Records.Load(), TotalRecords: p.Total.Load(), Bytes: p.Bytes.Load()},
	})
	if err != nil {
		return fmt.Errorf("record the failure of run %s: %w", run.ID, err)
	}
	return w.tidy(ctx, run)
}

// pauseOf is how long what came too early waits before the next look.
func pauseOf(early *export.TooEarly) time.Duration {
	return min(max(early.Wait, shortestWait), longestWait).Round(time.Second)
}

// tooEarly is what an attempt says that came before the end of its window.
func tooEarly(wait time.Duration) string {
	return "By the clock of Contact History the window ends in " + wait.Round(time.Second).String() + ". The run waits, so that no record of the window is missed."
}

// next hands the run over to its next attempt, which begins at the given time.
func (w *Worker) next(ctx context.Context, run cdds.Run, retry store.Retry, at time.Time) error {
	retry.RunID, retry.Attempt, retry.LeaseUntil = run.ID, run.Attempt, at.Add(cdds.BeginWithin)
	err := w.insist(ctx, func(tx *store.Tx) error {
		mine, err := tx.NextAttempt(ctx, retry)
		if err != nil || !mine {
			return err
		}
		return w.cfg.Enqueue(ctx, tx.SQL(), run.ID, run.Attempt+1, at)
	})
	if err != nil {
		return fmt.Errorf("hand run %s over to its next attempt: %w", run.ID, err)
	}
	return nil
}

// finish records a final outcome and enqueues the run that waited for it, in one
// transaction. False means that the attempt was fenced off.
func (w *Worker) finish(ctx context.Context, run cdds.Run, outcome store.Outcome) (bool, error) {
	var mine bool
	err := w.insist(ctx, func(tx *store.Tx) error {
		if err := checkRoom(ctx, tx, outcome, run); err != nil {
			return err
		}
		var err error
		mine, err = tx.Finish(ctx, outcome)
		if err == nil && !mine {
			mine, err = isRecorded(ctx, tx, outcome)
			return err
		}
		if err != nil {
			return err
		}
		tx.OnCommit(func() { w.tell(run, outcome) })
		return w.promote(ctx, tx, run, outcome.Now)
	})
	return mine, err
}

// promote enqueues the run that waited for the place of this one, or of a helper
// of it.
func (w *Worker) promote(ctx context.Context, tx *store.Tx, run cdds.Run, now time.Time) error {
	waiting, err := tx.NextAfter(ctx, run.TenantID, run.JobID, now.Add(promoteAhead))
	if cdds.CodeOf(err) == cdds.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return w.cfg.Enqueue(ctx, tx.SQL(), waiting.ID, waiting.Attempt, waiting.DueAt())
}

// tell counts a run that has ended.
func (w *Worker) tell(run cdds.Run, o store.Outcome) {
	took := o.Now.Sub(run.StartedAt)
	if o.State == cdds.RunFailed {
		w.cfg.Probe.RunFailed(took)
		return
	}
	var stored int64
	for _, a := range o.Artifacts {
		stored += a.Size
	}
	w.cfg.Probe.RunFinished(telemetry.Finished{
		Type: string(run.Spec.Type), Took: took, Records: o.Progress.Records, Bytes: o.Progress.Bytes,
		Artifacts: int64(len(o.Artifacts)), StoredOctets: stored,
	})
}

// failureOf is what the run says about a fault. Only our own error type speaks
// to people; of any other they learn that the log has it.
func failureOf(fault error) cdds.RunFailure {
	var e *cdds.Error
	if !errors.As(fault, &e) {
		return cdds.RunFailure{Code: cdds.CodeInternal, Message: "The export met an unexpected error.", Hint: "Look for the run's id in the service's log."}
	}
	message := e.Message
	for _, f := range e.Fields {
		message += " " + f.Field + ": " + f.Message
	}
	var cause *cdds.Error
	if errors.As(e.Err, &cause) {
		message += " " + cause.Message
	}
	return cdds.RunFailure{Code: e.Code, Message: message, Hint: e.Hint}
}
