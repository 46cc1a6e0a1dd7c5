import { ActivityFailure, CancellationScope, isCancellation, log } from '@temporalio/workflow';
import { laterOf } from '../src/model/loop-clock.js';
import type { Operation, Outcome } from '../src/model/state.js';
import { ranOf, toFailureReport } from './failure-report.js';
import type { Answer } from './read-answer.js';
import { reach, type Site } from './site.js';

/**
 * Calls an activity and answers with how it ended; a failure is an outcome like any other. The loop's clock moves on to the
 * instant of that end.
 * @throws CancelledFailure when the workflow is cancelled, and errors of the workflow's own code
 */
export async function attempt<Result>(
  site: Site,
  operation: Operation,
  call: () => Promise<Answer<Result>>,
): Promise<Outcome<Result>> {
  const calledAt = site.state.reachedAt;
  const since = Date.now(); // for the duration alone, which people read and nothing is decided by
  try {
    const { result, ran } = await call();
    const at = { startedAt: toStart(calledAt, ran?.askedAt), durationMs: Date.now() - since };
    reach(site, ran?.endedAt);
    log.debug(`${operation} completed`, { ...toCounts(result), durationMs: at.durationMs });
    return { ok: true, ...at, result, error: null };
  } catch (failure) {
    if (!(failure instanceof ActivityFailure) || isWorkflowsOwn(failure)) throw failure;
    const ran = ranOf(failure);
    const at = { startedAt: toStart(calledAt, ran?.askedAt), durationMs: Date.now() - since };
    reach(site, ran?.endedAt);
    const error = toFailureReport(failure, site.siteId);
    log.debug(`${operation} failed`, { ...error, durationMs: at.durationMs });
    return { ok: false, ...at, result: null, error };
  }
}

/** When an operation began, by the loop's clock: the clock may have been behind when it was called. */
function toStart(calledAt: number, askedAt: string | undefined): string {
  return new Date(laterOf(calledAt, askedAt)).toISOString();
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
