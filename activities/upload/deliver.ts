import type { Link } from '../../src/model/chain.js';
import { type SentCounts, UnsettledBatch } from '../../src/model/upload-counts.js';
import type { RefusedPlace } from '../../src/model/refusal.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { execute, runAll, type Session } from '../../src/postgres/session.js';
import { TEXT_FORMS } from '../../src/postgres/text-forms.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import type { Attempt } from '../attempt.js';
import { checkApart } from './send/check-apart.js';
import { commitOnDisk } from './custody/commit-on-disk.js';
import { commitRecord } from './custody/record.js';
import { sumStretch } from './custody/day-sums.js';
import { LOCK_TIMEOUT_MS } from './plan/overlap.js';
import type { Stretch } from './queue/queue.js';
import { sendCarefully, type SentCarefully } from './send/send-carefully.js';
import { type Sent, sendFast } from './send/send-fast.js';
import type { BatchOrder } from './upload-batch.js';
import type { UploadState } from './custody/upload-state.js';

/** A stretch that the remote has committed. */
interface Delivered {
  readonly counts: SentCounts;
  readonly refused: readonly RefusedPlace[];
  /** The site's newest custody record. */
  readonly link: Link;
  readonly lastTimestamp: string | null;
  /** The state that the batch follows. */
  readonly before: UploadState;
}

/**
 * Brings a stretch into the remote table and commits it there with its custody record: straight when that will do, through
 * a staging table when readings may be there already or are refused.
 * @throws DatabaseFailure, UnsettledBatch - the remote has nothing of it, unless the answer to the commit was lost
 */
export async function deliver(
  from: Session,
  order: BatchOrder,
  stretch: Stretch,
  attempt: Attempt,
): Promise<Delivered> {
  const { plan } = order;
  if (!order.isCareful) {
    try {
      return await inRemoteTransaction(order, attempt, async (to) => {
        if (plan.transfer.format === 'text') await runAll(to, TEXT_FORMS);
        const { mayStream, onSent } = order.queue;
        const sent = await sendFast(from, to, plan, { stretch, mayStream, onSent });
        return record(from, to, { order, stretch, sent });
      });
    } catch (error) {
      if (!isForReadings(error)) throw error;
      const { sqlstate, place } = error;
      const facts = { sqlstate, constraint: place.constraint };
      attempt.log.info('readings of this batch are there already or refused: it goes the careful way', facts);
    }
  }
  return inRemoteTransaction(order, attempt, async (to) => {
    await runAll(to, TEXT_FORMS);
    await checkApart(from, to);
    await order.queue.mayStream();
    return record(from, to, { order, stretch, sent: await sendCarefully(from, to, plan, stretch) });
  });
}

/** Writes the custody record when the batch before is done, and commits it with the readings: both, or neither. */
async function record(
  from: Session,
  to: Session,
  { order, stretch, sent }: { order: BatchOrder; stretch: Stretch; sent: Sent | SentCarefully },
): Promise<Delivered> {
  const { siteId, plan } = order;
  const { counts, contentDigest } = sent;
  order.queue.onSent();
  order.queue.onArrived();
  const { before, claim, sentBy } = await order.queue.turn();
  const delivered = { counts, refused: 'refused' in sent ? sent.refused : [], before };
  if (plan.custody === 'off') return { ...delivered, link: before.link, lastTimestamp: null };

  const isSummed = 'days' in sent; // from what the remote stored: a refused value may not even have the remote's type
  const dayPlan = isSummed ? { ...plan.days, sums: false } : plan.days;
  const { rows, days, firstTimestamp, lastTimestamp } = await sumStretch(from, plan.queue, stretch, dayPlan);
  if (rows !== counts.selected) throw new UnsettledBatch(`${counts.selected} readings sent, but ${rows} summed up`);
  const link = await commitRecord(to, before.link, {
    ...{ siteId, contentDigest, claim, sentBy, firstTimestamp, lastTimestamp },
    rows: counts.inserted,
    alreadyThere: counts.alreadyThere,
    columns: plan.days.columns,
    dayColumn: plan.days.dayColumn?.name ?? null,
    days: isSummed ? sent.days : days,
  });
  return { ...delivered, link, lastTimestamp };
}

async function inRemoteTransaction<Result>(
  { plan }: BatchOrder,
  { signal }: Attempt,
  send: (to: Session) => Promise<Result>,
): Promise<Result> {
  const bound = plan.overlap === 'sent' ? { lockTimeoutMs: plan.lockTimeoutMs ?? LOCK_TIMEOUT_MS } : {};
  return withTransaction(plan.remote, { isolation: 'read committed', signal, ...bound }, async (to) => {
    if (plan.remoteCommitsLate) await execute(to, commitOnDisk());
    return send(to);
  });
}

/** True when the values of readings are to blame, or that some are there already. */
function isForReadings(error: unknown): error is DatabaseFailure {
  return error instanceof DatabaseFailure && error.kind === 'data' && error.place.side === 'remote';
}
