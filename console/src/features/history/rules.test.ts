import { expect, it } from 'vitest';
import type { Artifact, Run } from '../../api/client';
import { whyNotAgain } from '../artifacts/rules';
import { exportsAgain, whyNotRetry } from './rules';

const run = (state: Run['state'], damagedArtifacts = 0) => ({ state, damagedArtifacts }) as Run;

it.each<[Run[], RegExp | undefined]>([
  [[], /select a run/], [[run('failed'), run('failed')], /only one/], [[run('failed')], undefined], [[run('canceled')], undefined],
  [[run('finished')], /damaged/], [[run('finished', 2)], undefined], [[run('queued')], /failed and canceled/], [[run('in_progress')], /failed and canceled/],
])('retry of %j', (runs, want) => (want ? expect(whyNotRetry(runs)).toMatch(want) : expect(whyNotRetry(runs)).toBeUndefined()));

it('calls the retry of a finished run another export', () => {
  expect(exportsAgain(run('finished', 1))).toBe(true);
  expect(exportsAgain(run('finished'))).toBe(false);
  expect(exportsAgain(run('failed', 1))).toBe(false);
  expect(exportsAgain(undefined)).toBe(false);
});

const file = (runId: string, damaged: boolean) => ({ runId, damaged: damaged ? { at: '2026-01-01T00:00:00Z', reason: 'It is gone.' } : null }) as Artifact;

it.each<[Artifact[], RegExp | undefined]>([
  [[], /damaged/], [[file('1', false)], /damaged/], [[file('1', true)], undefined], [[file('1', false), file('1', true)], undefined], [[file('1', true), file('2', true)], /one run/],
])('export again of %j', (files, want) => (want ? expect(whyNotAgain(files)).toMatch(want) : expect(whyNotAgain(files)).toBeUndefined()));
