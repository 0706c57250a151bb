import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Where the service of the browser tests listens, and where it works. Two
 * variables change it, so that two clones can run the tests at the same time.
 */
export const port = Number(process.env.CDDS_E2E_PORT ?? 18230);
export const url = `http://127.0.0.1:${port}`;
export const folder = process.env.CDDS_E2E_DATA ? resolve(process.env.CDDS_E2E_DATA) : fileURLToPath(new URL('.work', import.meta.url));
