/** When the next cycle is planned. All instants of this file are epoch milliseconds. */
export interface TickPlan {
  readonly nextTickAt: number;
  /** Ticks that passed without a cycle of their own. */
  readonly skipped: number;
}

/** How a site's ticks lie: whole intervals apart, at a phase of the site's own, so that the sites of a fleet do not come at once. */
export interface TickGrid {
  readonly intervalMs: number;
  /** A share of the interval, from 0 to 1. */
  readonly phase: number;
}

/**
 * A site's own phase: a hash of its id, the same in every run and on every machine. FNV-1a alone leaves ids that differ in their
 * last digits close together, so its bits are mixed once more (the finalizer of MurmurHash3).
 */
export function phaseOf(siteId: string): number {
  let hash = 0x811c9dc5;
  for (const character of siteId) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/**
 * The tick that follows a planned start: an interval later when that start was a tick itself. After one that was none (the
 * first cycle, or a tick of another interval) it is the tick that comes nearest to that, half an interval later at the least.
 */
export function tickAfter(plannedAt: number, { intervalMs, phase }: TickGrid): number {
  const offsetMs = Math.floor(phase * intervalMs);
  return offsetMs + Math.round((plannedAt + intervalMs - offsetMs) / intervalMs) * intervalMs;
}

/** True when a cycle is the one of the planned tick, which then has no cycle yet to come. */
export function isTicksOwn(
  running: { readonly kind: 'full' | 'catchUp'; readonly startedAt: number },
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
