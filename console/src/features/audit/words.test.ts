import { describe, expect, it } from 'vitest';
import { auditQuery, auditSearch, exportPath } from './search';
import { actionOptions, actionWords, detailWords, shortId } from './words';

describe('the search of the audit log', () => {
  it('reads an address and leaves out what is not understood', () => {
    expect(auditSearch({ from: '2026-02-01', to: '2026-02-30x', result: 'refused', user: 'ann', action: 'job.create', sort: '-at' })).toMatchObject({
      from: '2026-02-01', to: undefined, result: 'refused', user: 'ann', action: 'job.create', sort: '-at',
    });
    expect(auditSearch({ result: 'perhaps', from: '2026-99-99', sort: 'hash' })).toMatchObject({ result: undefined, from: undefined, sort: undefined });
  });
  it('asks for whole days in UTC, the last one included', () => {
    expect(auditQuery({ from: '2026-02-27', to: '2026-02-28' })).toMatchObject({ from: '2026-02-27T00:00:00Z', to: '2026-03-01T00:00:00Z' });
  });
  it('exports what the filters let pass', () => {
    expect(exportPath({ q: 'a&b', result: 'done', page: 3, cursor: 'x' }, 'csv')).toBe('/api/v1/audit/export?format=csv&q=a%26b&result=done');
  });
});

describe('words of the audit log', () => {
  it('names actions and reasons, also those that nobody has given words', () => {
    expect(actionWords('job.create')).toBe('Create job');
    expect(actionWords('media-types.list')).toBe('List media types');
    expect(actionWords('events')).toBe('Events');
    expect(actionOptions('moon.land')[0]).toEqual({ value: 'moon.land', label: 'Land moon' });
    expect(detailWords({ result: 'refused', detail: 'forbidden' })).toBe('Not allowed');
    expect(detailWords({ result: 'done', detail: 'forbidden' })).toBe('forbidden');
  });
  it('shortens ids only', () => {
    expect(shortId('019af0c2-1111-7222-8333-944449f2c0de')).toBe('019af0c2…c0de');
    expect(shortId('demo')).toBe('demo');
  });
});
