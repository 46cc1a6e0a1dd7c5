import { isFine } from '../../model/finding.js';
import type { Verdict } from '../../model/verdict.js';
import type { SiteReport } from '../../temporal/site-report.js';
import type { Answer, CommandSpec, Context } from '../command.js';
import { connectToSite } from '../connect-to-site.js';
import { addProbeOptions, type ProbeOptions } from '../probe/options.js';
import { renderEnd, renderSilence, renderStatus } from '../render-status.js';

interface StatusOptions extends ProbeOptions {
  readonly refresh?: true;
  readonly probe?: true;
}

/** `meter-sync status` */
export const status: CommandSpec<StatusOptions> = {
  name: 'status',
  summary: 'what a site is doing: is every reading safe, is anything stuck, what to do now',
  description:
    'Shows what a site is doing. The exit code is 1 when it does not run or its readings do not leave. With --json the ' +
    'document is the answer of the query getStatus, with the verdict of who asks from outside; without a worker it is an error with what was last known. ' +
    'With --probe it is one line for Nagios, Icinga or cron, and the exit code is 0 OK, 1 WARNING, 2 CRITICAL or 3 UNKNOWN.',
  examples: [
    'meter-sync status --site north',
    'meter-sync status --site north --json',
    'meter-sync status --site north --probe --max-lag 15m',
  ],
  addOptions: (command) => {
    command.option('--refresh', 'look at both databases now, instead of at the last cycle');
    command.option('--probe', 'one line and an exit code from 0 to 3, for monitoring');
    addProbeOptions(command);
  },
  run: async (context, options) => {
    if (options.probe === true) return (await import('../probe/probe-site.js')).probeSite(context, options);
    const { site } = await connectToSite(context);
    const { judgeReport, readSiteReport } = await import('../../temporal/site-report.js');
    const isRefreshed = options.refresh === true;
    const report = await readSiteReport(site, isRefreshed ? 'refreshStatus' : 'status');
    const now = Date.now();
    return toAnswer(
      context,
      { siteId: site.siteId, report, verdict: judgeReport(site.siteId, report, now) },
      { now, isRefreshed },
    );
  },
};

interface Judged {
  readonly siteId: string;
  readonly report: SiteReport;
  readonly verdict: Verdict;
}

function toAnswer(
  { output }: Context,
  { siteId, report, verdict }: Judged,
  { now, isRefreshed }: { readonly now: number; readonly isRefreshed: boolean },
): Answer {
  if (report.seen === 'silent') {
    const { code, message, next, facts } = report.why;
    const { startedAt, lastKnown, memo, pending, workflowId } = report.record;
    const error = { code, message, next, ...facts, workflowId, startedAt, lastKnown, memo, pending, verdict };
    const text = output.fit(renderSilence(report, { verdict, now }, output));
    return { exitCode: 1, document: { ok: false, error }, text };
  }
  if (report.seen === 'ended' && report.status === null) {
    const { how, closedAt } = report.closing;
    const message = `Site ${siteId} is not running: its workflow ended as ${how}`;
    const error = { code: 'notRunning', message, next: verdict.next, siteId, how, closedAt, verdict };
    return {
      exitCode: 1,
      document: { ok: false, error },
      text: output.fit(renderEnd(siteId, { verdict, now }, output)),
    };
  }
  const live = report.seen === 'live' ? report : null;
  const known = report.status;
  if (known === null) throw new Error('a site that answers without a status'); // excluded above; the types do not see it
  const status = { ...known, verdict };
  const { pending = [] } = live?.record ?? {};
  const workers = live?.pollers?.workers ?? [];
  const notRefreshed = live?.notRefreshed ?? null;
  const shown = { verdict, now, pending, workers, isRefreshed: isRefreshed && notRefreshed === null };
  const text = output.fit(renderStatus(status, shown, output));
  if (notRefreshed !== null) {
    const { code, message, next, facts } = notRefreshed;
    return { exitCode: 1, document: { ok: false, error: { code, message, next, ...facts }, status }, text };
  }
  return { exitCode: isFine(verdict) ? 0 : 1, document: { ...status, workers }, text };
}
