import { describeFurther } from './download-outcome.js';
import type { Health } from './health.js';
import { describeLost } from './lost.js';
import type { DownloadResult, UploadReadingsResult } from './operations.js';
import type { Outcome } from './state.js';
import type { Status } from './status.js';

/** A status as the short Markdown page that Temporal Web UI shows as current details. */
export function toDetails(status: Status, health: Health): string {
  const rows = [
    toRow('upload', status.upload, describeUpload),
    toRow('meters', status.meters, describeDownload),
    toRow('tenants', status.tenants, describeDownload),
  ];
  return [
    `**${status.state}**, health **${health}**, cycle ${status.cycles}, next ${status.nextSyncTime ?? 'none planned'}`,
    '',
    `Queue: ${status.queueSizeIsEstimate === true ? 'about ' : ''}${status.queueSize ?? 'unknown'} readings, oldest ${status.oldestUnsynced ?? 'none known'}; ` +
      `uploaded so far: ${status.totalRecordsSynced ?? 'unknown'} (seen ${status.observedAt ?? 'never'})`,
    ...(status.lostAtRemote === null ? [] : ['', `**Lost at the remote**: ${describeLost(status.lostAtRemote)}`]),
    '',
    '| operation | last | result | ms |',
    '|---|---|---|---|',
    ...rows,
    ...describeErrors(status),
  ].join('\n');
}

function toRow<Result>(name: string, outcome: Outcome<Result> | null, describe: (result: Result) => string): string {
  if (outcome === null) return `| ${name} | never | | |`;
  const result =
    outcome.result === null
      ? `**${outcome.error?.held === undefined ? (outcome.error?.kind ?? 'failed') : 'held'}**`
      : describe(outcome.result);
  return `| ${name} | ${outcome.startedAt} | ${result} | ${outcome.durationMs} |`;
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

function describeErrors({ upload, meters, tenants }: Status): string[] {
  return Object.entries({ upload, meters, tenants }).flatMap(([name, outcome]) =>
    outcome?.error ? ['', `**${name}**: ${outcome.error.message}`, '', outcome.error.next] : [],
  );
}
