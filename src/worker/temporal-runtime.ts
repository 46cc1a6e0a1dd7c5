import {
  DefaultLogger,
  type LogEntry,
  type LogExporterConfig,
  type LogLevel as TemporalLevel,
  type MetricsExporterConfig,
  Runtime,
} from '@temporalio/worker';
import type { LogFacts } from '../../activities/attempt.js';
import type { ListenAddress } from '../config/define/listen-address.js';
import type { LogLevel } from '../config/define/site-schema.js';
import { WORKER_NOT_READY } from '../model/activations.js';
import { toSiteId } from '../model/wire.js';
import type { WorkerLogger } from './logger.js';
import { toFreeSocketAddress } from './watch/listen.js';
import { BUCKETS } from './watch/metrics.js';

const LEVELS: Readonly<Record<TemporalLevel, LogLevel>> = {
  TRACE: 'debug',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
};

/** The same on each line of a worker, or of use to the SDK alone. */
const NOISE: ReadonlySet<string> = new Set(['namespace', 'taskQueue', 'taskToken', 'isLocal']);

/**
 * Sets up Temporal's core of this process: its log goes through ours, the log of workflows and activities with it, and
 * its signal handlers stay out, since draining is more than its own shutdown.
 *
 * The core can be set up once a process; one that runs already (another worker's) is left as it is.
 * @param metricsAddress where it serves its metrics and ours; null: nowhere
 * @throws CannotListen
 */
export async function setUpTemporalRuntime(
  logger: WorkerLogger,
  metricsAddress: ListenAddress | null,
  isTemporalLost: () => boolean,
): Promise<void> {
  if (isRunning()) return;
  const logging: LogExporterConfig = { filter: { core: 'WARN', other: 'ERROR' }, forward: {} };
  const bindAddress =
    metricsAddress === null ? null : await toFreeSocketAddress('METER_SYNC_METRICS_ADDRESS', metricsAddress);
  Runtime.install({
    logger: new DefaultLogger(logger.level === 'debug' ? 'DEBUG' : 'INFO', (entry) =>
      forward(logger, entry, isTemporalLost),
    ),
    telemetryOptions: { logging, ...(bindAddress === null ? {} : { metrics: toExporter(bindAddress) }) },
    shutdownSignals: [],
  });
}

function toExporter(bindAddress: string): MetricsExporterConfig {
  return {
    attachServiceName: false,
    prometheus: {
      bindAddress,
      countersTotalSuffix: true,
      unitSuffix: true,
      useSecondsForDurations: true,
      histogramBucketOverrides: BUCKETS,
    },
  };
}

/** The SDK tells of no other way to ask without starting one. */
function isRunning(): boolean {
  return (Runtime as unknown as { _instance?: Runtime })._instance !== undefined;
}

function forward(
  logger: WorkerLogger,
  { level, message, meta = {}, timestampNanos }: LogEntry,
  isTemporalLost: () => boolean,
): void {
  const facts = withSite(Object.fromEntries(Object.entries(meta).filter(([name]) => !NOISE.has(name))));
  const time = new Date(Number(timestampNanos / 1_000_000n)); // forwarded lines come up to a tenth of a second late
  const isForDebug = isChatter({ level, meta }) || isAboutLink(meta, isTemporalLost()) || isRefusedQuery(meta);
  logger.write({ time, level: isForDebug ? 'debug' : LEVELS[level], message, facts });
}

/**
 * Of interest to those who look for a defect: "Worker state changed" and its kind, and each attempt that fails, which `failure-log.ts`
 * tells once.
 */
function isChatter({ level, meta = {} }: Pick<LogEntry, 'level' | 'meta'>): boolean {
  if (meta['sdkComponent'] !== 'worker') return false;
  return level === 'INFO' || (level === 'WARN' && meta['activityType'] !== undefined);
}

/** `watch/temporal-link.ts` tells once that Temporal does not answer, where the core would tell each call that it tries again. */
function isAboutLink(meta: Readonly<Record<string | symbol, unknown>>, isTemporalLost: boolean): boolean {
  return meta['target'] === 'temporalio_client::retry' || (meta['sdkComponent'] === 'core' && isTemporalLost);
}

/** Whoever asked is told; the worker takes the workflow up again by itself. */
function isRefusedQuery({ error, failure }: Readonly<Record<string | symbol, unknown>>): boolean {
  const told = error instanceof Error ? error.message : String(failure);
  return told.includes(WORKER_NOT_READY);
}

/** Every line of a site's workflow and activities names the site; people do not read workflow ids. */
function withSite(facts: LogFacts): LogFacts {
  const workflowId = facts['workflowId'];
  const site = typeof workflowId === 'string' ? toSiteId(workflowId) : null;
  return site === null ? facts : { site, ...facts };
}
