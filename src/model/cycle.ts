import { afterCycle, afterFailedProbe, closeBreaker, isOpen } from './breaker.js';
import { withFurtherFailures } from './download-outcome.js';
import { type FailureKind, type FailureReport, wasLetIn } from './failures.js';
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
import { hasBacklog } from './steps.js';
import { isTicksOwn, keepLatestTick, skipMissedTicks, tickAfter, type TickPlan } from './ticks.js';
import { afterUpload, type UploadWait } from './upload-wait.js';

type Running = NonNullable<SchedulerState['running']>;

/** A cycle begins; a full one takes with it whatever asked for one. `startedAt` is the loop's clock, epoch milliseconds. */
export function beginCycle(state: SchedulerState, kind: CycleKind, startedAt: number): SchedulerState {
  if (kind !== 'full') return { ...state, running: { kind, startedAt } };
  const { fullRequested, ...before } = state;
  const wasHeld = state.paused || isOpen(state.breaker) || state.cycleRequested;
  const running: Running = {
    kind,
    startedAt,
    ...(wasHeld ? { isHeld: true } : {}),
    ...(fullRequested === true ? { full: true } : {}),
  };
  const uploadWait = state.syncNowRequested ? null : state.uploadWait;
  return { ...before, uploadWait, running, syncNowRequested: false, cycleRequested: false };
}

/** An operation has ended: its outcome is the status at once, not only at the end of the cycle. */
export function recordOutcome<Name extends Operation>(
  state: SchedulerState,
  operation: Name,
  attempted: Outcome<OperationResults[Name]>,
): SchedulerState {
  const outcome = sinceWhen(withFurtherFailures(attempted), state[operation]);
  const observed = outcome.error === null ? state.observed : observeFailure(state.observed, outcome);
  return {
    ...state,
    observed: outcome.result === null ? observed : observeResult(observed, operation, outcome.result),
    ...(operation === 'upload' && outcome.result !== null ? { lookedAt: state.reachedAt } : {}),
    [operation]: outcome,
  };
}

/** A failure that follows another one has lasted since the first of them. */
function sinceWhen<Result>(outcome: Outcome<Result>, before: Outcome<unknown> | null): Outcome<Result> {
  if (outcome.ok) return outcome;
  const lasted = before !== null && !before.ok ? (before.failedSince ?? before.startedAt) : outcome.startedAt;
  return { ...outcome, failedSince: lasted };
}

/** The operations that a cycle of this kind runs, in their order. */
function operationsOf(kind: CycleKind): readonly Operation[] {
  return kind === 'full' ? OPERATIONS : ['upload'];
}

/** When something happened by the loop's clock, in epoch milliseconds, and a number from 0 to 1 that spreads the waits of many sites. */
export interface Moment {
  readonly now: number;
  readonly random: number;
}

/** The cycle under way has ended: it is counted, the breaker hears of it and the next tick is planned. */
export function endCycle(state: SchedulerState, running: Running, { now, random }: Moment): SchedulerState {
  const failures = operationsOf(running.kind).flatMap((operation) =>
    toFailures(operation, state[operation]?.error ?? null),
  );
  const ok = failures.length === 0;
  const { intervalMs } = state.settings;
  const { nextTickAt, skipped } = planTicks(state, running, now);
  const unreachable = failures.some(({ kind }) => kind === 'unreachable');
  return {
    ...state,
    running: null,
    cycleRequested: state.cycleRequested || hasStoodStill(state, running, now),
    cycles: state.cycles + 1,
    skippedTicks: state.skippedTicks + skipped,
    nextTickAt,
    consecutiveFailures: countFailures(state, ok),
    breaker: afterCycle(state.breaker, { unreachable, intervalMs, now, random }),
    uploadWait: planUpload(state, running, { now, random }),
    lastCycle: { endedAt: now, ok, error: ok ? null : failures.map(({ text }) => text).join('; ') },
    lastSuccessAt: ok ? now : state.lastSuccessAt,
  };
}

/**
 * True when the loop's clock has not moved in a cycle of the backlog. A clock that is ahead of the true time moves by timers
 * alone, and catching up needs none, so no tick would ever be due and the downloads would wait for the end of the backlog:
 * then each cycle of the backlog is followed by a full one.
 */
function hasStoodStill(state: SchedulerState, { kind, startedAt }: Running, now: number): boolean {
  return kind === 'catchUp' && now <= startedAt && hasBacklog(state);
}

/** True while the cycles leave the upload out. `now` is epoch milliseconds. */
export function isUploadHeld({ uploadWait }: SchedulerState, now: number): boolean {
  return now < (uploadWait?.until ?? 0);
}

/** A cycle that left the upload out changes nothing of the wait. */
function planUpload(state: SchedulerState, running: Running, moment: Moment): UploadWait | null {
  const { upload, uploadWait, settings } = state;
  if (upload === null || Date.parse(upload.startedAt) < running.startedAt) return uploadWait;
  return afterUpload(uploadWait, { kind: upload.error?.kind ?? null, intervalMs: settings.intervalMs, ...moment });
}

/** An upload of the backlog that went well does not end the failures of downloads that it did not run. */
function countFailures(state: SchedulerState, ok: boolean): number {
  if (!ok) return state.consecutiveFailures + 1;
  return OPERATIONS.every((operation) => state[operation]?.ok !== false) ? 0 : state.consecutiveFailures;
}

