import type { ChildProcess } from 'node:child_process';
import { cpSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { folder, log, port, sample, url, work } from './place';
import { cdds, start, stop } from './program';

/** The part of the sample that is only read, and far too large to be copied for each file. */
const source = 'contact-history.db';

let running: { file: string; service: ChildProcess } | undefined;

/** Says whose tests the folder holds: after a failure the rest of a file goes on in another process, with what it has made. */
const owner = `${folder}/owner`;

/**
 * Sees to it that a file of tests has a service of its own, which holds the
 * sample and what this file has made: no test meets what another file left.
 */
export async function serviceFor(file: string): Promise<void> {
  if (running?.file === file) return;
  await endService();
  if (!existsSync(owner) || readFileSync(owner, 'utf8') !== file) begin(file);
  running = { file, service: await start(cdds, ['serve', '--data', folder, '--listen', `127.0.0.1:${port}`], log, `${url}/healthz`) };
}

/** Makes the data folder anew, with the sample alone. */
function begin(file: string) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  cpSync(sample, folder, { recursive: true, preserveTimestamps: true, filter: (path) => !path.endsWith(source) });
  linkSync(`${sample}/${source}`, `${folder}/${source}`);
  const users = readFileSync(`${sample}/users.json`, 'utf8');
  writeFileSync(`${folder}/users.json`, users.replaceAll(sample, folder));
  writeFileSync(owner, file);
}

/** Ends the service, which must have lived until now and ends in order. */
export async function endService(): Promise<void> {
  const service = running?.service;
  running = undefined;
  const code = await stop(service);
  if (code !== 0) throw new Error(`The service ended with ${code}; ${log} says why.`);
}

// A worker that is stopped in the middle leaves no service behind.
process.on('exit', () => running?.service.kill());
