import { describe, expect, it } from 'vitest';
import { jobsSearch } from '../features/jobs/search';
import { signInSearch } from '../features/signin/search';
import { bytes } from './amount';

describe('the address of a list', () => {
  it('keeps what is understood', () => {
    expect(jobsSearch({ q: 'chat', sort: '-title', size: 50, page: 3, cursor: 'abc', type: 'contact', latest: 'failed,none', state: 'active' }))
      .toEqual({ q: 'chat', sort: '-title', size: 50, page: 3, cursor: 'abc', type: 'contact', latest: 'failed,none', state: 'active', source: undefined });
  });
  it('leaves out what is not', () => {
    const search = jobsSearch({ sort: 'colour', size: 33, page: 2, type: 'chair', latest: 'bad,failed' });
    expect(search).toMatchObject({ sort: undefined, size: undefined, page: undefined, cursor: undefined, type: undefined, latest: 'failed' });
  });
  it('takes a number for a search text', () => expect(jobsSearch({ q: 42 }).q).toBe('42'));
});

describe('the way back after signing in', () => {
  it.each(['/jobs?q=1', '/history'])('%s is taken', (from) => expect(signInSearch({ from }).from).toBe(from));
  it.each(['https://evil.example', '//evil.example', '/\\evil.example', '/sign-in?from=x', 'jobs'])('%s is not', (from) => expect(signInSearch({ from }).from).toBeUndefined());
});

it.each([[0, '0 bytes'], [1, '1 byte'], [1023, '1023 bytes'], [1024, '1.0 KiB'], [5767168, '5.5 MiB'], [2 ** 40, '1.0 TiB']])('%s bytes are %s', (n, want) => expect(bytes(n)).toBe(want));
