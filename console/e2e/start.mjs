// Starts the service for the browser tests: a data folder of its own, with a
// sample large enough for a run to be watched, and one user of each role.
import { spawn, spawnSync } from 'node:child_process';
import { rmSync, mkdirSync, writeFileSync } from 'node:fs';

const folder = new URL('.work/', import.meta.url).pathname;
const cdds = new URL('../../bin/cdds', import.meta.url).pathname;
const password = 'a long enough password';

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

function run(args, input) {
  const { status, stdout, stderr } = spawnSync(cdds, args, { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(`cdds ${args.join(' ')}: ${stderr}`);
  return stdout;
}

const admin = JSON.parse(run(['demo', '--data', folder, '--interactions', '300000', '--contacts', '3000', '--output', 'json']));
for (const [name, role] of [['carol', 'administrator'], ['erin', 'exporter'], ['vera', 'viewer'], ['nora', 'none']]) {
  run(['user', 'add', name, '--data', folder, '--tenant', admin.tenant, '--role', role, '--password-stdin'], password);
}
writeFileSync(`${folder}/users.json`, JSON.stringify({ ...admin, others: password }));

const service = spawn(cdds, ['serve', '--data', folder, '--listen', '127.0.0.1:18230'], { stdio: 'inherit' });
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => service.kill(signal));
service.on('exit', (code) => process.exit(code ?? 1));
