import type { Node } from '../../api/client';

export const roleNames: Record<string, string> = { api: 'API', scheduler: 'Scheduler', worker: 'Worker' };

export const stateNames: Record<Node['state'], string> = { up: 'Up', stopping: 'Stopping', outdated: 'Outdated', silent: 'Silent', gone: 'Stopped' };

/** What each state means, and what to do where something is to be done. */
export const stateMeanings: Record<Node['state'], string> = {
  up: 'Reports every few seconds.',
  stopping: 'Takes no more work. Its runs end, or go on at another node.',
  outdated: 'A newer version has migrated the metadata. Takes no more work: the operator has to replace it.',
  silent: 'Has not reported for 30 seconds. Its runs go on at another node.',
  gone: 'Was stopped in order. It leaves this list within an hour or so.',
};

export const rolesOf = (node: Node) => node.roles.map((role) => roleNames[role] ?? role).join(', ');

/** How much of its places a node uses; nothing for one that works no tasks, or of which nobody knows. */
export function loadOf(node: Node): string | undefined {
  if (node.workers === 0 || node.state === 'silent' || node.state === 'gone') return undefined;
  return `${node.working} of ${node.workers}`;
}
