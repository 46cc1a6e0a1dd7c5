import { isOpen } from './breaker.js';
import type { FailureReport, Side } from './failures.js';
import type { DownloadResult, UploadReadingsResult } from './operations.js';
import { type Observed, OPERATIONS, type Outcome, type SchedulerState } from './state.js';
import { hasBacklog } from './steps.js';

/** The one word for what a scheduler is doing; docs/protocol.md says what each of them means. */
type SchedulerStateName = 'idle' | 'syncing' | 'catchingUp' | 'paused' | 'degraded' | 'stopping' | 'stopped';

/** A pause: who wanted it, and why; null: nobody said. */
export interface PausedBy {
  readonly by: string | null;
  readonly reason: string | null;
  /** ISO 8601 UTC. */
  readonly since: string;
}

/** An open breaker: a database does not answer, and a probe at growing intervals takes the place of cycles. */
export interface OpenBreaker {
  /** Null: the operations did not say. */
  readonly side: Side | null;
  readonly cause: string | null;
  /** ISO 8601 UTC; null: not known. */
  readonly since: string | null;
  readonly nextProbeTime: string;
}

/** Readings that one upload could not take: the next one follows at once. Null: not known. */
export interface Backlog {
  readonly rows: number | null;
  readonly rowsPerSecond: number | null;
  readonly secondsToGo: number | null;
}

/** A status before it is judged. */
export interface StatusFacts extends Observed {
  readonly siteId: string;
  readonly state: SchedulerStateName;
  /** False once the workflow has ended. */
  readonly isRunning: boolean;
  /** When the site's workflow was first started; continue-as-new does not move it. */
  readonly startedAt: string;
  readonly intervalMs: number;
  /** When the next cycle, or the next probe of an open breaker, is planned; null when paused or stopped. */
  readonly nextSyncTime: string | null;
  /** When the last cycle ended. */
  readonly lastSyncTime: string | null;
  /** When the cycle under way began; null: none is. */
  readonly cycleStartedAt: string | null;
  readonly lastSyncSuccess: boolean | null;
  readonly lastSuccessTime: string | null;
  readonly lastSyncError: string | null;
  readonly cycles: number;
  readonly skippedTicks: number;
  readonly consecutiveFailures: number;
  /** Until when the cycles leave the upload out, since its last one failed with `data`; null: they do not. */
  readonly uploadWaitsUntil: string | null;
  /** Null: the site is not paused. */
  readonly pausedBy: PausedBy | null;
  /** Null: it is closed. */
  readonly breaker: OpenBreaker | null;
  /** Null: there is none. */
  readonly backlog: Backlog | null;
  readonly upload: Outcome<UploadReadingsResult> | null;
  readonly meters: Outcome<DownloadResult> | null;
  readonly tenants: Outcome<DownloadResult> | null;
}

/** The status of a site, from its state alone. */
export function toFacts(siteId: string, state: SchedulerState): StatusFacts {
  return {
    siteId,
    state: nameState(state),
    isRunning: !state.stopped,
    startedAt: toIso(state.startedAt),
    intervalMs: state.settings.intervalMs,
    nextSyncTime: toIsoOrNull(plannedNext(state)),
    lastSyncTime: toIsoOrNull(state.lastCycle?.endedAt ?? null),
    cycleStartedAt: toIsoOrNull(state.running?.startedAt ?? null),
    lastSyncSuccess: state.lastCycle?.ok ?? null,
    lastSuccessTime: toIsoOrNull(state.lastSuccessAt),
    lastSyncError: state.lastCycle?.error ?? null,
    cycles: state.cycles,
    skippedTicks: state.skippedTicks,
    consecutiveFailures: state.consecutiveFailures,
    ...state.observed,
    uploadWaitsUntil: state.stopped ? null : toIsoOrNull(state.uploadWait?.until ?? null),
    pausedBy: state.paused ? toPausedBy(state) : null,
    breaker: toBreaker(state),
    backlog: hasBacklog(state) && !state.stopped ? toBacklog(state) : null,
    upload: state.upload,
    meters: state.meters,
    tenants: state.tenants,
  };
}

/** True when the upload fails, and nobody has counted the queue since it began to. */
export function isCountedBeforeFailure({ upload, observedAt }: Pick<StatusFacts, 'upload' | 'observedAt'>): boolean {
  if (upload?.ok !== false) return false;
  const { failedSince = upload.startedAt } = upload;
  return observedAt === null || failedSince === null || observedAt < failedSince;
}

/** The one word for what a scheduler is doing. */
export function nameState(state: SchedulerState): SchedulerStateName {
  if (state.stopped) return 'stopped';
  if (state.stopRequested) return 'stopping';
  if (hasBacklog(state) && (state.running !== null || !state.paused)) return 'catchingUp';
  if (state.running !== null) return 'syncing';
  if (state.paused) return 'paused';
  return state.consecutiveFailures > 0 || isOpen(state.breaker) ? 'degraded' : 'idle';
}

function toPausedBy({ pausedBy, reachedAt }: SchedulerState): PausedBy {
  const { by = null, reason = null, at = reachedAt } = pausedBy ?? {};
  return { by, reason, since: toIso(at) };
}

/** Which database does not answer, and why, is what the operations of the last cycles told. */
function toBreaker(state: SchedulerState): OpenBreaker | null {
  const { nextProbeAt, openedAt } = state.breaker;
  if (nextProbeAt === null || state.stopped) return null;
  const errors = OPERATIONS.flatMap((operation): FailureReport[] => {
    const error = state[operation]?.error ?? null;
    return error?.kind === 'unreachable' ? [error] : [];
  });
  const { side = null, message: cause = null } = errors[0] ?? {};
  return { side, cause, since: toIsoOrNull(openedAt ?? null), nextProbeTime: toIso(nextProbeAt) };
}

/** As fast as the last upload was. */
function toBacklog({ observed, upload }: SchedulerState): Backlog {
  const rows = observed.queueSize;
  const { result = null, durationMs = 0 } = upload ?? {};
  const rowsPerSecond = result === null || durationMs <= 0 ? null : Math.round((result.removed * 1_000) / durationMs);
  const isKnown = rows !== null && rowsPerSecond !== null && rowsPerSecond > 0;
  return { rows, rowsPerSecond, secondsToGo: isKnown ? Math.round(rows / rowsPerSecond) : null };
}

function plannedNext(state: SchedulerState): number | null {
  if (state.stopped || state.stopRequested || state.paused) return null;
  return Math.max(state.reachedAt, state.breaker.nextProbeAt ?? state.nextTickAt); // one that is due is due now
}

function toIsoOrNull(instant: number | null): string | null {
  return instant === null ? null : toIso(instant);
}

function toIso(instant: number): string {
  return new Date(instant).toISOString();
}
