import { join, listSearch, words, type ListSearch } from '../../lib/list';

export const nodeSorts = ['name', 'version', 'state', 'working', 'startedAt', 'seenAt'] as const;
export const nodeRoles = ['api', 'scheduler', 'worker'] as const;
export const nodeStates = ['up', 'stopping', 'outdated', 'silent', 'gone'] as const;

/** Filters are lists of words with commas. */
export type NodesSearch = ListSearch & { role?: string; state?: string };

export function nodesSearch(raw: Record<string, unknown>): NodesSearch {
  return {
    ...listSearch(raw, nodeSorts),
    role: join(words(raw, 'role', nodeRoles) ?? []),
    state: join(words(raw, 'state', nodeStates) ?? []),
  };
}
