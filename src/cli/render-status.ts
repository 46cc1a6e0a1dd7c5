import { nameActor } from '../model/actor.js';
import { describeFurther } from '../model/download-outcome.js';
import type { Finding, VerdictName } from '../model/finding.js';
import { describeLost } from '../model/lost.js';
import type { PendingActivity } from '../model/observation.js';
import type { DownloadResult, UploadReadingsResult } from '../model/operations.js';
import type { Outcome } from '../model/state.js';
import type { Status } from '../model/status.js';
import type { Verdict } from '../model/verdict.js';
import { toCount, toDuration, toInstant, toQueueSize } from '../model/words.js';
import type { NoWorker } from '../temporal/errors.js';
import type { SiteRecord } from '../temporal/site-record.js';
import type { Output } from './output.js';
import { type Answered, judgeSafety, SAFE_WITHOUT_WORKER } from './safety.js';

/** What drawing a status needs of the output. */
export type Painted = Pick<Output, 'paint' | 'table'>;

/** What a status is shown with. */
export interface Shown {
  /** Of an observer outside, who may know more than the status itself. */
  readonly verdict: Verdict;
  /** Epoch milliseconds. */
  readonly now: number;
  /** True: both databases were looked at just now. */
  readonly isRefreshed?: boolean;
  readonly pending?: readonly PendingActivity[];
}

/** A status for people: the verdict and the three questions first, then the figures. */
export function renderStatus(
  status: Status,
  { verdict, now, isRefreshed = false, pending = [] }: Shown,
  { paint, table }: Painted,
): string {
  return [
    toHeading(status.siteId, verdict, now, paint),
    ...toAnswers(judgeSafety(status, now, isRefreshed), verdict, { now, paint }),
    '',
    table(['', ''], [...toFigures(status, now), ...toUnderWay(pending)]),
    '',
    table(['operation', 'last run', 'result', 'took'], toOperations(status, now)),
  ].join('\n');
}

/** What Temporal knows of a site when no worker can answer. */
export function renderRecord(
  record: SiteRecord,
  { verdict, noWorker, now }: { readonly verdict: Verdict; readonly noWorker: NoWorker; readonly now: number },
  { paint, table }: Painted,
): string {
  const { siteId, startedAt, lastKnown, pending, taskQueue } = record;
  const pendingRows = pending.map(({ name, attempt, lastFailure }) => [
    'waiting activity',
    `${name}, attempt ${attempt}${lastFailure === null ? '' : `: ${lastFailure}`}`,
  ]);
  return [
    toHeading(siteId, verdict, now, paint),
    ...toAnswers(SAFE_WITHOUT_WORKER, verdict, { now, paint }),
    '',
    table(
      ['', ''],
      [
        ['last known state', lastKnown.state ?? 'unknown'],
        ['last known verdict', lastKnown.health ?? 'unknown'],
        ['last known lag', lastKnown.lag ?? 'unknown'],
        ['started', toInstant(startedAt, now)],
        ['task queue', taskQueue],
        ['last poll of a worker', toInstant(noWorker.facts.lastSeenAt, now, 'none in the last minutes')],
        ...pendingRows,
      ],
    ),
  ].join('\n');
}

/** One line of a status, for a list of moments. */
export function renderMoment({ state, cycles, totalRecordsSynced, queueSize, lastSyncError }: Status): string {
  const error = lastSyncError === null ? '' : `, ${lastSyncError}`;
  return `${state}, ${cycles} cycles, ${toCount(totalRecordsSynced)} uploaded, ${toCount(queueSize)} waiting${error}`;
}

/** One word, and since when. */
function toHeading(siteId: string, { verdict, since }: Verdict, now: number, paint: Painted['paint']): string {
  const sinceText = since === null || isWell({ verdict }) ? '' : ` since ${toInstant(since, now)}`;
  return `${paint('heading', `Site ${siteId}:`)} ${paint(MARKS[verdict], verdict)}${sinceText}`;
}

