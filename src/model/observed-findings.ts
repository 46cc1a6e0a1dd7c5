import { keepsUploadOut, nameDba, nameSite } from './failures.js';
import type { Finding } from './finding.js';
import type { AbsentWorker, FailingTask, Observation, PendingActivity } from './observation.js';
import type { Activities } from './operations.js';
import type { ServerWait } from './silence.js';
import { OPERATION_OF } from './state.js';
import type { StatusFacts } from './status-facts.js';
import { SHARED_TASK_QUEUE, toSiteTaskQueue } from './wire.js';
import { toDuration } from './words.js';
import { toActor } from './actor.js';

/** Between two attempts, and until a worker that polls has taken one, some seconds pass. */
const WORKER_TAKES_WITHIN_MS = 15_000;
/** No wait is silent for longer: what keeps an upload waiting for a minute keeps the readings. */
const LONG_WAIT_MS = 60_000;
/** A cycle that takes longer than these intervals is told, whatever it is doing. */
const OVERDUE_AFTER_INTERVALS = 2;
/** A loop that has not gone on for so many intervals is not there. */
const UNHEARD_AFTER_INTERVALS = 3;
const UPLOAD = 'uploadReadings';

/** What an observer outside adds to what the site itself knows. */
export function findObserved(status: StatusFacts, seen: Observation, now: number): Finding[] {
  if (!status.isRunning) return [];
  return [
    ...findUnanswered(status, seen),
    ...seen.pending.flatMap((activity) => [...findUntaken(activity, status, now), ...findWaits(activity, status, now)]),
    ...findOverdue(status, seen, now),
  ];
}

/** What keeps a site from answering, and attempts that failed; all of it is known without a status, too. */
export function findUnanswered(known: KnownOfSite, { failingTask, absentWorker, pending }: Observation): Finding[] {
  return [
    ...findFailingTask(failingTask, known.siteId),
    ...findAbsentWorker(absentWorker),
    ...pending.flatMap((activity) => findRetry(activity, known)),
  ];
}

/** What helps to date a failure. */
export type KnownOfSite = Pick<StatusFacts, 'siteId'> &
  Partial<Pick<StatusFacts, 'cycleStartedAt' | 'upload' | 'meters' | 'tenants'>>;

/** What to do about a workflow task that fails. */
export function adviseFailingTask(siteId: string): string {
  return `Start a worker of the version that this site ran on before. If the message names TMPRL1100: temporal workflow reset --workflow-id meter-sync:${siteId} --type LastWorkflowTask --reason TMPRL1100`;
}

/** The command that runs a worker on the task queue that a site is on, whatever the settings of its reader say. */
export function adviseWorker(siteId: string, taskQueue: string): string {
  if (taskQueue === SHARED_TASK_QUEUE) return 'METER_SYNC_SITES_FILE=FILE meter-sync worker';
  const isOwn = taskQueue === toSiteTaskQueue(siteId);
  return `meter-sync worker --site ${siteId}${isOwn ? '' : ` --task-queue ${taskQueue}`}`;
}

function findFailingTask(task: FailingTask | null, siteId: string): Finding[] {
  if (task === null) return [];
  const why = task.message === null ? '' : `: ${task.message}`;
  const reason = `the workflow's task fails, attempt ${task.attempt}${why}. Readings wait at the site`;
  const next = adviseFailingTask(siteId);
  return [{ verdict: 'stuckTask', card: 'stuckTask', since: task.since, reason, actor: 'operator', next }];
}

function findAbsentWorker(worker: AbsentWorker | null): Finding[] {
  if (worker === null) return [];
  const reason = `${worker.message}. Nothing moves until one does; readings wait at the site`;
  const { lastSeenAt: since, next } = worker;
  return [{ verdict: 'offline', card: 'offline', since, reason, actor: 'operator', next }];
}

