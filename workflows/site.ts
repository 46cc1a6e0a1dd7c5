import { ApplicationFailure, type CancellationScope, workflowInfo } from '@temporalio/workflow';
import { INVALID_INPUT, toShortMessage } from '../src/model/failures.js';
import { findInputProblems, findRunProblems, type SyncSchedulerInput } from '../src/model/scheduler.js';
import { openState, type SchedulerState } from '../src/model/state.js';

/** One run of a site's scheduler: its input, and the state that every stage of the loop moves on. */
export interface Site {
  readonly siteId: string;
  readonly input: SyncSchedulerInput;
  state: SchedulerState;
  /** Signals and updates of this run; a wait ends when it moves. */
  messages: number;
  cyclesThisRun: number;
  /** The upload under way: cancelled, it ends early. */
  upload: CancellationScope | null;
}

/**
 * Takes up a site's input and, after continue-as-new, the state of the run before.
 * @throws ApplicationFailure `InvalidInput`, which fails the workflow at once and names every problem
 */
export function openSite(input: SyncSchedulerInput): Site {
  const { workflowId, continuedFromExecutionRunId } = workflowInfo();
  const isContinued = continuedFromExecutionRunId !== undefined;
  const problems = [...findInputProblems(input), ...findRunProblems(input, { workflowId, isContinued })];
  if (problems.length > 0) throw ApplicationFailure.nonRetryable(toShortMessage(problems.join('; ')), INVALID_INPUT);
  return {
    siteId: input.siteId,
    input,
    state: openState(input, Date.now()),
    messages: 0,
    cyclesThisRun: 0,
    upload: null,
  };
}
