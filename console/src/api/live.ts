import type { QueryClient } from '@tanstack/react-query';
import type { Job, Run, RunSummary } from './client';

/** The lists that change when a run begins or ends. */
const lists = ['/api/v1/jobs', '/api/v1/runs', '/api/v1/artifacts', '/api/v1/overview'] as const;

type ListOf<T> = { items: T[] | null };

/** The part of a run that a job's row shows. */
export function summary(run: Run): RunSummary {
  const { id, state, scheduledFor, startedAt, finishedAt, noData, progress, error } = run;
  return { id, state, scheduledFor, startedAt, finishedAt, noData, progress, error };
}

/** Puts moved runs into the lists and details that are on show, without asking the server. */
export function patch(client: QueryClient, runs: Run[]) {
  const byId = new Map(runs.map((run) => [run.id, run]));
  client.setQueriesData<ListOf<Run>>({ queryKey: ['get', '/api/v1/runs'] }, (old) => old && {
    ...old, items: (old.items ?? []).map((run) => byId.get(run.id) ?? run),
  });
  client.setQueriesData<ListOf<Job>>({ queryKey: ['get', '/api/v1/jobs'] }, (old) => old && {
    ...old, items: (old.items ?? []).map((job) => {
      const run = job.latestRun && byId.get(job.latestRun.id);
      return run ? { ...job, latestRun: summary(run) } : job;
    }),
  });
}

/** Asks again for all lists on show: after a gap, or when a run has begun or ended. */
export function refresh(client: QueryClient) {
  for (const path of lists) void client.invalidateQueries({ queryKey: ['get', path] });
}

export type LiveState = 'connecting' | 'live' | 'interrupted';

type Listener = { state: (state: LiveState) => void; ended: (run: Run) => void };

const firstRetry = 1_000;
const longestRetry = 30_000;

/**
 * Listens to the service's events and keeps the lists on show up to date. It
 * closes the stream while the tab is hidden, and connects again by itself with
 * growing pauses. Returns how to stop.
 */
export function follow(client: QueryClient, listener: Listener): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pause = firstRetry;
  let missed = false;
  const states = new Map<string, string>();

  const runsChanged = (event: MessageEvent<string>) => {
    const runs = (JSON.parse(event.data) as { runs: Run[] | null }).runs ?? [];
    patch(client, runs);
    let moved = false;
    for (const run of runs) {
      const before = states.get(run.id);
      if (before !== run.state) {
        moved = true;
        if (before === 'in_progress' || before === 'queued') listener.ended(run);
      }
      states.set(run.id, run.state);
    }
    if (moved) refresh(client);
    // Only runs that still move matter; the rest would pile up over days.
    for (const [id, state] of states) if (states.size > 5000 && state !== 'in_progress') states.delete(id);
  };
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const open = () => {
    close();
    source = new EventSource('/api/v1/events');
    source.addEventListener('runs', runsChanged);
    source.onopen = () => {
      pause = firstRetry;
      listener.state('live');
      if (missed) refresh(client);
      missed = false;
    };
    source.onerror = () => {
      missed = true;
      listener.state('interrupted');
      close();
      timer = setTimeout(open, pause);
      pause = Math.min(longestRetry, pause * 2);
    };
  };
  const visibility = () => {
    if (document.hidden) {
      missed = true;
      close();
    } else if (!source) {
      listener.state('connecting');
      open();
    }
  };
  document.addEventListener('visibilitychange', visibility);
  open();
  return () => {
    document.removeEventListener('visibilitychange', visibility);
    close();
  };
}
