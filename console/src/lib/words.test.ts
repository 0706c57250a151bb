import { expect, it } from 'vitest';
import { shortName, windowShort } from './words';

it.each([
  [null, '2026-11-24T20:47:33Z', 'up to 2026-11-24 20:47'],
  ['2026-11-23T02:00:00Z', '2026-11-24T02:00:00Z', '1 d to 2026-11-24 02:00'],
  ['2024-01-01T00:00:00Z', '2028-01-01T00:00:00Z', '1,461 d to 2028-01-01 00:00'],
  ['2026-11-24T01:00:00Z', '2026-11-24T02:00:00Z', '1 h to 2026-11-24 02:00'],
  ['2026-03-08T02:30:00Z', '2026-03-09T00:00:00Z', '2026-03-08 02:30 … 03-09 00:00'],
  ['2024-01-01T00:30:00Z', '2026-03-01T00:00:00Z', '2024-01-01 … 2026-03-01'],
])('the window from %s to %s is short', (start, end, want) => expect(windowShort({ start, end })).toBe(want));

it.each([
  ['export-01a20f50-59cd-7829-bcf6-afdeaad7546d.zip.p7m', 'export-01a20f50…546d.zip.p7m'],
  ['export-01a20f50-59cd-7829-bcf6-afdeaad7546d-0007.zip.p7m', 'export-01a20f50…546d-0007.zip.p7m'],
  ['other.zip', 'other.zip'],
])('%s is shown as %s', (name, want) => expect(shortName(name)).toBe(want));
