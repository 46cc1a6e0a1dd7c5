import { type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import { wasJustUnreachable } from '../src/model/cycle.js';
import { CONNECTION_ATTEMPTS } from '../src/model/failures.js';
import type {
  Activities,
  DownloadInput,
  DownloadResult,
  ProbeInput,
  ProbeResult,
  UploadReadingsInput,
  UploadReadingsResult,
} from '../src/model/operations.js';
import type { Site } from './site.js';

/** 2, 4, 8, 16 and 32 seconds after a failed attempt. The activity itself ends sooner what a retry cannot help. */
const RETRY = {
  initialInterval: 2_000,
  backoffCoefficient: 2,
  maximumInterval: 32_000,
  maximumAttempts: CONNECTION_ATTEMPTS,
};
const ONCE = { maximumAttempts: 1 };

/** Five lost beats: the worker is gone. A cancelled attempt hears of it after 0.8 of this. */
const HEARTBEAT_TIMEOUT_MS = 10_000;
/** No new batch is begun after half a minute; the last one may have a slow link before it. */
const UPLOAD_TIMEOUT_MS = 10 * 60_000;
const DOWNLOAD_TIMEOUT_MS = 5 * 60_000;
/** Longer than it takes to give up a connection at each end. */
const PROBE_TIMEOUT_MS = 30_000;

/** The activities of a site as its cycle calls them. */
export interface Calls {
  upload(input: UploadReadingsInput): Promise<UploadReadingsResult>;
  meters(input: DownloadInput): Promise<DownloadResult>;
  tenants(input: DownloadInput): Promise<DownloadResult>;
  probe(input: ProbeInput): Promise<ProbeResult>;
}

/**
 * The calls of a site now. No schedule-to-start or schedule-to-close timeout: those run on while a site's worker is off,
 * and its activities should simply wait for it.
 */
export function callsOf(site: Site): Calls {
  const activities = proxyActivities<Activities>({ startToCloseTimeout: PROBE_TIMEOUT_MS });
  const options = (startToCloseTimeout: number, summary: string): ActivityOptions => ({
    startToCloseTimeout,
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    // a database that did not answer for a minute is not waited for again in this cycle: the next operation asks once
    retry: wasJustUnreachable(site.state) ? ONCE : RETRY,
    summary,
    ...(site.input.activityTaskQueue === undefined ? {} : { taskQueue: site.input.activityTaskQueue }),
  });
  return {
    upload: (input) =>
      activities.uploadReadings.executeWithOptions(options(UPLOAD_TIMEOUT_MS, 'upload readings, then remove them'), [
        input,
      ]),
    meters: (input) =>
      activities.downloadMeters.executeWithOptions(options(DOWNLOAD_TIMEOUT_MS, 'download meters'), [input]),
    tenants: (input) =>
      activities.downloadTenants.executeWithOptions(options(DOWNLOAD_TIMEOUT_MS, 'download tenants'), [input]),
    probe: (input) =>
      activities.probe.executeWithOptions({ ...options(PROBE_TIMEOUT_MS, 'look at both databases'), retry: ONCE }, [
        input,
      ]),
  };
}
