import { expect, test } from 'vitest';
import { share } from './share';

test('a share is whole, and 100 only when all is used', () => {
  expect(share(0, 10)).toBe(0);
  expect(share(999, 1000)).toBe(99);
  expect(share(10, 10)).toBe(100);
  expect(share(15, 10)).toBe(100);
});
