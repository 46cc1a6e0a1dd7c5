import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import type { FailureKind } from '../src/model/failures.js';
import type { Ran } from '../src/model/loop-clock.js';
import type { Activities } from '../src/model/operations.js';

/** What an activity answered; `ran` is undefined when it told no instant that can be believed. */
export interface Answer<Result> {
  readonly result: Result;
  readonly ran: Ran | undefined;
}

/**
 * Reads the answer of an activity. A worker of another version may give it, or a person who completes an activity by hand, so
 * its shape is looked at: an exception in the workflow's code would fail its task again and again.
 * @throws ActivityFailure `unexpected` - the answer holds no result; what the loop does with it is what it does with any failure
 */
export function readAnswer<Result extends object>(
  name: keyof Activities,
  answer: { readonly result: Result; readonly ran?: unknown } | null | undefined,
): Answer<Result> {
  const { result, ran } = isObject(answer) ? answer : { result: null };
  if (isObject(result)) return { result, ran: toRan(ran) };
  const message = `${name} was completed with an answer that holds no result; is its worker of this version?`;
  const cause = ApplicationFailure.nonRetryable(message, 'unexpected' satisfies FailureKind);
  throw new ActivityFailure(message, name, undefined, 'NON_RETRYABLE_FAILURE', undefined, cause);
}

/** When an attempt ended, as it told itself; what is no such word is as good as none. */
export function toRan(told: unknown): Ran | undefined {
  if (!isObject(told) || !('askedAt' in told) || !('endedAt' in told)) return undefined;
  const { askedAt, endedAt } = told;
  return typeof askedAt === 'string' && typeof endedAt === 'string' ? { askedAt, endedAt } : undefined;
}

function isObject<Value>(value: Value): value is Value & object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
