import { isFine } from '../../model/finding.js';
import { type AbsentWorker, NOTHING_SEEN } from '../../model/observation.js';
import { judge, judgeAbsence } from '../../model/verdict.js';
import type { NoWorker } from '../../temporal/errors.js';
import type { SiteReport } from '../../temporal/site-report.js';
import type { Answer, CommandSpec, Context } from '../command.js';
import { connectToSite } from '../connect-to-site.js';
import { type Painted, renderRecord, renderStatus } from '../render-status.js';

interface StatusOptions {
  readonly refresh?: true;
}

/** `meter-sync status` */
export const status: CommandSpec<StatusOptions> = {
  name: 'status',
  summary: 'what a site is doing: is every reading safe, is anything stuck, what to do now',
  description:
    'Shows what a site is doing. The exit code is 1 when it does not run or its readings do not leave. With --json the ' +
    'document is the answer of the query getStatus, with the verdict of who asks from outside; without a worker it is an error with what was last known.',
  examples: ['meter-sync status --site north', 'meter-sync status --site north --json'],
  addOptions: (command) => void command.option('--refresh', 'look at both databases now, instead of at the last cycle'),
  run: async (context, { refresh }) => {
    const { site } = await connectToSite(context);
    const { readSiteReport } = await import('../../temporal/site-report.js');
    const isRefreshed = refresh === true;
    const report = await readSiteReport(site, isRefreshed ? 'refreshStatus' : 'status');
    return toAnswer(context, site.siteId, report, isRefreshed);
  },
};

function toAnswer({ output }: Context, siteId: string, report: SiteReport, isRefreshed: boolean): Answer {
  const now = Date.now();
  const painted: Painted = output;
  if (report.seen === 'withoutWorker') {
    const { record, noWorker } = report;
    const { code, message, next, facts } = noWorker;
    const { startedAt, lastKnown, pending, workflowId } = record;
    const verdict = judgeAbsence(toAbsentWorker(noWorker));
    const error = { code, message, next, ...facts, workflowId, startedAt, lastKnown, pending, verdict };
    const text = renderRecord(record, { verdict, noWorker, now }, painted);
    return { exitCode: 1, document: { ok: false, error }, text };
  }
  if (report.seen === 'ended' && report.status === null) {
    const { how, closedAt } = report.closing;
    const message = `Site ${siteId} is not running: its workflow ended as ${how}${closedAt === null ? '' : ` at ${closedAt}`}`;
    const next = `meter-sync start --site ${siteId}`;
    return {
      exitCode: 1,
      document: { ok: false, error: { code: 'notRunning', message, next, siteId, how, closedAt } },
      text: `${output.paint('bad', message)}\nnext: ${next}`,
    };
  }
  const known = report.status;
  if (known === null) throw new Error('a site that answers without a status'); // excluded above; the types do not see it
  const { pending, notRefreshed } = report.seen === 'live' ? report : { pending: [], notRefreshed: null };
  const absentWorker = notRefreshed === null ? null : toAbsentWorker(notRefreshed);
  const verdict = judge(known, now, { ...NOTHING_SEEN, pending, absentWorker });
  const status = { ...known, verdict };
  const shown = { verdict, now, pending, isRefreshed: isRefreshed && notRefreshed === null };
  const text = renderStatus(status, shown, painted);
  if (notRefreshed !== null) {
    const { code, message, next, facts } = notRefreshed;
    return { exitCode: 1, document: { ok: false, error: { code, message, next, ...facts }, status }, text };
  }
  return { exitCode: isFine(verdict) ? 0 : 1, document: status, text };
}

function toAbsentWorker({ message, next, facts, isSilent }: NoWorker): AbsentWorker {
  const replaced = isSilent ? '. If a worker was started just now, ask again in ten seconds' : '';
  return { message, next: `${next}${replaced}`, lastSeenAt: facts.lastSeenAt };
}
