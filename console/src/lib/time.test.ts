import { describe, expect, it } from 'vitest';
import { duration, fromWall, localShort, remaining, utc, utcShort, utcWeekday } from './time';

describe('instants', () => {
  it.each([
    ['2026-02-01T10:00:00Z', '2026-02-01 10:00:00'],
    ['2026-03-08T02:30:00.123456Z', '2026-03-08 02:30:00'],
    ['2026-11-01T23:59:59-05:00', '2026-11-02 04:59:59'],
  ])('%s is shown in UTC', (at, want) => expect(utc(at)).toBe(want));

  it('leaves out seconds that are zero', () => {
    expect(utcShort('2026-02-01T10:00:00Z')).toBe('2026-02-01 10:00');
    expect(utcShort('2026-02-01T10:00:09Z')).toBe('2026-02-01 10:00:09');
  });

  it("shows the viewer's own weekday and time beside it", () => expect(localShort('2026-11-24T02:30:00Z')).toMatch(/^(Mon|Tue) \d\d:\d\d \S+$/));

  it('names the weekday in UTC', () => expect(utcWeekday('2026-11-24T00:30:00Z')).toBe('Tue'));
});

describe('wall-clock input', () => {
  it.each([
    ['2026-02-01', '10:00', '2026-02-01T10:00:00Z'],
    ['2026-02-01', '23:59:30', '2026-02-01T23:59:30Z'],
    [null, '10:00', null],
    ['2026-02-01', '24:00', null],
    ['2026-02-01', '9:00', null],
    ['2026-13-01', '10:00', null],
    ['1.2.2026', '10:00', null],
  ])('%s %s is %s', (date, time, want) => expect(fromWall(date, time)).toBe(want));
});

describe('durations', () => {
  it.each([[0, '0 s'], [0.44, '0.4 s'], [12.4, '12 s'], [250, '4 min 10 s'], [3900, '1 h 05 min'], [90000, '1 d 1 h']])('%s s is %s', (s, want) => expect(duration(s)).toBe(want));
  it.each([[null, 'Estimating'], [2, 'A few seconds'], [31, 'About 35 s'], [61, 'About 2 min'], [3600, 'About 1 h'], [3601, 'About 1 h 5 min'], [7199, 'About 2 h']])('%s s remain: %s', (s, want) => expect(remaining(s)).toBe(want));
});
