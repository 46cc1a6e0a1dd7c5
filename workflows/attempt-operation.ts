import { ActivityFailure, CancellationScope, isCancellation, log } from '@temporalio/workflow';
import type { Operation, Outcome } from '../src/model/state.js';
import { toFailureReport } from './failure-report.js';

/**
 * Calls an activity and answers with how it ended; a failure is an outcome like any other.
 * @throws CancelledFailure when the workflow is cancelled, and errors of the workflow's own code
 */
export async function attempt<Result>(
  siteId: string,
  operation: Operation,
  call: () => Promise<Result>,
): Promise<Outcome<Result>> {
  const startedAt = Date.now();
  const at = { startedAt: new Date(startedAt).toISOString() };
  try {
    const result = await call();
    const durationMs = Date.now() - startedAt;
    log.info(`${operation} completed`, { ...toCounts(result), durationMs });
    return { ok: true, ...at, durationMs, result, error: null };
  } catch (failure) {
    if (!(failure instanceof ActivityFailure) || isWorkflowsOwn(failure)) throw failure;
    const durationMs = Date.now() - startedAt;
    const error = toFailureReport(failure, siteId);
    log.warn(`${operation} failed`, { ...error, durationMs });
    return { ok: false, ...at, durationMs, result: null, error };
  }
}

/** True for the cancellation of the whole workflow; an upload that was asked to end early is one that failed, at worst. */
function isWorkflowsOwn(failure: ActivityFailure): boolean {
  return isCancellation(failure) && CancellationScope.current().consideredCancelled;
}

/** The numbers of a result: all that the log says of it. */
function toCounts(result: unknown): Record<string, unknown> {
  const entries = Object.entries(result ?? {}) as [string, unknown][];
  return Object.fromEntries(entries.filter(([, value]) => typeof value === 'number' || typeof value === 'boolean'));
}
