import { ApplicationFailure, Context } from '@temporalio/activity';
import type { FailureReport } from '../src/model/failures.js';
import type { Activities } from '../src/model/operations.js';
import type { ServerWait } from '../src/model/silence.js';
import { toSiteId } from '../src/model/wire.js';
import type { LogFacts } from './attempt.js';

/** What becomes of an attempt. */
type AttemptNews =
  | { readonly what: 'begun' }
  /** The waits for its servers that are worth telling; none: they are over. */
  | { readonly what: 'waits'; readonly waiting: readonly ServerWait[] }
  /** How far it has come. */
  | { readonly what: 'progress'; readonly progress: LogFacts }
  | { readonly what: 'ended'; readonly result: object; readonly durationMs: number }
  /** `isTriedAgain`: by Temporal, as another attempt of the same activity. */
  | { readonly what: 'failed'; readonly report: FailureReport; readonly isTriedAgain: boolean }
  /** It was given up: nobody waits for it any more. */
  | { readonly what: 'cut' };

/** The same, and of which attempt: the metrics, the health and the log of the worker follow from it. */
export type AttemptEvent = AttemptNews & {
  readonly siteId: string;
  readonly activity: keyof Activities;
  /** Counted from 1. */
  readonly attempt: number;
};

/** Hears of the attempts of a worker, at once. Must not throw. */
export type HearAttempt = (event: AttemptEvent) => void;

/** An activity whose attempts are heard of; without anybody to hear it is the activity itself. */
export function heard<Input, Result extends object>(
  hear: HearAttempt | undefined,
  activity: (input: Input) => Promise<Result>,
): (input: Input) => Promise<Result> {
  if (hear === undefined) return activity;
  return async (input) => {
    const tell = teller(hear, Context.current());
    const since = performance.now();
    tell({ what: 'begun' });
    try {
      const result = await activity(input);
      tell({ what: 'ended', result, durationMs: performance.now() - since });
      return result;
    } catch (error) {
      tell(toEnd(error, Context.current()));
      throw error;
    }
  };
}

/** Tells what becomes of the attempt of this context. A workflow of somebody else is not told of. */
export function teller(hear: HearAttempt | undefined, { info }: Context): (news: AttemptNews) => void {
  const siteId = toSiteId(info.workflowExecution?.workflowId ?? '');
  if (hear === undefined || siteId === null) return () => undefined;
  const attempt = { siteId, activity: info.activityType as keyof Activities, attempt: info.attempt };
  return (news) => hear({ ...attempt, ...news });
}

function toEnd(error: unknown, { info }: Context): AttemptNews {
  if (!(error instanceof ApplicationFailure)) return { what: 'cut' };
  const { nonRetryable, type, details } = error;
  const { maximumAttempts = Infinity, nonRetryableErrorTypes = [] } = info.retryPolicy ?? {};
  const isTriedAgain =
    nonRetryable !== true && info.attempt < maximumAttempts && !nonRetryableErrorTypes.includes(type ?? '');
  return { what: 'failed', report: details?.[0] as FailureReport, isTriedAgain };
}
