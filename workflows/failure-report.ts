import type { ActivityFailure } from '@temporalio/workflow';
import { ApplicationFailure, CancelledFailure, rootCause, TimeoutFailure } from '@temporalio/workflow';
import type { Ran } from '../src/model/loop-clock.js';
import {
  FAILURE_RULES,
  type FailureKind,
  type FailureReport,
  isFailureKind,
  nameSite,
  toShortMessage,
} from '../src/model/failures.js';
import { toRan } from './read-answer.js';

/** The types by which the SDK says that a worker gave an attempt up, and not that the attempt failed. */
const ENDED_WITH_WORKER = 'WorkerShutdown';
const LOOK_AT_WORKER =
  "The next cycle tries again by itself. If it stays, look at the site's worker: whether it runs, is killed, or has too little time";
const START_WORKER =
  "Start the site's worker, or look at its machine and its link to Temporal. Readings wait at the site; what can be done from here: meter-sync stop";
const GOES_ON = 'Nothing to do: the next cycle goes on where the last batch has ended';

/** The report that the activity gave; a failure that came without one is described from what Temporal knows. */
export function toFailureReport(failure: ActivityFailure, siteId: string): FailureReport {
  const describe = (kind: FailureKind, message: string): FailureReport => describeFor(siteId, kind, message);
  const { cause, activityType } = failure;
  if (cause instanceof ApplicationFailure && isFailureKind(cause.type)) {
    const [report] = cause.details ?? [];
    const known = describe(cause.type, cause.message);
    return isReport(report) ? fillIn(report, known) : known;
  }
  if (cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START') {
    const message = `no worker of the site has taken ${activityType}: the site's worker is away`;
    return { ...describe('unreachable', message), next: nameSite(START_WORKER, siteId), workerAway: true };
  }
  if (cause instanceof TimeoutFailure) {
    const message = `no worker ended ${activityType} in time (${cause.timeoutType})`;
    return { ...describe('unexpected', message), next: LOOK_AT_WORKER };
  }
  if (cause instanceof ApplicationFailure && cause.type === ENDED_WITH_WORKER) {
    const message = `the worker that ran ${activityType} was shut down before it had ended`;
    return { ...describe('unexpected', message), next: LOOK_AT_WORKER };
  }
  if (cause instanceof CancelledFailure) {
    const message = `${activityType} was told to end, by a stop, a pause or a move, before an attempt could answer`;
    return { ...describe('unexpected', message), next: GOES_ON };
  }
  return describe('unexpected', rootCause(failure) ?? failure.message);
}

/** When the last attempt ended, as it told itself; undefined: no attempt could, since its worker is gone, say. */
export function ranOf({ cause }: ActivityFailure): Ran | undefined {
  const [, ran] = (cause instanceof ApplicationFailure ? cause.details : null) ?? [];
  return toRan(ran);
}

/** A worker of another version may leave fields out; whoever judges the status reads them all. */
function fillIn(report: FailureReport, known: FailureReport): FailureReport {
  const next = typeof report.next === 'string' ? report.next : known.next;
  return { ...known, ...report, kind: known.kind, next, message: toShortMessage(report.message) };
}

function isReport(detail: unknown): detail is FailureReport {
  return typeof detail === 'object' && detail !== null && 'message' in detail && typeof detail.message === 'string';
}

function describeFor(siteId: string, kind: FailureKind, message: string): FailureReport {
  const place = { side: null, table: null, column: null, constraint: null };
  return {
    kind,
    message: toShortMessage(message),
    sqlstate: null,
    ...place,
    next: nameSite(FAILURE_RULES[kind].next, siteId),
  };
}
