import { ActivityFailure, isCancellation, log } from '@temporalio/workflow';
import { recordProbe } from '../src/model/cycle.js';
import type { ProbeResult } from '../src/model/operations.js';
import { ranOf } from './failure-report.js';
import { callsOf } from './proxies.js';
import { momentOf, reach, type Site } from './site.js';

/**
 * Looks at both databases and takes what it sees into the state.
 * @throws ActivityFailure when the probe itself could not be made
 */
export async function probeDatabases(site: Site): Promise<void> {
  const { result, ran } = await callsOf(site).probe({ siteId: site.siteId });
  reach(site, ran?.endedAt);
  takeProbe(site, result);
}

/** The probe of an open breaker: closes it when both databases answer, else makes it wait longer. Never fails. */
export async function probeBreaker(site: Site): Promise<void> {
  try {
    await probeDatabases(site);
  } catch (failure) {
    if (isCancellation(failure) || !(failure instanceof ActivityFailure)) throw failure;
    reach(site, ranOf(failure)?.endedAt);
    takeProbe(site, null);
  }
  const { breaker, observed } = site.state;
  const facts = { site: site.siteId, local: observed.localDbConnected, remote: observed.remoteDbConnected };
  if (breaker.nextProbeAt === null) log.info('both databases answer again', facts);
  else log.warn('still waiting for a database', { ...facts, nextProbeAt: new Date(breaker.nextProbeAt).toISOString() });
}

function takeProbe(site: Site, probe: ProbeResult | null): void {
  site.state = recordProbe(site.state, probe, momentOf(site));
}
