/** Where the service of the browser tests listens, and where it works. */
export const url = 'http://127.0.0.1:18230';
export const folder = new URL('.work/', import.meta.url).pathname;
