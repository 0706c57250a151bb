import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { port, work as place } from './place';
import { cdds, run, start } from './program';

/** Two hosts, so that the browser takes them for two sites, as they are in life. */
export const providerUrl = `http://localhost:${port + 1}`;
export const serviceUrl = `http://127.0.0.1:${port + 2}`;

const work = `${place}/single-sign-on`;
const secret = { CDDS_OIDC_CLIENT_SECRET: 'a secret of the tests' };
const source = fileURLToPath(new URL('testdata/provider', import.meta.url));

/** The provider's program. It is built once per machine, outside the clone, as other tools of the tests are. */
function program(): string {
  const tools = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'cdds', 'tools');
  const digest = createHash('sha256').update(readFileSync(`${source}/main.go`)).update(readFileSync(`${source}/go.sum`)).digest('hex').slice(0, 12);
  const built = join(tools, `oidc-provider-${digest}`);
  if (existsSync(built)) return built;
  console.log(`Building the identity provider of the browser tests into ${tools}, once per machine ...`);
  mkdirSync(tools, { recursive: true });
  const fresh = `${built}.${process.pid}`;
  run('go', ['build', '-trimpath', '-o', fresh, '.'], { cwd: source });
  renameSync(fresh, built);
  return built;
}

export function startProvider(): Promise<ChildProcess> {
  const args = [String(port + 1), `${source}/users.json`, `${serviceUrl}/api/v1/oidc/callback`];
  return start(program(), args, `${work}/provider.log`, `http://127.0.0.1:${port + 1}/.well-known/openid-configuration`, secret);
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
  ], `${work}/service.log`, `${serviceUrl}/healthz`, secret);
  return { service, admin };
}

/** What the service has logged. */
export const serviceLog = () => readFileSync(`${work}/service.log`, 'utf8');
