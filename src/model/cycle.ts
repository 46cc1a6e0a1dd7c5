import { afterCycle, afterProbe } from './breaker.js';
import type { FailureReport } from './failures.js';
import type { DownloadResult, ProbeResult, UploadReadingsResult } from './operations.js';
import {
  type CycleKind,
  type Observed,
  type Operation,
  type OperationResults,
  OPERATIONS,
  type Outcome,
  type SchedulerState,
} from './state.js';
import { keepLatestTick, skipMissedTicks, type TickPlan } from './ticks.js';

/** A cycle begins: an order to sync now is taken with it. */
export function beginCycle(state: SchedulerState, kind: CycleKind): SchedulerState {
  return { ...state, running: kind, syncNowRequested: false };
}

/** An operation has ended: its outcome is the status at once, not only at the end of the cycle. */
export function recordOutcome<Name extends Operation>(
  state: SchedulerState,
  operation: Name,
  outcome: Outcome<OperationResults[Name]>,
): SchedulerState {
  const observed = outcome.error === null ? state.observed : observeFailure(state.observed, outcome);
  return {
    ...state,
    observed: outcome.result === null ? observed : observeResult(observed, operation, outcome.result),
    [operation]: outcome,
  };
}

/** What the end of a cycle must know besides the state. Instants are epoch milliseconds. */
export interface CycleEnd {
  /** The operations that this cycle ran. */
  readonly ran: readonly Operation[];
  readonly startedAt: number;
  readonly now: number;
  /** From 0 to 1; spreads the waits of the breaker. */
  readonly random: number;
}

/** A cycle has ended: it is counted, the breaker hears of it and the next tick is planned. */
export function endCycle(state: SchedulerState, end: CycleEnd): SchedulerState {
  const errors = end.ran.flatMap((operation) => toErrors(operation, state[operation]?.error ?? null));
  const ok = errors.length === 0;
  const { nextTickAt, skipped } = planTicks(state, end);
  const unreachable = end.ran.some((operation) => state[operation]?.error?.kind === 'unreachable');
  return {
    ...state,
    running: null,
    cycles: state.cycles + 1,
    skippedTicks: state.skippedTicks + skipped,
    nextTickAt,
    consecutiveFailures: ok ? 0 : state.consecutiveFailures + 1,
    breaker: afterCycle(state.breaker, {
      unreachable,
      intervalMs: state.settings.intervalMs,
      now: end.now,
      random: end.random,
    }),
    lastCycle: { endedAt: end.now, ok, error: ok ? null : errors.join('; ') },
    lastSuccessAt: ok ? end.now : state.lastSuccessAt,
  };
}

/** A probe has ended. When both databases answer, an open breaker closes and a cycle is due at once. */
export function recordProbe(
  state: SchedulerState,
  probe: ProbeResult,
  at: { now: number; random: number },
): SchedulerState {
  const reachable = probe.localDbConnected && probe.remoteDbConnected;
  const wasOpen = state.breaker.nextProbeAt !== null;
  return {
    ...state,
    observed: { ...state.observed, ...probe },
    breaker: wasOpen
      ? afterProbe(state.breaker, { ...at, reachable, intervalMs: state.settings.intervalMs })
      : state.breaker,
    nextTickAt: wasOpen && reachable ? at.now : state.nextTickAt,
  };
}

/** A tick's own cycle makes way for the next one; a cycle that was asked for, or caught up, leaves the ticks as they are. */
function planTicks(state: SchedulerState, { ran, startedAt, now }: CycleEnd): TickPlan {
  const { intervalMs } = state.settings;
  if (ran.length < OPERATIONS.length) return keepLatestTick(state.nextTickAt, intervalMs, now);
  const wasDue = startedAt >= state.nextTickAt;
  return skipMissedTicks(wasDue ? state.nextTickAt + intervalMs : state.nextTickAt, intervalMs, now);
}

function observeResult(observed: Observed, operation: Operation, result: OperationResults[Operation]): Observed {
  const seen =
    operation === 'upload'
      ? seenByUpload(observed, result as UploadReadingsResult)
      : seenByDownload(operation, result as DownloadResult);
  return { ...observed, ...seen, localDbConnected: true, remoteDbConnected: true, observedAt: result.observedAt };
}

function seenByUpload(observed: Observed, result: UploadReadingsResult): Partial<Observed> {
  const totalRecordsSynced = Math.max(observed.totalRecordsSynced ?? 0, result.totalUploaded);
  return { queueSize: result.queueSize, oldestUnsynced: result.oldestUnsynced, totalRecordsSynced };
}

function seenByDownload(operation: Operation, { localCount, remoteCount }: DownloadResult): Partial<Observed> {
  return operation === 'meters'
    ? { localMeterCount: localCount, remoteMeterCount: remoteCount }
    : { localTenantCount: localCount, remoteTenantCount: remoteCount };
}

/** A server that refused has answered; one that was not reached, or that would not let us in, has not. */
function observeFailure(observed: Observed, { error, startedAt, durationMs }: Outcome<unknown>): Observed {
  if (error === null || error.side === null) return observed;
  const connected = error.kind !== 'unreachable' && error.sqlstate?.startsWith('28') !== true;
  const observedAt = new Date(Date.parse(startedAt) + durationMs).toISOString();
  return { ...observed, [error.side === 'local' ? 'localDbConnected' : 'remoteDbConnected']: connected, observedAt };
}

function toErrors(operation: Operation, error: FailureReport | null): string[] {
  return error === null ? [] : [`${operation}: ${error.message}`];
}
