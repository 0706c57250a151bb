/** What is done, in words. An action that is not here is shown as the API names it. */
const actions: Record<string, string> = {
  'artifact.delete': 'Artifact deleted',
  'artifact.download': 'Artifact downloaded',
  'artifact.expire': 'Artifact expired',
  'audit.export': 'Audit log exported',
  'certificate.delete': 'Certificate removed',
  'certificate.import': 'Certificate imported',
  'job.create': 'Job created',
  'job.delete': 'Job deleted',
  'job.edit': 'Job edited',
  'job.resume': 'Job resumed',
  'job.suspend': 'Job suspended',
  'metadata.restore': 'Restored from a backup',
  'refused.others': 'Other attempts',
  'run.cancel': 'Run canceled',
  'run.delete': 'Run deleted',
  'run.retry': 'Run retried',
  'run.start': 'Run started',
  'session.create': 'Sign-in',
  'session.delete': 'Sign-out',
  'tenant.create': 'Tenant created',
  'token.create': 'API token made',
  'token.delete': 'API token revoked',
  'user.create': 'User added',
  'user.password': 'Password changed',
};

export const actionWords = (action: string) => actions[action] ?? action;

/** The choices of a filter, with the one that an address brought. */
export function actionOptions(chosen: string | undefined): { value: string; label: string }[] {
  const known = Object.entries(actions).map(([value, label]) => ({ value, label }));
  return chosen && !actions[chosen] ? [{ value: chosen, label: chosen }, ...known] : known;
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
