import { firstBatchRows, nextBatchRows } from '../../src/model/batch-size.js';
import { addCounts, NO_COUNTS } from '../../src/model/upload-counts.js';
import type { UploadCounts, UploadReadingsInput } from '../../src/model/operations.js';
import type { Attempt } from '../attempt.js';
import type { Overlap } from './plan/overlap.js';
import type { UploadPlan } from './plan/plan-upload.js';
import { BOTTOM, type Place, type Stretch } from './queue/queue.js';
import { placeAfter } from './queue/take-stretch.js';
import { type BatchOrder, type Turn, uploadBatch, type UploadedBatch } from './upload-batch.js';
import type { UploadState } from './custody/upload-state.js';

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

/** More would take more than two cores of the customer's server. */
const MAX_IN_FLIGHT = 2;

/**
 * Uploads batch after batch. Two overlap: while one commits and removes, the next one streams, so that neither server waits
 * for the other. Its record is written after that one's removal, so the remote is never more than one ahead; when a batch
 * fails, the next one rolls back.
 * @param onBatch told after each batch what all have come to; also of those before one that fails
 * @throws what a batch throws, once no other is under way; those before it are done and stay done
 */
export async function uploadBatches(run: Run, attempt: Attempt, onBatch: (drained: Drained) => void): Promise<Drained> {
  const { plan, input } = run;
  const maxInFlight = plan.batchesInFlight ?? MAX_IN_FLIGHT;
  const endsAt = performance.now() + input.maxDurationMs;
  let drained = beginDrain(run);
  const inFlight: Promise<unknown>[] = [];
  let before: StartedBatch | null = null;
  let turn = once(() => run.claim(drained.batchRows));
  try {
    for (let place: Place | null = BOTTOM; place !== null;) {
      while (inFlight.length >= maxInFlight) await inFlight.shift();
      attempt.signal.throwIfAborted();
      const isTimeUp = place !== BOTTOM && performance.now() >= endsAt; // a slow start must not keep all readings back
      if (attempt.earlyEnd.aborted || isTimeUp) {
        drained = { ...drained, more: true };
        break;
      }
      const limitRows = drained.batchRows;
      const isCareful = run.isOneAhead && place === BOTTOM;
      const batch = startBatch({ siteId: input.siteId, plan, place, limitRows, isCareful }, { before, turn }, attempt);
      const counted = batch.done.then((uploaded) => {
        drained = addBatch(drained, uploaded, { limitRows, durationMs: batch.durationMs(), maxRows: input.batchRows });
        if (uploaded !== null) onBatch(drained);
      });
      counted.catch(ignore);
      inFlight.push(counted);
      const stretch = await batch.taken;
      if (stretch === null) break;
      turn = turnAfter(turn, batch.done);
      before = batch;
      place = placeAfter(plan.queue, stretch);
    }
  } finally {
    await firstFailure(inFlight); // of two failures the earlier one is the cause
  }
  return drained;
}

/** Waits for all batches under way, and throws what the first of those that failed has thrown. */
async function firstFailure(inFlight: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(inFlight);
  await Promise.all(inFlight);
}

function beginDrain({ state, learnedRows, input }: Run): Drained {
  const batchRows = firstBatchRows(learnedRows, input.batchRows);
  return { ...NO_COUNTS, batches: 0, more: false, totalUploaded: state.rows, batchRows, oldestLeft: null };
}

interface StartedBatch {
  /** Settles when the batch has chosen its readings, so that the next one knows where it begins; null: none are left. */
  readonly taken: Promise<Stretch | null>;
  /** Settle when it has come so far, for the batch after it. */
  readonly reached: Readonly<Record<Overlap, Promise<unknown>>>;
  readonly done: Promise<UploadedBatch | null>;
  /** How long it has worked since it might stream. */
  readonly durationMs: () => number;
}

function startBatch(
  order: Omit<BatchOrder, 'queue'>,
  { before, turn }: { before: StartedBatch | null; turn: () => Promise<Turn> },
  attempt: Attempt,
): StartedBatch {
  const taken = signal<Stretch>();
  const [sent, arrived] = [signal<undefined>(), signal<undefined>()];
  let startedAt = performance.now();
  const mayStream = once(async () => {
    await before?.reached[order.plan.overlap];
    startedAt = performance.now();
  });
  const queue = {
    ...{ mayStream, turn, onTaken: taken.give },
    onSent: () => sent.give(undefined),
    onArrived: () => arrived.give(undefined),
  };
  const done = uploadBatch({ ...order, queue }, attempt);
  const started = {
    taken: Promise.race([taken.given, done.then((batch) => batch?.stretch ?? null)]),
    reached: { sent: Promise.race([sent.given, done]), arrived: Promise.race([arrived.given, done]), done },
  };
  for (const promise of [started.taken, ...Object.values(started.reached)]) promise.catch(ignore);
  return { ...started, done, durationMs: () => Math.round(performance.now() - startedAt) };
}

/** A promise, and what settles it. */
function signal<Value>(): { readonly given: Promise<Value>; readonly give: (value: Value) => void } {
  let give: (value: Value) => void = ignore;
  const given = new Promise<Value>((resolve) => {
    give = resolve;
  });
  return { given, give };
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
