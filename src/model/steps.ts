import { hurryProbe } from './breaker.js';
import { applySettings, type SchedulerSettings } from './scheduler-settings.js';
import type { CycleKind, SchedulerState } from './state.js';
import { firstTickAfter, isTicksOwn, tickAfter } from './ticks.js';

/** What a scheduler does next. Instants are epoch milliseconds of the loop's clock; `until` null waits for a signal alone. */
type Step =
  | { readonly do: 'end' }
  | { readonly do: 'cycle'; readonly kind: CycleKind }
  | { readonly do: 'probe' }
  | { readonly do: 'wait'; readonly until: number | null };

/**
 * The one decision of the loop. A stop goes before everything; an order to sync now goes before a pause and an open
 * breaker, since a person has asked for it; a tick goes before the backlog, so that downloads keep their pace.
 */
export function decideStep(state: SchedulerState, now: number): Step {
  if (state.stopRequested) return { do: 'end' };
  if (state.syncNowRequested) return { do: 'cycle', kind: 'full' };
  if (state.paused) return { do: 'wait', until: null };
  if (state.breaker.nextProbeAt !== null) {
    return now >= state.breaker.nextProbeAt ? { do: 'probe' } : { do: 'wait', until: state.breaker.nextProbeAt };
  }
  if (state.cycleRequested || now >= state.nextTickAt) return { do: 'cycle', kind: 'full' };
  if (hasBacklog(state)) return { do: 'cycle', kind: 'catchUp' };
  return { do: 'wait', until: state.nextTickAt };
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
 * Begins no further cycle until `resume`; the running one ends. `order` comes from any client: of `{ by?, reason? }` only texts are
 * taken. A second pause changes nothing: who wanted the first one is told.
 */
export function pause(state: SchedulerState, order?: unknown): SchedulerState {
  if (state.paused) return state;
  const { by, reason } = (order ?? {}) as { readonly by?: unknown; readonly reason?: unknown };
  return { ...state, paused: true, pausedBy: { by: toText(by), reason: toText(reason), at: state.reachedAt } };
}

/** How much of a name or a reason is kept. */
const MAX_TEXT = 200;

function toText(told: unknown): string | null {
  return typeof told === 'string' && told.trim() !== '' ? told.trim().slice(0, MAX_TEXT) : null;
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
