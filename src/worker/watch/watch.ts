import { type InjectedSinks, Runtime } from '@temporalio/worker';
import type { HearAttempt } from '../../../activities/heard.js';
import type { Config } from '../../config/load.js';
import type { WorkerEars } from '../../model/told.js';
import type { Closing } from '../closing.js';
import type { WorkerConnection } from '../connect-temporal.js';
import type { WorkerLogger } from '../logger.js';
import { createFailureLog } from './failure-log.js';
import { serveHealth, type Stage } from './health-server.js';
import { createKnownSites } from './known-sites.js';
import { lookUpSites } from './look-up-sites.js';
import { createMetrics, type Metrics } from './metrics.js';
import { type TemporalLink, watchTemporal } from './temporal-link.js';

/** Ages grow by being shown again. */
const SHOW_EVERY_MS = 5_000;

/** What watches a worker, and whom its parts tell. */
export interface Watch {
  readonly hear: HearAttempt;
  readonly ears: InjectedSinks<WorkerEars>;
  /** Temporal is reached: the metrics begin, and the link is watched. */
  connected(to: WorkerConnection, end: AbortSignal): void;
  enter(stage: Stage): void;
  /** True while Temporal does not answer. */
  isTemporalLost(): boolean;
}

/**
 * Watches a worker for those who operate it: metrics, health and log.
 * @throws CannotListen the address of the health is taken
 */
export async function createWatch(sites: readonly Config[], logger: WorkerLogger, closing: Closing): Promise<Watch> {
  const known = createKnownSites(sites);
  const failures = createFailureLog(logger);
  let stage: Stage = 'starting';
  let link: TemporalLink = { lost: null, isConnected: false };
  let metrics: Metrics | null = null;
  const health = {
    stage: () => stage,
    temporalLostSince: () => link.lost?.lastSeenAt ?? null,
    sites: (now: number) => known.list(now, link.lost),
    redact: logger.redact,
  };
  const address = sites[0]?.healthAddress ?? null;
  if (address !== null) closing.add('health endpoints', await serveHealth(address, health));
  return {
    hear(event) {
      known.hearAttempt(event);
      failures.hearAttempt(event);
      metrics?.hearAttempt(event);
    },
    ears: {
      meterSync: {
        status: {
          fn: (run, facts) => {
            known.hearStatus(facts, run);
            failures.hearStatus(facts);
          },
        },
        cycleEnded: { fn: (_, cycle) => metrics?.hearCycle(cycle) },
      },
    },
    connected(to, end) {
      const watched = watchTemporal(to, logger, end);
      link = watched.link;
      const ours = sites[0]?.metricsAddress ? createMetrics(Runtime.instance().metricMeter) : null;
      metrics = ours;
      const show = (): void => ours?.show(known.list(Date.now(), link.lost), link.isConnected, Date.now());
      const shows = setInterval(show, SHOW_EVERY_MS);
      const looks = lookUpSites(known, to, logger, end);
      closing.add('watch of Temporal', async () => {
        clearInterval(shows);
        metrics = null;
        await Promise.all([watched.ended, looks]);
      });
    },
    enter: (next) => void (stage = next),
    isTemporalLost: () => link.lost !== null,
  };
}
