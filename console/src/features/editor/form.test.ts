import { describe, expect, it } from 'vitest';
import type { FrozenJob } from '../../api/client';
import { cloneOf, emptyValues, fromJob, fromServer, toSpec, validate, type Values } from './form';

const titled: Values = { ...emptyValues, title: 'Chats' };

describe('toSpec', () => {
  it.each<[string, Partial<Values>, object]>([
    ['once, now', { kind: 'once' }, { kind: 'once', startAt: null }],
    ['once, later', { kind: 'once', immediately: false, startAt: { date: '2027-01-02', time: '03:04' } }, { kind: 'once', startAt: '2027-01-02T03:04:00Z' }],
    ['hourly', { kind: 'hourly', every: 4 }, { kind: 'hourly', every: 4, timeZone: 'UTC', notBefore: null, runNow: false }],
    ['daily', { every: '2', at: '01:30' }, { kind: 'daily', every: 2, at: '01:30', timeZone: 'UTC', notBefore: null, runNow: false }],
    ['weekly', { kind: 'weekly', weekday: 'tuesday', timeZone: 'Europe/Berlin' }, { kind: 'weekly', weekday: 'tuesday', at: '02:00', timeZone: 'Europe/Berlin', notBefore: null, runNow: false }],
    ['monthly', { kind: 'monthly', day: 31, runNow: true }, { kind: 'monthly', day: 31, at: '02:00', timeZone: 'UTC', notBefore: null, runNow: true }],
  ])('%s', (_, change, want) => expect(toSpec({ ...titled, ...change }).schedule).toEqual(want));

  it('sends no media types for all, and none for contacts', () => {
    expect(toSpec({ ...titled, mediaTypes: ['chat'] }).mediaTypes).toBeNull();
    expect(toSpec({ ...titled, allMedia: false, mediaTypes: ['chat'] }).mediaTypes).toEqual(['chat']);
    expect(toSpec({ ...titled, allMedia: false, mediaTypes: ['chat'], type: 'contact' }).mediaTypes).toBeNull();
  });

  it('sends the compression, default until another is chosen', () => {
    expect(toSpec(titled).compression).toBe('default');
    expect(toSpec({ ...titled, compression: 'fast' }).compression).toBe('fast');
  });

  it('counts the split size in bytes', () => {
    expect(toSpec(titled).splitSize).toBeNull();
    expect(toSpec({ ...titled, split: true, splitSize: 1.5, splitUnit: 'GiB' }).splitSize).toBe(1610612736);
  });
});

describe('validate', () => {
  it.each<[keyof Values, Partial<Values>]>([
    ['title', { title: '  ' }], ['title', { title: 'x'.repeat(201) }], ['description', { description: 'x'.repeat(2001) }],
    ['mediaTypes', { allMedia: false }], ['every', { every: 0 }], ['every', { kind: 'hourly', every: 25 }], ['every', { every: '' }], ['day', { kind: 'monthly', day: 32 }],
    ['at', { at: '2:00' }], ['at', { at: '24:00' }], ['startAt', { immediately: false }], ['timeZone', { kind: 'hourly', timeZone: 'Asia/Tokyo' }],
    ['frameStart', { frame: 'fixed' }], ['frameEnd', { frame: 'fixed', frameStart: { date: '2026-02-02', time: '00:00' }, frameEnd: { date: '2026-02-02', time: '00:00' } }],
    ['splitSize', { split: true, splitSize: 0.5, splitUnit: 'MiB' }], ['splitSize', { split: true, splitSize: 2, splitUnit: 'TiB' }], ['settlingMinutes', { settlingMinutes: -1 }],
  ])('%s is refused in %o', (field, change) => expect(Object.keys(validate({ ...titled, ...change }))).toContain(field));

  it('lets a good job pass', () => expect(validate(titled)).toEqual({}));
  it('does not look at fields that are not on show', () => expect(validate({ ...titled, kind: 'once', every: '', at: '', frame: 'all', type: 'contact', allMedia: false })).toEqual({}));
});

const saved: FrozenJob = {
  title: 'Chats', description: 'All of them', source: 'contact_history', type: 'interaction', mediaTypes: ['chat', 'email'],
  schedule: { kind: 'weekly', weekday: 'friday', at: '04:30', timeZone: 'UTC', notBefore: '2027-01-01T00:00:00Z', runNow: false },
  timeframe: { kind: 'fixed', start: '2026-01-01T00:00:00Z', end: '2026-02-01T12:30:00Z', by: 'modifiedDate' }, splitSize: 3 * 2 ** 20, compression: 'small', settlingMinutes: 15,
};

describe('fromJob', () => {
  it('and back is the same job', () => expect(toSpec(fromJob(saved))).toEqual(saved));
  it('marks a copy, and drops a one-time start that would lie in the past', () => {
    expect(cloneOf(saved).title).toBe('Copy of Chats');
    expect(cloneOf({ ...saved, title: 'x'.repeat(200) }).title).toHaveLength(200);
    const once = cloneOf({ ...saved, schedule: { kind: 'once', startAt: '2020-01-01T00:00:00Z' } });
    expect(toSpec(once).schedule).toEqual({ kind: 'once', startAt: null });
  });
});

it("puts the service's errors at their fields", () => {
  const { errors, other } = fromServer([{ field: 'schedule.at', message: 'must be a time.' }, { field: 'mediaTypes[2]', message: 'is too long.' }, { field: 'compression', message: 'must be fast, default or small.' }, { field: 'odd', message: 'is unknown.' }]);
  expect(errors).toEqual({ at: 'Must be a time.', mediaTypes: 'Is too long.', compression: 'Must be fast, default or small.' });
  expect(other).toEqual(['odd is unknown.']);
});
