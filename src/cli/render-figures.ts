import { describeFurther } from '../model/download-outcome.js';
import { describeLost } from '../model/lost.js';
import type { SiteMemo } from '../model/memo.js';
import type { PendingActivity } from '../model/observation.js';
import { wordOf } from '../model/observed-findings.js';
import type { DownloadResult, UploadReadingsResult } from '../model/operations.js';
import type { Outcome } from '../model/state.js';
import type { Status } from '../model/status.js';
import { isCountedBeforeFailure } from '../model/status-facts.js';
import { toCount, toCounted, toDuration, toQueueSize, toReadings } from '../model/words.js';
import { toInstant } from './instant.js';
import type { Poller } from '../temporal/task-queue.js';

/** What figures are shown with. */
interface ShownFigures {
  /** Epoch milliseconds. */
  readonly now: number;
  readonly pending?: readonly PendingActivity[];
  readonly workers?: readonly Poller[];
}

/** The figures of a status, one a row. */
export function toFigures(status: Status, { now, pending = [], workers = [] }: ShownFigures): string[][] {
  const { localDbConnected, remoteDbConnected, observedAt } = status;
  return [
    ['started', toInstant(status.startedAt, now)],
    ['doing', status.state],
    [
      'cycles',
      `${toCount(status.cycles)}, every ${toDuration(status.intervalMs)}, ${toCount(status.skippedTicks)} missed`,
    ],
    ['last cycle', `${toInstant(status.lastSyncTime, now, 'none yet')}${toOutcomeWord(status.lastSyncSuccess)}`],
    ['last success', toInstant(status.lastSuccessTime, now, 'none yet')],
    ['next cycle', isUnderWay(status, now) ? 'under way' : toInstant(status.nextSyncTime, now, 'none planned')],
    ...(status.uploadWaitsUntil === null ? [] : [['next upload', toInstant(status.uploadWaitsUntil, now)]]),
    ['queue', toQueue(status, now)],
    ...toBacklog(status),
    ...toUnderWay(status, pending, now),
    ['quarantine', toReadings(status.quarantined)],
    ...(status.lostAtRemote === null ? [] : [['lost at the remote', describeLost(status.lostAtRemote)]]),
    ['uploaded in all', toCount(status.totalRecordsSynced)],
    ['meters', `${toCount(status.localMeterCount)} local, ${toCount(status.remoteMeterCount)} remote`],
    ['tenants', `${toCount(status.localTenantCount)} local, ${toCount(status.remoteTenantCount)} remote`],
    ['databases', `local ${toConnected(localDbConnected)}, remote ${toConnected(remoteDbConnected)}`],
    ...(status.chainHead === null
      ? []
      : [
          [
            'custody chain',
            `at record ${toCount(status.chainHead.seq)}, digest ${status.chainHead.digest.slice(0, 12)}…`,
          ],
        ]),
    ...(status.signingKey === null ? [] : [['signs with', `${status.signingKey} (fingerprint)`]]),
    ...workers.map((worker, at) => [at === 0 ? 'worker' : '', toWorker(worker, now)]),
    ['seen', toInstant(observedAt, now, 'never')],
  ];
}

/** The figures that a site has published last, dated: nobody gives newer ones. */
export function toLastFigures(memo: SiteMemo, now: number): string[][] {
  const { observedAt, quarantined, totalRecordsSynced, lastSuccessTime } = memo;
  return [
    ['last heard of', toInstant(memo.at, now)],
    ['queue then', toLength(memo, now)],
    ['quarantine then', toReadings(quarantined)],
    ['uploaded in all', toCount(totalRecordsSynced)],
    ['last success', toInstant(lastSuccessTime, now, 'none yet')],
    ['figures seen', toInstant(observedAt, now, 'never')],
  ];
}

function toQueue(status: Status, now: number): string {
  const counted = isCountedBeforeFailure(status)
    ? `; counted ${toInstant(status.observedAt, now)}, before the upload failed`
    : '';
  return status.queueSize === null ? 'unknown' : `${toLength(status, now)}${counted}`;
}

function toLength(queue: Pick<SiteMemo, 'queueSize' | 'queueSizeIsEstimate' | 'oldestUnsynced'>, now: number): string {
  const { queueSize, oldestUnsynced } = queue;
  if (queueSize === null) return 'unknown';
  const readings = `${toQueueSize(queue)} ${queueSize === 1 ? 'reading' : 'readings'}`;
  return `${readings}, oldest: ${toInstant(oldestUnsynced, now, queueSize === 0 ? '–' : 'unknown')}`;
}

/** The tick of a cycle under way is planned until the cycle has ended. */
function isUnderWay({ state, nextSyncTime }: Status, now: number): boolean {
  const isRunning = state === 'syncing' || state === 'catchingUp';
  return isRunning && nextSyncTime !== null && Date.parse(nextSyncTime) <= now;
}

