import type { Me, User } from '../../api/client';

export const roleWords = ['administrator', 'exporter', 'viewer', 'none'] as const;
export const stateWords = ['active', 'deactivated'] as const;

export const roleNames: Record<string, string> = { administrator: 'Administrator', exporter: 'Exporter', viewer: 'Viewer', none: 'No role' };

/** What each role may do, for who chooses one. */
export const roleMeanings: Record<string, string> = {
  administrator: 'everything in the tenant',
  exporter: 'sees, starts and cancels runs, and downloads their files',
  viewer: 'sees History, without downloads',
  none: 'may sign in, and sees Access Denied',
};

export const roleName = (role: string | null) => roleNames[role ?? 'none'] ?? role;

/** Why a button of the users' toolbar is disabled, or nothing. The API decides in the end; this says it before the click. */

const nothing = 'select a user first';

export function single(users: User[]): string | undefined {
  if (users.length === 0) return nothing;
  return users.length > 1 ? 'select only one user' : undefined;
}

export function whyNotReset(users: User[], me: Me): string | undefined {
  return single(users) ?? (users[0]!.username === me.username ? 'your own password is changed under User preferences' : undefined);
}

export function whyNotDeactivate(users: User[]): string | undefined {
  if (users.length === 0) return nothing;
  return users.some((u) => u.state === 'active') ? undefined : 'all selected users are deactivated';
}

export function whyNotActivate(users: User[]): string | undefined {
  if (users.length === 0) return nothing;
  return users.some((u) => u.state === 'deactivated') ? undefined : 'all selected users are active';
}

export function whyNotTakeOver(users: User[], me: Me): string | undefined {
  const reason = single(users);
  if (reason) return reason;
  const user = users[0]!;
  if (user.state === 'active') return 'the user is active; deactivate them first';
  if (user.jobs === 0) return 'the user has no jobs';
  return me.certificate?.valid ? undefined : 'you need a valid certificate of your own, since the runs are encrypted to it; import one under User preferences';
}
