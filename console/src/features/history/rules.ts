import type { Run } from '../../api/client';

/** Why a button of History is disabled, or nothing. The API decides in the end; this says it before the click. */

const nothing = 'select a run first';

export function single(runs: Run[]): string | undefined {
  if (runs.length === 0) return nothing;
  return runs.length > 1 ? 'select only one run' : undefined;
}

export const active = (run: Run) => run.state === 'queued' || run.state === 'in_progress';

export function whyNotCancel(runs: Run[]): string | undefined {
  if (runs.length === 0) return nothing;
  return runs.some(active) ? undefined : runs.length === 1 ? 'this run has ended' : 'the selected runs have ended';
}

/** A finished run whose files were damaged since is not retried in people's words, but exported again. */
export const exportsAgain = (run: Run | undefined) => run?.state === 'finished' && run.damagedArtifacts > 0;

export function whyNotRetry(runs: Run[]): string | undefined {
  const reason = single(runs);
  if (reason) return reason;
  const [run] = runs;
  return run!.state === 'failed' || run!.state === 'canceled' || exportsAgain(run) ? undefined : 'only failed and canceled runs can be retried, and those with damaged files';
}

export function whyNotFiles(runs: Run[]): string | undefined {
  const reason = single(runs);
  if (reason) return reason;
  return runs[0]!.artifacts > 0 ? undefined : 'this run made no files';
}

export function whyNotDelete(runs: Run[]): string | undefined {
  if (runs.length === 0) return nothing;
  if (!runs.some(active)) return undefined;
  return runs.length === 1 ? 'the run is queued or in progress; cancel it first' : 'some of these runs are queued or in progress; cancel them first';
}
