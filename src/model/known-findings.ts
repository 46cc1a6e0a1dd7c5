import { toActor } from './actor.js';
import { keepsUploadOut, nameDba, nameSite } from './failures.js';
import type { Actor, Card, Finding, VerdictName } from './finding.js';
import { describeReasons, type HeldDownload } from './guard.js';
import { describeLost } from './lost.js';
import type { FurtherTableResult } from './operations.js';
import type { Operation, Outcome } from './state.js';
import type { StatusFacts } from './status-facts.js';
import { toCount, toDuration, toQueueSize, toReadings, toRows } from './words.js';

/** An hour is many cycles: a reading that waits longer does not wait for the next one. */
const LONG_LAG_MS = 60 * 60_000;
/** Two clocks that differ by more make ages wrong, and a reading's own time perhaps, too. */
const CLOCKS_APART_MS = 5_000;

/** What a status itself tells; never empty. `now` is epoch milliseconds. */
export function findKnown(status: StatusFacts, now: number): Finding[] {
  if (!status.isRunning) return [stopped(status)];
  const findings = [
    ...findPause(status),
    ...findUploadFailure(status),
    ...findOpenBreaker(status),
    ...findLoss(status),
    ...findDownloads(status),
    ...findLag(status, now),
    ...findQuarantine(status),
    ...findClocks(status),
  ];
  return findings.length > 0 ? findings : [describeProgress(status)];
}

function stopped({ siteId, lastSyncTime }: StatusFacts): Finding {
  const next = `meter-sync start --site ${siteId}`;
  const reason = 'the sync was stopped; readings wait at the site';
  return { verdict: 'stopped', card: 'stopped', since: lastSyncTime, reason, actor: 'operator', next };
}

function findPause(status: StatusFacts): Finding[] {
  const { pausedBy, siteId } = status;
  if (pausedBy === null) return [];
  const by = pausedBy.by === null ? '' : ` by ${pausedBy.by}`;
  const why = pausedBy.reason === null ? '' : ` (${pausedBy.reason})`;
  const reason = `the sync is paused${by}${why}; ${describeQueue(status)}`;
  const next = `meter-sync resume --site ${siteId}`;
  return [{ verdict: 'paused', card: 'paused', since: pausedBy.since, reason, actor: 'operator', next }];
}

function describeQueue(status: StatusFacts): string {
  const { queueSize, oldestUnsynced } = status;
  if (queueSize === null) return 'how many readings wait is unknown';
  if (queueSize === 0) return 'no readings waited at the last count';
  const oldest = oldestUnsynced === null ? '' : `, the oldest of ${oldestUnsynced.slice(0, 16).replace('T', ' ')}Z`;
  return `${toQueueSize(status)} ${queueSize === 1 ? 'reading waits' : 'readings wait'}${oldest}`;
}

/** A fence, or whatever else keeps readings from leaving. */
function findUploadFailure({ upload, siteId }: StatusFacts): Finding[] {
  const { error = null, failedSince, startedAt } = upload ?? {};
  if (error === null) return [];
  const verdict = error.workerAway === true ? 'offline' : error.kind === 'fenced' ? 'blocked' : 'stuck';
  return [
    {
      verdict,
      card: verdict === 'offline' ? 'offline' : error.kind,
      since: failedSince ?? startedAt ?? null,
      reason: `upload: ${error.message}`,
      actor: toActor(error),
      next: nameDba(nameSite(error.next, siteId), error.side),
    },
  ];
}

/** While it is open no cycle runs, whatever the last upload came to. */
function findOpenBreaker({ breaker, upload }: StatusFacts): Finding[] {
  if (breaker === null || upload?.error) return []; // the upload has told it
  const { since, cause, side } = breaker;
  const which = side === null ? 'a database' : `the ${side} database`;
  const reason = `${which} does not answer, so no cycle runs until it does${cause === null ? '' : `: ${cause}`}`;
  const next =
    'The sync continues by itself once the server answers. If it should be up, look at the server and the link';
  return [{ verdict: 'stuck', card: 'unreachable', since, reason, actor: 'operator', next }];
}

function findLoss({ siteId, lostAtRemote }: StatusFacts): Finding[] {
  if (lostAtRemote === null) return [];
  const reason = `the remote was restored from an older backup and lacks ${describeLost(lostAtRemote)}`;
  const next = `meter-sync resend --site ${siteId} --missing`;
  return [{ verdict: 'blocked', card: 'lost', since: lostAtRemote.since, reason, actor: 'operator', next }];
}

function findDownloads(status: StatusFacts): Finding[] {
  const operations = ['meters', 'tenants'] as const;
  const failures = operations.flatMap((operation) => findDownloadFailure(status, operation));
  return [...mergeAlike(failures), ...operations.flatMap((operation) => findLeftOut(status, operation))];
}

/** A download that failed, before those that failed alike are told as one. */
interface FailedDownload {
  readonly operation: Operation;
  readonly message: string;
  readonly finding: Omit<Finding, 'reason'>;
}

/** Downloads that fail for the same reason as the upload, or as one another, are told once. */
function mergeAlike(failures: readonly FailedDownload[]): Finding[] {
  const messages = [...new Set(failures.map(({ message }) => message))];
  return messages.flatMap((message) => {
    const alike = failures.filter((failure) => failure.message === message);
    const [first] = alike;
    if (first === undefined) return [];
    const { finding } = first;
    return [{ ...finding, reason: `${alike.map(({ operation }) => operation).join(', ')}: ${message}` }];
  });
}

