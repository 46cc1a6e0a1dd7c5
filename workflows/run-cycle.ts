import { log, workflowInfo } from '@temporalio/workflow';
import { beginCycle, endCycle, isUploadHeld, recordOutcome } from '../src/model/cycle.js';
import { mergeDownloads } from '../src/model/download-outcome.js';
import {
  type DownloadInput,
  type DownloadResult,
  UPLOAD_MAX_DURATION_MS,
  type UploadReadingsInput,
} from '../src/model/operations.js';
import type { CycleKind, Operation, OperationResults, Outcome, SchedulerState } from '../src/model/state.js';
import { toStatus } from '../src/model/status.js';
import { type Calls, callsOf } from './proxies.js';
import { attempt } from './attempt-operation.js';
import { callEndable } from './end-operation.js';
import type { Answer } from './read-answer.js';
import { momentOf, type Site } from './site.js';
import { tellCycle, tellStatus } from './tell-worker.js';

/**
 * One cycle: upload, then meters, then tenants. Each has its own outcome, and one that fails does not stop the next.
 * A catch-up cycle uploads the backlog alone.
 */
export async function runCycle(site: Site, kind: CycleKind): Promise<void> {
  const since = Date.now(); // for the log alone
  const before = site.state;
  site.state = beginCycle(site.state, kind, site.state.reachedAt);
  tellStatus(site);
  log.debug('cycle started', { site: site.siteId, cycle: site.state.cycles + 1, kind });
  if (!leavesUploadOut(site)) {
    await runOperation(site, 'upload', (calls) => calls.uploadReadings(toUploadInput(site)));
  }
  if (kind === 'full') {
    await runOperation(site, 'meters', (calls) => calls.downloadMeters(toDownloadInput(site)));
    await runOperation(site, 'tenants', (calls) => calls.downloadTenants(toDownloadInput(site)));
    await retryWaitingMeters(site);
  }
  finishCycle(site, before, since);
}

/** True while an upload that failed with `data` waits: the cycle downloads alone. */
function leavesUploadOut({ siteId, state }: Site): boolean {
  if (!isUploadHeld(state, state.reachedAt)) return false;
  log.info('upload left out until it is tried again', {
    site: siteId,
    until: toStatus(siteId, state).uploadWaitsUntil,
  });
  return true;
}

async function runOperation<Name extends Operation>(
  site: Site,
  operation: Name,
  call: (calls: Calls) => Promise<Answer<OperationResults[Name]>>,
): Promise<void> {
  const outcome: Outcome<OperationResults[Name]> = await attempt(site, operation, () =>
    callEndable(site, () => call(callsOf(site))),
  );
  site.state = recordOutcome(site.state, operation, outcome);
  tellStatus(site);
}

/** A meter of a tenant that is new in this cycle could not be stored before that tenant was. */
async function retryWaitingMeters(site: Site): Promise<void> {
  const first = site.state.meters?.result;
  const newTenants = site.state.tenants?.result?.inserted ?? 0;
  if (!first || first.waiting === 0 || newTenants === 0) return;
  const again = async (calls: Calls): Promise<Answer<DownloadResult>> => {
    const { result, ran } = await calls.downloadMeters(toDownloadInput(site));
    return { result: mergeDownloads(first, result), ran };
  };
  await runOperation(site, 'meters', again);
}

function finishCycle(site: Site, before: SchedulerState, since: number): void {
  const { running } = site.state;
  if (running === null) return;
  site.state = endCycle(site.state, running, momentOf(site));
  site.cyclesThisRun += 1;
  const skippedTicks = site.state.skippedTicks - before.skippedTicks;
  const { kind } = running;
  const { ok, error } = site.state.lastCycle ?? { ok: true, error: null };
  const durationMs = Date.now() - since;
  tellCycle({ siteId: site.siteId, kind, ok, durationMs, skippedTicks });
  const missed = skippedTicks === 0 ? {} : { missedCycles: skippedTicks };
  const figures = { ...toFigures(site.state, before), ...missed };
  const facts = { site: site.siteId, cycle: site.state.cycles, kind, durationMs, ...figures };
  if (ok) log.info('cycle completed', facts);
  else log.info('cycle failed', { ...facts, error }); // the worker warns, once, see src/worker/watch/failure-log.ts
}

/** What the one line of a cycle says of it: of the operations that it has run, and of the queue. */
function toFigures(state: SchedulerState, before: SchedulerState): Record<string, unknown> {
  const { queueSize, oldestUnsynced, quarantined } = state.observed;
  const uploaded = state.upload === before.upload ? {} : { uploaded: state.upload?.result?.removed };
  const results = (['meters', 'tenants'] as const).map((name) =>
    state[name] === before[name] ? null : (state[name]?.result ?? null),
  );
  const sum = (count: 'inserted' | 'updated' | 'deactivated'): number =>
    results.reduce((total, result) => total + (result?.[count] ?? 0), 0);
  const changed = sum('inserted') + sum('updated') + sum('deactivated');
  return { ...uploaded, queueSize, oldestUnsynced, quarantined, ...(changed === 0 ? {} : { downloaded: changed }) };
}

function toDownloadInput({ siteId, state }: Site): DownloadInput {
  return { siteId, cycle: state.cycles + 1, ...(state.running?.full === true ? { full: true } : {}) };
}

function toUploadInput({ siteId, state }: Site): UploadReadingsInput {
  const owner = workflowInfo().firstExecutionRunId; // the same over continue-as-new
  return { siteId, batchRows: state.settings.batchRows, maxDurationMs: UPLOAD_MAX_DURATION_MS, owner };
}
