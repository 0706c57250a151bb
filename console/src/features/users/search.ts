import { join, listSearch, words, type ListSearch } from '../../lib/list';
import { roleWords, stateWords } from './rules';

export const userSorts = ['username', 'role', 'state', 'createdAt'] as const;

/** Filters are lists of words with commas. */
export type UsersSearch = ListSearch & { role?: string; state?: string };

export function usersSearch(raw: Record<string, unknown>): UsersSearch {
  return {
    ...listSearch(raw, userSorts),
    role: join(words(raw, 'role', roleWords) ?? []),
    state: join(words(raw, 'state', stateWords) ?? []),
  };
}
