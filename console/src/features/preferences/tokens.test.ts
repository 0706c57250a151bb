import { expect, it } from 'vitest';
import { clock } from '../../lib/time';
import { endOf, example, hasExpired, lifetimes, scopes, usable } from './tokens';

it.each([
  ['administrator', ['read', 'run', 'download', 'administer']],
  ['exporter', ['read', 'run', 'download']],
  ['viewer', ['read']],
  [null, []],
])('offers %s what the role can use', (role, offered) => {
  expect(usable(role)).toEqual(offered);
});

it('explains every scope', () => {
  expect(scopes.map((s) => s.value)).toEqual(usable('administrator'));
  for (const { means } of scopes) expect(means).toMatch(/\.$/);
});

it('ends within what the service takes', () => {
  for (const days of lifetimes) {
    const left = (Date.parse(endOf(days)) - clock.now().getTime()) / 86_400_000;
    expect(left).toBeCloseTo(days, 2);
    expect(left).toBeLessThan(366);
    expect(hasExpired(endOf(days))).toBe(false);
  }
  expect(hasExpired(endOf(-1))).toBe(true);
});

it('keeps the secret out of the example', () => {
  expect(example('https://cdds.example')).toContain('curl -H "Authorization: Bearer $CDDS_TOKEN" https://cdds.example/api/v1/runs');
});
