import { Client } from '@temporalio/client';
import { setTimeout as pause } from 'node:timers/promises';
import { readSiteRecord } from '../../temporal/site-record.js';
import type { WorkerConnection } from '../connect-temporal.js';
import type { WorkerLogger } from '../logger.js';
import type { KnownSites } from './known-sites.js';

/** What runs here is heard of by then. */
const LOOK_EVERY_MS = 10_000;

/**
 * Looks up in Temporal, again and again, the sites of which this worker hears nothing: they are paused or stopped since before it
 * began, run on another worker, or are stuck. By `describe` and not by a query: that needs no worker and costs the workflow nothing.
 */
export async function lookUpSites(
  known: KnownSites,
  { connection, address, namespace }: WorkerConnection,
  logger: WorkerLogger,
  end: AbortSignal,
): Promise<void> {
  const client = new Client({ connection, namespace });
  const temporal = { client, address, namespace, hint: '', close: () => Promise.resolve() };
  for (;;) {
    await pause(LOOK_EVERY_MS, undefined, { signal: end, ref: false }).catch(() => undefined); // aborted: the next line sees it
    if (end.aborted) return;
    try {
      for (const siteId of known.listSilent(Date.now())) {
        if (end.aborted) return;
        known.hearRecord(siteId, await readSiteRecord(temporal, siteId, end));
      }
    } catch (error) {
      logger.debug('sites could not be looked up', { error }); // Temporal does not answer, which the link's watch tells
    }
  }
}
