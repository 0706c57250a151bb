import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The product's own program, as "make build" leaves it. */
export const cdds = fileURLToPath(new URL('../../bin/cdds', import.meta.url));

/** Runs a program that must succeed, and returns what it prints. */
export function run(command: string, args: string[], options: { cwd?: string; input?: string } = {}): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { ...options, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

/** Starts a program and waits until an address of it answers. What it says goes on in a file. */
export async function start(command: string, args: string[], log: string, answers: string, env: NodeJS.ProcessEnv = {}): Promise<ChildProcess> {
  const out = openSync(log, 'a');
  const child = spawn(command, args, { stdio: ['ignore', out, out], env: { ...process.env, ...env } });
  for (let tries = 0; tries < 600; tries++) {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}; ${log} says why.`);
    const answered = await fetch(answers).then((r) => r.ok, () => false);
    if (answered) return child;
    await new Promise((again) => setTimeout(again, 100));
  }
  throw new Error(`${command} does not answer at ${answers}.`);
}

/** Ends a program that was started here, and says with what it ended. */
export async function stop(child: ChildProcess | undefined): Promise<number | null> {
  if (!child || child.exitCode !== null) return child?.exitCode ?? 0;
  const ended = new Promise((done) => child.once('exit', done));
  child.kill('SIGTERM');
  await ended;
  return child.exitCode;
}
