import { toErrorReport } from '../report-error.js';
import type { Output } from '../output.js';
import type { ProbeAnswer } from './judge-probe.js';
import { renderProbe, toExitCode } from './render-probe.js';

/**
 * Prints the line of a probe that could not look. That a site was never started, or has been forgotten, is known all the same:
 * CRITICAL. Anything else, bad usage and settings too, says nothing of the site: UNKNOWN.
 */
export function printFailedProbe(output: Output, error: unknown, siteId: string): number {
  const { code, message, next, facts } = toErrorReport(error);
  const reasons = [message, ...(next === null ? [] : [`next: ${next}`])];
  const probe: ProbeAnswer = { state: code === 'notRunning' ? 'CRITICAL' : 'UNKNOWN', reasons };
  if (output.isJson)
    output.document({ ok: false, siteId, probe: probe.state, reasons, error: { code, message, next, ...facts } });
  else output.text(renderProbe(siteId, probe, null));
  return toExitCode(probe);
}
