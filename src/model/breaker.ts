/**
 * After repeated cycles that could not reach a database the breaker opens: a cheap probe at growing intervals takes the
 * place of full cycles until both databases answer. All instants are epoch milliseconds.
 */
export interface Breaker {
  /** Cycles in a row in which a database could not be reached. */
  readonly unreachableCycles: number;
  /** Probes that failed since it opened; null while it is closed. */
  readonly failedProbes: number | null;
  /** When the next probe is due; null while it is closed. */
  readonly nextProbeAt: number | null;
  /** When it opened; null while it is closed. Absent: not known. */
  readonly openedAt?: number | null;
}

/** Both databases answered when they were last asked. */
export const CLOSED_BREAKER: Breaker = { unreachableCycles: 0, failedProbes: null, nextProbeAt: null, openedAt: null };

/** Two failures in a row may be one restart of a server; at the third somebody else should know. */
const CYCLES_UNTIL_OPEN = 3;

/** Long enough that ten thousand sites do not storm a server that comes back, short enough for an operator who waits. */
const MAX_WAIT_MS = 5 * 60_000;

/** The breaker after a cycle. `random` is from 0 to 1 and spreads the sites that wait for the same server. */
export function afterCycle(
  breaker: Breaker,
  cycle: { unreachable: boolean; intervalMs: number; now: number; random: number },
): Breaker {
  if (!cycle.unreachable) return closeBreaker(breaker);
  const unreachableCycles = breaker.unreachableCycles + 1;
  if (unreachableCycles < CYCLES_UNTIL_OPEN) return { ...closeBreaker(breaker), unreachableCycles };
  const nextProbeAt = cycle.now + waitMs(0, cycle.intervalMs, cycle.random);
  return { ...breaker, unreachableCycles, failedProbes: 0, nextProbeAt, openedAt: breaker.openedAt ?? cycle.now };
}

/** Both databases have answered. What a worker of another version has added stays. */
export function closeBreaker(breaker: Breaker): Breaker {
  return { ...breaker, ...CLOSED_BREAKER };
}

/** An open breaker after a probe to which a database did not answer: it waits longer. */
export function afterFailedProbe(
  breaker: Breaker,
  probe: { intervalMs: number; now: number; random: number },
): Breaker {
  const failedProbes = (breaker.failedProbes ?? 0) + 1;
  return { ...breaker, failedProbes, nextProbeAt: probe.now + waitMs(failedProbes, probe.intervalMs, probe.random) };
}

/** An open breaker after a change of the interval: a probe that was planned for a slower rhythm is not waited for. */
export function hurryProbe(breaker: Breaker, intervalMs: number, now: number): Breaker {
  if (breaker.nextProbeAt === null) return breaker;
  const latestMs = waitMs(breaker.failedProbes ?? 0, intervalMs, 0);
  return { ...breaker, nextProbeAt: Math.min(breaker.nextProbeAt, now + latestMs) };
}

/** True while probes take the place of cycles. */
export function isOpen(breaker: Breaker): boolean {
  return breaker.nextProbeAt !== null;
}

/** Doubles with each failure up to the limit, or an interval where that is longer; the jitter takes away up to half. */
export function waitMs(failures: number, intervalMs: number, random: number, maxMs = MAX_WAIT_MS): number {
  const limitMs = Math.max(maxMs, intervalMs);
  return Math.round(Math.min(limitMs, intervalMs * 2 ** Math.min(failures, 30)) * (1 - random / 2));
}
