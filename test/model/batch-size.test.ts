import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { firstBatchRows, isOfSize, nextBatchRows, smallerBatchRows } from '../../src/model/batch-size.js';

const MAX_ROWS = 50_000;

/** Batches of a link that moves so many readings a second, and takes a while for each batch besides. */
function run(rate: number, fixedMs: number, batches: number, first = firstBatchRows(null, MAX_ROWS)): number[] {
  const sizes = [first];
  for (let at = 1; at < batches; at += 1) {
    const rows = sizes.at(-1) ?? 0;
    sizes.push(nextBatchRows(rows, { rows, durationMs: fixedMs + (rows / rate) * 1_000 }, MAX_ROWS));
  }
  return sizes;
}

describe('the size of batches', () => {
  it('grows to the bound on a fast link within four batches, and stays there', () => {
    expect(run(200_000, 10, 6)).toEqual([10_000, 20_000, 40_000, 50_000, 50_000, 50_000]);
  });

  it('settles where a batch takes no longer than two seconds, on any link that can do so at all', () => {
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 500_000 }), fc.integer({ min: 0, max: 300 }), (rate, fixedMs) => {
        const rows = run(rate, fixedMs, 40).at(-1) ?? 0;
        expect(fixedMs + (rows / rate) * 1_000).toBeLessThanOrEqual(2_100);
        const isLargeEnough = rows === MAX_ROWS || fixedMs + ((rows * 2) / rate) * 1_000 >= 1_000;
        expect(isLargeEnough).toBe(true);
      }),
    );
  });

  it('never leaves the bounds, whatever a batch took', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.nat({ max: 1_000_000 }),
        fc.nat({ max: 10_000_000 }),
        fc.integer({ min: 1, max: 1_000_000 }),
        (limit, rows, durationMs, max) => {
          const sizes = [
            firstBatchRows(limit, max),
            nextBatchRows(limit, { rows: Math.min(rows, limit), durationMs }, max),
            smallerBatchRows(firstBatchRows(limit, max)),
          ];
          for (const size of sizes) {
            expect(size).toBeLessThanOrEqual(max);
            expect(size).toBeGreaterThanOrEqual(Math.min(100, max, limit));
            expect(Number.isInteger(size)).toBe(true);
          }
        },
      ),
    );
  });

  it('learns nothing from a batch that was not full, unless it was slow', () => {
    expect(nextBatchRows(10_000, { rows: 60, durationMs: 5 }, MAX_ROWS)).toBe(10_000);
    expect(nextBatchRows(10_000, { rows: 5_000, durationMs: 20_000 }, MAX_ROWS)).toBe(500);
  });

  it('shrinks to a quarter after a batch that failed on time', () => {
    expect(smallerBatchRows(40_000)).toBe(10_000);
    expect(smallerBatchRows(150)).toBe(100);
  });
});

test.each([
  ['unreachable', null, true],
  ['busy', '55P03', true],
  ['busy', '53200', true],
  ['busy', '53300', false],
  ['busy', '53100', false],
  ['data', '22003', false],
] as const)('a batch that failed as %s %s is smaller next time: %s', (kind, sqlstate, wanted) => {
  expect(isOfSize({ kind, sqlstate })).toBe(wanted);
});
