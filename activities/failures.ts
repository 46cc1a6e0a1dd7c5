import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import {
  FAILURE_RULES,
  type FailureKind,
  type FailureReport,
  nameDba,
  nameSite,
  toShortMessage,
} from '../src/model/failures.js';
import { joinReports } from '../src/model/download-outcome.js';
import { DatabaseFailure, toFailureKind } from '../src/postgres/errors.js';
import { HeldFailure } from './download/guard/settle-hold.js';
import { startOfRan } from './timed.js';

/**
 * Runs an operation of a site and turns any error of it into an `ApplicationFailure` whose type is the failure kind and whose
 * details are a `FailureReport` and when the attempt ran. A failure that is not worth another attempt says so.
 * @throws CancelledFailure as it is: the attempt was given up
 */
export async function translateErrors<Result>(siteId: string, operate: () => Promise<Result>): Promise<Result> {
  const { info, log } = Context.current();
  const ran = startOfRan();
  try {
    return await operate();
  } catch (error) {
    if (error instanceof CancelledFailure) throw error;
    const report = toReport(error, siteId);
    log.debug('attempt failed', { kind: report.kind, attempt: info.attempt, error });
    throw ApplicationFailure.create({
      message: report.message,
      type: report.kind,
      nonRetryable: !isTriedAgain(error, info.attempt),
      details: [report, ran()],
    });
  }
}

/** Failures of one operation, each of another table, and the first one decides what follows. There is at least one. */
export class TablesFailure extends Error {
  override readonly name = 'TablesFailure';
  readonly failures: readonly unknown[];

  constructor(failures: readonly unknown[]) {
    super('tables could not be downloaded', { cause: failures[0] });
    this.failures = failures;
  }
}

/**
 * True when another attempt may help after this one, counted from 1. A server that was silent for a minute has had its time in
 * this cycle: the other operations are to go on.
 */
export function isTriedAgain(error: unknown, attempt: number): boolean {
  const [first] = error instanceof TablesFailure ? error.failures : [error];
  if (first instanceof DatabaseFailure && first.isSilence) return false;
  return attempt < FAILURE_RULES[toFailureKind(first)].maxAttempts;
}

/** Any error of a site's operation, for the workflow and the people who look at it. */
export function toReport(error: unknown, siteId: string): FailureReport {
  if (error instanceof TablesFailure) {
    const [first, ...others] = error.failures.map((failure) => toReport(failure, siteId));
    if (first !== undefined) return joinReports(first, others);
  }
  const kind: FailureKind = toFailureKind(error);
  const ofKind = FAILURE_RULES[kind].next;
  const [ownNext, side] = error instanceof DatabaseFailure ? [error.next, error.place.side] : [null, null];
  const next = nameSite(nameDba(ownNext ?? ofKind, side), siteId);
  if (error instanceof HeldFailure) {
    const { held } = error;
    return { kind, message: toShortMessage(error.message), sqlstate: null, ...error.place, next, held };
  }
  if (error instanceof DatabaseFailure) {
    return { kind, message: toShortMessage(error.message), sqlstate: error.sqlstate, ...error.place, next };
  }
  const message = toShortMessage(error instanceof Error ? error.message : String(error));
  return { kind, message, sqlstate: null, side: null, table: null, column: null, constraint: null, next };
}
