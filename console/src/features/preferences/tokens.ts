import type { Me } from '../../api/client';
import { clock } from '../../lib/time';

export const scopes = [
  { value: 'read', label: 'Read', means: 'See jobs, runs, manifests and the list of artifacts.' },
  { value: 'run', label: 'Run', means: 'Start, retry and cancel runs.' },
  { value: 'download', label: 'Download', means: 'Download artifacts, which stay encrypted to your certificate.' },
  { value: 'administer', label: 'Administer', means: 'Change jobs and users, and delete jobs, runs and artifacts.' },
] as const;

type Scope = (typeof scopes)[number]['value'];

/** The scopes that are of use to a role: a token has at most its user's rights. */
export function usable(role: Me['role']): Scope[] {
  switch (role) {
    case 'administrator': return ['read', 'run', 'download', 'administer'];
    case 'exporter': return ['read', 'run', 'download'];
    case 'viewer': return ['read'];
    default: return [];
  }
}

/** How long a token may work, in days. The service takes no more than the last one. */
export const lifetimes = [7, 30, 90, 180, 365];

/** The instant at which a token of so many days ends. */
export function endOf(days: number): string {
  return new Date(clock.now().getTime() + days * 86_400_000).toISOString();
}

export const hasExpired = (expiresAt: string) => Date.parse(expiresAt) <= clock.now().getTime();

/** A first call with a token. The secret comes from a variable, so that it does not stay in the shell's history. */
export function example(origin: string): string {
  return `read -rs CDDS_TOKEN   # paste the token, then press Enter\ncurl -H "Authorization: Bearer $CDDS_TOKEN" ${origin}/api/v1/runs`;
}
