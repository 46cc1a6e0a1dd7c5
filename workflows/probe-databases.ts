import { ActivityFailure, CancellationScope, condition, isCancellation, log } from '@temporalio/workflow';
import { recordFailedLook, recordLook, recordProbe } from '../src/model/cycle.js';
import type { ProbeResult } from '../src/model/operations.js';
import { ranOf, toFailureReport } from './failure-report.js';
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

/**
 * The look of a site that waits, for its figures. It keeps no message waiting: one that may change what is next ends it. Never fails.
 */
export async function lookWhileWaiting(site: Site): Promise<void> {
  const seen = site.messages;
  const scope = new CancellationScope();
  let isOver = false;
  const look = scope
    .run(() => lookAtDatabases(site))
    .catch((failure: unknown) => noteFailedLook(site, failure))
    .finally(() => (isOver = true));
  await condition(() => isOver || site.messages !== seen);
  if (!isOver) scope.cancel();
  await look;
}

/** One that was ended is due again, as far as it is still wanted. */
function noteFailedLook(site: Site, failure: unknown): void {
  if (isCancellation(failure)) return;
  if (!(failure instanceof ActivityFailure)) throw failure;
  reach(site, ranOf(failure)?.endedAt);
  site.state = recordFailedLook(site.state);
  log.warn('the queue could not be looked at', { site: site.siteId, ...toFailureReport(failure, site.siteId) });
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
  else log.warn('still waiting for a database', { ...facts, nextProbeAt: new Date(breaker.nextProbeAt).toISOString() });
}

async function probe(site: Site): Promise<ProbeResult> {
  const { result, ran } = await callsOf(site).probe({ siteId: site.siteId });
  reach(site, ran?.endedAt);
  return result;
}

function takeProbe(site: Site, seen: ProbeResult | null): void {
  site.state = recordProbe(site.state, seen, momentOf(site));
}
