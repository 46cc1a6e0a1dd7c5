import type { RetryPolicy } from '@temporalio/common';
import { ActivityCancellationType, type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import { isInHurry } from '../src/model/cycle.js';
import { CONNECTION_ATTEMPTS, type FailureKind } from '../src/model/failures.js';
import type { HeldDownload } from '../src/model/guard.js';
import type {
  Activities,
  DecideDownloadInput,
  DownloadInput,
  DownloadResult,
  ProbeInput,
  ProbeResult,
  UploadReadingsInput,
  UploadReadingsResult,
} from '../src/model/operations.js';
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

/** The activities of a site as its cycle calls them. */
export interface Calls {
  upload(input: UploadReadingsInput): Promise<UploadReadingsResult>;
  meters(input: DownloadInput): Promise<DownloadResult>;
  tenants(input: DownloadInput): Promise<DownloadResult>;
  probe(input: ProbeInput): Promise<ProbeResult>;
  decide(input: DecideDownloadInput): Promise<HeldDownload>;
}

/**
 * The calls of a site now. The operations have no schedule-to-start or schedule-to-close timeout: those run on while a
 * site's worker is off, and its operations should simply wait for it. A probe that waits tells nothing, and a person waits
 * for an answer to a decision: both are given up, or
 * else a workflow that must end could not, as long as somebody waits for a status from a site that is off.
 */
export function callsOf(site: Site): Calls {
  const activities = proxyActivities<Activities>({ startToCloseTimeout: PROBE_TIMEOUT_MS });
  const options = (startToCloseTimeout: number, summary: string): ActivityOptions => ({
    startToCloseTimeout,
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    retry: isInHurry(site.state) ? WITHOUT_WAITING : RETRY,
    summary,
    ...(site.input.activityTaskQueue === undefined ? {} : { taskQueue: site.input.activityTaskQueue }),
  });
  return {
    upload: (input) =>
      activities.uploadReadings.executeWithOptions(
        { ...options(UPLOAD_TIMEOUT_MS, 'upload readings, then remove them'), cancellationType: WAIT_FOR_ANSWER },
        [input],
      ),
    meters: (input) =>
      activities.downloadMeters.executeWithOptions(options(DOWNLOAD_TIMEOUT_MS, 'download meters'), [input]),
    tenants: (input) =>
      activities.downloadTenants.executeWithOptions(options(DOWNLOAD_TIMEOUT_MS, 'download tenants'), [input]),
    probe: (input) =>
      activities.probe.executeWithOptions(
        { ...options(PROBE_TIMEOUT_MS, 'look at both databases'), scheduleToCloseTimeout: PROBE_TIMEOUT_MS },
        [input],
      ),
    decide: (input) =>
      activities.decideDownload.executeWithOptions(
        { ...options(PROBE_TIMEOUT_MS, 'decide on a held download'), scheduleToCloseTimeout: PROBE_TIMEOUT_MS },
        [input],
      ),
  };
}
