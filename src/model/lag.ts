import type { SchedulerState } from './state.js';

/** The age of the oldest reading that waits, in buckets. `current` is an empty queue, or one that a few cycles will empty. */
type LagBucket = 'unknown' | 'current' | 'under1h' | 'under1d' | 'over1d';

const MINUTE_MS = 60_000;
/** Below this age a lag is the normal rhythm of cycles; without this bucket the attribute would change at every cycle. */
const CURRENT_LAG_MS = 5 * MINUTE_MS;

/**
 * The lag of a site. An upload that failed has not counted the queue: that it was empty before says nothing of now.
 * `now` is the loop's clock, epoch milliseconds.
 */
export function judgeLag({ observed, upload }: SchedulerState, now: number): LagBucket {
  const { queueSize, oldestUnsynced, observedAt } = observed;
  const isOutOfDate = upload?.ok === false && (observedAt === null || observedAt < upload.startedAt);
  return isOutOfDate && queueSize === 0 ? 'unknown' : toLagBucket(queueSize, oldestUnsynced, now);
}

/** The bucket of a lag. `oldestUnsynced` is ISO 8601, null when the queue is empty; `now` is epoch milliseconds. */
export function toLagBucket(queueSize: number | null, oldestUnsynced: string | null, now: number): LagBucket {
  if (queueSize === null) return 'unknown';
  if (queueSize === 0) return 'current';
  if (oldestUnsynced === null) return 'unknown';
  const ageMs = now - Date.parse(oldestUnsynced);
  if (Number.isNaN(ageMs)) return 'unknown';
  if (ageMs < CURRENT_LAG_MS) return 'current';
  if (ageMs < 60 * MINUTE_MS) return 'under1h';
  return ageMs < 24 * 60 * MINUTE_MS ? 'under1d' : 'over1d';
}

/** A reading of an earlier instant is shown as of then: some stores of visibility cannot hold what is long ago. */
const EARLIEST_MS = 0;

/**
 * What the search attribute of the oldest waiting reading is to say instead of `shown`; null: nothing, since none is old; undefined: it
 * may stay, since it tells the same bucket. So it is written as rarely as the bucket.
 */
export function correctOldest(shown: Date | undefined, state: SchedulerState, now: number): Date | null | undefined {
  const { oldestUnsynced } = state.observed;
  const bucket = judgeLag(state, now);
  if (oldestUnsynced === null || bucket === 'unknown' || bucket === 'current')
    return shown === undefined ? undefined : null;
  if (shown !== undefined && toLagBucket(1, shown.toISOString(), now) === bucket) return undefined;
  return new Date(Math.max(EARLIEST_MS, Date.parse(oldestUnsynced)));
}
