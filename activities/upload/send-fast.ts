import { checkSent, type SentCounts } from '../../src/model/custody.js';
import { copyBetween } from '../../src/postgres/copy.js';
import { idents, relation } from '../../src/postgres/identifier.js';
import type { Session } from '../../src/postgres/session.js';
import type { UploadPlan } from './plan-upload.js';
import { selectReadings, type Stretch } from './queue.js';

/**
 * Streams a stretch of the queue straight into the remote table. One reading that is there already refuses them all:
 * then `sendCarefully` must. Staging every batch would cost 30 to 50 % of the rate.
 * @throws DatabaseFailure of the side that failed; UnsettledBatch when the servers count differently
 */
export async function sendFast(from: Session, to: Session, plan: UploadPlan, stretch: Stretch): Promise<SentCounts> {
  const target = relation(plan.readings.table);
  const { sent, received } = await copyStretch(from, to, plan, stretch, target);
  const counts = { selected: sent, inserted: received, alreadyThere: 0 };
  checkSent(counts);
  return counts;
}

/** Copies a stretch into a table of the remote that has the columns of the transfer. */
export async function copyStretch(
  from: Session,
  to: Session,
  { queue, transfer }: UploadPlan,
  stretch: Stretch,
  target: string,
): Promise<{ sent: number; received: number }> {
  const { columns, format } = transfer;
  const names = idents(columns.map(({ name }) => name));
  return copyBetween(
    { session: from, text: `copy (${selectReadings(queue, columns, stretch)}) to stdout (format ${format})` },
    { session: to, text: `copy ${target} (${names}) from stdin (format ${format})` },
  );
}
