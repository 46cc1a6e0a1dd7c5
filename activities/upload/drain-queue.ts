import { addCounts, NO_COUNTS } from '../../src/model/custody.js';
import type { UploadCounts, UploadReadingsInput, UploadReadingsResult } from '../../src/model/operations.js';
import type { Attempt } from '../attempt.js';
import { planUpload, type UploadEnds, type UploadPlan } from './plan-upload.js';
import { BOTTOM, type Place } from './queue.js';
import { readQueueFigures } from './read-queue-figures.js';
import { readTotalUploaded } from './read-total-uploaded.js';
import { placeAfter } from './take-stretch.js';
import { uploadBatch, type UploadedBatch } from './upload-batch.js';
import { warnOnce } from './warn-once.js';

/**
 * Uploads batch after batch, oldest readings first, until the queue is empty, `maxDurationMs` has passed or the attempt
 * is to end. A batch under way is finished, unless the attempt was given up: then both its transactions are cut.
 * @throws DatabaseFailure `schema`, `busy`, `data`, `unreachable` - earlier batches of this drain are done and stay done
 * @throws UnsettledBatch - the servers' counts of a batch do not agree
 */
export async function drainQueue(
  ends: UploadEnds,
  input: UploadReadingsInput,
  attempt: Attempt,
): Promise<UploadReadingsResult> {
  const startedAt = performance.now();
  const totalUploaded = await readTotalUploaded(ends.local, input.siteId, attempt.signal); // fails early without `init`
  const plan = await planUpload(ends, attempt.signal);
  warnOnce(plan, attempt.log);
  const drained = await uploadBatches(plan, input, attempt, { ...NOTHING_DRAINED, totalUploaded });
  const figures = await readQueueFigures(plan.local, plan.queue, attempt.signal);
  const result = { ...drained, ...figures, observedAt: new Date().toISOString() };
  // The workflow logs the same figures as the cycle's own line: at info it would be said twice.
  attempt.log.debug('upload finished', { ...result, durationMs: Math.round(performance.now() - startedAt) });
  return result;
}

/** What the batches of a drain came to. */
type Drained = UploadCounts & Pick<UploadReadingsResult, 'batches' | 'more' | 'totalUploaded'>;

const NOTHING_DRAINED = { ...NO_COUNTS, batches: 0, more: false };

async function uploadBatches(
  plan: UploadPlan,
  { siteId, batchRows, maxDurationMs }: UploadReadingsInput,
  attempt: Attempt,
  nothing: Drained,
): Promise<Drained> {
  const endsAt = performance.now() + maxDurationMs;
  let drained = nothing;
  let place: Place | null = BOTTOM;
  while (place !== null) {
    attempt.signal.throwIfAborted();
    const isTimeUp = drained.batches > 0 && performance.now() >= endsAt; // a slow start must not keep all readings back
    if (attempt.drain.aborted || isTimeUp) return { ...drained, more: true };
    const startedAt = performance.now();
    const batch = await uploadBatch({ siteId, plan, place, limitRows: batchRows }, attempt);
    if (batch === null) return drained;
    drained = addBatch(drained, batch);
    attempt.heartbeat({ ...drained });
    attempt.log.debug('batch uploaded', { ...batch.counts, durationMs: Math.round(performance.now() - startedAt) });
    place = placeAfter(plan.queue, batch.stretch);
  }
  return drained;
}

function addBatch(drained: Drained, { counts, totalUploaded }: UploadedBatch): Drained {
  return { ...drained, ...addCounts(drained, counts), batches: drained.batches + 1, totalUploaded };
}
