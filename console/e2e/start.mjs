// Starts the service for the browser tests: a data folder of its own, with a
// sample large enough for a run to be watched, and one user of each role.
// place.ts says where; playwright.config.ts hands it on.
import { spawn, spawnSync } from 'node:child_process';
import { rmSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const { CDDS_E2E_PORT: port, CDDS_E2E_DATA: folder } = process.env;
if (!port || !folder) throw new Error('Set CDDS_E2E_PORT and CDDS_E2E_DATA, or let "npm run e2e" do it.');
const cdds = fileURLToPath(new URL('../../bin/cdds', import.meta.url));
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

// What the service says goes to a file: between the tests' lines nobody reads it.
const log = openSync(`${folder}/service.log`, 'w');
const service = spawn(cdds, ['serve', '--data', folder, '--listen', `127.0.0.1:${port}`], { stdio: ['ignore', log, log] });
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => service.kill(signal));
service.on('exit', (code) => {
  if (code) console.error(`The service ended with ${code}; ${folder}/service.log says why.`);
  process.exit(code ?? 1);
});
