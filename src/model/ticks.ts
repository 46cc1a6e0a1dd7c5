import type { CycleKind } from './state.js';

/** When the next cycle is planned. All instants of this file are epoch milliseconds. */
export interface TickPlan {
  readonly nextTickAt: number;
  /** Ticks that passed without a cycle of their own. */
  readonly skipped: number;
}

/** True when a cycle is the one of the planned tick, which then has no cycle yet to come. */
export function isTicksOwn(
  running: { readonly kind: CycleKind; readonly startedAt: number },
  nextTickAt: number,
): boolean {
  return running.kind === 'full' && running.startedAt >= nextTickAt;
}

/**
 * The first tick that is not in the past, on the grid that begins with `firstTickAt`. Every tick before it is skipped:
 * the cycle that has just ended did their work.
 */
export function skipMissedTicks(firstTickAt: number, intervalMs: number, now: number): TickPlan {
  const skipped = Math.max(0, Math.ceil((now - firstTickAt) / intervalMs));
  return { nextTickAt: firstTickAt + skipped * intervalMs, skipped };
}

/**
 * The same, but the latest tick that has passed stays due: an upload of the backlog does not do a full cycle's work, and
 * without this rule a long backlog would keep the downloads waiting for ever.
 */
export function keepLatestTick(firstTickAt: number, intervalMs: number, now: number): TickPlan {
  const skipped = Math.max(0, Math.floor((now - firstTickAt) / intervalMs));
  return { nextTickAt: firstTickAt + skipped * intervalMs, skipped };
}