/**
 * True when the rest of the cycle under way should not wait for a database that does not answer: an operation before has
 * waited for it already, or a person who stops or pauses the site waits for the end of the cycle.
 */
export function isInHurry(state: SchedulerState): boolean {
  const { running } = state;
  if (running === null) return false;
  if (running.cutShort === true) return true;
  return OPERATIONS.some((operation) => {
    const outcome = state[operation];
    return outcome?.error?.kind === 'unreachable' && Date.parse(outcome.startedAt) >= running.startedAt;
  });
}

/**
 * Somebody has looked at both databases. When both answer, an open breaker closes and a cycle is wanted at once; the ticks stay where
 * they are. When one does not, an open breaker waits no longer for it: whoever looks often must not keep the site waiting.
 */
export function recordLook(before: SchedulerState, probe: ProbeResult): SchedulerState {
  const state = { ...recordFailedLook(before), observed: { ...before.observed, ...probe } };
  const isOver = isOpen(state.breaker) && probe.localDbConnected && probe.remoteDbConnected;
  return isOver ? { ...state, breaker: closeBreaker(state.breaker), cycleRequested: true } : state;
}

/** A look could not be made: it says nothing of the databases, and the next one has its time. */
export function recordFailedLook(state: SchedulerState): SchedulerState {
  return { ...state, lookedAt: state.reachedAt };
}

/** The probe of an open breaker has ended; null when it could not be made, which says nothing of the databases and keeps it open. */
export function recordProbe(
  before: SchedulerState,
  probe: ProbeResult | null,
  { now, random }: Moment,
): SchedulerState {
  const state = probe === null ? recordFailedLook(before) : recordLook(before, probe);
  if (!isOpen(state.breaker)) return state;
  const { intervalMs } = state.settings;
  return { ...state, breaker: afterFailedProbe(state.breaker, { intervalMs, now, random }) };
}

/**
 * A tick's own cycle makes way for the next one; a cycle that was asked for, or caught up, leaves the ticks as they are. The
 * ticks that passed in a pause, or while a database was waited for, are not skipped ones: no cycle was wanted then.
 */
function planTicks(state: SchedulerState, running: Running, now: number): TickPlan {
  const { intervalMs } = state.settings;
  if (running.kind === 'catchUp') return keepLatestTick(state.nextTickAt, intervalMs, now);
  const startedAt = startOf(state, running);
  const tickAt =
    running.isHeld === true ? keepLatestTick(state.nextTickAt, intervalMs, startedAt).nextTickAt : state.nextTickAt;
  const wasDue = isTicksOwn({ ...running, startedAt }, tickAt);
  return skipMissedTicks(wasDue ? tickAfter(tickAt, { intervalMs, phase: state.phase }) : tickAt, intervalMs, now);
}

/**
 * When a cycle has really begun. A message that woke the loop tells no instant, so the loop's clock may have been behind at its
 * start; the first operation of the cycle tells it.
 */
function startOf(state: SchedulerState, { startedAt }: Running): number {
  const starts = OPERATIONS.flatMap((operation) => state[operation]?.startedAt ?? []).map((at) => Date.parse(at));
  const ofCycle = starts.filter((at) => at >= startedAt);
  return ofCycle.length === 0 ? startedAt : Math.min(...ofCycle);
}

function observeResult(observed: Observed, operation: Operation, result: OperationResults[Operation]): Observed {
  const seen =
    operation === 'upload'
      ? seenByUpload(observed, result as UploadReadingsResult)
      : seenByDownload(operation, result as DownloadResult);
  const remoteWasAsked = !('remoteAsked' in result) || result.remoteAsked !== false;
  return { ...observed, ...seen, localDbConnected: true, ...(remoteWasAsked ? { remoteDbConnected: true } : {}) };
}

function seenByUpload(observed: Observed, result: UploadReadingsResult): Partial<Observed> {
  const totalRecordsSynced = Math.max(observed.totalRecordsSynced ?? 0, result.totalUploaded);
  return {
    queueSize: result.queueSize,
    queueSizeIsEstimate: result.queueSizeIsEstimate,
    oldestUnsynced: result.oldestUnsynced,
    quarantined: result.inQuarantine,
    totalRecordsSynced,
    signingKey: result.signingKey ?? observed.signingKey,
    chainHead: result.chainHead ?? observed.chainHead,
    clockDifferenceMs: result.clockDifferenceMs ?? observed.clockDifferenceMs,
    lostAtRemote: result.lostAtRemote ?? null, // a worker of another version does not tell
    observedAt: result.observedAt,
  };
}

function seenByDownload(operation: Operation, { localCount, remoteCount }: DownloadResult): Partial<Observed> {
  return operation === 'meters'
    ? { localMeterCount: localCount, remoteMeterCount: remoteCount }
    : { localTenantCount: localCount, remoteTenantCount: remoteCount };
}

/** A server that refused has answered; one that was not reached, or that would not let us in, has not. */
function observeFailure(observed: Observed, { error }: Outcome<unknown>): Observed {
  if (error === null || error.side === null) return observed;
  return { ...observed, [error.side === 'local' ? 'localDbConnected' : 'remoteDbConnected']: wasLetIn(error) };
}

function toFailures(operation: Operation, error: FailureReport | null): { kind: FailureKind; text: string }[] {
  return error === null ? [] : [{ kind: error.kind, text: `${operation}: ${error.message}` }];
}
