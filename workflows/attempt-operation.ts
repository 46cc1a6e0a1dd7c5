import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  log,
  rootCause,
  TimeoutFailure,
} from '@temporalio/workflow';
import { FAILURE_RULES, type FailureKind, type FailureReport, isFailureKind } from '../src/model/failures.js';
import type { Operation, Outcome } from '../src/model/state.js';

/**
 * Calls an activity and answers with how it ended; a failure is an outcome like any other.
 * @throws CancelledFailure when the workflow is cancelled, and errors of the workflow's own code
 */
export async function attempt<Result>(operation: Operation, call: () => Promise<Result>): Promise<Outcome<Result>> {
  const startedAt = Date.now();
  const at = { startedAt: new Date(startedAt).toISOString() };
  try {
    const result = await call();
    const durationMs = Date.now() - startedAt;
    log.info(`${operation} completed`, { ...toCounts(result), durationMs });
    return { ok: true, ...at, durationMs, result, error: null };
  } catch (failure) {
    if (isCancellation(failure) || !(failure instanceof ActivityFailure)) throw failure;
    const durationMs = Date.now() - startedAt;
    const error = toFailureReport(failure);
    log.warn(`${operation} failed`, { ...error, durationMs });
    return { ok: false, ...at, durationMs, result: null, error };
  }
}

/** The report that the activity gave; a failure that came without one is described from what Temporal knows. */
export function toFailureReport(failure: ActivityFailure): FailureReport {
  const { cause } = failure;
  if (cause instanceof ApplicationFailure && isFailureKind(cause.type)) {
    const [report] = cause.details ?? [];
    if (report !== undefined && report !== null) return report as FailureReport;
    return describe(cause.type, cause.message);
  }
  if (cause instanceof TimeoutFailure) {
    return describe(
      'unexpected',
      `the worker that ran ${failure.activityType} did not end it in time (${cause.timeoutType})`,
    );
  }
  return describe('unexpected', rootCause(failure) ?? failure.message);
}

function describe(kind: FailureKind, message: string): FailureReport {
  const { next } = FAILURE_RULES[kind];
  return { kind, message, sqlstate: null, side: null, table: null, column: null, constraint: null, next };
}

/** The numbers of a result: all that the log says of it. */
function toCounts(result: unknown): Record<string, unknown> {
  const entries = Object.entries(result ?? {}) as [string, unknown][];
  return Object.fromEntries(entries.filter(([, value]) => typeof value === 'number' || typeof value === 'boolean'));
}
