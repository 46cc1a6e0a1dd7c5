import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keepLatestTick, skipMissedTicks } from '../../src/model/ticks.js';

const instants = fc.integer({ min: -1e12, max: 1e12 });
const intervals = fc.integer({ min: 1, max: 86_400_000 });

test('a tick stays on the grid of the first one, whatever a cycle took', () => {
  fc.assert(
    fc.property(instants, intervals, instants, (first, intervalMs, now) => {
      for (const plan of [skipMissedTicks(first, intervalMs, now), keepLatestTick(first, intervalMs, now)]) {
        expect(plan.nextTickAt).toBe(first + plan.skipped * intervalMs);
        expect(plan.skipped).toBeGreaterThanOrEqual(0);
      }
    }),
  );
});

test('after skipping, the next tick is the first one that is not in the past', () => {
  fc.assert(
    fc.property(instants, intervals, instants, (first, intervalMs, now) => {
      const { nextTickAt, skipped } = skipMissedTicks(first, intervalMs, now);
      expect(nextTickAt).toBeGreaterThanOrEqual(now < first ? first : now);
      if (skipped > 0) expect(nextTickAt - intervalMs).toBeLessThan(now);
    }),
  );
});

test('after catching up, the latest tick that passed is still due', () => {
  fc.assert(
    fc.property(instants, intervals, instants, (first, intervalMs, now) => {
      const { nextTickAt } = keepLatestTick(first, intervalMs, now);
      expect(nextTickAt + intervalMs).toBeGreaterThan(now);
      if (now >= first) expect(nextTickAt).toBeLessThanOrEqual(now);
    }),
  );
});

test('a tick that falls on this very moment is not skipped', () => {
  expect(skipMissedTicks(100, 10, 120)).toEqual({ nextTickAt: 120, skipped: 2 });
  expect(keepLatestTick(100, 10, 120)).toEqual({ nextTickAt: 120, skipped: 2 });
});
