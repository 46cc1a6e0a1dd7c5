/**
 * A query that waits while no worker is there is handed to the next one with the whole history, and SDK 1.24 then runs the workflow
 * on over events of which no workflow task has been answered: a timer that fired, say, or a signal. Nothing of that is recorded, but
 * the worker keeps it in its memory, and what comes next is built upon it: an update of the very same task comes as a step of its own.
 * A replay sees them together, in another order, and the site would be stuck for ever. So such steps are refused: the query fails, the
 * worker forgets the workflow, and takes it up again from its history.
 */

/** Why such a query failed; whoever asked reads it. */
export const WORKER_NOT_READY = 'asked before its worker was ready: ask again';

/** One step of the SDK: the jobs that it hands to a workflow at once. */
export interface Activation {
  /** `events`: what has happened. `ownQuery`: a query that came with a workflow task; `loneQuery`: without one. */
  readonly kind: 'events' | 'ownQuery' | 'loneQuery';
  readonly isReplaying: boolean;
  /** True for the step that begins a run. */
  readonly begins: boolean;
  /** When its workflow task was started: no two tasks have the same instant, and a query alone has that of the last task. */
  readonly at: string;
  /** Events that the SDK has handed over, this step's among them. */
  readonly historyLength: number;
}

/** What was handed over so far to a workflow in the memory of a worker. */
export interface HandedOver {
  readonly at: string | null;
  readonly historyLength: number;
  /** Tasks that were no replay. */
  readonly liveTasks: number;
  /** True: this memory has the run from its beginning on, so no query was there before its first task. */
  readonly hasBegun: boolean;
}

export const NOTHING_HANDED_OVER: HandedOver = { at: null, historyLength: 0, liveTasks: 0, hasBegun: false };

/**
 * Takes a step, or refuses it: null. Refused are events with the instant of the task before, and a lone query after the very first
 * task that this memory was handed live: whether that task is one that will be answered cannot be seen. Such a query fails for nothing
 * now and then; asked again, it is answered.
 */
export function takeActivation(before: HandedOver, step: Activation): HandedOver | null {
  const { at, historyLength, isReplaying, kind } = step;
  if (kind === 'ownQuery') return before;
  if (kind === 'loneQuery') {
    const isDoubtful = before.liveTasks === 1 && !before.hasBegun && before.historyLength === historyLength;
    return isDoubtful ? null : before;
  }
  const isNewTask = historyLength > before.historyLength;
  if (isNewTask && !isReplaying && before.at === at) return null;
  return {
    at,
    historyLength,
    liveTasks: before.liveTasks + (isNewTask && !isReplaying ? 1 : 0),
    hasBegun: before.hasBegun || (step.begins && !isReplaying),
  };
}
