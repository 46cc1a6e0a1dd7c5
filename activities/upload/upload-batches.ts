import { firstBatchRows, nextBatchRows } from '../../src/model/batch-size.js';
import { addCounts, NO_COUNTS } from '../../src/model/custody.js';
import type { UploadCounts, UploadReadingsInput } from '../../src/model/operations.js';
import type { Attempt } from '../attempt.js';
import type { UploadPlan } from './plan-upload.js';
import { BOTTOM, type Place, type Stretch } from './queue.js';
import { placeAfter } from './take-stretch.js';
import { type BatchOrder, type Turn, uploadBatch, type UploadedBatch } from './upload-batch.js';
import type { UploadState } from './upload-state.js';

/** What a run begins with. */
export interface Run {
  readonly plan: UploadPlan;
  readonly input: UploadReadingsInput;
  readonly state: UploadState;
  /** How large the batches of the last run were at its end; null: nothing is known. */
  readonly learnedRows: number | null;
  /** True when the last batch was committed on the remote and not removed here. */
  readonly isOneAhead: boolean;
  /** Claims the site for this run: asked once, when the first batch is on its way. */
  readonly claim: (batchRows: number) => Promise<Turn>;
}

/** What the batches of a run have come to. */
export interface Drained extends UploadCounts {
  readonly batches: number;
  readonly more: boolean;
  readonly totalUploaded: number;
  /** How large the next batch should be. */
  readonly batchRows: number;
  /** What is left is not older than this, late arrivals aside: the newest reading of the last batch; null: not known. */
  readonly oldestLeft: string | null;
}

/**
 * Uploads batch after batch. Two overlap: the next one streams while this one commits and removes, so that neither server
 * waits for the other. Its record is written after this one's removal, so the remote is never more than one ahead; when
 * this one fails, the next one rolls back.
 * @param onBatch told after each batch what all have come to; also of those before one that fails
 * @throws what a batch throws, once no other is under way; those before it are done and stay done
 */
export async function uploadBatches(run: Run, attempt: Attempt, onBatch: (drained: Drained) => void): Promise<Drained> {
  const { plan, input } = run;
  const endsAt = performance.now() + input.maxDurationMs;
  let drained = beginDrain(run);
  let done: Promise<unknown> = Promise.resolve();
  let turn = once(() => run.claim(drained.batchRows));
  try {
    for (let place: Place | null = BOTTOM; place !== null;) {
      attempt.signal.throwIfAborted();
      const isTimeUp = place !== BOTTOM && performance.now() >= endsAt; // a slow start must not keep all readings back
      if (attempt.drain.aborted || isTimeUp) {
        drained = { ...drained, more: true };
        break;
      }
      const startedAt = performance.now();
      const limitRows = drained.batchRows;
      const isCareful = run.isOneAhead && place === BOTTOM;
      const batch = startBatch({ siteId: input.siteId, plan, place, limitRows, isCareful, turn }, attempt);
      const stretch = await batch.onItsWay;
      if (stretch === null) break;
      done = batch.done.then((uploaded) => {
        const durationMs = Math.round(performance.now() - startedAt);
        drained = addBatch(drained, uploaded, { limitRows, durationMs, maxRows: input.batchRows });
        onBatch(drained);
      });
      done.catch(ignore);
      turn = turnAfter(turn, batch.done);
      place = placeAfter(plan.queue, stretch);
    }
  } finally {
    await done; // of two failures the earlier one is the cause
  }
  return drained;
}

function beginDrain({ state, learnedRows, input }: Run): Drained {
  const batchRows = firstBatchRows(learnedRows, input.batchRows);
  return { ...NO_COUNTS, batches: 0, more: false, totalUploaded: state.rows, batchRows, oldestLeft: null };
}

interface StartedBatch {
  /** Settles when the next batch may begin, with what this one took; null: the queue had ended. */
  readonly onItsWay: Promise<Stretch | null>;
  readonly done: Promise<UploadedBatch | null>;
}

function startBatch(order: Omit<BatchOrder, 'onTurn'>, attempt: Attempt): StartedBatch {
  let onTurn: (stretch: Stretch) => void = ignore;
  const turned = new Promise<Stretch>((resolve) => {
    onTurn = resolve;
  });
  const done = uploadBatch({ ...order, onTurn }, attempt);
  return { onItsWay: Promise.race([turned, done.then((batch) => batch?.stretch ?? null)]), done };
}

/** The turn of the batch after one: when that one is done. */
function turnAfter(turn: () => Promise<Turn>, done: Promise<UploadedBatch | null>): () => Promise<Turn> {
  return once(async () => {
    const before = (await done)?.after;
    const own = await turn();
    return before === undefined ? own : { ...own, before };
  });
}

function addBatch(
  drained: Drained,
  batch: UploadedBatch | null,
  { limitRows, durationMs, maxRows }: { limitRows: number; durationMs: number; maxRows: number },
): Drained {
  if (batch === null) return drained;
  const rows = batch.counts.selected;
  return {
    ...drained,
    ...addCounts(drained, batch.counts),
    batches: drained.batches + 1,
    totalUploaded: batch.after.rows,
    oldestLeft: batch.lastTimestamp,
    batchRows: nextBatchRows(limitRows, { rows, durationMs }, maxRows),
  };
}

function once<Result>(act: () => Promise<Result>): () => Promise<Result> {
  let result: Promise<Result> | undefined;
  return () => (result ??= act());
}

/** A batch that fails while nobody waits for it yet is met by the batch after it, or at the end. */
function ignore(): void {}
