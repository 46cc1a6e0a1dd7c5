import type { PendingActivity } from '../model/observation.js';
import type { Status } from '../model/status.js';
import { type Closing, NoWorker, NotRunning } from './errors.js';
import type { SiteHandle } from './site-handle.js';
import type { SiteRecord } from './site-record.js';

/** The best that can be told of a site now. */
export type SiteReport =
  /** It answers; `pending` is what Temporal knows of attempts under way, which the status tells only when they have ended. */
  | {
      readonly seen: 'live';
      readonly status: Status;
      readonly pending: readonly PendingActivity[];
      /** Nobody has looked at the databases, so the status is the one of before; null: it is as it was asked for. */
      readonly notRefreshed: NoWorker | null;
    }
  /** It has ended; the final status is its result, unless it was not stopped but failed or was terminated. */
  | { readonly seen: 'ended'; readonly closing: Closing; readonly status: Status | null }
  /** Nobody can answer; what Temporal itself knows. */
  | { readonly seen: 'withoutWorker'; readonly record: SiteRecord; readonly noWorker: NoWorker };

/** The result of a workflow that has ended is there at once. */
const RESULT_TIMEOUT_MS = 10_000;

/**
 * The status of a site, or what is known without a worker, or how it ended.
 * @param read how to ask the workflow: its status as it is, or with a look at both databases
 * @throws NotRunning - Temporal knows of no workflow at all
 * @throws Unreachable, Refused
 */
export async function readSiteReport(site: SiteHandle, read: 'status' | 'refreshStatus'): Promise<SiteReport> {
  try {
    const [known, record] = await Promise.all([site.status(), site.record()]);
    const [status, notRefreshed] = read === 'status' ? [known, null] : await refresh(site, known);
    if (status.isRunning) return { seen: 'live', status, pending: record?.pending ?? [], notRefreshed };
  } catch (error) {
    if (!(error instanceof NoWorker || error instanceof NotRunning)) throw error;
    if (error instanceof NoWorker) return readRecord(site, error);
  }
  return readEnd(site);
}

/** The workflow is asked first: a look at the databases waits for half a minute where nobody answers. */
async function refresh(site: SiteHandle, known: Status): Promise<[Status, NoWorker | null]> {
  try {
    return [await site.refreshStatus(), null];
  } catch (error) {
    if (error instanceof NoWorker) return [known, error];
    throw error;
  }
}

async function readRecord(site: SiteHandle, noWorker: NoWorker): Promise<SiteReport> {
  const record = await site.record();
  if (record === null) throw new NotRunning(site.siteId, null);
  return { seen: 'withoutWorker', record, noWorker };
}

async function readEnd(site: SiteHandle): Promise<SiteReport> {
  const closing = (await site.record())?.closing ?? null;
  if (closing === null) throw new NotRunning(site.siteId, null);
  const status = closing.how === 'COMPLETED' ? await site.result(RESULT_TIMEOUT_MS) : null;
  return { seen: 'ended', closing, status };
}
