import { listSearch, text, words, type ListSearch } from '../../lib/list';

export const auditSorts = ['at', 'action', 'username'] as const;
export const results = ['done', 'refused'] as const;
export type Result = (typeof results)[number];

/** from and to are days in UTC, both of them included. */
export type AuditSearch = ListSearch & { from?: string; to?: string; user?: string; action?: string; result?: Result };

const day = (value: string | undefined) => (value && /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value)) ? value : undefined);

export function auditSearch(raw: Record<string, unknown>): AuditSearch {
  return {
    ...listSearch(raw, auditSorts),
    from: day(text(raw, 'from')),
    to: day(text(raw, 'to')),
    user: text(raw, 'user'),
    action: text(raw, 'action'),
    result: words(raw, 'result', results)?.[0] as Result | undefined,
  };
}

/** The filters as the API takes them: instants, and the end not included. */
export function auditQuery({ q, from, to, user, action, result }: AuditSearch) {
  return {
    q, user, action, result,
    from: from && `${from}T00:00:00Z`,
    to: to && new Date(Date.parse(to) + 86_400_000).toISOString().replace('.000Z', 'Z'),
  };
}

/** Where the browser fetches the log that the filters let pass. */
export function exportPath(search: AuditSearch, format: 'csv' | 'jsonl'): string {
  const query = new URLSearchParams({ format });
  for (const [key, value] of Object.entries(auditQuery(search))) if (value) query.set(key, value);
  return `/api/v1/audit/export?${query}`;
}
