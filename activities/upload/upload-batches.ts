import { nextBatchRows } from '../../src/model/batch-size.js';
import type { Link } from '../../src/model/chain.js';
import type { ChainHead, UploadCounts, UploadReadingsInput, UploadReadingsResult } from '../../src/model/operations.js';
import { addCounts, NO_COUNTS } from '../../src/model/upload-counts.js';
import type { Attempt } from '../attempt.js';
import type { Signing } from '../custody/records/companions.js';
import type { ClaimedState } from './chain/claim.js';
import type { UploadState } from './chain/upload-state.js';
import { Pipeline } from './pipeline.js';
import type { UploadPlan } from './plan/plan-upload.js';
import { BOTTOM, placeAfter, type Stretch } from './queue/queue.js';
import { skipEmptySections } from './queue/sections.js';
import { uploadBatch, type UploadedBatch } from './upload-batch.js';

/** What a run begins with. */
interface Run {
  readonly plan: UploadPlan;
  readonly input: UploadReadingsInput;
  readonly state: UploadState;
  /** How large the first batch may be. */
  readonly batchRows: number;
  /** True when the last batch was committed on the remote and not removed here. */
  readonly isOneAhead: boolean;
  /** How its records are signed; null: without custody. */
  readonly signing: Signing | null;
  /** Claims the site for this run: asked once, when the first batch is about to be recorded. */
  readonly claim: (batchRows: number) => Promise<ClaimedState>;
}

/** What the batches of a run have come to. */
export interface UploadProgress
  extends UploadCounts, Required<Pick<UploadReadingsResult, 'chainHead' | 'clockDifferenceMs'>> {
  readonly batches: number;
  readonly more: boolean;
  readonly totalUploaded: number;
  /** How large the next batch should be. */
  readonly batchRows: number;
  /** What is left is not older than this, late arrivals aside: the newest reading of the last batch; null: not known. */
  readonly oldestLeft: string | null;
  /** How long the last batch took; two of them overlap. */
  readonly batchMs: number;
}

/** More would take more than two cores of the customer's server. */
const MAX_IN_FLIGHT = 2;

/**
 * Uploads batch after batch, two of them overlapping, until the queue is empty, the time is up or the attempt is to end.
 * @param onBatch told after each batch what all have come to; also of those before one that fails
 * @throws what a batch throws, once no other is under way; those before it are done and stay done
 */
export async function uploadBatches(
  run: Run,
  attempt: Attempt,
  onBatch: (progress: UploadProgress) => void,
): Promise<UploadProgress> {
  const { plan, input, signing } = run;
  const endsAt = performance.now() + input.maxDurationMs;
  const pipeline = new Pipeline<Stretch, UploadedBatch>(plan.batchesInFlight ?? MAX_IN_FLIGHT, plan.overlap);
  let progress = noProgress(run);
  let claimed: Promise<ClaimedState> | undefined;
  const claim = (): Promise<ClaimedState> => (claimed ??= run.claim(progress.batchRows));
  try {
    let isFirst = true;
    let place = await skipEmptySections(plan.local, plan.queue, BOTTOM, attempt.signal);
    while (place !== null) {
      await pipeline.room();
      attempt.signal.throwIfAborted();
      const isTimeUp = !isFirst && performance.now() >= endsAt; // a slow start must not keep all readings back
      if (attempt.earlyEnd.aborted || isTimeUp) {
        progress = { ...progress, more: true };
        break;
      }
      const { batchRows: limitRows } = progress;
      const isCareful = run.isOneAhead && isFirst;
      const order = { siteId: input.siteId, plan, place, limitRows, isCareful, signing, claim };
      const stretch: Stretch | null = await pipeline.start(
        (stages) => uploadBatch(order, stages, attempt),
        (batch, durationMs) => {
          progress = addBatch(progress, batch, { limitRows, durationMs, maxRows: input.batchRows });
          onBatch(progress);
        },
      );
      isFirst &&= stretch === null;
      const next = placeAfter(plan.queue, stretch ?? { ...place, upTo: null });
      const isEnd = stretch === null && plan.queue.cuts.length === 0;
      place = isEnd ? null : await skipEmptySections(plan.local, plan.queue, next, attempt.signal);
    }
  } finally {
    await pipeline.end();
  }
  return progress;
}

function noProgress({ state, batchRows }: Run): UploadProgress {
  const chainHead = toChainHead(state.link);
  const nothing = { batches: 0, more: false, oldestLeft: null, clockDifferenceMs: null, batchMs: 0 };
  return { ...NO_COUNTS, ...nothing, totalUploaded: state.rows, batchRows, chainHead };
}

/** The last record of a site's chain; null: it has none. */
export function toChainHead({ seq, digest }: Link): ChainHead | null {
  return digest === null ? null : { seq, digest };
}

function addBatch(
  progress: UploadProgress,
  { counts, after, lastTimestamp, clockDifferenceMs }: UploadedBatch,
  { limitRows, durationMs, maxRows }: { limitRows: number; durationMs: number; maxRows: number },
): UploadProgress {
  return {
    ...progress,
    ...addCounts(progress, counts),
    batches: progress.batches + 1,
    totalUploaded: after.state.rows,
    oldestLeft: lastTimestamp,
    chainHead: toChainHead(after.state.link),
    clockDifferenceMs: clockDifferenceMs ?? progress.clockDifferenceMs,
    batchMs: Math.round(durationMs),
    batchRows: nextBatchRows(limitRows, { rows: counts.selected, durationMs }, maxRows),
  };
}