function toBacklog({ backlog }: Status): string[][] {
  if (backlog === null) return [];
  const { rows, rowsPerSecond, secondsToGo } = backlog;
  const left = rows === null ? 'readings left: unknown' : `${toReadings(rows)} left`;
  return [['backlog', [left, ...toPace(rowsPerSecond, secondsToGo)].join(', ')]];
}

function toPace(rowsPerSecond: number | null, secondsToGo: number | null): string[] {
  return [
    ...(rowsPerSecond === null ? [] : [`${toCount(rowsPerSecond)} a second`]),
    ...(secondsToGo === null ? [] : [`about ${toDuration(secondsToGo * 1_000)} to go`]),
  ];
}

/** An upload may run for half a minute before the status has its result; the first one of a backlog, too. */
function toUnderWay(
  { cycleStartedAt, queueSize }: Status,
  pending: readonly PendingActivity[],
  now: number,
): string[][] {
  return pending.flatMap(({ name, progress }) => {
    const { removed, batches } = (progress ?? {}) as { readonly removed?: unknown; readonly batches?: unknown };
    if (typeof removed !== 'number' || typeof batches !== 'number') return [];
    const seconds = cycleStartedAt === null ? 0 : (now - Date.parse(cycleStartedAt)) / 1_000;
    const rate = seconds < 1 ? null : Math.round(removed / seconds);
    const left = queueSize === null ? null : Math.max(0, queueSize - removed);
    const toGo = rate === null || rate === 0 || left === null || left === 0 ? null : Math.round(left / rate);
    const told = `${wordOf(name)}: ${toReadings(removed)} in ${toCounted(batches, 'batch', 'batches')}`;
    return [['under way', [told, ...toPace(rate, toGo)].join(', ')]];
  });
}

function toWorker({ identity, version, lastSeenAt }: Poller, now: number): string {
  const ofVersion = version === null ? '' : ` (code ${toShort(version)})`;
  return `${identity}${ofVersion}, last poll ${toInstant(lastSeenAt, now)}`;
}

/** Unless somebody names versions, the SDK does: by itself and a digest of the workflow's code. */
function toShort(version: string): string {
  const [, digest] = /^@temporalio\/worker@[^+]*\+([0-9a-f]{8})/.exec(version) ?? [];
  return digest ?? version;
}

function toOutcomeWord(success: boolean | null): string {
  return success === null ? '' : success ? ', succeeded' : ', failed';
}

function toConnected(connected: boolean | null): string {
  return connected === null ? 'unknown' : connected ? 'answers' : 'does not answer';
}

/** The last run of each operation, one a row. */
export function toOperations({ upload, meters, tenants }: Status, now: number): string[][] {
  return [
    toOperation('upload', upload, describeUpload, now),
    toOperation('meters', meters, describeDownload, now),
    toOperation('tenants', tenants, describeDownload, now),
  ];
}

function toOperation<Result>(
  name: string,
  outcome: Outcome<Result> | null,
  describe: (result: Result) => string,
  now: number,
): string[] {
  if (outcome === null) return [name, 'never', '', ''];
  const { result, error, startedAt, durationMs } = outcome;
  const failed = error?.held === undefined ? `failed (${error?.kind ?? 'unexpected'})` : 'held for a person';
  const text = result === null ? failed : describe(result);
  return [name, toInstant(startedAt, now), text, toDuration(durationMs)];
}

function describeUpload({ removed, alreadyThere, quarantined, batches, more }: UploadReadingsResult): string {
  const refused = quarantined > 0 ? `, ${toCount(quarantined)} refused` : '';
  const there = alreadyThere > 0 ? `, ${toCount(alreadyThere)} of them were there already` : '';
  return `${toReadings(removed)} in ${toCounted(batches, 'batch', 'batches')}${there}${refused}${more ? ', more waiting' : ''}`;
}

function describeDownload(result: DownloadResult): string {
  if (result.rejected !== undefined) return 'nothing: the changes of the remote were rejected';
  const counts = {
    new: result.inserted,
    changed: result.updated,
    deactivated: result.deactivated,
    kept: result.kept,
    waiting: result.waiting,
    refused: result.refused,
  };
  const told = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${toCount(count)} ${name}`);
  return [...told, ...describeFurther(result)].join(', ') || 'up to date';
}

/** One line of a status, for a list of moments. */
export function renderMoment({ state, cycles, totalRecordsSynced, queueSize, lastSyncError }: Status): string {
  const error = lastSyncError === null ? '' : `, ${lastSyncError}`;
  return `${state}, ${toCounted(cycles, 'cycle')}, ${toCount(totalRecordsSynced)} uploaded, ${toCount(queueSize)} waiting${error}`;
}
