/** What can be done, in words: what was refused was not done, so they say what was asked for. */
const actions: Record<string, string> = {
  'job.create': 'Create job',
  'job.edit': 'Edit job',
  'job.suspend': 'Suspend job',
  'job.resume': 'Resume job',
  'job.delete': 'Delete job',
  'run.start': 'Start run',
  'run.cancel': 'Cancel run',
  'run.retry': 'Retry run',
  'run.delete': 'Delete run',
  'artifact.download': 'Download artifact',
  'artifact.delete': 'Delete artifact',
  'artifact.expire': 'Remove expired artifact',
  'session.create': 'Sign in',
  'session.delete': 'Sign out',
  'certificate.import': 'Import certificate',
  'certificate.delete': 'Remove certificate',
  'token.create': 'Make API token',
  'token.delete': 'Revoke API token',
  'user.create': 'Add user',
  'user.password': 'Change password',
  'tenant.create': 'Create tenant',
  'audit.export': 'Export audit log',
  'metadata.restore': 'Restore from a backup',
  'metadata.move': 'Move to another database',
  'refused.others': 'Other attempts',
};

/** An action in words. One that is not above comes from its name: runs.list is "List runs". */
export function actionWords(action: string): string {
  const [noun = action, verb] = action.split('.');
  const words = verb ? `${verb} ${noun}`.replaceAll('-', ' ') : noun;
  return actions[action] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** The choices of a filter, with the one that an address brought. */
export function actionOptions(chosen: string | undefined): { value: string; label: string }[] {
  const values = Object.keys(actions);
  return (chosen && !actions[chosen] ? [chosen, ...values] : values).map((value) => ({ value, label: actionWords(value) }));
}

const reasons: Record<string, string> = {
  forbidden: 'Not allowed',
  limited: 'Too many attempts',
  not_found: 'No such thing in this tenant',
  unauthenticated: 'Not signed in, or wrong credentials',
};

/** A line's detail in words: for a refused attempt the reason. */
export const detailWords = (line: { result: string; detail: string }) => (line.result === 'refused' ? reasons[line.detail] ?? line.detail : line.detail);

/** 019af0c2…9f2c: ids and fingerprints tell nothing to people; the details have all of it. */
export const shortId = (id: string) => (id.length > 20 ? `${id.slice(0, 8)}…${id.slice(-4)}` : id);
