import { isOpen } from './breaker.js';
import type { SchedulerState } from './state.js';

/** So a pause that was forgotten shows its growing queue. Each look costs two actions and a connection at each end. */
const LOOK_EVERY_MS = 15 * 60_000;

/**
 * When a site that uploads nothing next looks at its queue: it is paused, waits for a database, or its uploads fail. Null: it need not,
 * since each upload counts the queue. Epoch milliseconds of the loop's clock.
 */
export function nextLookAt({ paused, breaker, upload, lookedAt, startedAt }: SchedulerState): number | null {
  if (!paused && !isOpen(breaker) && upload?.ok !== false) return null;
  return (lookedAt ?? startedAt) + LOOK_EVERY_MS;
}
