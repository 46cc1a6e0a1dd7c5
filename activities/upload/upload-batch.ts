import { type SentCounts, settle } from '../../src/model/custody.js';
import type { UploadCounts } from '../../src/model/operations.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { execute, run, type Session } from '../../src/postgres/session.js';
import { setTextForms } from '../../src/postgres/text-forms.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import type { Attempt } from '../attempt.js';
import { checkApart } from './check-apart.js';
import type { UploadPlan } from './plan-upload.js';
import { deleteReadings, type Place, type Stretch } from './queue.js';
import { sendCarefully } from './send-carefully.js';
import { sendFast } from './send-fast.js';
import { takeStretch } from './take-stretch.js';
import { moveUploadState, tryLockSite } from './upload-state.js';

/** What one batch needs to know. */
export interface BatchOrder {
  readonly siteId: string;
  readonly plan: UploadPlan;
  /** Where in the queue it begins. */
  readonly place: Place;
  readonly limitRows: number;
}

/** A batch that is done: what it took, and what became of it. */
export interface UploadedBatch {
  readonly stretch: Stretch;
  readonly counts: UploadCounts;
  /** Readings that the site has uploaded since its first batch, this one included. */
  readonly totalUploaded: number;
}

/** PostgreSQL's code for a key that is there already. */
const UNIQUE_VIOLATION = '23505';

/**
 * Uploads one batch, or answers null when the queue has nothing more above the place. All or nothing: a reading is
 * removed after the remote transaction that holds it has committed, and only when all counts agree. A crash between the
 * two commits costs a batch that is sent again, never a reading and never a double.
 * @throws DatabaseFailure `busy` - another attempt of this site is still at work
 * @throws DatabaseFailure `data` - a reading is refused, or is on the remote with other content
 * @throws UnsettledBatch - the counts do not agree
 */
export async function uploadBatch(order: BatchOrder, attempt: Attempt): Promise<UploadedBatch | null> {
  const { plan, siteId } = order;
  return withTransaction(plan.local, { isolation: 'repeatable read', signal: attempt.signal }, async (from) => {
    await lockSite(from, siteId);
    await run(from, setTextForms());
    const stretch = await takeStretch(from, plan.queue, order.place, order.limitRows);
    if (stretch === null) return null;
    const sent = await deliver(from, plan, stretch, attempt);
    const removed = await execute(from, deleteReadings(plan.queue, stretch)); // same snapshot: exactly what was sent
    const counts = settle(sent, removed);
    const [state] = await run<{ rows: string }>(from, moveUploadState(siteId, removed));
    return { stretch, counts, totalUploaded: Number(state?.rows) };
  });
}

/**
 * Brings a stretch into the remote table and commits it there. The custody chain's head will choose the path beforehand;
 * until then a unique violation does. The local snapshot is the same on both paths.
 */
async function deliver(from: Session, plan: UploadPlan, stretch: Stretch, attempt: Attempt): Promise<SentCounts> {
  try {
    return await inRemoteTransaction(plan, attempt, (to) => sendFast(from, to, plan, stretch));
  } catch (error) {
    if (!(error instanceof DatabaseFailure) || error.sqlstate !== UNIQUE_VIOLATION) throw error;
    attempt.log.info('readings of this batch are on the remote already, comparing', {
      constraint: error.place.constraint,
    });
  }
  return inRemoteTransaction(plan, attempt, async (to) => {
    await checkApart(from, to);
    return sendCarefully(from, to, plan, stretch, attempt.log);
  });
}

async function inRemoteTransaction(
  plan: UploadPlan,
  attempt: Attempt,
  send: (to: Session) => Promise<SentCounts>,
): Promise<SentCounts> {
  return withTransaction(plan.remote, { isolation: 'read committed', signal: attempt.signal }, async (to) => {
    // Here the head of the site's custody chain will be read and compared.
    if (plan.remoteCommitsLate) await execute(to, { text: 'set local synchronous_commit to on', values: [] });
    if (plan.transfer.format === 'text') await run(to, setTextForms());
    const sent = await send(to);
    // Here the custody record will be written: it commits with the readings, or not at all.
    return sent;
  });
}

async function lockSite(session: Session, siteId: string): Promise<void> {
  const [lock] = await run<{ locked: string }>(session, tryLockSite(siteId));
  if (lock?.locked === 'true') return;
  const message = `local database: another upload of site ${siteId} is still at work; wanted: one at a time`;
  throw new DatabaseFailure('busy', message, { side: 'local' });
}
