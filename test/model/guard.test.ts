import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_GUARD,
  describeEffect,
  describeReasons,
  findDecisionProblems,
  findHoldReasons,
  type GuardFigures,
} from '../../src/model/guard.js';
import { aHeldDownload } from './builders.js';

const calm: GuardFigures = { remoteRows: 100, knownRows: 100, goneRows: 0, commonRows: 100, columns: [] };
const count = fc.nat({ max: 5_000 });
const column = fc.record({ column: fc.constantFrom('name', 'serial'), rows: count });
const figures: fc.Arbitrary<GuardFigures> = fc.record({
  remoteRows: count,
  knownRows: count,
  goneRows: count,
  commonRows: count,
  columns: fc.array(column, { maxLength: 3 }),
});

describe('the guard', () => {
  it('never holds what is only new, however much it is', () => {
    fc.assert(
      fc.property(figures, (some) => {
        expect(findHoldReasons({ ...some, goneRows: 0, columns: [] }, DEFAULT_GUARD)).toEqual([]);
      }),
    );
  });

  it('always holds an empty answer that takes rows away, whatever the share', () => {
    fc.assert(
      fc.property(figures, fc.double({ min: 0.01, max: 1, noNaN: true }), (some, share) => {
        const reasons = findHoldReasons({ ...some, remoteRows: 0, goneRows: some.goneRows + 1 }, { share });
        expect(reasons[0]).toEqual({ rule: 'empty', rows: some.goneRows + 1 });
      }),
    );
  });

  it('holds exactly what takes away more than the share, and ten rows or more', () => {
    fc.assert(
      fc.property(figures, fc.integer({ min: 1, max: 99 }), (some, percent) => {
        const facts = { ...some, remoteRows: some.remoteRows + 1, columns: [] };
        const isHeld = findHoldReasons(facts, { share: percent / 100 }).length > 0;
        expect(isHeld).toBe(facts.goneRows >= 10 && facts.goneRows > (percent / 100) * facts.knownRows);
      }),
    );
  });

  it('holds no more when the share grows', () => {
    const shares = fc.tuple(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100 }));
    fc.assert(
      fc.property(figures, shares, (some, [one, other]) => {
        const held = (percent: number): number => findHoldReasons(some, { share: percent / 100 }).length;
        expect(held(Math.max(one, other))).toBeLessThanOrEqual(held(Math.min(one, other)));
      }),
    );
  });

  it.each([
    [19, 0],
    [20, 0],
    [21, 1],
    [100, 1],
  ])('of 100 rows, %i gone are held %i times', (goneRows, times) => {
    expect(findHoldReasons({ ...calm, goneRows }, DEFAULT_GUARD)).toHaveLength(times);
  });

  it.each([
    [9, 9, 0],
    [10, 10, 1],
    [89, 100, 0],
    [90, 100, 1],
  ])('a column that changes in %i of %i rows is held %i times', (rows, commonRows, times) => {
    const columns = [{ column: 'name', rows }];
    expect(findHoldReasons({ ...calm, commonRows, columns }, DEFAULT_GUARD)).toHaveLength(times);
  });

  it('a share of 100 % switches that rule off, and no other one', () => {
    expect(findHoldReasons({ ...calm, goneRows: 99 }, { share: 1 })).toEqual([]);
    expect(findHoldReasons({ ...calm, remoteRows: 0, goneRows: 1 }, { share: 1 })).toHaveLength(1);
  });
});

it('a hold is told with its numbers', () => {
  expect(describeReasons([{ rule: 'gone', rows: 6_200, of: 10_000 }])).toBe(
    '6,200 of 10,000 rows (62 %) are gone from the remote',
  );
  expect(describeReasons([{ rule: 'empty', rows: 20 }])).toBe(
    'the remote table is empty for this site, and 20 rows are in use here',
  );
  expect(describeReasons([{ rule: 'column', column: 'name', rows: 95, of: 100 }])).toBe(
    'column name changes in 95 of 100 rows (95 %)',
  );
  const held = aHeldDownload({ gone: 1_234_567, updated: 3, inserted: 1 });
  expect(describeEffect(held)).toBe('deactivates 1,234,567 rows, changes 3 rows, adds 1 row');
});

it('a decision that cannot be taken is told with everything that is wrong', () => {
  expect(findDecisionProblems({ table: 'meter', decision: 'approve', by: 'anna' })).toEqual([]);
  expect(findDecisionProblems({ table: 'meter', decision: 'reject', by: 'anna', change: null })).toEqual([]);
  expect(findDecisionProblems(null)).toHaveLength(1);
  expect(findDecisionProblems({ decision: 'maybe', by: ' ', change: 7 })).toHaveLength(4);
});
