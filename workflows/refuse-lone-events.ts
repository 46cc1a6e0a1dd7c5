import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';
import { type Activation, NOTHING_HANDED_OVER, takeActivation, WORKER_NOT_READY } from '../src/model/activations.js';

/** What the SDK hands over in one step. */
type Step = Parameters<
  NonNullable<ReturnType<WorkflowInterceptorsFactory>['internals']>[number]['activate'] & object
>[0];

/** The SDK's name for a query that came without a workflow task. */
const LONE_QUERY = 'legacy_query';

/** Refuses steps that no replay would see, see `src/model/activations.ts`. It adds nothing to a history. */
export const interceptors: WorkflowInterceptorsFactory = () => {
  let handedOver = NOTHING_HANDED_OVER;
  return {
    internals: [
      {
        activate(input, next) {
          const taken = takeActivation(handedOver, toActivation(input));
          if (taken === null) throw new Error(WORKER_NOT_READY); // fails the query alone
          handedOver = taken;
          return next(input);
        },
      },
    ],
  };
};

function toActivation({ activation }: Step): Activation {
  const { jobs, timestamp, isReplaying, historyLength } = activation;
  const queries = (jobs ?? []).flatMap(({ queryWorkflow }) => queryWorkflow ?? []);
  const isQuery = queries.length > 0 && queries.length === jobs?.length;
  const isLone = queries.some(({ queryId }) => queryId === LONE_QUERY);
  return {
    kind: isQuery ? (isLone ? 'loneQuery' : 'ownQuery') : 'events',
    isReplaying: isReplaying === true,
    begins: jobs?.some(({ initializeWorkflow }) => initializeWorkflow) ?? false,
    at: `${String(timestamp?.seconds ?? '')}.${timestamp?.nanos ?? ''}`,
    historyLength: Number(historyLength ?? 0),
  };
}
