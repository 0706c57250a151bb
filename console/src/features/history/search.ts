import { join, listSearch, text, words, type ListSearch } from '../../lib/list';

export const runSorts = ['source', 'type', 'title', 'state', 'createdAt', 'scheduledFor', 'startedAt', 'finishedAt', 'records', 'bytes'] as const;
export const states = ['queued', 'in_progress', 'finished', 'failed', 'canceled'] as const;

/** job keeps the list to one job; run is the one whose details are open. */
export type HistorySearch = ListSearch & { source?: string; type?: string; state?: string; job?: string; run?: string };

export function historySearch(raw: Record<string, unknown>): HistorySearch {
  return {
    ...listSearch(raw, runSorts),
    source: text(raw, 'source') === 'contact_history' ? 'contact_history' : undefined,
    type: join(words(raw, 'type', ['interaction', 'contact']) ?? []),
    state: join(words(raw, 'state', states) ?? []),
    job: text(raw, 'job'),
    run: text(raw, 'run'),
  };
}
