import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { base, sample } from './place';
import { cdds, run } from './program';

const password = 'a long enough password';

/**
 * Makes the data folder that every service of the browser tests begins with: a
 * sample large enough for a run to be watched, and one user of each role.
 */
export default function makeSample() {
  rmSync(base, { recursive: true, force: true });
  mkdirSync(base, { recursive: true });
  const admin = JSON.parse(run(cdds, ['demo', '--data', sample, '--interactions', '300000', '--contacts', '3000', '--output', 'json'])) as { tenant: string };
  for (const [name, role] of [['carol', 'administrator'], ['erin', 'exporter'], ['vera', 'viewer'], ['nora', 'none']] as const) {
    run(cdds, ['user', 'add', name, '--data', sample, '--tenant', admin.tenant, '--role', role, '--password-stdin'], { input: password });
  }
  writeFileSync(`${sample}/users.json`, JSON.stringify({ ...admin, others: password }));
}
