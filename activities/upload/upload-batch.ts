import type { Link } from '../../src/model/chain.js';
import type { UploadCounts } from '../../src/model/operations.js';
import type { RefusedPlace } from '../../src/model/refusal.js';
import { settle, UnsettledBatch } from '../../src/model/upload-counts.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { withSavepoint } from '../../src/postgres/savepoint.js';
import { execute, run, type Session } from '../../src/postgres/session.js';
import { TEXT_FORMS } from '../../src/postgres/text-forms.js';
import { commitWith, withTransaction } from '../../src/postgres/transaction.js';
import type { Attempt, Log } from '../attempt.js';
import type { HashedDays } from '../custody/days/day-hasher.js';
import type { AddedDays } from '../custody/days/day-states.js';
import type { DayFigures, DaySum } from '../custody/days/day-sums.js';
import type { Signing } from '../custody/records/companions.js';
import { type Arrival, commitRecord, SELECT_ARRIVAL } from '../custody/records/record.js';
import type { ClaimedState } from './chain/claim.js';
import { clockDifference, type ServerClock } from './chain/server-clock.js';
import { addUploadState } from './chain/upload-state.js';
import { type DeliveredBatch, rememberBatch } from './keep/delivered.js';
import { keepingOf, keepReadings } from './keep/kept-readings.js';
import { takeOffLost } from './keep/lost.js';
import type { Stages } from './pipeline.js';
import type { UploadPlan } from './plan/plan-upload.js';
import { toRemovalFailure } from './plan/removal.js';
import { checkMark, commitAsPlanned, selectMark } from './plan/table-mark.js';
import { noteRefused } from './quarantine/note.js';
import { useIndex } from './queue/queue-index.js';
import { deleteReadings, type Place, type Queue, type Stretch, takeStretch } from './queue/queue.js';
import { sumStretch } from './queue/sum-stretch.js';
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
  /** How its record is signed; null: without custody. */
  readonly signing: Signing | null;
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
  readonly refused: readonly RefusedPlace[];
  /** How far the local server's clock is ahead of the remote's; null: without custody nobody asks. */
  readonly clockDifferenceMs: number | null;
}

/**
 * Uploads one batch, or answers null when the queue has nothing more above the place. All or nothing: a removal is
 * committed after the remote transaction that holds the readings, and only when all counts agree. A crash between the
 * two commits costs a batch that is sent again, never a reading and never a double. That the site stands where the remote's
 * chain ends was made sure of when the run began; whoever has taken that place since keeps the record from being written.
 * @throws TableChanged - a table is no longer what the run was planned for
 * @throws DatabaseFailure `data` - more readings are refused than single bad ones can be
 * @throws DatabaseFailure `schema` - the site's table does not let readings be removed; the remote has nothing of the batch
 * @throws UnsettledBatch - the counts do not agree
 */
export async function uploadBatch(
  order: BatchOrder,
  stages: Stages<Stretch, UploadedBatch>,
  attempt: Attempt,
): Promise<UploadedBatch | null> {
  const { siteId, plan } = order;
  const { signal } = attempt;
  const options = { isolation: 'repeatable read', signal, confirmOnDisk: true, opening: toOpening(plan) } as const;
  return withTransaction(plan.local, options, async (from, opened) => {
    checkMark(opened.at(-1), plan.readings, plan.marks.local);
    const stretch = await takeStretch(from, plan.queue, order.place, order.limitRows);
    if (stretch === null) return null;
    stages.taken(stretch);

    // The remote has committed: it has all that is removed here, and the local commit may follow.
    const { counts, before, refused, remoteClock, ...delivered } = await send(
      { from, order, stretch, stages },
      attempt,
    );
    const { link, lastTimestamp } = delivered;
    const moved = { link, lastTimestamp, removed: counts.removed };
    const { state, movedAt } = await addUploadState(from, siteId, before.state, moved);
    const localClock: ServerClock = { said: movedAt, heardAt: performance.now() };
    const clockDifferenceMs = remoteClock === null ? null : clockDifference(localClock, remoteClock);
    if (plan.custody !== 'off') await rememberBatch(from, siteId, delivered);
    if (plan.queue.kept !== undefined) await takeOffLost(from, siteId, delivered);
    return { stretch, counts, after: { ...before, state }, lastTimestamp, refused, clockDifferenceMs };
  });
}

/** What a constraint asks at the commit only would refuse a removal when the remote has committed. */
const SPEAK_NOW = 'set constraints all immediate';

/** How the snapshot is opened that a batch is copied from and removed in; the answer is the mark of the table in it. */
function toOpening({ readings: { table }, hasOrderIndex }: UploadPlan): string[] {
  return [...TEXT_FORMS, SPEAK_NOW, ...(hasOrderIndex ? [useIndex().text] : []), selectMark(table)];
}

/** A batch whose readings are on their way. */
interface Batch {
  readonly from: Session;
  readonly order: BatchOrder;
  readonly stretch: Stretch;
  readonly stages: Stages<Stretch, UploadedBatch>;
}

/** A batch that the remote has committed, and whose readings the site has removed and not committed yet. */
interface Committed extends DeliveredBatch {
  readonly counts: UploadCounts;
  readonly refused: readonly RefusedPlace[];
  /** What the batch follows. */
  readonly before: ClaimedState;
  /** Null: without custody nobody asks. */
  readonly remoteClock: ServerClock | null;
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
      attempt.log.info('some readings of this batch are already there or were refused; checking each one', facts);
    }
  }
  return commitThere(batch, attempt, sendCarefully);
}

/** True when the values of readings are to blame, or that some are there already. */
function isForReadings(error: unknown): error is DatabaseFailure {
  return error instanceof DatabaseFailure && error.kind === 'data' && error.place.side === 'remote';
}

