import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addCounts, checkSent, NO_COUNTS, settle, UnsettledBatch } from '../../src/model/upload-counts.js';

const counts = fc.nat({ max: 1_000_000 });

describe('the equation of a batch', () => {
  it('holds when every selected reading is on the remote or in quarantine, and those on the remote are removed', () => {
    fc.assert(
      fc.property(counts, counts, counts, (inserted, alreadyThere, quarantined) => {
        const sent = { selected: inserted + alreadyThere + quarantined, inserted, alreadyThere, quarantined };
        expect(settle(sent, inserted + alreadyThere)).toEqual({ ...sent, removed: inserted + alreadyThere });
      }),
    );
  });

  it('fails the batch for any other counts', () => {
    fc.assert(
      fc.property(counts, counts, counts, counts, counts, (selected, inserted, alreadyThere, quarantined, removed) => {
        fc.pre(selected !== inserted + alreadyThere + quarantined || removed !== inserted + alreadyThere);
        expect(() => settle({ selected, inserted, alreadyThere, quarantined }, removed)).toThrow(UnsettledBatch);
      }),
    );
  });

  it('fails the batch for counts that a server cannot have meant', () => {
    for (const odd of [-1, 0.5, Number.NaN, Infinity]) {
      const sent = { selected: 0, inserted: odd, alreadyThere: -odd, quarantined: 0 };
      expect(() => checkSent(sent)).toThrow(UnsettledBatch);
    }
  });

  it('adds up over batches', () => {
    const one = { selected: 4, inserted: 1, alreadyThere: 2, quarantined: 1, removed: 3 };
    expect(addCounts(addCounts(NO_COUNTS, one), one)).toEqual({
      selected: 8,
      inserted: 2,
      alreadyThere: 4,
      quarantined: 2,
      removed: 6,
    });
  });
});
