import { describe, expect, it } from 'vitest';
import type { Me, User } from '../../api/client';
import { single, whyNotActivate, whyNotDeactivate, whyNotReset, whyNotTakeOver } from './rules';

const user = (change: Partial<User> = {}): User => ({ id: '1', username: 'vera', role: 'viewer', state: 'active', jobs: 0, createdAt: '2026-03-01T12:00:00Z', ...change });
const me = (valid: boolean | null): Me => ({ username: 'ann', tenant: 'Alpha', role: 'administrator', encryption: 'compatible', singleSignOn: false, certificate: (valid === null ? null : { valid }) as Me['certificate'] });

describe('why a button cannot be used', () => {
  const gone = user({ state: 'deactivated', jobs: 2 });
  it.each([
    ['no selection', single([]), /select a user/],
    ['two for what is for one', single([user(), user()]), /only one/],
    ['one', single([user()]), undefined],
    ["a password of another's", whyNotReset([user()], me(true)), undefined],
    ['the own password', whyNotReset([user({ username: 'ann' })], me(true)), /User preferences/],
    ['deactivate one of two', whyNotDeactivate([user(), gone]), undefined],
    ['deactivate twice', whyNotDeactivate([gone]), /are deactivated/],
    ['activate one of two', whyNotActivate([user(), gone]), undefined],
    ['activate twice', whyNotActivate([user()]), /are active/],
    ['take over from who is active', whyNotTakeOver([user({ jobs: 2 })], me(true)), /deactivate them first/],
    ['take over nothing', whyNotTakeOver([user({ state: 'deactivated' })], me(true)), /no jobs/],
    ['take over without a certificate', whyNotTakeOver([gone], me(null)), /certificate/],
    ['take over with one that has ended', whyNotTakeOver([gone], me(false)), /certificate/],
    ['take over', whyNotTakeOver([gone], me(true)), undefined],
  ])('%s', (_, reason, want) => {
    if (want) expect(reason).toMatch(want);
    else expect(reason).toBeUndefined();
  });
});
