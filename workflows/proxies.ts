import type { RetryPolicy } from '@temporalio/common';
import { ActivityCancellationType, type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import { isInHurry } from '../src/model/cycle.js';
import { CONNECTION_ATTEMPTS, type FailureKind } from '../src/model/failures.js';
import type { Timed } from '../src/model/loop-clock.js';
import type { Activities } from '../src/model/operations.js';
import { type Answer, readAnswer } from './read-answer.js';
import type { Site } from './site.js';

/** 2, 4, 8, 16 and 32 seconds after a failed attempt. The activity itself ends sooner what a retry cannot help. */
const RETRY: RetryPolicy = {
  initialInterval: 2_000,
  backoffCoefficient: 2,
  maximumInterval: 32_000,
  maximumAttempts: CONNECTION_ATTEMPTS,
};
/**
 * A database that did not answer for a minute is not waited for again in this cycle, and none is when a person waits for its
 * end. An attempt that ended with its worker says nothing of the database, and is still repeated.
 */
const WITHOUT_WAITING: RetryPolicy = { ...RETRY, nonRetryableErrorTypes: ['unreachable' satisfies FailureKind] };

/** Four lost beats: the worker is gone. */
const HEARTBEAT_TIMEOUT_MS = 10_000;
/** No new batch is begun after half a minute; the last one may have a slow link before it. */
const UPLOAD_TIMEOUT_MS = 10 * 60_000;
/**
 * The first fill of a large table over a slow link takes hours, and as long as bytes come it goes on. A server that is silent is
 * given up by the attempt itself, and a worker that is gone by its heartbeats.
 */
const DOWNLOAD_TIMEOUT_MS = 24 * 3_600_000;
/** The same when the cycle is in a hurry; a worker that is there takes what it is given within moments. */
const WORKER_AWAY_IN_HURRY_MS = 10_000;
/** Longer than it takes to give up a connection at each end. */
const PROBE_TIMEOUT_MS = 30_000;

/** The least time for which an operation waits for a worker of its own site: a restart, an upgrade, a link that was down. */
const WORKER_AWAY_MS = 5 * 60_000;

/** An operation that is asked to end early still answers, see `end-operation.ts`. */
const WAIT_FOR_ANSWER = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

/** How an activity is called. */
interface CallRule {
  readonly summary: string;
  readonly startToCloseTimeout: number;
  /** From the call to its end, the wait for a worker included; absent: without a bound. */
  readonly scheduleToCloseTimeout?: number;
  readonly cancellationType?: ActivityCancellationType;
}

/**
 * The operations have no schedule-to-close timeout: it runs on while a site's worker is off. A probe that waits tells nothing, and a person waits for an answer to a decision: both
 * are given up, or else a workflow that must end could not, as long as somebody waits for a status from a site that is off.
 */
const CALL_RULES: Readonly<Record<keyof Activities, CallRule>> = {
  uploadReadings: {
    summary: 'upload readings, then remove them',
    startToCloseTimeout: UPLOAD_TIMEOUT_MS,
    cancellationType: WAIT_FOR_ANSWER,
  },
  downloadMeters: {
    summary: 'download meters',
    startToCloseTimeout: DOWNLOAD_TIMEOUT_MS,
    cancellationType: WAIT_FOR_ANSWER,
  },
  downloadTenants: {
    summary: 'download tenants',
    startToCloseTimeout: DOWNLOAD_TIMEOUT_MS,
    cancellationType: WAIT_FOR_ANSWER,
  },
  probe: {
    summary: 'look at both databases',
    startToCloseTimeout: PROBE_TIMEOUT_MS,
    scheduleToCloseTimeout: PROBE_TIMEOUT_MS,
  },
  decideDownload: {
    summary: 'decide on a held download',
    startToCloseTimeout: PROBE_TIMEOUT_MS,
    scheduleToCloseTimeout: PROBE_TIMEOUT_MS,
  },
};

/** The activities as the workflow calls them: their answers are looked at before they are believed. */
export type Calls = {
  readonly [Name in keyof Activities]: (
    ...input: Parameters<Activities[Name]>
  ) => Promise<Answer<Awaited<ReturnType<Activities[Name]>>['result']>>;
};

/** The activities of a site as they are called now: on its task queue, and with as much patience as its state allows. */
export function callsOf(site: Site): Calls {
  const activities = proxyActivities<Activities>({ startToCloseTimeout: PROBE_TIMEOUT_MS });
  const optionsOf = (name: keyof Activities): ActivityOptions => ({
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    retry: isInHurry(site.state) ? WITHOUT_WAITING : RETRY,
    ...toOwnQueue(site, CALL_RULES[name]),
    ...CALL_RULES[name],
  });
  const ask = async <Result extends object>(
    name: keyof Activities,
    call: (options: ActivityOptions) => Promise<Timed<Result>>,
  ): Promise<Answer<Result>> => {
    site.turns += 1;
    return readAnswer(name, await call(optionsOf(name)));
  };
  const { uploadReadings, downloadMeters, downloadTenants, probe, decideDownload } = activities;
  return {
    uploadReadings: (input) => ask('uploadReadings', (options) => uploadReadings.executeWithOptions(options, [input])),
    downloadMeters: (input) => ask('downloadMeters', (options) => downloadMeters.executeWithOptions(options, [input])),
    downloadTenants: (input) =>
      ask('downloadTenants', (options) => downloadTenants.executeWithOptions(options, [input])),
    probe: (input) => ask('probe', (options) => probe.executeWithOptions(options, [input])),
    decideDownload: (input) => ask('decideDownload', (options) => decideDownload.executeWithOptions(options, [input])),
  };
}

/**
 * With a task queue of its own for the activities the workflow goes on while the site's worker is away: an operation is then given
 * up, so that the site is seen as it is and can be stopped. Without one nobody would be there to give it up, and it waits.
 */
function toOwnQueue({ input, state }: Site, { scheduleToCloseTimeout }: CallRule): Partial<ActivityOptions> {
  const { activityTaskQueue: taskQueue } = input;
  if (taskQueue === undefined || taskQueue === null) return {};
  if (scheduleToCloseTimeout !== undefined) return { taskQueue };
  const patienceMs = Math.max(WORKER_AWAY_MS, 2 * state.settings.intervalMs);
  return { taskQueue, scheduleToStartTimeout: isInHurry(state) ? WORKER_AWAY_IN_HURRY_MS : patienceMs };
}
