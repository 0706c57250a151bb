import { describe, expect, it } from 'vitest';
import type { Node } from '../../api/client';
import { loadOf, rolesOf } from './words';

const node: Node = {
  name: 'one', roles: ['scheduler', 'worker'], version: '1.0', state: 'up', workers: 4, working: 1, startedAt: '2026-01-01T00:00:00Z', seenAt: '2026-01-01T00:00:00Z',
};

describe('a node', () => {
  it('says its roles in words', () => {
    expect(rolesOf(node)).toBe('Scheduler, Worker');
    expect(rolesOf({ ...node, roles: ['api', 'a new one'] })).toBe('API, a new one');
  });
  it('says its load where it has places', () => {
    expect(loadOf(node)).toBe('1 of 4');
    expect(loadOf({ ...node, workers: 0, working: 0 })).toBeUndefined();
    expect(loadOf({ ...node, state: 'silent' })).toBeUndefined();
  });
});
