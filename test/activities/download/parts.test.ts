import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../../activities/download/plan/limits.js';
import { choose, countParts, isIllDivided, isInParts } from '../../../activities/download/compare/parts.js';

it('a table has as many parts as its rows need, and is divided anew only when that is far off', () => {
  fc.assert(
    fc.property(fc.nat(), (rows) => {
      const count = countParts(rows, DEFAULT_LIMITS);
      expect(Math.log2(count) % 1).toBe(0);
      if (count < DEFAULT_LIMITS.mostParts) expect(rows).toBeLessThanOrEqual(count * DEFAULT_LIMITS.rowsOfAPart);
      expect(isIllDivided(count, rows, DEFAULT_LIMITS)).toBe(false);
      expect(isIllDivided(count, rows * 1.9, DEFAULT_LIMITS)).toBe(false);
    }),
  );
  expect(isIllDivided(16, 16 * 64 * 4, DEFAULT_LIMITS)).toBe(true);
  expect(isIllDivided(16, 10, DEFAULT_LIMITS)).toBe(true);
});

it('where most parts differ, all are looked into', () => {
  expect(choose([1, 2], 4)).toEqual({ count: 4, chosen: [1, 2] });
  expect(choose([0, 1, 2], 4)).toBe('all');
});

it('no part is no row, and all parts are all rows', () => {
  expect(isInParts('h', { count: 4, chosen: [] })).toBe('false');
  expect(isInParts('h', 'all')).toBe('true');
});
