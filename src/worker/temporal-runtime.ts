import { DefaultLogger, type LogEntry, type LogLevel as TemporalLevel, Runtime } from '@temporalio/worker';
import type { LogFacts } from '../../activities/attempt.js';
import type { LogLevel } from '../config/define/site-schema.js';
import { toWorkflowId } from '../model/wire.js';
import type { WorkerLogger } from './logger.js';

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
 */
export function setUpTemporalRuntime(logger: WorkerLogger): void {
  if (isRunning()) return;
  Runtime.install({
    logger: new DefaultLogger(logger.level === 'debug' ? 'DEBUG' : 'INFO', (entry) => forward(logger, entry)),
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } },
    shutdownSignals: [],
  });
}

/** The SDK tells of no other way to ask without starting one. */
function isRunning(): boolean {
  return (Runtime as unknown as { _instance?: Runtime })._instance !== undefined;
}

function forward(logger: WorkerLogger, { level, message, meta = {}, timestampNanos }: LogEntry): void {
  const facts = withSite(Object.fromEntries(Object.entries(meta).filter(([name]) => !NOISE.has(name))));
  // "Worker state changed" and its kind: of interest to those who look for a defect
  const isChatter = meta['sdkComponent'] === 'worker' && level === 'INFO';
  const time = new Date(Number(timestampNanos / 1_000_000n)); // forwarded lines come up to a tenth of a second late
  logger.write({ time, level: isChatter ? 'debug' : LEVELS[level], message, facts });
}

/** Every line of a site's workflow and activities names the site; people do not read workflow ids. */
function withSite(facts: LogFacts): LogFacts {
  const workflowId = facts['workflowId'];
  const prefix = toWorkflowId('');
  if (typeof workflowId !== 'string' || !workflowId.startsWith(prefix)) return facts;
  return { site: workflowId.slice(prefix.length), ...facts };
}