/**
 * Sends a batch and commits it with its record, once the batch before is done at both ends: both, or neither. The site
 * removes the readings before that commit, and commits the removal after it: one that is refused, or takes other rows than were
 * sent, ends the batch while the remote has nothing of it. When it is the remote that refuses, the removal is undone, and the
 * readings can be sent again.
 */
async function commitThere(batch: Batch, { signal, log }: Attempt, sendReadings: typeof sendFast): Promise<Committed> {
  const { from, order, stretch, stages } = batch;
  const { plan, claim, signing } = order;
  // Whoever holds a lock may wait for a row of the next batch, which waits for its turn here: no server sees such a circle.
  const bound = plan.lockTimeoutMs === undefined ? {} : { lockTimeoutMs: plan.lockTimeoutMs };
  const opening = signing === null ? [] : [SELECT_ARRIVAL];
  const options = { isolation: 'read committed', signal, confirmOnDisk: true, opening, ...bound } as const;
  return withTransaction(plan.remote, options, async (to, [asked]) => {
    const arrival = asked?.[0] as Arrival | undefined;
    const remoteClock = arrival === undefined ? null : { said: arrival.committed_at, heardAt: performance.now() };
    const sent = await sendReadings({ from, to, plan, stretch, mayStream: stages.mayStream, onSent: stages.sent });
    stages.sent();
    stages.arrived();
    const before = (await stages.mayRecord())?.after ?? (await claim());
    const { days: sums, ...figures } = await sumUp(batch, sent);
    const added = await digestDays(signing, to, sent.storedDays ?? sums, sent.hashedDays);
    return withSavepoint(from, async () => {
      const counts = await remove(batch, sent, log);
      const link = await commitAsPlanned(plan, (check) =>
        record(batch, { to, check, arrival }, { ...sent, ...figures, days: added.days }, before),
      );
      if ('after' in added) signing?.states?.settle(added);
      const columnsId = signing?.list.id ?? '';
      const delivered = { ...figures, days: added.days, rows: counts.inserted, columnsId, link };
      return { ...delivered, counts, before, refused: sent.refused, remoteClock };
    });
  });
}

/** What the batch's record says of its readings, as long as they are there; without custody nothing is asked. */
async function sumUp(
  { from, order: { plan }, stretch }: Batch,
  { counts, storedDays }: Sent,
): Promise<Omit<DayFigures, 'rows'>> {
  if (plan.custody === 'off') return { days: null, firstTimestamp: null, lastTimestamp: null };
  const dayPlan = storedDays === null ? plan.days : { ...plan.days, sums: false };
  const { rows, ...figures } = await sumStretch(from, plan.queue, stretch, dayPlan);
  if (rows !== counts.selected) throw new UnsettledBatch(`${counts.selected} readings sent, but ${rows} summed up`);
  return figures;
}

/** Adds to the days of a record what proves more than their sums, in the mode that hashes readings as they pass. */
async function digestDays(
  signing: Signing | null,
  to: Session,
  days: readonly DaySum[] | null,
  hashed: HashedDays | null,
): Promise<AddedDays | { readonly days: readonly DaySum[] | null }> {
  if (days === null || hashed === null || !signing?.states) return { days };
  return signing.states.add(to, days, hashed);
}

/**
 * Removes what the remote has, in the snapshot that it was sent from: exactly those readings. Where the settings keep them they
 * are marked or moved instead; kept ones that were sent again stay what they are.
 * @throws DatabaseFailure `schema` - the site's table lets none go; UnsettledBatch - it lets not all go
 */
async function remove(
  { from, order: { siteId, plan }, stretch }: Batch,
  { counts, refused }: Sent,
  log: Log,
): Promise<UploadCounts> {
  if (plan.queue.kept !== undefined) return { ...counts, removed: 0 };
  const hasRefused = refused.length > 0;
  if (hasRefused) await noteRefused(from, { siteId, queue: plan.queue, stretch }, refused, log);
  const queue = hasRefused ? { ...plan.queue, quarantineOf: siteId } : plan.queue;
  try {
    return settle(counts, await letGo(from, queue, stretch, { siteId, columns: plan.keptColumns }));
  } catch (error) {
    throw toRemovalFailure(error, plan.readings);
  }
}

/** Answers with how many readings are no longer queued. */
async function letGo(
  from: Session,
  queue: Queue,
  stretch: Stretch,
  kept: { readonly siteId: string; readonly columns: readonly string[] },
): Promise<number> {
  if (keepingOf(queue.readings) === null) return execute(from, deleteReadings(queue, stretch));
  const [row] = await run<{ rows: string }>(from, keepReadings(queue, stretch, kept));
  return Number(row?.rows);
}

/** Writes the custody record and commits the remote transaction with it and the check; without custody with the check alone. */
async function record(
  { order: { siteId, signing } }: Batch,
  { to, check, arrival }: { readonly to: Session; readonly check: string; readonly arrival: Arrival | undefined },
  { counts, contentDigest, days, firstTimestamp, lastTimestamp }: Sent & Omit<DayFigures, 'rows'>,
  { state, claim, sentBy }: ClaimedState,
): Promise<Link> {
  if (signing === null || arrival === undefined) {
    await commitWith(to, `${SPEAK_NOW}; ${check}`);
    return state.link;
  }
  const facts = {
    ...{ siteId, contentDigest, claim, sentBy, firstTimestamp, lastTimestamp },
    rows: counts.inserted,
    alreadyThere: counts.alreadyThere,
    days,
  };
  return commitRecord(to, { before: state.link, check, signing, arrival }, facts);
}
