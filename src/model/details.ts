import { describeFurther } from './download-outcome.js';
import { adviseActor } from './actor.js';
import { markCommands } from './commands.js';
import type { Finding } from './finding.js';
import type { DownloadResult, UploadReadingsResult } from './operations.js';
import type { Outcome } from './state.js';
import type { Status } from './status.js';
import { isCountedBeforeFailure } from './status-facts.js';
import { toCount, toDuration, toQueueSize } from './words.js';

/**
 * A status as the short Markdown page that Temporal Web UI shows as current details. Its frame shows about a dozen lines: what a
 * person must know and do comes first.
 */
export function toDetails(status: Status): string {
  const { verdict } = status;
  return [
    `**${verdict.verdict}**: ${toSentence(verdict)}`,
    ...toAdvice('**What to do**: ', verdict),
    ...verdict.also.flatMap((finding) => [
      '',
      `Also **${finding.verdict}**: ${toSentence(finding)}`,
      ...toAdvice('', finding),
    ]),
    '',
    `${describeQueue(status)}. Uploaded in all: ${toCount(status.totalRecordsSynced)}. ${describeCycle(status)}`,
    '',
    '| operation | last | result | took |',
    '|---|---|---|---|',
    toRow('upload', status.upload, describeUpload),
    toRow('meters', status.meters, describeDownload),
    toRow('tenants', status.tenants, describeDownload),
    '',
    '\u00a0', // a blank that is no end of the text: the page's frame cuts off the last line
  ].join('\n');
}

/** In UTC: the page is made by the workflow, which does not know the reader's zone. */
function toTime(iso: string | null): string {
  return iso === null ? '–' : `${iso.slice(0, 19).replace('T', ' ')}Z`;
}

function toSentence({ verdict, reason, since }: Finding): string {
  return toMarkdown(since === null || verdict === 'healthy' ? reason : `${reason} (since ${toTime(since)})`);
}

function toAdvice(head: string, finding: Finding): string[] {
  const advice = adviseActor(finding);
  return advice === null ? [] : ['', `${head}${toMarkdown(advice)}`];
}

/** Commands as code, or else the page has a dash in place of `--`; and no sign of Markdown that the text did not mean. */
function toMarkdown(text: string): string {
  const plain = text.replaceAll('`', "'").replace(/[\\*<[\]|]/g, '\\$&');
  return markCommands(plain, (command) => `\`${command.replace(/\\(?=[\\*<[\]|])/g, '')}\``);
}

function describeQueue(status: Status): string {
  const oldest = status.oldestUnsynced === null ? '' : `, the oldest of ${toTime(status.oldestUnsynced)}`;
  const since = isCountedBeforeFailure(status) ? ', before the upload failed' : '';
  const counted = status.observedAt === null ? '' : ` (counted ${toTime(status.observedAt)}${since})`;
  return `Waiting at the site: ${toQueueSize(status)}${oldest}${counted}`;
}

function describeCycle({ cycles, nextSyncTime }: Status): string {
  return `Cycles: ${toCount(cycles)}, next: ${nextSyncTime === null ? 'none planned' : toTime(nextSyncTime)}`;
}

function toRow<Result>(name: string, outcome: Outcome<Result> | null, describe: (result: Result) => string): string {
  if (outcome === null) return `| ${name} | never | | |`;
  const { result, error, startedAt, durationMs } = outcome;
  const failed = error?.held === undefined ? `failed (${error?.kind ?? 'unexpected'})` : 'held for a person';
  const text = result === null ? `**${failed}**` : describe(result);
  return `| ${name} | ${toTime(startedAt)} | ${text} | ${toDuration(durationMs)} |`;
}

function describeUpload({ inserted, alreadyThere, quarantined, removed }: UploadReadingsResult): string {
  return (
    describeCounts({ sent: inserted, 'already there': alreadyThere, 'removed here': removed, refused: quarantined }) ||
    'nothing to send'
  );
}

function describeDownload(result: DownloadResult): string {
  const { inserted, updated, deactivated, waiting, refused, rejected } = result;
  if (rejected !== undefined) return 'rejected changes, nothing applied';
  const counts = describeCounts({ new: inserted, changed: updated, deactivated, waiting, refused });
  return [...(counts === '' ? [] : [counts]), ...describeFurther(result)].join(', ') || 'up to date';
}

function describeCounts(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([word, count]) => `${toCount(count)} ${word}`)
    .join(', ');
}