/** The three questions, one answer a line. */
function toAnswers(
  safe: Answered,
  verdict: Verdict,
  { now, paint }: { readonly now: number; readonly paint: Painted['paint'] },
): string[] {
  const findings = [verdict, ...verdict.also];
  const stuck = findings
    .filter((finding) => !isWell(finding))
    .map((finding) => paint(MARKS[finding.verdict], toLine(finding, now)));
  const progress = verdict.verdict === 'catchingUp' ? `no; ${verdict.reason}` : 'no';
  const next = [...new Set(findings.flatMap((finding) => (finding.next === null ? [] : [toAdvice(finding)])))];
  const rows = [
    ['Is every reading safe?', paint(safe.mark, safe.text)],
    ...toRows('Is anything stuck?', stuck.length === 0 ? [paint('good', progress)] : stuck),
    ...toRows('What to do now?', next.length === 0 ? ['nothing'] : next),
  ] as const;
  return rows.map(([question, answer]) => `${question.padEnd(24)}${answer}`);
}

function toLine({ reason, since }: Finding, now: number): string {
  return since === null ? reason : `${reason} (since ${toInstant(since, now)})`;
}

/** Who is somebody else is named; the reader knows who they are. */
function toAdvice({ actor, next }: Finding): string {
  return actor === 'operator' || actor === 'nobody' ? (next ?? '') : `${nameActor(actor)}: ${next ?? ''}`;
}

function isWell({ verdict }: Pick<Finding, 'verdict'>): boolean {
  return verdict === 'healthy' || verdict === 'catchingUp';
}

const MARKS: Readonly<Record<VerdictName, Answered['mark']>> = {
  stopped: 'bad',
  stuckTask: 'bad',
  offline: 'bad',
  blocked: 'bad',
  paused: 'warning',
  stuck: 'bad',
  overdue: 'bad',
  warning: 'warning',
  catchingUp: 'good',
  healthy: 'good',
};

function toRows(question: string, answers: readonly string[]): [string, string][] {
  return answers.map((answer, at) => [at === 0 ? question : '', answer]);
}

function toFigures(status: Status, now: number): string[][] {
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
    ['queue', `${toQueueSize(status)} readings, oldest: ${toInstant(status.oldestUnsynced, now, '–')}`],
    ['quarantine', `${toCount(status.quarantined)} readings`],
    ...(status.lostAtRemote === null ? [] : [['lost at the remote', describeLost(status.lostAtRemote)]]),
    ['uploaded in all', toCount(status.totalRecordsSynced)],
    ['meters', `${toCount(status.localMeterCount)} local, ${toCount(status.remoteMeterCount)} remote`],
    ['tenants', `${toCount(status.localTenantCount)} local, ${toCount(status.remoteTenantCount)} remote`],
    ['databases', `local ${toConnected(localDbConnected)}, remote ${toConnected(remoteDbConnected)}`],
    ...(status.signingKey === null ? [] : [['signs with', `${status.signingKey} (fingerprint)`]]),
    ['seen', toInstant(observedAt, now, 'never')],
  ];
}

/** The tick of a cycle under way is planned until the cycle has ended. */
function isUnderWay({ state, nextSyncTime }: Status, now: number): boolean {
  const isRunning = state === 'syncing' || state === 'catchingUp';
  return isRunning && nextSyncTime !== null && Date.parse(nextSyncTime) <= now;
}

/** An upload may run for half a minute before the status has its result. */
function toUnderWay(pending: readonly PendingActivity[]): string[][] {
  return pending.flatMap(({ name, progress }) => {
    const { removed, batches } = (progress ?? {}) as { readonly removed?: unknown; readonly batches?: unknown };
    if (typeof removed !== 'number' || typeof batches !== 'number') return [];
    return [['under way', `${name}: ${toCount(removed)} readings in ${toCount(batches)} batches so far`]];
  });
}

function toOutcomeWord(success: boolean | null): string {
  return success === null ? '' : success ? ', succeeded' : ', failed';
}

function toConnected(connected: boolean | null): string {
  return connected === null ? 'unknown' : connected ? 'answers' : 'does not answer';
}

function toOperations({ upload, meters, tenants }: Status, now: number): string[][] {
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
  return `${toCount(removed)} readings in ${batches} batches${there}${refused}${more ? ', more waiting' : ''}`;
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
