import { judgeReport, readSiteReport } from '../../temporal/site-report.js';
import type { Answer, Context } from '../command.js';
import { connectToSite } from '../connect-to-site.js';
import { judgeProbe } from './judge-probe.js';
import type { ProbeOptions } from './options.js';
import { renderProbe, toExitCode, toProbeFigures } from './render-probe.js';

/**
 * One line and an exit code from 0 to 3 about a site, whatever state it is in.
 * @throws what keeps Temporal from being asked, which `answerFailedProbe` makes a line of
 */
export async function probeSite(context: Context, thresholds: ProbeOptions): Promise<Answer> {
  const { site } = await connectToSite(context);
  const { siteId } = site;
  const report = await readSiteReport(site, 'status');
  const now = Date.now();
  const verdict = judgeReport(siteId, report, now);
  const status = report.seen === 'silent' ? null : report.status;
  const probe = judgeProbe({ verdict, status }, thresholds, now);
  const measured = status === null ? null : { status, thresholds, now };
  const figures = status === null ? null : toProbeFigures(status, now);
  return {
    exitCode: toExitCode(probe),
    document: { ok: probe.state === 'OK', siteId, probe: probe.state, reasons: probe.reasons, figures, verdict },
    text: renderProbe(siteId, probe, measured),
  };
}
