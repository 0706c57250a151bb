import { listSearch, text, words, join, type ListSearch } from '../../lib/list';

export const jobSorts = ['source', 'type', 'title', 'createdAt', 'latestState', 'latestStartedAt', 'nextStartsAt', 'state'] as const;
export const latestStates = ['none', 'queued', 'in_progress', 'finished', 'failed', 'canceled'] as const;

/** Filters are lists of words with commas. */
export type JobsSearch = ListSearch & { source?: string; type?: string; latest?: string; state?: string };

export function jobsSearch(raw: Record<string, unknown>): JobsSearch {
  return {
    ...listSearch(raw, jobSorts),
    source: text(raw, 'source') === 'contact_history' ? 'contact_history' : undefined,
    type: join(words(raw, 'type', ['interaction', 'contact']) ?? []),
    latest: join(words(raw, 'latest', latestStates) ?? []),
    state: join(words(raw, 'state', ['active', 'suspended']) ?? []),
  };
}
