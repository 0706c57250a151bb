import type { Artifact } from '../../api/client';

/** A file name as one word of a shell. Names hold nothing that needs it today; a command that is copied should not depend on that. */
function quoted(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}

/** Above this many bytes OpenSSL cannot open a file; it would load all of it. */
export const opensslLimit = 2 * 10 ** 9;

/** The commands that turn a downloaded artifact into its records, for a key in key.pem. */
export function decryptCommands(a: Artifact): { openssl: string; cdds: string } {
  const zip = a.name.replace(/\.p7m$/, '');
  return {
    openssl: `openssl cms -decrypt -inform DER -in ${quoted(a.name)} -inkey key.pem -out ${quoted(zip)} && unzip ${quoted(zip)}`,
    cdds: `cdds decrypt --key key.pem --out . ${quoted(a.name)}`,
  };
}

/** Where the browser fetches one artifact. */
export const contentPath = (id: string) => `/api/v1/artifacts/${encodeURIComponent(id)}/content`;

/** Where the browser fetches several as one tar. */
export const archivePath = (ids: string[]) => `/api/v1/artifacts/archive?ids=${ids.map(encodeURIComponent).join(',')}`;

/** Starts a download by a link, as a click on one would: no window opens. */
export function startDownload(href: string) {
  const link = document.createElement('a');
  link.href = href;
  link.download = '';
  document.body.append(link);
  link.click();
  link.remove();
}
