import type { SiteReport } from '../../temporal/site-report.js';
import type { Answer, CommandSpec, Context } from '../command.js';
import { connectToSite } from '../connect-to-site.js';
import { type Painted, renderRecord, renderStatus } from '../render-status.js';
import { isFine, toVerdict } from '../verdict.js';

interface StatusOptions {
  readonly refresh?: true;
}

/** `meter-sync status` */
export const status: CommandSpec<StatusOptions> = {
  name: 'status',
  summary: 'what a site is doing: is every reading safe, is anything stuck, what to do now',
  description:
    'Shows what a site is doing. The exit code is 1 when it does not run or its readings do not leave. With --json the ' +
    'document is exactly the answer of the query getStatus; without a worker it is an error with what was last known.',
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
    const error = { code, message, next, ...facts, workflowId, startedAt, lastKnown, pending };
    return { exitCode: 1, document: { ok: false, error }, text: renderRecord(record, noWorker, now, painted) };
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
  const verdict = toVerdict(known, now, { isRefreshed: isRefreshed && notRefreshed === null, pending, notRefreshed });
  if (notRefreshed !== null) {
    const { code, message, next, facts } = notRefreshed;
    const document = { ok: false, error: { code, message, next, ...facts }, status: known };
    return { exitCode: 1, document, text: renderStatus(known, verdict, now, painted, pending) };
  }
  return {
    exitCode: isFine(known, verdict) ? 0 : 1,
    document: known,
    text: renderStatus(known, verdict, now, painted, pending),
  };
}
