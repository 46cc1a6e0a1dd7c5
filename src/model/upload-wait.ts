import { waitMs } from './breaker.js';
import type { FailureKind } from './failures.js';

/**
 * An upload that fails with `data` meets the same readings again at its next try, and each try costs the customer's server
 * a batch that is rolled back. So the cycles leave it out for growing waits; their downloads go on.
 */
export interface UploadWait {
  /** Uploads in a row that failed so. */
  readonly failures: number;
  /** When a cycle may upload again, epoch milliseconds; an order to sync now does not wait. */
  readonly until: number;
}

/** Who mends the cause says `sync-now`; who does not know of it waits no longer than this. */
const MAX_WAIT_MS = 60 * 60_000;

/** The wait after an upload that has ended; null: the next cycle uploads. `random` is from 0 to 1. */
export function afterUpload(
  wait: UploadWait | null,
  upload: { kind: FailureKind | null; intervalMs: number; now: number; random: number },
): UploadWait | null {
  if (upload.kind !== 'data') return null;
  const before = wait?.failures ?? 0;
  return { failures: before + 1, until: upload.now + waitMs(before, upload.intervalMs, upload.random, MAX_WAIT_MS) };
}
