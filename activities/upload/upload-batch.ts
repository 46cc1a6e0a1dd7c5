import { settle } from '../../src/model/upload-counts.js';
import type { UploadCounts } from '../../src/model/operations.js';
import { type RefusedPlace, summarize } from '../../src/model/refusal.js';
import { toTableName } from '../../src/model/table.js';
import { execute, run, runAll } from '../../src/postgres/session.js';
import { TEXT_FORMS } from '../../src/postgres/text-forms.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import type { Attempt, Log } from '../attempt.js';
import { checkShape } from './plan/check-shape.js';
import { commitOnDisk } from './custody/commit-on-disk.js';
import { deliver } from './deliver.js';
import type { UploadPlan } from './plan/plan-upload.js';
import { noteRefused } from './quarantine/note.js';
import { deleteReadings, type Place, type Stretch } from './queue/queue.js';
import { takeStretch } from './queue/take-stretch.js';
import { addUploadState, type UploadState } from './custody/upload-state.js';
import { useIndex } from './queue/use-index.js';

/** What one batch needs to know. */
export interface BatchOrder {
  readonly siteId: string;
  readonly plan: UploadPlan;
  /** Where in the queue it begins. */
  readonly place: Place;
  readonly limitRows: number;
  /** True when its readings may be on the remote already, as the custody chain says. */
  readonly isCareful: boolean;
  /** How it keeps its place among the batches that are under way beside it. */
  readonly queue: Queueing;
}

/** How a batch waits for the one before it, and lets the one after it go on. */
export interface Queueing {
  /** Settles when the batch before has come as far as it must, so that this one may stream its readings. */
  readonly mayStream: () => Promise<unknown>;
  /** Settles when the batch before is done at both ends: with what this one follows, and the claim of the run. */
  readonly turn: () => Promise<Turn>;
  readonly onTaken: (stretch: Stretch) => void;
  /** Told when the site has sent the last reading. */
  readonly onSent: () => void;
  /** Told when the remote has taken the last reading. */
  readonly onArrived: () => void;
}

/** What a batch follows. */
export interface Turn {
  readonly before: UploadState;
  readonly claim: string;
  readonly sentBy: string;
}

/** A batch that is done: what it took, and what became of it. */
export interface UploadedBatch {
  readonly stretch: Stretch;
  readonly counts: UploadCounts;
  readonly after: UploadState;
  /** The newest reading, ISO 8601 UTC; null: not known. */
  readonly lastTimestamp: string | null;
}

/**
 * Uploads one batch, or answers null when the queue has nothing more above the place. All or nothing: a reading is
 * removed after the remote transaction that holds it has committed, and only when all counts agree. A crash between the
 * two commits costs a batch that is sent again, never a reading and never a double.
 * @throws DatabaseFailure `busy` - the site's table has got other columns since the drain was planned
 * @throws DatabaseFailure `data` - more readings are refused than single bad ones can be
 * @throws UnsettledBatch - the counts do not agree
 */
export async function uploadBatch(order: BatchOrder, attempt: Attempt): Promise<UploadedBatch | null> {
  const { plan, siteId, place, limitRows } = order;
  return withTransaction(plan.local, { isolation: 'repeatable read', signal: attempt.signal }, async (from) => {
    await runAll(from, TEXT_FORMS);
    if (plan.localCommitsLate) await execute(from, commitOnDisk());
    if (plan.hasOrderIndex) await run(from, useIndex());
    await checkShape(from, plan.readings, plan.shapeMark);
    const stretch = await takeStretch(from, plan.queue, place, limitRows);
    if (stretch === null) return null;
    order.queue.onTaken(stretch);

    const { counts: sent, refused, before, ...moved } = await deliver(from, order, stretch, attempt);

    if (refused.length > 0) {
      const keys = await noteRefused(from, siteId, plan.queue, stretch, refused);
      logRefused(attempt.log, toTableName(plan.readings.table), refused, keys);
    }
    const queue = refused.length > 0 ? { ...plan.queue, quarantineOf: siteId } : plan.queue;
    const removed = await execute(from, deleteReadings(queue, stretch)); // same snapshot: exactly what was sent
    const counts = settle(sent, removed);
    const after = await addUploadState(from, siteId, before, { ...moved, removed });
    return { stretch, counts, after, lastTimestamp: moved.lastTimestamp };
  });
}

/** Enough to find the cause; the log is no place for a list of keys. */
const SHOWN_KEYS = 3;

function logRefused(log: Log, table: string, refused: readonly RefusedPlace[], keys: readonly string[][]): void {
  log.warn('readings are refused by the remote and stay in quarantine: meter-sync quarantine list', {
    table,
    readings: refused.length,
    reasons: summarize(refused),
    examples: keys.slice(0, SHOWN_KEYS),
  });
}
