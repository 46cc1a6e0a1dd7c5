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
import type { SchedulerState } from '../src/model/state.js';
import { type Status, toStatus } from '../src/model/status.js';
import { decideStep } from '../src/model/steps.js';
import { receiveMessages } from './messages.js';
import { lookWhileWaiting, probeBreaker } from './probe-databases.js';
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
    if (isRunFull(site) || site.state.moveTo !== undefined) await carryOn(site);
    else if (step.do === 'cycle') await runCycle(site, step.kind);
    else if (step.do === 'probe') await probeBreaker(site);
    else if (step.do === 'look') await lookWhileWaiting(site);
    else await waitFor(site, step.until);
  }
}

/**
 * Waits for a message or for an instant of the loop's clock, which has come when the timer has fired. `Date.now()` says how long that
 * timer runs: a replay compares that there is a timer, and not its length.
 */
async function waitFor(site: Site, until: number): Promise<void> {
  const seen = site.messages;
  const isWoken = (): boolean => site.messages !== seen || isRunFull(site);
  const { state, movedAt } = site;
  const timerMs = toTimerMs(until, { reachedAt: state.reachedAt, movedAt, now: Date.now() });
  const hasFired = !(await condition(isWoken, timerMs, { summary: nameWait(state) }));
  site.turns += 1; // not before: a run that this timer filled would be woken from it at once
  if (hasFired) reach(site, until);
}

function nameWait({ paused, breaker }: SchedulerState): string {
  if (paused) return 'paused: next look at the queue';
  return breaker.nextProbeAt === null ? 'next cycle' : 'next probe of the databases';
}

/** True when the history of this run should end. */
function isRunFull(site: Site): boolean {
  return isFull(site, site.input.maxCyclesPerRun ?? undefined);
}

/**
 * Goes on in a new run, on another task queue where a move asks for it. The memo must be handed over, or what was put into it since the
 * start is lost. A message that arrives before the command is taken by the server is handled first, and so is part of the state.
 */
async function carryOn(site: Site): Promise<void> {
  await condition(allHandlersFinished);
  if (site.state.stopRequested) return;
  const { memo } = workflowInfo();
  const { moveTo, ...state } = site.state;
  if (moveTo !== undefined) log.info('scheduler moves', { site: site.siteId, ...moveTo });
  const next = makeContinueAsNewFunc<typeof syncScheduler>({
    ...(memo === undefined ? {} : { memo }),
    ...(moveTo === undefined ? {} : { taskQueue: moveTo.taskQueue }),
  });
  const apart = moveTo === undefined ? {} : { activityTaskQueue: moveTo.activityTaskQueue };
  await next({ ...site.input, ...apart, state });
}

async function end(site: Site): Promise<Status> {
  await condition(allHandlersFinished);
  site.state = { ...site.state, stopped: true, running: null };
  publish(site);
  const { cycles, observed } = site.state;
  log.info('scheduler stopped', { site: site.siteId, cycles, totalRecordsSynced: observed.totalRecordsSynced });
  return toStatus(site.siteId, site.state);
}
