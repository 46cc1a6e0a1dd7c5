import { log, workflowInfo } from '@temporalio/workflow';
import { beginCycle, endCycle, isUploadHeld, recordOutcome } from '../src/model/cycle.js';
import { mergeDownloads } from '../src/model/download-outcome.js';
import {
  type DownloadInput,
  type DownloadResult,
  UPLOAD_MAX_DURATION_MS,
  type UploadReadingsInput,
} from '../src/model/operations.js';
import type { CycleKind, Operation, OperationResults, Outcome } from '../src/model/state.js';
import { toStatus } from '../src/model/status.js';
import { type Calls, callsOf } from './proxies.js';
import { attempt } from './attempt-operation.js';
import { callEndable } from './end-operation.js';
import type { Answer } from './read-answer.js';
import { momentOf, type Site } from './site.js';

/**
 * One cycle: upload, then meters, then tenants. Each has its own outcome, and one that fails does not stop the next.
 * A catch-up cycle uploads the backlog alone.
 */
export async function runCycle(site: Site, kind: CycleKind): Promise<void> {
  const since = Date.now(); // for the log alone
  site.state = beginCycle(site.state, kind, site.state.reachedAt);
  log.info('cycle started', {
    site: site.siteId,
    cycle: site.state.cycles + 1,
    kind,
    queueSize: site.state.observed.queueSize,
  });
  if (!leavesUploadOut(site)) {
    await runOperation(site, 'upload', (calls) => calls.uploadReadings(toUploadInput(site)));
  }
  if (kind === 'full') {
    await runOperation(site, 'meters', (calls) => calls.downloadMeters(toDownloadInput(site)));
    await runOperation(site, 'tenants', (calls) => calls.downloadTenants(toDownloadInput(site)));
    await retryWaitingMeters(site);
  }
  finishCycle(site, since);
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

function finishCycle(site: Site, since: number): void {
  const { running, skippedTicks: skippedBefore } = site.state;
  if (running === null) return;
  site.state = endCycle(site.state, running, momentOf(site));
  site.cyclesThisRun += 1;
  const { cycles, lastCycle, skippedTicks, consecutiveFailures } = site.state;
  const facts = { site: site.siteId, cycle: cycles, kind: running.kind, durationMs: Date.now() - since };
  if (lastCycle?.ok === true) log.info('cycle completed', facts);
  else log.warn('cycle failed', { ...facts, consecutiveFailures, error: lastCycle?.error });
  const skipped = skippedTicks - skippedBefore;
  if (skipped > 0) log.warn('ticks skipped', { site: site.siteId, skipped, skippedTicks });
}

function toDownloadInput({ siteId, state }: Site): DownloadInput {
  return { siteId, cycle: state.cycles + 1, ...(state.running?.full === true ? { full: true } : {}) };
}

function toUploadInput({ siteId, state }: Site): UploadReadingsInput {
  const owner = workflowInfo().firstExecutionRunId; // the same over continue-as-new
  return { siteId, batchRows: state.settings.batchRows, maxDurationMs: UPLOAD_MAX_DURATION_MS, owner };
}
