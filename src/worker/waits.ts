import { setTimeout as pause } from 'node:timers/promises';

const FIRST_WAIT_MS = 1_000;
/** Short enough that nobody waits for long once a server is up. */
const MAX_WAIT_MS = 30_000;

/** Growing waits: 1, 2, 4, ... up to 30 seconds, for something that is not up yet. */
interface Waits {
  /** How long the next wait is. */
  next(): number;
}

/** Waits for one thing; another one begins with its own. */
export function growingWaits(): Waits {
  let waitMs = FIRST_WAIT_MS / 2;
  return { next: () => (waitMs = Math.min(MAX_WAIT_MS, waitMs * 2)) };
}

/**
 * Waits, unless the signal aborts.
 * @throws the signal's reason
 */
export async function waitFor(waitMs: number, signal: AbortSignal): Promise<void> {
  await pause(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted()); // a pause fails in no other way
}

/** While something stays as it is, it is told again and no more often. */
export const TELL_AGAIN_MS = 60 * 60_000;

/** Says whether what happens again and again is to be told this time: the first time, and once an hour after that. */
export function hourly(): () => boolean {
  let toldAt = -Infinity;
  return () => {
    const isDue = performance.now() - toldAt >= TELL_AGAIN_MS;
    if (isDue) toldAt = performance.now();
    return isDue;
  };
}
