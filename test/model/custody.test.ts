import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addCounts, checkSent, NO_COUNTS, settle, UnsettledBatch } from '../../src/model/custody.js';

const counts = fc.nat({ max: 1_000_000 });

describe('the equation of a batch', () => {
  it('holds when every selected reading is on the remote and as many are removed', () => {
    fc.assert(
      fc.property(counts, counts, (inserted, alreadyThere) => {
        const sent = { selected: inserted + alreadyThere, inserted, alreadyThere };
        expect(settle(sent, inserted + alreadyThere)).toEqual({ ...sent, removed: inserted + alreadyThere });
      }),
    );
  });

  it('fails the batch for any other counts', () => {
    fc.assert(
      fc.property(counts, counts, counts, counts, (selected, inserted, alreadyThere, removed) => {
        fc.pre(selected !== inserted + alreadyThere || removed !== selected);
        expect(() => settle({ selected, inserted, alreadyThere }, removed)).toThrow(UnsettledBatch);
      }),
    );
  });

  it('fails the batch for counts that a server cannot have meant', () => {
    for (const odd of [-1, 0.5, Number.NaN, Infinity]) {
      expect(() => checkSent({ selected: 0, inserted: odd, alreadyThere: -odd })).toThrow(UnsettledBatch);
    }
  });

  it('adds up over batches', () => {
    const one = { selected: 3, inserted: 1, alreadyThere: 2, removed: 3 };
    expect(addCounts(addCounts(NO_COUNTS, one), one)).toEqual({
      selected: 6,
      inserted: 2,
      alreadyThere: 4,
      removed: 6,
    });
  });
});
