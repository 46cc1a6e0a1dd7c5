import { hurryProbe } from './breaker.js';
import { nextLookAt } from './looks.js';
import { readMove, readPause } from './orders.js';
import { applySettings, type SchedulerSettings } from './scheduler-settings.js';
import type { CycleKind, SchedulerState } from './state.js';
import { firstTickAfter, isTicksOwn, tickAfter } from './ticks.js';

/** What a scheduler does next. Instants are epoch milliseconds of the loop's clock. */
type Step =
  | { readonly do: 'end' }
  | { readonly do: 'cycle'; readonly kind: CycleKind }
  | { readonly do: 'probe' }
  | { readonly do: 'look' }
  | { readonly do: 'wait'; readonly until: number };

/**
 * The one decision of the loop. A stop goes before everything; an order to sync now goes before a pause and an open
 * breaker, since a person has asked for it; a tick goes before the backlog, so that downloads keep their pace.
 */
export function decideStep(state: SchedulerState, now: number): Step {
  if (state.stopRequested) return { do: 'end' };
  if (state.syncNowRequested) return { do: 'cycle', kind: 'full' };
  if (state.paused) return waitUntil(Infinity, state, now);
  if (state.breaker.nextProbeAt !== null) {
    return now >= state.breaker.nextProbeAt ? { do: 'probe' } : waitUntil(state.breaker.nextProbeAt, state, now);
  }
  if (state.cycleRequested || now >= state.nextTickAt) return { do: 'cycle', kind: 'full' };
  if (hasBacklog(state)) return { do: 'cycle', kind: 'catchUp' };
  return waitUntil(state.nextTickAt, state, now);
}

/** A wait in which the queue is looked at, when nothing else does. */
function waitUntil(until: number, state: SchedulerState, now: number): Step {
  const lookAt = nextLookAt(state) ?? Infinity;
  return now >= lookAt ? { do: 'look' } : { do: 'wait', until: Math.min(until, lookAt) };
}

/** True while the last upload moved readings and left others in the queue; one that moved none waits for the next tick. */
export function hasBacklog(state: SchedulerState): boolean {
  const result = state.upload?.result;
  return result?.more === true && result.removed > 0;
}

/** The running cycle ends, then the workflow. */
export function requestStop(state: SchedulerState): SchedulerState {
  return state.stopRequested ? state : { ...state, stopRequested: true };
}

/**
 * Begins no further cycle until `resume`; the running one ends. `order` comes from any client. A second pause changes nothing: who
 * wanted the first one is told.
 */
export function pause(state: SchedulerState, order?: unknown): SchedulerState {
  if (state.paused) return state;
  return { ...state, paused: true, pausedBy: { ...readPause(order), at: state.reachedAt } };
}

/** Where a run of the workflow has its tasks and its activities; null: the activities are where the workflow is. */
export interface Place {
  readonly taskQueue: string;
  readonly activityTaskQueue: string | null;
}

/**
 * Goes on elsewhere once the running cycle has ended, which is cut short as by a pause and therefore followed by another. `order` comes
 * from any client: what is no move, or leads to where the site is, changes nothing.
 */
export function requestMove(state: SchedulerState, here: Place, order: unknown): SchedulerState {
  const { moveTo: before, ...rest } = state;
  const moveTo = readMove(order);
  if (moveTo === null) return state;
  const isHere = moveTo.taskQueue === here.taskQueue && moveTo.activityTaskQueue === here.activityTaskQueue;
  if (isHere) return before === undefined ? state : rest;
  return { ...rest, moveTo, cycleRequested: state.cycleRequested || state.running !== null };
}

/**
 * Goes on with a cycle at once; the ticks stay where they are, and those that passed meanwhile were not missed, since nobody
 * wanted them. A cycle that is under way is that cycle, unless the pause has cut it short. An upload that failed with `data` is
 * not waited for: the person may have ended its cause.
 */
export function resume(state: SchedulerState): SchedulerState {
  if (!state.paused) return state;
  const { running } = state;
  const isThatCycle = running?.kind === 'full' && running.cutShort !== true;
  return {
    ...state,
    paused: false,
    pausedBy: null,
    uploadWait: null,
    cycleRequested: state.cycleRequested || !isThatCycle,
  };
}

/** The upload of the cycle under way has been asked to end with its batch. */
export function cutShort(state: SchedulerState): SchedulerState {
  return state.running === null ? state : { ...state, running: { ...state.running, cutShort: true } };
}

/**
 * Wants a full cycle at once, whatever the plan. An order that is given twice before that cycle counts once. `order` comes
 * from any client: what is not `{ full: true }` asks for nothing more.
 */
export function requestSyncNow(state: SchedulerState, order?: unknown): SchedulerState {
  const isFull = typeof order === 'object' && order !== null && 'full' in order && order.full === true;
  return { ...state, syncNowRequested: true, ...(isFull ? { fullRequested: true } : {}) };
}

/**
 * Takes new settings. With a new interval the next tick is counted from the last planned one, and is never in the past; one
 * that is due stays due, and the end of a tick's own cycle plans the next by itself. An open breaker waits for its next probe no longer than the new interval
 * would have it wait.
 */
export function configure(state: SchedulerState, change: Partial<SchedulerSettings>, now: number): SchedulerState {
  const settings = applySettings(state.settings, change);
  const breaker = hurryProbe(state.breaker, settings.intervalMs, now);
  const isDue = now >= state.nextTickAt;
  if (isDue || (state.running !== null && isTicksOwn(state.running, state.nextTickAt))) {
    return { ...state, settings, breaker };
  }
  const lastTickAt = state.nextTickAt - state.settings.intervalMs;
  const grid = { intervalMs: settings.intervalMs, phase: state.phase };
  // the first tick of a site has none before it, so what would be its predecessor may be yet to come
  const nextTickAt = lastTickAt > now ? firstTickAfter(now, grid) : tickAfter(lastTickAt, grid);
  return { ...state, settings, breaker, nextTickAt: Math.max(now, nextTickAt) };
}
