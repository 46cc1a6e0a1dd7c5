import { describeFurther } from './download-outcome.js';
import { nameActor } from './actor.js';
import type { Finding } from './finding.js';
import type { DownloadResult, UploadReadingsResult } from './operations.js';
import type { Outcome } from './state.js';
import type { Status } from './status.js';
import { toCount, toDuration, toQueueSize } from './words.js';

/** A status as the short Markdown page that Temporal Web UI shows as current details. */
export function toDetails(status: Status): string {
  const { verdict } = status;
  const rows = [
    toRow('upload', status.upload, describeUpload),
    toRow('meters', status.meters, describeDownload),
    toRow('tenants', status.tenants, describeDownload),
  ];
  const oldest = status.oldestUnsynced === null ? '' : `, the oldest of ${toTime(status.oldestUnsynced)}`;
  return [
    `**${verdict.verdict}**: ${toSentence(verdict)}`,
    ...(verdict.next === null ? [] : ['', `**What to do** (${nameActor(verdict.actor)}): ${verdict.next}`]),
    ...verdict.also.flatMap((finding) => [
      '',
      `Also **${finding.verdict}**: ${toSentence(finding)}${finding.next === null ? '' : `. ${finding.next}`}`,
    ]),
    '',
    `Waiting: ${toQueueSize(status)}${oldest}; uploaded in all: ${toCount(status.totalRecordsSynced)} (seen ${toTime(status.observedAt)})`,
    '',
    `${status.state}, cycle ${toCount(status.cycles)}, next ${toTime(status.nextSyncTime)}`,
    '',
    '| operation | last | result | took |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
}

/** In UTC: the page is made by the workflow, which does not know the reader's zone. */
function toTime(iso: string | null): string {
  return iso === null ? '–' : `${iso.slice(0, 19).replace('T', ' ')}Z`;
}

function toSentence({ reason, since }: Finding): string {
  return since === null ? reason : `${reason} (since ${toTime(since)})`;
}

function toRow<Result>(name: string, outcome: Outcome<Result> | null, describe: (result: Result) => string): string {
  if (outcome === null) return `| ${name} | never | | |`;
  const result =
    outcome.result === null
      ? `**${outcome.error?.held === undefined ? (outcome.error?.kind ?? 'failed') : 'held'}**`
      : describe(outcome.result);
  return `| ${name} | ${toTime(outcome.startedAt)} | ${result} | ${toDuration(outcome.durationMs)} |`;
}

function describeUpload({ inserted, alreadyThere, quarantined, removed }: UploadReadingsResult): string {
  const refused = quarantined > 0 ? `, ${quarantined} refused` : '';
  return `${inserted} sent, ${alreadyThere} already there, ${removed} removed here${refused}`;
}

function describeDownload(result: DownloadResult): string {
  const { inserted, updated, deactivated, waiting, refused, rejected } = result;
  if (rejected !== undefined) return 'rejected changes, nothing applied';
  const counts = { new: inserted, changed: updated, deactivated, waiting, refused };
  const told = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([word, count]) => `${count} ${word}`);
  return [...told, ...describeFurther(result)].join(', ') || 'up to date';
}
