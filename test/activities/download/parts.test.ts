import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../../activities/download/limits.js';
import { choose, countParts, isInParts } from '../../../activities/download/parts.js';

it('the parts that are compared are made of whole parts of those that are kept', () => {
  fc.assert(
    fc.property(fc.nat(), (rows) => {
      const count = countParts(rows, DEFAULT_LIMITS);
      expect(DEFAULT_LIMITS.keptParts % count).toBe(0);
      if (count < DEFAULT_LIMITS.keptParts) expect(rows).toBeLessThanOrEqual(count * DEFAULT_LIMITS.rowsOfAPart);
    }),
  );
});

it('where most parts differ, all are looked into', () => {
  expect(choose([1, 2], 4)).toEqual({ count: 4, chosen: [1, 2] });
  expect(choose([0, 1, 2], 4)).toBe('all');
});

it('no part is no row, and all parts are all rows', () => {
  expect(isInParts('h', { count: 4, chosen: [] })).toBe('false');
  expect(isInParts('h', 'all')).toBe('true');
});
