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
const DOWNLOAD_TIMEOUT_MS = 5 * 60_000;
/** Longer than it takes to give up a connection at each end. */
const PROBE_TIMEOUT_MS = 30_000;

/** An upload that is asked to end early still answers, see `end-upload.ts`. */
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
 * The operations have no schedule-to-start or schedule-to-close timeout: those run on while a site's worker is off, and its
 * operations should simply wait for it. A probe that waits tells nothing, and a person waits for an answer to a decision: both
 * are given up, or else a workflow that must end could not, as long as somebody waits for a status from a site that is off.
 */
const CALL_RULES: Readonly<Record<keyof Activities, CallRule>> = {
  uploadReadings: {
    summary: 'upload readings, then remove them',
    startToCloseTimeout: UPLOAD_TIMEOUT_MS,
    cancellationType: WAIT_FOR_ANSWER,
  },
  downloadMeters: { summary: 'download meters', startToCloseTimeout: DOWNLOAD_TIMEOUT_MS },
  downloadTenants: { summary: 'download tenants', startToCloseTimeout: DOWNLOAD_TIMEOUT_MS },
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
/** The activities of a site as they are called now: on its task queue, and with as much patience as its state allows. */
export function callsOf(site: Site): Calls {
  const activities = proxyActivities<Activities>({ startToCloseTimeout: PROBE_TIMEOUT_MS });
  const optionsOf = (name: keyof Activities): ActivityOptions => ({
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    retry: isInHurry(site.state) ? WITHOUT_WAITING : RETRY,
    ...(site.input.activityTaskQueue === undefined ? {} : { taskQueue: site.input.activityTaskQueue }),
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
