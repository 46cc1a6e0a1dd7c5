import { defineSearchAttributeKey } from '@temporalio/common';
import { ApplicationFailure, type CancellationScope, workflowInfo } from '@temporalio/workflow';
import { INVALID_INPUT, toShortMessage } from '../src/model/failures.js';
import type { Moment } from '../src/model/cycle.js';
import { laterOf } from '../src/model/loop-clock.js';
import { findInputProblems, findRunProblems, type SyncSchedulerInput } from '../src/model/scheduler.js';
import { openState, type SchedulerState, STATE_VERSION } from '../src/model/state.js';
import { jitterOf } from '../src/model/ticks.js';
import { SEARCH_ATTRIBUTES } from '../src/model/wire.js';

/** The search attribute of the oldest waiting reading. */
export const OLDEST = defineSearchAttributeKey(SEARCH_ATTRIBUTES.oldest, 'DATETIME');

/** One run of a site's scheduler: its input, and the state that every stage of the loop moves on. */
export interface Site {
  readonly siteId: string;
  readonly input: SyncSchedulerInput;
  state: SchedulerState;
  /** `Date.now()` when the loop's clock last moved. Only the lengths of timers may be computed from it. */
  movedAt: number;
  /** Signals and updates that may have changed what is next; a wait ends when it moves. */
  messages: number;
  cyclesThisRun: number;
  /** What this run's history has grown by: calls of activities, timers and messages, see `run-limit.ts`. */
  turns: number;
  /** The operation under way: cancelled, it ends early. */
  operation: CancellationScope | null;
}

/**
 * Takes up a site's input and, after continue-as-new, the state of the run before.
 * @throws ApplicationFailure `InvalidInput`, which fails the workflow at once and names every problem
 * @throws Error a continued run whose state this version does not know: that fails the workflow task alone, which a worker of
 *   the right version then takes up
 */
export function beginRun(input: SyncSchedulerInput): Site {
  const { workflowId, continuedFromExecutionRunId, startTime, typedSearchAttributes } = workflowInfo();
  if (continuedFromExecutionRunId === undefined) refuseBadInput(input, workflowId);
  else refuseOtherVersion(input);
  return {
    siteId: input.siteId,
    input,
    state: { showsOldest: typedSearchAttributes.get(OLDEST) !== undefined, ...openState(input, startTime.getTime()) },
    movedAt: Date.now(),
    messages: 0,
    cyclesThisRun: 0,
    turns: 0,
    operation: null,
  };
}

/** A run that continues another is never failed by its input: it could not be started again with what it knows. */
function refuseBadInput(input: SyncSchedulerInput, workflowId: string): void {
  const problems = [...findInputProblems(input), ...findRunProblems(input, workflowId)];
  if (problems.length > 0) throw ApplicationFailure.nonRetryable(toShortMessage(problems.join('; ')), INVALID_INPUT);
}

/** A run without a state begins anew: a retry or a cron schedule of Temporal's has started it, and it can never have one. */
function refuseOtherVersion({ state }: SyncSchedulerInput): void {
  if (state === undefined || state === null || state.version === STATE_VERSION) return;
  throw new Error('the state of the run before is of another version');
}

/** Where the site stands by the loop's clock, for what plans its next wait. */
export function momentOf({ siteId, state }: Site): Moment {
  const { cycles, breaker, reachedAt } = state;
  return { now: reachedAt, random: jitterOf(siteId, { cycles, failedProbes: breaker.failedProbes ?? 0 }) };
}

/** Moves the loop's clock on to an instant that the history holds; an earlier one, or none, leaves it. */
export function reach(site: Site, instant: number | string | undefined): void {
  const reachedAt = laterOf(site.state.reachedAt, instant);
  if (reachedAt === site.state.reachedAt) return;
  site.state = { ...site.state, reachedAt };
  site.movedAt = Date.now();
}
