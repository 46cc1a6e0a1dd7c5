import { adviseActor } from '../model/actor.js';
import { type Finding, isWell, type VerdictName } from '../model/finding.js';
import type { PendingActivity } from '../model/observation.js';
import type { Status } from '../model/status.js';
import type { Verdict } from '../model/verdict.js';
import { toInstant } from './instant.js';
import type { SiteReport } from '../temporal/site-report.js';
import type { Poller } from '../temporal/task-queue.js';
import type { Output } from './output.js';
import { toFigures, toLastFigures, toOperations } from './render-figures.js';
import { type Answered, judgeSafety, judgeSafetyOfMemo } from './safety.js';

/** What drawing a status needs of the output. */
export type Painted = Pick<Output, 'paint' | 'table'>;

/** A verdict at an instant. */
interface Judged {
  /** Of an observer outside, who may know more than the status itself. */
  readonly verdict: Verdict;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** What a status is shown with. */
export interface Shown extends Judged {
  /** True: both databases were looked at just now. */
  readonly isRefreshed?: boolean;
  readonly pending?: readonly PendingActivity[];
  readonly workers?: readonly Poller[];
}

/** A status for people: the verdict and the three questions first, then the figures. */
export function renderStatus(status: Status, shown: Shown, { paint, table }: Painted): string {
  const { verdict, now, isRefreshed = false } = shown;
  return [
    toHeading(status.siteId, verdict, now, paint),
    ...toAnswers(judgeSafety(status, now, { verdict: verdict.verdict, isRefreshed }), verdict, { now, paint }),
    '',
    table(['', ''], toFigures(status, shown)),
    '',
    table(['operation', 'last run', 'result', 'took'], toOperations(status, now)),
  ].join('\n');
}

/** What Temporal knows of a site that cannot answer. */
export function renderSilence(
  { record, why }: Extract<SiteReport, { seen: 'silent' }>,
  { verdict, now }: Judged,
  { paint, table }: Painted,
): string {
  const { siteId, startedAt, lastKnown, memo, pending, taskQueue } = record;
  const lastPoll = why.code === 'noWorker' ? toInstant(why.facts.lastSeenAt, now, 'none in the last minutes') : null;
  return [
    toHeading(siteId, verdict, now, paint),
    ...toAnswers(judgeSafetyOfMemo(memo, now), verdict, { now, paint }),
    '',
    table(
      ['', ''],
      [
        ['last known state', lastKnown.state ?? 'unknown'],
        ['last known verdict', lastKnown.health ?? 'unknown'],
        ...(memo === null ? [['last known lag', lastKnown.lag ?? 'unknown']] : toLastFigures(memo, now)),
        ['started', toInstant(startedAt, now)],
        ['task queue', taskQueue],
        ...(lastPoll === null ? [] : [['last poll of a worker', lastPoll]]),
        ...pending.map(({ name, attempt }) => ['waiting activity', `${name}, attempt ${attempt}`]),
      ],
    ),
  ].join('\n');
}

/** A site whose workflow has ended without a final status. */
export function renderEnd(siteId: string, { verdict, now }: Judged, { paint }: Pick<Painted, 'paint'>): string {
  return [
    toHeading(siteId, verdict, now, paint),
    ...toAnswers(judgeSafetyOfMemo(null, now), verdict, { now, paint }),
  ].join('\n');
}

/** One word, and since when. */
export function toHeading(siteId: string, { verdict, since }: Verdict, now: number, paint: Painted['paint']): string {
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
  const next = [...new Set(findings.flatMap((finding) => adviseActor(finding) ?? []))];
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

/** How a verdict looks on a terminal. */
export const MARKS: Readonly<Record<VerdictName, Answered['mark']>> = {
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
