import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Where the services of the browser tests listen, and where they work. Each
 * worker has a place of its own, at which its service answers. Two variables
 * move all of them, so that two clones can run the tests at the same time.
 */
const worker = Number(process.env.TEST_PARALLEL_INDEX ?? 0);
export const port = Number(process.env.CDDS_E2E_PORT ?? 18230) + 10 * worker;
export const url = `http://127.0.0.1:${port}`;

/** What all workers share: the sample, and the logs of the services. */
export const base = process.env.CDDS_E2E_DATA ? resolve(process.env.CDDS_E2E_DATA) : fileURLToPath(new URL('.work', import.meta.url));
export const sample = `${base}/sample`;
export const log = `${base}/service-${worker}.log`;

/** What this worker's tests write, and in it the data folder of its service. */
export const work = `${base}/worker-${worker}`;
export const folder = `${work}/data`;
