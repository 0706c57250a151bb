import { describe, expect, it } from 'vitest';
import type { Job } from '../../api/client';
import { whyNotDelete, whyNotEdit, whyNotResume, whyNotRun, whyNotSwitch } from './rules';

const job = (change: Partial<Job> = {}) => ({ id: '1', title: 'Chats', state: 'active', latestRun: null, schedule: { kind: 'daily', every: 1, at: '02:00' }, ...change }) as Job;
const once = (startAt: string | null, state: Job['state'] = 'suspended') => job({ state, schedule: { kind: 'once', startAt } });
const running = job({ latestRun: { state: 'in_progress' } as Job['latestRun'] });

describe('reasons', () => {
  it.each<[string, (jobs: Job[]) => string | undefined, Job[], RegExp | undefined]>([
    ['edit nothing', whyNotEdit, [], /select a job/], ['edit two', whyNotEdit, [job(), job()], /only one/], ['edit a one-time job', whyNotEdit, [once(null)], /clone/], ['edit', whyNotEdit, [job()], undefined],
    ['delete a running job', whyNotDelete, [job(), running], /in progress/], ['delete', whyNotDelete, [job(), once(null)], undefined],
    ['run a one-time job', whyNotRun, [once(null)], /once/], ['run', whyNotRun, [job({ state: 'suspended' })], undefined],
    ['resume what is active', whyNotResume, [job()], /active/], ['resume a one-time job', whyNotResume, [once(null)], /one-time/], ['resume', whyNotResume, [job({ state: 'suspended' })], undefined],
  ])('%s', (_, why, jobs, want) => (want ? expect(why(jobs)).toMatch(want) : expect(why(jobs)).toBeUndefined()));

  it('lets a one-time job be switched while its start is to come', () => {
    expect(whyNotSwitch(once('2999-01-01T00:00:00Z'))).toBeUndefined();
    expect(whyNotSwitch(once('2020-01-01T00:00:00Z'))).toMatch(/cannot be resumed/);
    expect(whyNotSwitch(once(null))).toMatch(/cannot be resumed/);
    expect(whyNotSwitch(once('2999-01-01T00:00:00Z', 'active'))).toBeUndefined();
  });
});
