import { createHash, type Hash } from 'node:crypto';
import { checkSent, type SentCounts } from '../../../src/model/upload-counts.js';
import type { RefusedPlace } from '../../../src/model/refusal.js';
import { copyBetween, type CopyCounts, type CopyOptions } from '../../../src/postgres/copy.js';
import { idents, relation } from '../../../src/postgres/identifier.js';
import type { Session } from '../../../src/postgres/session.js';
import type { DaySum } from '../custody/record.js';
import type { UploadPlan } from '../plan/plan-upload.js';
import { selectReadings, type Stretch } from '../queue/queue.js';

/** What a stretch came to on the remote, not committed yet. */
export interface Sent {
  readonly counts: SentCounts;
  /** SHA-256 of the bytes that were streamed, hexadecimal. */
  readonly contentDigest: string;
  /** The readings that the remote did not take. */
  readonly refused: readonly RefusedPlace[];
  /** The days of those that were inserted, as the remote has them; null: the site's own sums say the same, or there are none. */
  readonly storedDays: readonly DaySum[] | null;
}

/**
 * Streams a stretch of the queue straight into the remote table. One reading that is there already, or that is refused,
 * refuses them all: then `sendCarefully` must. Staging every batch would cost 30 to 50 % of the rate.
 * @throws DatabaseFailure of the side that failed; UnsettledBatch when the servers count differently
 */
export async function sendFast(
  from: Session,
  to: Session,
  plan: UploadPlan,
  { stretch, mayStream, onSent }: { stretch: Stretch; mayStream: () => Promise<unknown>; onSent: () => void },
): Promise<Sent> {
  const hash = createHash('sha256');
  const { sent, received } = await copyStretch(from, to, plan, {
    stretch,
    target: relation(plan.readings.table),
    hash,
    options: { mayStart: mayStream, onSent },
  });
  const counts = { selected: sent, inserted: received, alreadyThere: 0, quarantined: 0 };
  checkSent(counts);
  return { counts, contentDigest: hash.digest('hex'), refused: [], storedDays: null };
}

/** What to copy, and where to. */
interface StretchCopy {
  readonly stretch: Stretch;
  /** No more than so many of its readings, the oldest ones; absent: all. */
  readonly limit?: number;
  /** A table of the remote that has the columns of the transfer, as SQL. */
  readonly target: string;
  readonly hash: Hash;
  readonly options?: Omit<CopyOptions, 'sink'>;
}

/** Copies a stretch, or a part of it, into a table of the remote. */
export async function copyStretch(
  from: Session,
  to: Session,
  { queue, transfer }: UploadPlan,
  { stretch, limit, target, hash, options }: StretchCopy,
): Promise<CopyCounts> {
  const { columns, format } = transfer;
  const names = idents(columns.map(({ name }) => name));
  return copyBetween(
    { session: from, text: `copy (${selectReadings(queue, columns, stretch, limit)}) to stdout (format ${format})` },
    { session: to, text: `copy ${target} (${names}) from stdin (format ${format})` },
    { ...options, sink: hash },
  );
}
