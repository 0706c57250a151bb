import { QueryClient } from '@tanstack/react-query';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Job, Run } from './client';
import { follow, patch } from './live';

const run = (change: Partial<Run>) => ({ id: 'r1', jobId: 'j1', state: 'in_progress', job: { title: 'Chats' }, progress: { fraction: 0.5 }, ...change }) as Run;

class Stream extends EventTarget {
  static all: Stream[] = [];
  onopen = () => {};
  onerror = () => {};
  closed = false;
  constructor() { super(); Stream.all.push(this); }
  close() { this.closed = true; }
  send(runs: Run[]) { this.dispatchEvent(new MessageEvent('runs', { data: JSON.stringify({ runs }) })); }
}

beforeEach(() => {
  Stream.all = [];
  vi.stubGlobal('EventSource', Stream);
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

it('patches rows and leaves the others alone', () => {
  const client = new QueryClient();
  const jobs = ['get', '/api/v1/jobs', {}];
  client.setQueryData(jobs, { items: [{ id: 'j1', latestRun: { id: 'r1', state: 'queued' } }, { id: 'j2', latestRun: null }], total: 2 });
  patch(client, [run({})]);
  const items = client.getQueryData<{ items: Job[] }>(jobs)!.items;
  expect(items[0]!.latestRun).toMatchObject({ id: 'r1', state: 'in_progress', progress: { fraction: 0.5 } });
  expect(items[1]!.latestRun).toBeNull();
});

it('asks for the lists only when a run begins or ends, and tells of the end', () => {
  const client = new QueryClient();
  const asked = vi.spyOn(client, 'invalidateQueries');
  const ended = vi.fn();
  const stop = follow(client, { state: vi.fn(), ended });
  Stream.all[0]!.send([run({})]);
  const afterFirst = asked.mock.calls.length;
  Stream.all[0]!.send([run({ progress: { fraction: 0.6 } as Run['progress'] })]);
  expect(asked.mock.calls.length).toBe(afterFirst);
  Stream.all[0]!.send([run({ state: 'finished' })]);
  expect(asked.mock.calls.length).toBeGreaterThan(afterFirst);
  expect(ended).toHaveBeenCalledOnce();
  stop();
  expect(Stream.all[0]!.closed).toBe(true);
});

it('connects again with growing pauses, and asks for what it missed', () => {
  const client = new QueryClient();
  const asked = vi.spyOn(client, 'invalidateQueries');
  const states: string[] = [];
  const stop = follow(client, { state: (s) => states.push(s), ended: vi.fn() });
  Stream.all[0]!.onerror();
  vi.advanceTimersByTime(1000);
  expect(Stream.all).toHaveLength(2);
  Stream.all[1]!.onerror();
  vi.advanceTimersByTime(1000);
  expect(Stream.all).toHaveLength(2);
  vi.advanceTimersByTime(1000);
  expect(Stream.all).toHaveLength(3);
  Stream.all[2]!.onopen();
  expect(states).toEqual(['interrupted', 'interrupted', 'live']);
  expect(asked).toHaveBeenCalled();
  stop();
});
