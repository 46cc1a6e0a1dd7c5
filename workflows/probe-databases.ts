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

/** The look of a site that waits and uploads nothing, for its figures. Never fails. */
export async function lookWhileWaiting(site: Site): Promise<void> {
  await probeUntilMessage(site, (seen) => {
    site.state = seen === null ? recordFailedLook(site.state) : recordLook(site.state, seen);
  });
}

/** The probe of an open breaker: closes it when both databases answer, else makes it wait longer. Never fails. */
export async function probeBreaker(site: Site): Promise<void> {
  await probeUntilMessage(site, (seen) => {
    site.state = recordProbe(site.state, seen, momentOf(site));
    const { breaker, observed } = site.state;
    const facts = { site: site.siteId, local: observed.localDbConnected, remote: observed.remoteDbConnected };
    if (breaker.nextProbeAt === null) log.info('both databases answer again', facts);
    else
      log.debug('still waiting for a database', { ...facts, nextProbeAt: new Date(breaker.nextProbeAt).toISOString() });
  });
}

/**
 * A probe that keeps no message waiting: one that may change what is next ends it, since a silent database can hold it for half a minute.
 * It is then due again, as far as it is still wanted.
 * @param take told what was seen; null: the probe could not be made, which says nothing of the databases
 */
async function probeUntilMessage(site: Site, take: (seen: ProbeResult | null) => void): Promise<void> {
  const { messages } = site;
  const scope = new CancellationScope();
  let isOver = false;
  const ending = scope
    .run(() => probe(site))
    .then(take, (failure: unknown) => {
      if (isCancellation(failure)) return; // by the message, or with the whole workflow, which the wait below tells
      if (!(failure instanceof ActivityFailure)) throw failure;
      reach(site, ranOf(failure)?.endedAt);
      log.warn('the databases could not be looked at', { site: site.siteId, ...toFailureReport(failure, site.siteId) });
      take(null);
    })
    .finally(() => (isOver = true));
  await condition(() => isOver || site.messages !== messages);
  if (!isOver) scope.cancel();
  await ending;
}

async function probe(site: Site): Promise<ProbeResult> {
  const { result, ran } = await callsOf(site).probe({ siteId: site.siteId });
  reach(site, ran?.endedAt);
  return result;
}
