import { proxySinks, workflowInfo } from '@temporalio/workflow';
import { toFacts } from '../src/model/status-facts.js';
import type { EndedCycle, WorkerEars } from '../src/model/told.js';
import type { Site } from './site.js';

const worker = proxySinks<WorkerEars>().meterSync;

/** Tells the worker how the site stands: its metrics, its health and its log follow. Leaves nothing in the history. */
export function tellStatus({ siteId, state }: Site): void {
  if (!isReplay()) worker.status(toFacts(siteId, state));
}

/** Tells the worker of a cycle that has ended. */
export function tellCycle(cycle: EndedCycle): void {
  if (!isReplay()) worker.cycleEnded(cycle);
}

/** A sink leaves calls of a replay out by itself, once they have been made; a whole history of them would cost more than the replay. */
function isReplay(): boolean {
  return workflowInfo().unsafe.isReplaying;
}
