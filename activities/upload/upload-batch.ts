import type { Link } from '../../src/model/chain.js';
import type { UploadCounts } from '../../src/model/operations.js';
import { settle, UnsettledBatch } from '../../src/model/upload-counts.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { execute, run, runAll, type Session } from '../../src/postgres/session.js';
import { TEXT_FORMS } from '../../src/postgres/text-forms.js';
import { commitWith, withTransaction } from '../../src/postgres/transaction.js';
import type { Attempt } from '../attempt.js';
import type { ClaimedState } from './custody/claim.js';
import { sumStretch } from './custody/day-sums.js';
import { commitRecord } from './custody/record.js';
import { addUploadState } from './custody/upload-state.js';
import type { Stages } from './pipeline.js';
import { LOCK_TIMEOUT_MS } from './plan/overlap.js';
import { checkShape, commitAsPlanned, type UploadPlan } from './plan/plan-upload.js';
import { noteRefused } from './quarantine/note.js';
import { deleteReadings, type Place, type Stretch, takeStretch } from './queue/queue.js';
import { useIndex } from './queue/queue-index.js';
import { sendCarefully } from './send/send-carefully.js';
import { type Sent, sendFast } from './send/send-fast.js';

/** What one batch needs to know. */
interface BatchOrder {
  readonly siteId: string;
  readonly plan: UploadPlan;
  /** Where in the queue it begins. */
  readonly place: Place;
  readonly limitRows: number;
  /** True when its readings may be on the remote already, as the custody chain says. */
  readonly isCareful: boolean;
  /** Claims the site for the run, for its first record; asked again it answers the same. */
  readonly claim: () => Promise<ClaimedState>;
}

/** A batch that is done: what it took, and what became of it. */
export interface UploadedBatch {
  readonly stretch: Stretch;
  readonly counts: UploadCounts;
  /** What the next batch follows. */
  readonly after: ClaimedState;
  /** The newest reading, ISO 8601 UTC; null: not known. */
  readonly lastTimestamp: string | null;
}

/**
 * Uploads one batch, or answers null when the queue has nothing more above the place. All or nothing: a reading is
 * removed after the remote transaction that holds it has committed, and only when all counts agree. A crash between the
 * two commits costs a batch that is sent again, never a reading and never a double. That the site stands where the remote's
 * chain ends was made sure of when the run began; whoever has taken that place since keeps the record from being written.
 * @throws DatabaseFailure `busy` - the table has got other columns at one end since the run was planned
 * @throws DatabaseFailure `data` - more readings are refused than single bad ones can be
 * @throws UnsettledBatch - the counts do not agree
 */
export async function uploadBatch(
  order: BatchOrder,
  stages: Stages<Stretch, UploadedBatch>,
  attempt: Attempt,
): Promise<UploadedBatch | null> {
  const { siteId, plan } = order;
  const { signal, log } = attempt;
  const options = { isolation: 'repeatable read', signal, confirmOnDisk: plan.localCommitsLate } as const;
  return withTransaction(plan.local, options, async (from) => {
    const stretch = await take(from, order);
    if (stretch === null) return null;
    stages.taken(stretch);

    const sent = await send({ from, order, stretch, stages }, attempt); // the remote has committed: it has all but the refused

    const hasRefused = sent.refused.length > 0;
    if (hasRefused) await noteRefused(from, { siteId, queue: plan.queue, stretch }, sent.refused, log);
    const queue = hasRefused ? { ...plan.queue, quarantineOf: siteId } : plan.queue;
    const removed = await execute(from, deleteReadings(queue, stretch)); // same snapshot: exactly what was sent
    const counts = settle(sent.counts, removed); // throws, and so rolls back, unless all counts agree
    const state = await addUploadState(from, siteId, sent.before.state, { ...sent, removed });
    return { stretch, counts, after: { ...sent.before, state }, lastTimestamp: sent.lastTimestamp };
  });
}

