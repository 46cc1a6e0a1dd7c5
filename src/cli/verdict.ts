import type { FailureReport } from '../model/failures.js';
import { describeReasons, type HeldDownload } from '../model/guard.js';
import { describeLost } from '../model/lost.js';
import type { FurtherTableResult } from '../model/operations.js';
import type { ServerWait } from '../model/silence.js';
import { OPERATIONS } from '../model/state.js';
import type { Status } from '../model/status.js';
import type { NoWorker } from '../temporal/errors.js';
import type { PendingActivity } from '../temporal/site-record.js';
import { toCount, toDuration, toInstant, toQueueSize } from './duration.js';
import type { Mark } from './output.js';

/** The answer to one of the operator's questions. */
interface Finding {
  readonly mark: Extract<Mark, 'good' | 'warning' | 'bad'>;
  readonly text: string;
}

/** The operator's three questions, answered from a status: is every reading safe, is anything stuck, what to do now. */
export interface Verdict {
  readonly safe: Finding;
  /** One entry for each thing that is stuck; empty when nothing is. */
  readonly stuck: readonly Finding[];
  /** What to do, most urgent first; empty: nothing. */
  readonly next: readonly string[];
}

/** An hour is many cycles: a reading that waits longer does not wait for the next one. */
const LONG_WAIT_MS = 60 * 60_000;

/** Between two attempts, and until a worker that polls has taken one, some seconds pass. */
const WORKER_TAKES_WITHIN_MS = 15_000;

/** What is known beside the status itself. */
interface Beside {
  /** Attempts under way: they tell of a failure while Temporal still tries again, a minute before the status has it. */
  readonly pending?: readonly PendingActivity[];
  /** True when both databases were looked at for this status. */
  readonly isRefreshed?: boolean;
  /** Nobody was there to look at them. */
  readonly notRefreshed?: NoWorker | null;
}

/** What a status means to the operator at the instant `now`, epoch milliseconds. */
export function toVerdict(status: Status, now: number, beside: Beside = {}): Verdict {
  const { pending = [], isRefreshed = false, notRefreshed = null } = beside;
  const problems = [
    ...findStops(status),
    ...findUntaken(notRefreshed),
    ...findWaits(status, pending, now),
    ...findRetries(status, pending, now),
    ...findFailures(status),
    ...findLoss(status),
    ...findLag(status, now),
    ...findQuarantine(status),
    ...findLeftOut(status),
  ];
  return {
    safe: judgeSafety(status, now, isRefreshed),
    stuck: problems.map(({ mark, text }) => ({ mark, text })),
    next: [...new Set(problems.flatMap(({ next }) => (next === null ? [] : [next])))],
  };
}

/** The same when no worker can be asked: what the sync promises holds without one, and nothing moves. */
export function toVerdictWithoutWorker({ message, next, isSilent }: NoWorker): Verdict {
  const safe =
    'yes: a reading leaves the site only once it is proved safe on the remote; how many wait is not known now';
  const replaced = isSilent ? ['If a worker was started just now, ask again in ten seconds'] : [];
  return {
    safe: { mark: 'good', text: safe },
    stuck: [{ mark: 'bad', text: `${message}. Nothing moves until one does` }],
    next: [next, ...replaced],
  };
}

/** True when a site does what it should: it runs, and nothing that was found is bad. */
export function isFine(status: Status, verdict: Verdict): boolean {
  return status.isRunning && verdict.stuck.every(({ mark }) => mark !== 'bad');
}

interface Problem extends Finding {
  readonly next: string | null;
}

/**
 * A reading leaves the site only after the remote's commit and equal counts, so each is at one end at least. What can be
 * unknown is how many wait here.
 */
function judgeSafety(status: Status, now: number, isRefreshed: boolean): Finding {
  const { queueSize, totalRecordsSynced, quarantined, observedAt } = status;
  const seen = toInstant(observedAt, now);
  const uploaded =
    totalRecordsSynced === null
      ? 'nothing is told as safe before the first upload has ended'
      : `${toCount(totalRecordsSynced)} proved safe on the remote`;
  if (status.upload?.error?.kind === 'fenced') {
    const text = `not certain until a person has decided on the fence, see below. What is at the site stays there; ${uploaded} when it was sent (meter-sync verify --site ${status.siteId})`;
    return { mark: 'bad', text };
  }
  if (status.lostAtRemote !== null) {
    const text = `no: the remote has lost ${describeLost(status.lostAtRemote)}, see below. What is at the site is safe; ${uploaded} when it was sent`;
    return { mark: 'bad', text };
  }
  if (queueSize === null) return { mark: 'warning', text: `not known yet how many wait at the site; ${uploaded}` };
  if (!isRefreshed && isQueueOutOfDate(status)) {
    const counted = `${toQueueSize(status)} waited at the last count, and the upload has failed since`;
    return { mark: 'warning', text: `yes: ${uploaded}; at the site ${counted} (--refresh counts now)` };
  }
  const held = quarantined === null || quarantined === 0 ? '' : `, ${toCount(quarantined)} in quarantine at the site`;
  return { mark: 'good', text: `yes: ${uploaded}, ${toQueueSize(status)} waiting at the site${held} (seen ${seen})` };
}

/** The upload counts the queue; while it fails nobody does. */
function isQueueOutOfDate({ upload }: Status): boolean {
  return upload?.ok === false;
}

function findStops({ siteId, state, isRunning }: Status): Problem[] {
  if (!isRunning) return [{ mark: 'bad', text: 'the sync is stopped', next: `meter-sync start --site ${siteId}` }];
  if (state === 'paused') {
    return [{ mark: 'warning', text: 'the sync is paused', next: `meter-sync resume --site ${siteId}` }];
  }
  return [];
}

