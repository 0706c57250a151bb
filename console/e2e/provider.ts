import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { folder, port } from './place';

/** Two hosts, so that the browser takes them for two sites, as they are in life. */
export const providerUrl = `http://localhost:${port + 1}`;
export const serviceUrl = `http://127.0.0.1:${port + 2}`;

const work = `${folder}/single-sign-on`;
const source = fileURLToPath(new URL('testdata/provider', import.meta.url));
const cdds = fileURLToPath(new URL('../../bin/cdds', import.meta.url));

/** The provider's program. It is built once per machine, outside the clone, as other tools of the tests are. */
function program(): string {
  const tools = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'cdds', 'tools');
  const digest = createHash('sha256').update(readFileSync(`${source}/main.go`)).update(readFileSync(`${source}/go.sum`)).digest('hex').slice(0, 12);
  const built = join(tools, `oidc-provider-${digest}`);
  if (existsSync(built)) return built;
  console.log(`Building the identity provider of the browser tests into ${tools}, once per machine ...`);
  mkdirSync(tools, { recursive: true });
  const fresh = `${built}.${process.pid}`;
  run('go', ['build', '-trimpath', '-o', fresh, '.'], source);
  renameSync(fresh, built);
  return built;
}

function run(command: string, args: string[], cwd?: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

/** Starts a program and waits until an address of it answers. */
async function start(command: string, args: string[], log: string, answers: string): Promise<ChildProcess> {
  const out = openSync(`${work}/${log}`, 'w');
  const child = spawn(command, args, { stdio: ['ignore', out, out], env: { ...process.env, CDDS_OIDC_CLIENT_SECRET: 'a secret of the tests' } });
  for (let tries = 0; tries < 600; tries++) {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}; ${work}/${log} says why.`);
    const answered = await fetch(answers).then((r) => r.ok, () => false);
    if (answered) return child;
    await new Promise((again) => setTimeout(again, 100));
  }
  throw new Error(`${command} does not answer at ${answers}.`);
}

export function startProvider(): Promise<ChildProcess> {
  const args = [String(port + 1), `${source}/users.json`, `${serviceUrl}/api/v1/oidc/callback`];
  return start(program(), args, 'provider.log', `http://127.0.0.1:${port + 1}/.well-known/openid-configuration`);
}

export type Admin = { tenant: string; username: string; password: string };

/** Makes a small service of its own that trusts the provider, and returns its local administrator. */
export async function startService(): Promise<{ service: ChildProcess; admin: Admin }> {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const admin = JSON.parse(run(cdds, ['demo', '--data', `${work}/data`, '--interactions', '50', '--contacts', '10', '--output', 'json'])) as Admin;
  const service = await start(cdds, [
    'serve', '--data', `${work}/data`, '--listen', new URL(serviceUrl).host, '--oidc-issuer', `${providerUrl}/`, '--oidc-client-id', 'cdds', '--oidc-name', 'Example',
    '--oidc-redirect-base', serviceUrl, '--oidc-tenant', admin.tenant, '--oidc-roles', 'cdds-administrators=administrator;cdds-viewers=viewer',
  ], 'service.log', `${serviceUrl}/healthz`);
  return { service, admin };
}

/** Ends a program that was started here. */
export async function stop(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null) return;
  const ended = new Promise((done) => child.once('exit', done));
  child.kill('SIGTERM');
  await ended;
}

/** What the service has logged. */
export const serviceLog = () => readFileSync(`${work}/service.log`, 'utf8');
