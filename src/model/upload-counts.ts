import type { UploadCounts } from './operations.js';

/** What became of a batch on the remote. */
export type SentCounts = Omit<UploadCounts, 'removed'>;

/** A batch whose counts do not agree. It is rolled back, so that nothing is removed. */
export class UnsettledBatch extends Error {
  override readonly name = 'UnsettledBatch';
}

/**
 * The first half of a batch's equation, asked before the remote commits: every reading that was selected is there, or is
 * kept at the site with the reason.
 * @throws UnsettledBatch
 */
export function checkSent(sent: SentCounts): void {
  const { selected, inserted, alreadyThere, quarantined } = sent;
  const isWhole = selected === inserted + alreadyThere + quarantined;
  if (!areCounts(selected, inserted, alreadyThere, quarantined) || !isWhole) {
    throw new UnsettledBatch(
      `the counts of a batch do not agree: ${selected} readings selected, but ${inserted} inserted, ${alreadyThere} ` +
        `already there and ${quarantined} refused; nothing was removed. Look for triggers, rules or row security on the ` +
        'remote table.',
    );
  }
}

/**
 * The whole equation, asked before either transaction commits: `selected = inserted + alreadyThere + quarantined`, and
 * exactly those that the remote has were removed.
 * @throws UnsettledBatch
 */
export function settle(sent: SentCounts, removed: number): UploadCounts {
  checkSent(sent);
  const safe = sent.inserted + sent.alreadyThere;
  if (removed !== safe) {
    throw new UnsettledBatch(
      `the counts of a batch do not agree: the remote has taken ${safe} readings, but ${removed} would be ` +
        'removed; nothing was removed, and nothing stays on the remote. Look for triggers, rules or row security on the local table.',
    );
  }
  return { ...sent, removed };
}

/** The counts of two batches together. */
export function addCounts(a: UploadCounts, b: UploadCounts): UploadCounts {
  return {
    selected: a.selected + b.selected,
    inserted: a.inserted + b.inserted,
    alreadyThere: a.alreadyThere + b.alreadyThere,
    quarantined: a.quarantined + b.quarantined,
    removed: a.removed + b.removed,
  };
}

/** The counts of no batch: where a sum begins. */
export const NO_COUNTS: UploadCounts = { selected: 0, inserted: 0, alreadyThere: 0, quarantined: 0, removed: 0 };

function areCounts(...counts: number[]): boolean {
  return counts.every((count) => Number.isSafeInteger(count) && count >= 0);
}