/** Takes the batch's part of the queue, in the snapshot that it is copied from and removed in. */
async function take(from: Session, { plan, place, limitRows }: BatchOrder): Promise<Stretch | null> {
  await runAll(from, TEXT_FORMS);
  if (plan.hasOrderIndex) await run(from, useIndex());
  await checkShape(from, plan.readings, plan.shapeMark);
  return takeStretch(from, plan.queue, place, limitRows);
}

/** A batch whose readings are on their way. */
interface Batch {
  readonly from: Session;
  readonly order: BatchOrder;
  readonly stretch: Stretch;
  readonly stages: Stages<Stretch, UploadedBatch>;
}

/** A batch that the remote has committed. */
interface Committed extends Sent {
  /** The site's newest custody record. */
  readonly link: Link;
  readonly lastTimestamp: string | null;
  /** What the batch follows. */
  readonly before: ClaimedState;
}

/**
 * Brings a batch into the remote table and commits it there with its custody record: straight when that will do, through
 * a staging table when readings may be there already or are refused.
 * @throws DatabaseFailure, UnsettledBatch - the remote has nothing of it, unless the answer to the commit was lost
 */
async function send(batch: Batch, attempt: Attempt): Promise<Committed> {
  if (!batch.order.isCareful) {
    try {
      return await commitThere(batch, attempt, sendFast);
    } catch (error) {
      if (!isForReadings(error)) throw error;
      const facts = { sqlstate: error.sqlstate, constraint: error.place.constraint };
      attempt.log.info('readings of this batch are there already or refused: it goes the careful way', facts);
    }
  }
  return commitThere(batch, attempt, sendCarefully);
}

/** True when the values of readings are to blame, or that some are there already. */
function isForReadings(error: unknown): error is DatabaseFailure {
  return error instanceof DatabaseFailure && error.kind === 'data' && error.place.side === 'remote';
}

/** Sends a batch and commits it with its record, once the batch before is done at both ends: both, or neither. */
async function commitThere(batch: Batch, { signal }: Attempt, sendReadings: typeof sendFast): Promise<Committed> {
  const { from, order, stretch, stages } = batch;
  const { plan, claim } = order;
  const bound = plan.overlap === 'sent' ? { lockTimeoutMs: plan.lockTimeoutMs ?? LOCK_TIMEOUT_MS } : {};
  const options = { isolation: 'read committed', signal, confirmOnDisk: plan.remoteCommitsLate, ...bound } as const;
  return withTransaction(plan.remote, options, async (to) => {
    const sent = await sendReadings({ from, to, plan, stretch, mayStream: stages.mayStream, onSent: stages.sent });
    stages.sent();
    stages.arrived();
    const before = (await stages.mayRecord())?.after ?? (await claim());
    const recorded = await commitAsPlanned(plan, (check) => record(batch, { to, check }, sent, before));
    return { ...sent, ...recorded, before };
  });
}

/** Writes the custody record and commits the remote transaction with it and the check; without custody with the check alone. */
async function record(
  { from, order: { siteId, plan }, stretch }: Batch,
  { to, check }: { readonly to: Session; readonly check: string },
  { counts, contentDigest, storedDays }: Sent,
  { state, claim, sentBy }: ClaimedState,
): Promise<Pick<Committed, 'link' | 'lastTimestamp'>> {
  if (plan.custody === 'off') {
    await commitWith(to, check);
    return { link: state.link, lastTimestamp: null };
  }
  const dayPlan = storedDays === null ? plan.days : { ...plan.days, sums: false };
  const { rows, days, firstTimestamp, lastTimestamp } = await sumStretch(from, plan.queue, stretch, dayPlan);
  if (rows !== counts.selected) throw new UnsettledBatch(`${counts.selected} readings sent, but ${rows} summed up`);
  const link = await commitRecord(
    to,
    { before: state.link, check },
    {
      ...{ siteId, contentDigest, claim, sentBy, firstTimestamp, lastTimestamp },
      rows: counts.inserted,
      alreadyThere: counts.alreadyThere,
      columns: plan.days.columns,
      dayColumn: plan.days.dayColumn?.name ?? null,
      days: storedDays ?? days,
    },
  );
  return { link, lastTimestamp };
}