function findUntaken(noWorker: NoWorker | null): Problem[] {
  if (noWorker === null) return [];
  const text = `${noWorker.message}. Nobody has looked at the databases; the figures are those of before`;
  return [{ mark: 'bad', text, next: noWorker.next }];
}

/** What attempts under way wait for, as their heartbeats tell. */
function findWaits({ siteId }: Status, pending: readonly PendingActivity[], now: number): Problem[] {
  return pending.flatMap(({ name, progress, isStarted }): Problem[] => {
    const { waiting } = (progress ?? {}) as { readonly waiting?: unknown };
    if (!isStarted || !Array.isArray(waiting)) return [];
    const waits = (waiting as unknown[]).filter(isWait);
    return waits.map(({ message, since }) => ({
      mark: 'warning',
      text: `${name}: ${message} (since ${toDuration(now - Date.parse(since))})`,
      next: `meter-sync check --site ${siteId}`,
    }));
  });
}

/** Heartbeats may come from a worker of another version. */
function isWait(told: unknown): told is ServerWait {
  const { message, since } = (told ?? {}) as Partial<Record<keyof ServerWait, unknown>>;
  return typeof message === 'string' && typeof since === 'string' && !Number.isNaN(Date.parse(since));
}

function findRetries({ siteId }: Status, pending: readonly PendingActivity[], now: number): Problem[] {
  return pending.flatMap(({ name, attempt, lastFailure, isStarted, scheduledAt }): Problem[] => {
    if (lastFailure !== null) {
      const text = `${name} is tried again (attempt ${attempt}): ${lastFailure}`;
      return [{ mark: 'warning', text, next: `meter-sync check --site ${siteId}` }];
    }
    if (isStarted || scheduledAt === null || now - Date.parse(scheduledAt) < WORKER_TAKES_WITHIN_MS) return [];
    const text = `no worker takes the activity ${name}, which waits since ${toInstant(scheduledAt, now)}`;
    return [{ mark: 'bad', text, next: `meter-sync worker --site ${siteId}` }];
  });
}

/** An upload that fails keeps readings at the site, so it is bad; the downloads have time. */
function findFailures(status: Status): Problem[] {
  const failures = OPERATIONS.flatMap((operation) => {
    const error: FailureReport | null = status[operation]?.error ?? null;
    return error === null ? [] : [{ operation, error }];
  });
  const messages = [...new Set(failures.map(({ error }) => error.message))];
  return messages.flatMap((message) => {
    const alike = failures.filter(({ error }) => error.message === message);
    const names = alike.map(({ operation }) => operation);
    const mark = names.includes('upload') ? 'bad' : 'warning';
    return [{ mark, text: `${names.join(', ')}: ${message}`, next: alike[0]?.error.next ?? null }];
  });
}

/** A loss stays bad until the readings are there again or somebody has written them off. */
function findLoss({ siteId, lostAtRemote }: Status): Problem[] {
  if (lostAtRemote === null) return [];
  const text = `the remote was restored from an older backup and lacks ${describeLost(lostAtRemote)}; noted ${lostAtRemote.since}`;
  return [{ mark: 'bad', text, next: `meter-sync resend --site ${siteId} --missing` }];
}

function findLag(status: Status, now: number): Problem[] {
  const { queueSize, oldestUnsynced, isRunning, siteId } = status;
  if (!isRunning || queueSize === null || queueSize === 0 || oldestUnsynced === null) return [];
  const oldestAt = Date.parse(oldestUnsynced);
  if (Number.isNaN(oldestAt) || now - oldestAt < LONG_WAIT_MS) return [];
  const text = `${toQueueSize(status)} readings wait, the oldest since ${toInstant(oldestUnsynced, now)}`;
  return [{ mark: 'warning', text, next: `meter-sync status --site ${siteId} --refresh` }];
}

function findQuarantine({ quarantined, siteId }: Status): Problem[] {
  if (quarantined === null || quarantined === 0) return [];
  const text = `${toCount(quarantined)} readings are refused by the remote and stay in quarantine at the site`;
  return [{ mark: 'warning', text, next: `meter-sync quarantine list --site ${siteId}` }];
}

function findLeftOut(status: Status): Problem[] {
  return (['meters', 'tenants'] as const).flatMap((operation) => {
    const { refused = 0, waiting = 0, rejected, further = [] } = status[operation]?.result ?? {};
    const rejections = [rejected, ...further.map((table) => table.rejected)].flatMap((held) => held ?? []);
    const ofFurther = (read: (table: FurtherTableResult) => number): number =>
      further.reduce((sum, table) => sum + read(table), 0);
    const named = "The worker's log names them and says why";
    const rows = (count: number, what: string, next: string | null): Problem[] =>
      count === 0 ? [] : [{ mark: 'warning', text: `${operation}: ${toCount(count)} rows ${what}`, next }];
    return [
      ...rows(refused + ofFurther((table) => table.refused), 'are refused by the local table', named),
      ...rows(waiting + ofFurther((table) => table.waiting), 'wait for a row of another table', null),
      ...rejections.map((held) => toRejected(status.siteId, held)),
    ];
  });
}

/** Somebody wants it so; it is told all the same, since the site is not as the remote. */
function toRejected(siteId: string, { table, decided, reasons }: HeldDownload): Problem {
  const text = `table ${table}: changes of the remote were rejected by ${decided?.by ?? 'somebody'}, and are not applied (${describeReasons(reasons)})`;
  return { mark: 'warning', text, next: `meter-sync downloads show --site ${siteId} --table ${table}` };
}