/** An attempt that failed, while Temporal waits for the next one: the status itself has it only when the last one has failed. */
function findRetry({ name, attempt, lastFailure, lastReport }: PendingActivity, known: KnownOfSite): Finding[] {
  if (lastFailure === null) return [];
  const { siteId, cycleStartedAt = null } = known;
  return [
    {
      verdict: name === UPLOAD || keepsUploadOut(lastReport) ? 'stuck' : 'warning',
      card: lastReport?.kind ?? 'unexpected',
      since: sinceOf(name, known) ?? cycleStartedAt,
      reason: `${wordOf(name)} failed and is tried again, attempt ${attempt}: ${lastReport?.message ?? lastFailure}`,
      actor: lastReport === null ? 'nobody' : toActor(lastReport),
      next:
        lastReport === null
          ? `meter-sync check --site ${siteId}`
          : nameDba(nameSite(lastReport.next, siteId), lastReport.side),
    },
  ];
}

function findUntaken(
  { name, lastFailure, isStarted, scheduledAt, taskQueue }: PendingActivity,
  { siteId }: StatusFacts,
  now: number,
): Finding[] {
  if (lastFailure !== null || isStarted || scheduledAt === null) return [];
  if (now - Date.parse(scheduledAt) < WORKER_TAKES_WITHIN_MS) return [];
  const reason = `no worker of the site has taken the ${wordOf(name)} that waits. Readings wait at the site`;
  const next = adviseWorker(siteId, taskQueue ?? toSiteTaskQueue(siteId));
  return [{ verdict: 'offline', card: 'offline', since: scheduledAt, reason, actor: 'operator', next }];
}

/** What an attempt under way waits for, as its heartbeats tell. */
function findWaits({ name, progress, isStarted }: PendingActivity, { siteId }: StatusFacts, now: number): Finding[] {
  const { waiting } = (progress ?? {}) as { readonly waiting?: unknown };
  if (!isStarted || !Array.isArray(waiting)) return [];
  return (waiting as unknown[]).filter(isWait).map(({ message, since, side }) => ({
    verdict: name === UPLOAD && now - Date.parse(since) >= LONG_WAIT_MS ? 'stuck' : 'warning',
    card: 'waiting',
    since,
    reason: `${wordOf(name)}: ${message}`,
    actor: side === 'local' ? 'localDba' : 'remoteDba',
    next: `meter-sync check --site ${siteId}`,
  }));
}

/** Heartbeats may come from a worker of another version. */
function isWait(told: unknown): told is ServerWait {
  const { message, since } = (told ?? {}) as Partial<Record<keyof ServerWait, unknown>>;
  return typeof message === 'string' && typeof since === 'string' && !Number.isNaN(Date.parse(since));
}

function findOverdue(status: StatusFacts, { pending }: Observation, now: number): Finding[] {
  const { intervalMs, cycleStartedAt, nextSyncTime, siteId } = status;
  const limitMs = Math.max(OVERDUE_AFTER_INTERVALS * intervalMs, LONG_WAIT_MS);
  const overdue = (since: string, reason: string): Finding[] => [
    {
      ...{ verdict: 'overdue', card: 'overdue', since, reason, actor: 'operator' },
      next: `meter-sync check --site ${siteId}`,
    },
  ];
  if (cycleStartedAt !== null) {
    const ageMs = now - Date.parse(cycleStartedAt);
    const doing = pending.map(({ name }) => wordOf(name)).join(', ') || 'not known';
    const every = toDuration(intervalMs);
    return ageMs < limitMs
      ? []
      : overdue(cycleStartedAt, `the cycle takes longer than two intervals of ${every}; under way: ${doing}`);
  }
  if (
    nextSyncTime === null ||
    now - Date.parse(nextSyncTime) < Math.max(UNHEARD_AFTER_INTERVALS * intervalMs, LONG_WAIT_MS)
  ) {
    return [];
  }
  return overdue(nextSyncTime, 'the next cycle was due then, and nothing was heard of it');
}

/** When this operation began to fail, where the status knows that it did. */
function sinceOf(name: string, { upload, meters, tenants }: KnownOfSite): string | null {
  const operation = OPERATION_OF[name as keyof Activities] ?? null; // the name is Temporal's, of any version
  return operation === null ? null : ({ upload, meters, tenants }[operation]?.failedSince ?? null);
}

const WORDS: Readonly<Record<string, string>> = {
  uploadReadings: 'upload',
  downloadMeters: 'download of meters',
  downloadTenants: 'download of tenants',
  probe: 'look at both databases',
  decideDownload: 'decision on a download',
};

/** An activity in words. */
export function wordOf(activity: string): string {
  return WORDS[activity] ?? activity;
}
