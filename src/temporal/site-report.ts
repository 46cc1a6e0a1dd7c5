import { type AbsentWorker, NOTHING_SEEN, type Observation, type PendingActivity } from '../model/observation.js';
import type { Status } from '../model/status.js';
import { judge, judgeEnd, judgeSilence, type Verdict } from '../model/verdict.js';
import { type Closing, NoWorker, NotRunning, StuckTask } from './errors.js';
import type { SiteHandle } from './site-handle.js';
import type { SiteRecord } from './site-record.js';
import type { Pollers } from './task-queue.js';

/** The best that can be told of a site now. */
export type SiteReport =
  /** It answers. */
  | {
      readonly seen: 'live';
      readonly status: Status;
      readonly record: SiteRecord | null;
      readonly pollers: Pollers | null;
      /** Nobody has looked at the databases, so the status is the one of before; null: it is as it was asked for. */
      readonly notRefreshed: NoWorker | null;
    }
  /** It has ended; the final status is its result, unless it was not stopped but failed or was terminated. */
  | { readonly seen: 'ended'; readonly closing: Closing; readonly status: Status | null }
  /** Nobody can answer; what Temporal itself knows. */
  | { readonly seen: 'silent'; readonly record: SiteRecord; readonly why: NoWorker | StuckTask };

/** The result of a workflow that has ended is there at once. */
const RESULT_TIMEOUT_MS = 10_000;

/**
 * The status of a site, or what is known without an answer, or how it ended.
 * @param read how to ask the workflow: its status as it is, or with a look at both databases
 * @throws NotRunning - Temporal knows of no workflow at all
 * @throws Unreachable, Refused
 */
export async function readSiteReport(site: SiteHandle, read: 'status' | 'refreshStatus'): Promise<SiteReport> {
  try {
    const [known, [record, pollers]] = await Promise.all([site.status(), readAround(site)]);
    const [status, notRefreshed] = read === 'status' ? [known, null] : await refresh(site, known);
    if (status.isRunning) return { seen: 'live', status, record, pollers, notRefreshed };
  } catch (error) {
    if (error instanceof NoWorker || error instanceof StuckTask) return readSilent(site, error);
    if (!(error instanceof NotRunning)) throw error;
    return readEnd(site, error);
  }
  return readEnd(site, new NotRunning(site.siteId, null));
}

/**
 * What the report means, by the clock of who asks. `now` is epoch milliseconds.
 * @param known a status of before, where the site gives none now; null: there is none
 */
export function judgeReport(siteId: string, report: SiteReport, now: number, known: Status | null = null): Verdict {
  switch (report.seen) {
    case 'live':
      return judge(report.status, now, observe(report));
    case 'ended':
      return report.status === null ? judgeEnd(siteId, report.closing) : judge(report.status, now);
    case 'silent':
      return known === null
        ? judgeSilence(siteId, observe(report), report.record.memo?.verdict ?? null)
        : judge(known, now, observe(report));
  }
}

/** What Temporal tells of a site besides its own status. */
function observe(report: Extract<SiteReport, { seen: 'live' | 'silent' }>): Observation {
  const { record } = report;
  const why = report.seen === 'live' ? report.notRefreshed : report.why;
  return {
    ...NOTHING_SEEN,
    pending: pendingOf(report),
    failingTask: why instanceof StuckTask ? why.facts : (record?.failingTask ?? null),
    absentWorker: why instanceof NoWorker ? toAbsentWorker(why) : null,
  };
}

/** Attempts under way, which the status tells only when they have ended. */
export function pendingOf(report: SiteReport): readonly PendingActivity[] {
  return report.seen === 'ended' ? [] : (report.record?.pending ?? []);
}

function toAbsentWorker({ message, next, facts, isSilent }: NoWorker): AbsentWorker {
  const replaced = isSilent ? '. If a worker was started just now, ask again in ten seconds' : '';
  return { message, next: `${next}${replaced}`, lastSeenAt: facts.lastSeenAt };
}

async function readAround(site: SiteHandle): Promise<[SiteRecord | null, Pollers | null]> {
  const record = await site.record();
  return [record, record === null ? null : await site.pollers(record.taskQueue)];
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

async function readSilent(site: SiteHandle, why: NoWorker | StuckTask): Promise<SiteReport> {
  const record = await site.record();
  if (record === null) throw new NotRunning(site.siteId, null);
  return { seen: 'silent', record, why };
}

async function readEnd(site: SiteHandle, notRunning: NotRunning): Promise<SiteReport> {
  const closing = (await site.record())?.closing ?? null;
  if (closing === null) throw notRunning;
  const status = closing.how === 'COMPLETED' ? await site.result(RESULT_TIMEOUT_MS) : null;
  return { seen: 'ended', closing, status };
}