function findDownloadFailure(status: StatusFacts, operation: 'meters' | 'tenants'): FailedDownload[] {
  const outcome: Outcome<unknown> | null = status[operation];
  const { error = null } = outcome ?? {};
  if (error === null || error.message === status.upload?.error?.message) return [];
  const isHeld = error.held !== undefined;
  const finding: Omit<Finding, 'reason'> = {
    verdict: isHeld ? 'blocked' : keepsUploadOut(error) ? 'stuck' : 'warning',
    card: isHeld ? 'held' : error.kind,
    since: error.held?.since ?? outcome?.failedSince ?? outcome?.startedAt ?? null,
    actor: isHeld ? 'operator' : toActor(error),
    next: nameDba(nameSite(error.next, status.siteId), error.side),
  };
  return [{ operation, message: error.message, finding }];
}

function findLeftOut(status: StatusFacts, operation: Extract<Operation, 'meters' | 'tenants'>): Finding[] {
  const { refused = 0, waiting = 0, rejected, further = [] } = status[operation]?.result ?? {};
  const rejections = [rejected, ...further.map((table) => table.rejected)].flatMap((held) => held ?? []);
  const ofFurther = (read: (table: FurtherTableResult) => number): number =>
    further.reduce((sum, table) => sum + read(table), 0);
  const refusedRows = refused + ofFurther((table) => table.refused);
  const waitingRows = waiting + ofFurther((table) => table.waiting);
  const be = (count: number, one: string, many: string): string =>
    `${operation}: ${toRows(count)} ${count === 1 ? one : many}`;
  return [
    ...(refusedRows === 0
      ? []
      : [
          warn('refusedRows', be(refusedRows, 'is', 'are') + ' refused by the local table', {
            actor: 'localDba',
            next: "The worker's log names them and says why",
          }),
        ]),
    ...(waitingRows === 0
      ? []
      : [
          warn('waitingRows', be(waitingRows, 'waits', 'wait') + ' for a row of another table', {
            actor: 'nobody',
            next: null,
          }),
        ]),
    ...rejections.map((held) => toRejected(status.siteId, held)),
  ];
}

/** Somebody wants it so; it is told all the same, since the site is not as the remote. */
function toRejected(siteId: string, { table, decided, reasons }: HeldDownload): Finding {
  const reason = `table ${table}: changes of the remote were rejected by ${decided?.by ?? 'somebody'}, and are not applied (${describeReasons(reasons)})`;
  const next = `meter-sync downloads show --site ${siteId} --table ${table}`;
  return warn('rejected', reason, { actor: 'operator', next, since: decided?.at ?? null });
}

function findLag(status: StatusFacts, now: number): Finding[] {
  const { queueSize, oldestUnsynced, siteId, upload, backlog } = status;
  if (queueSize === null || queueSize === 0 || oldestUnsynced === null || backlog !== null) return [];
  if (upload?.ok !== true) return []; // why they wait is told already
  const ageMs = now - Date.parse(oldestUnsynced);
  if (Number.isNaN(ageMs) || ageMs < LONG_LAG_MS) return [];
  const reason = `${toQueueSize(status)} ${queueSize === 1 ? 'reading waits' : 'readings wait'}, the oldest for ${toDuration(ageMs)}`;
  const next = `meter-sync sync-now --site ${siteId} --wait`;
  return [warn('lag', reason, { actor: 'operator', next, since: oldestUnsynced })];
}

function findQuarantine({ quarantined, siteId }: StatusFacts): Finding[] {
  if (quarantined === null || quarantined === 0) return [];
  const be = quarantined === 1 ? 'is refused by the remote and stays' : 'are refused by the remote and stay';
  const next = `meter-sync quarantine list --site ${siteId}`;
  return [
    warn('quarantine', `${toReadings(quarantined)} ${be} in quarantine at the site`, { actor: 'operator', next }),
  ];
}

function findClocks({ clockDifferenceMs, siteId }: StatusFacts): Finding[] {
  if (clockDifferenceMs === null || Math.abs(clockDifferenceMs) < CLOCKS_APART_MS) return [];
  const way = clockDifferenceMs > 0 ? 'ahead of' : 'behind';
  const reason = `the local server's clock is ${toDuration(clockDifferenceMs)} ${way} the remote's`;
  return [warn('clocks', reason, { actor: 'operator', next: `meter-sync check --site ${siteId}` })];
}

interface Told {
  readonly actor: Actor;
  readonly next: string | null;
  readonly since?: string | null;
}

function warn(card: Card, reason: string, { actor, next, since = null }: Told): Finding {
  return { verdict: 'warning', card, since, reason, actor, next };
}

/** Nothing is wrong as far as the site knows. */
function describeProgress(status: StatusFacts): Finding {
  const { backlog, lastSyncTime, lastSuccessTime, cycleStartedAt, startedAt } = status;
  const fine = (verdict: VerdictName & Card, since: string | null, reason: string): Finding => ({
    ...{ verdict, card: verdict, since, reason, actor: 'nobody', next: null },
  });
  if (lastSyncTime === null) return fine('catchingUp', startedAt, 'the first cycle has not ended yet');
  if (backlog === null) return fine('healthy', lastSuccessTime, 'readings leave the site as they come');
  const { rows, rowsPerSecond, secondsToGo } = backlog;
  const left = rows === null ? 'readings are left' : `${toCount(rows)} readings are left`;
  const rate = rowsPerSecond === null ? '' : `, ${toCount(rowsPerSecond)} a second`;
  const toGo = secondsToGo === null ? '' : `, about ${toDuration(secondsToGo * 1_000)} to go`;
  return fine('catchingUp', cycleStartedAt, `a backlog is uploaded: ${left}${rate}${toGo}`);
}
