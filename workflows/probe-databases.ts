import { ActivityFailure, isCancellation, log } from '@temporalio/workflow';
import { recordLook, recordProbe } from '../src/model/cycle.js';
import type { ProbeResult } from '../src/model/operations.js';
import { ranOf } from './failure-report.js';
import { callsOf } from './proxies.js';
import { momentOf, reach, type Site } from './site.js';

/**
 * Looks at both databases for whoever asks, and takes what it sees into the state.
 * @throws ActivityFailure when the look itself could not be made
 */
export async function lookAtDatabases(site: Site): Promise<void> {
  const seen = await probe(site);
  site.state = recordLook(site.state, seen); // as it is now: a cycle may have gone on meanwhile
}

/** The probe of an open breaker: closes it when both databases answer, else makes it wait longer. Never fails. */
export async function probeBreaker(site: Site): Promise<void> {
  try {
    takeProbe(site, await probe(site));
  } catch (failure) {
    if (isCancellation(failure) || !(failure instanceof ActivityFailure)) throw failure;
    reach(site, ranOf(failure)?.endedAt);
    takeProbe(site, null);
  }
  const { breaker, observed } = site.state;
  const facts = { site: site.siteId, local: observed.localDbConnected, remote: observed.remoteDbConnected };
  if (breaker.nextProbeAt === null) log.info('both databases answer again', facts);
  else
    log.debug('still waiting for a database', { ...facts, nextProbeAt: new Date(breaker.nextProbeAt).toISOString() });
}

async function probe(site: Site): Promise<ProbeResult> {
  const { result, ran } = await callsOf(site).probe({ siteId: site.siteId });
  reach(site, ran?.endedAt);
  return result;
}

function takeProbe(site: Site, seen: ProbeResult | null): void {
  site.state = recordProbe(site.state, seen, momentOf(site));
}
