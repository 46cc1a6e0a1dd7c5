import { log, patched, workflowInfo } from '@temporalio/workflow';
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
import { callEndable } from './end-upload.js';
import type { Site } from './site.js';

/**
 * One cycle: upload, then meters, then tenants. Each has its own outcome, and one that fails does not stop the next.
 * A catch-up cycle uploads the backlog alone.
 */
export async function runCycle(site: Site, kind: CycleKind): Promise<void> {
  site.state = beginCycle(site.state, kind, Date.now());
  log.info('cycle started', {
    site: site.siteId,
    cycle: site.state.cycles + 1,
    kind,
    queueSize: site.state.observed.queueSize,
  });
  if (!leavesUploadOut(site)) {
    await runOperation(site, 'upload', (calls) => callEndable(site, () => calls.upload(toUploadInput(site))));
  }
  if (kind === 'full') {
    await runOperation(site, 'meters', (calls) => calls.meters(toDownloadInput(site)));
    await runOperation(site, 'tenants', (calls) => calls.tenants(toDownloadInput(site)));
    await retryWaitingMeters(site);
  }
  finishCycle(site);
}

/** What an older version has recorded is replayed as it was: it uploaded in every cycle. */
const UPLOAD_WAITS = 'upload-waits';

/** True while an upload that failed with `data` waits: the cycle downloads alone. */
function leavesUploadOut({ siteId, state }: Site): boolean {
  if (!isUploadHeld(state, Date.now()) || !patched(UPLOAD_WAITS)) return false;
  log.info('upload left out until it is tried again', {
    site: siteId,
    until: toStatus(siteId, state).uploadWaitsUntil,
  });
  return true;
}

async function runOperation<Name extends Operation>(
  site: Site,
  operation: Name,
  call: (calls: Calls) => Promise<OperationResults[Name]>,
): Promise<void> {
  const outcome: Outcome<OperationResults[Name]> = await attempt(site.siteId, operation, () => call(callsOf(site)));
  site.state = recordOutcome(site.state, operation, outcome);
}

/** A meter of a tenant that is new in this cycle could not be stored before that tenant was. */
async function retryWaitingMeters(site: Site): Promise<void> {
  const first = site.state.meters?.result;
  const newTenants = site.state.tenants?.result?.inserted ?? 0;
  if (!first || first.waiting === 0 || newTenants === 0) return;
  const again = async (calls: Calls): Promise<DownloadResult> =>
    mergeDownloads(first, await calls.meters(toDownloadInput(site)));
  await runOperation(site, 'meters', again);
}

function finishCycle(site: Site): void {
  const { running, skippedTicks: skippedBefore } = site.state;
  if (running === null) return;
  const now = Date.now();
  site.state = endCycle(site.state, running, { now, random: Math.random() });
  site.cyclesThisRun += 1;
  const { cycles, lastCycle, skippedTicks, consecutiveFailures } = site.state;
  const facts = { site: site.siteId, cycle: cycles, kind: running.kind, durationMs: now - running.startedAt };
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
