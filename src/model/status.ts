import { isOpen } from './breaker.js';
import type { DownloadResult, UploadReadingsResult } from './operations.js';
import type { Observed, Outcome, SchedulerState } from './state.js';
import { hasBacklog } from './steps.js';

/** The one word for what a scheduler is doing; docs/protocol.md says what each of them means. */
type SchedulerStateName = 'idle' | 'syncing' | 'catchingUp' | 'paused' | 'degraded' | 'stopping' | 'stopped';

/**
 * The answer of `getStatus` and the workflow's result: every field is always there, and what is not known is null.
 * Times are ISO 8601 UTC, durations end in `Ms`.
 */
export interface Status extends Observed {
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
  readonly lastSyncSuccess: boolean | null;
  readonly lastSuccessTime: string | null;
  readonly lastSyncError: string | null;
  readonly cycles: number;
  readonly skippedTicks: number;
  readonly consecutiveFailures: number;
  /** Until when the cycles leave the upload out, since its last one failed with `data`; null: they do not. */
  readonly uploadWaitsUntil: string | null;
  readonly upload: Outcome<UploadReadingsResult> | null;
  readonly meters: Outcome<DownloadResult> | null;
  readonly tenants: Outcome<DownloadResult> | null;
}

/** The status of a site, from its state alone: a query must not look at anything else. */
export function toStatus(siteId: string, state: SchedulerState): Status {
  return {
    siteId,
    state: nameState(state),
    isRunning: !state.stopped,
    startedAt: toIso(state.startedAt),
    intervalMs: state.settings.intervalMs,
    nextSyncTime: toIsoOrNull(plannedNext(state)),
    lastSyncTime: toIsoOrNull(state.lastCycle?.endedAt ?? null),
    lastSyncSuccess: state.lastCycle?.ok ?? null,
    lastSuccessTime: toIsoOrNull(state.lastSuccessAt),
    lastSyncError: state.lastCycle?.error ?? null,
    cycles: state.cycles,
    skippedTicks: state.skippedTicks,
    consecutiveFailures: state.consecutiveFailures,
    ...state.observed,
    uploadWaitsUntil: state.stopped ? null : toIsoOrNull(state.uploadWait?.until ?? null),
    upload: state.upload,
    meters: state.meters,
    tenants: state.tenants,
  };
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
