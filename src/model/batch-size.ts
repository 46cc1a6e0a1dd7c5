import type { FailureReport } from './failures.js';

/** A batch that takes longer holds a local transaction open for longer than a site should have to bear. */
const TARGET_MS = 2_000;
/** Room for a twice as large batch within the target. */
const ROOMY_MS = TARGET_MS / 2;

/** The first batch of a site that has learned nothing: small enough for a slow link. */
const FIRST_ROWS = 10_000;
/** Below this the trips cost more than the readings. */
const MIN_ROWS = 100;

/** Rows of the first batch of a run: what the last run learned, within the bound that the settings set. */
export function firstBatchRows(learned: number | null, maxRows: number): number {
  return within(learned ?? FIRST_ROWS, maxRows);
}

/**
 * Rows of the next batch, after one that took `durationMs`. A batch that was not full says nothing of how large one may
 * be, unless it was slow.
 */
export function nextBatchRows(limitRows: number, batch: { rows: number; durationMs: number }, maxRows: number): number {
  if (batch.durationMs > TARGET_MS) return within((batch.rows * TARGET_MS) / batch.durationMs, maxRows);
  const wasFull = batch.rows >= limitRows;
  return wasFull && batch.durationMs < ROOMY_MS ? within(limitRows * 2, maxRows) : within(limitRows, maxRows);
}

/**
 * True when a batch that failed may pass when it is smaller: time, a lock, memory. A connection that the server has not to
 * give (53300) has nothing to do with the size, and a disk that is full (53100) is as full for a small one.
 */
export function isOfSize({ kind, sqlstate }: Pick<FailureReport, 'kind' | 'sqlstate'>): boolean {
  return (kind === 'unreachable' || kind === 'busy') && sqlstate !== '53300' && sqlstate !== '53100';
}

/** Rows of the next batch, after one that failed for its size. */
export function smallerBatchRows(limitRows: number): number {
  return within(limitRows / 4, limitRows);
}

function within(rows: number, maxRows: number): number {
  return Math.max(Math.min(MIN_ROWS, maxRows), Math.min(Math.floor(rows), maxRows));
}
