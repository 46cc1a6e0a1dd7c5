import {
  allHandlersFinished,
  CancellationScope,
  condition,
  isCancellation,
  log,
  makeContinueAsNewFunc,
  workflowInfo,
} from '@temporalio/workflow';
import { toTimerMs } from '../src/model/loop-clock.js';
import { isFull } from '../src/model/run-limit.js';
import type { SyncSchedulerInput } from '../src/model/scheduler.js';
import { type Status, toStatus } from '../src/model/status.js';
import { decideStep } from '../src/model/steps.js';
import { receiveMessages } from './messages.js';
import { probeBreaker } from './probe-databases.js';
import { publish } from './publish.js';
import { runCycle } from './run-cycle.js';
import { beginRun, reach, type Site } from './site.js';

/**
 * Keeps one site's two databases in step until it is told to stop: the first cycle at once, then one at each tick.
 *
 * Ends with the final status after the signal `stop`, and continues as new when its history has become long, with
 * all of its state. Cancelled, it gives up the running cycle and ends as cancelled, and its status and search attributes say so.
 */
export async function syncScheduler(input: SyncSchedulerInput): Promise<Status> {
  const site = beginRun(input);
  receiveMessages(site); // before the first await: a signal may be waiting already
  if (input.state === undefined) log.info('scheduler started', { site: site.siteId, ...site.state.settings });
  try {
    await runUntilStopped(site);
  } catch (failure) {
    if (isCancellation(failure)) await CancellationScope.nonCancellable(() => end(site));
    throw failure;
  }
  return end(site);
}

/** Every decision is `decideStep`; this function waits and calls. */
async function runUntilStopped(site: Site): Promise<void> {
  for (;;) {
    publish(site);
    const step = decideStep(site.state, site.state.reachedAt);
    if (step.do === 'end') return;
    if (isRunFull(site)) await carryOn(site);
    else if (step.do === 'cycle') await runCycle(site, step.kind);
    else if (step.do === 'probe') await probeBreaker(site);
    else await waitFor(site, step.until);
  }
}

/**
 * Waits for a message or, unless only a message can go on, for an instant of the loop's clock, which has come when the timer
 * has fired. `Date.now()` says how long that timer runs: a replay compares that there is a timer, and not its length.
 */
async function waitFor(site: Site, until: number | null): Promise<void> {
  const seen = site.messages;
  const isWoken = (): boolean => site.messages !== seen || isRunFull(site);
  if (until === null) return condition(isWoken);
  const isOpen = site.state.breaker.nextProbeAt !== null;
  const { state, movedAt } = site;
  const timerMs = toTimerMs(until, { reachedAt: state.reachedAt, movedAt, now: Date.now() });
  const summary = isOpen ? 'next probe of the databases' : 'next cycle';
  const hasFired = !(await condition(isWoken, timerMs, { summary }));
  site.turns += 1; // not before: a run that this timer filled would be woken from it at once
  if (hasFired) reach(site, until);
}

/** True when the history of this run should end. */
function isRunFull(site: Site): boolean {
  return isFull(site, site.input.maxCyclesPerRun ?? undefined);
}

/**
 * Goes on in a new run. The memo must be handed over, or what was put into it since the start is lost. A message that
 * arrives before the command is taken by the server is handled first, and so is part of the state.
 */
async function carryOn(site: Site): Promise<void> {
  await condition(allHandlersFinished);
  if (site.state.stopRequested) return;
  const { memo } = workflowInfo();
  const next = makeContinueAsNewFunc<typeof syncScheduler>(memo === undefined ? {} : { memo });
  await next({ ...site.input, state: site.state });
}

async function end(site: Site): Promise<Status> {
  await condition(allHandlersFinished);
  site.state = { ...site.state, stopped: true, running: null };
  publish(site);
  const { cycles, observed } = site.state;
  log.info('scheduler stopped', { site: site.siteId, cycles, totalRecordsSynced: observed.totalRecordsSynced });
  return toStatus(site.siteId, site.state);
}
