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

/** A site's own phase: a hash of its id, the same in every run and on every machine. */
export function phaseOf(siteId: string): number {
  return shareOf(siteId);
}

/**
 * A number from 0 to 1 that spreads the waits of many sites, and those of one site: each cycle and each failed probe has another.
 * It takes the place of chance, which a replay would have to draw in the same order.
 */
export function jitterOf(siteId: string, count: { readonly cycles: number; readonly failedProbes: number }): number {
  return shareOf(`${siteId} ${count.cycles} ${count.failedProbes}`);
}

/**
 * FNV-1a alone leaves texts that differ in their last digits close together, so its bits are mixed once more (the finalizer of
 * MurmurHash3).
 */
function shareOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
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

/** The first tick after an instant, an interval later at the most. */
export function firstTickAfter(instant: number, { intervalMs, phase }: TickGrid): number {
  const offsetMs = Math.floor(phase * intervalMs);
  return offsetMs + (Math.floor((instant - offsetMs) / intervalMs) + 1) * intervalMs;
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
