import { GracefulShutdownPeriodExpiredError } from '@temporalio/worker';
import type { LogFacts } from '../../activities/attempt.js';
import type { Config } from '../config/load.js';
import { TemporalError } from '../temporal/errors.js';
import { type Closing, createClosing } from './closing.js';
import { connectToTemporal } from './connect-temporal.js';
import { createWorkers } from './create-workers.js';
import { runUntilDrained } from './drain.js';
import { endNow, EXIT_FAILED, listenForEnd } from './end-signals.js';
import { createLogger, type WorkerLogger } from './logger.js';
import { openSitePools } from './site-pools.js';
import { type Hosts, listTaskQueues } from './task-queues.js';
import { setUpTemporalRuntime } from './temporal-runtime.js';
import { CannotListen } from './watch/listen.js';
import { createWatch } from './watch/watch.js';
import { watchDatabases } from './watch-databases.js';

/** What belongs to the process and not to one of its sites. */
interface WorkerSettings {
  readonly logger: WorkerLogger;
  /** Drains the worker when it aborts; while it still starts, ends the start. */
  readonly end?: AbortSignal;
  /** Both by default. */
  readonly hosts?: Hosts;
}

/** A worker that polls. */
interface RunningWorker {
  /** Settles when the worker has ended and its connections are closed; rejects when that was not its drain. */
  readonly stopped: Promise<void>;
  /** Lets the worker end: no new work, batches under way are finished, connections closed. */
  drain(): Promise<void>;
}

/**
 * The life of `meter-sync worker`: starts, works, and drains at SIGTERM or SIGINT.
 * @returns the exit code: 0 after a drain, 1 when the worker could not start, failed, or had to be ended by force
 */
export async function runWorker(sites: readonly Config[], options: { readonly hosts?: Hosts } = {}): Promise<number> {
  const { logLevel, logFormat } = firstOf(sites);
  const logger = createLogger({ level: logLevel, format: logFormat });
  const { end, stopListening } = listenForEnd(logger);
  try {
    const worker = await startWorker(sites, { ...options, logger, end });
    await worker.stopped;
    logger.info('worker drained and ended');
    return 0;
  } catch (error) {
    if (error === end.reason) return 0; // told to end before it had begun
    if (error instanceof GracefulShutdownPeriodExpiredError) {
      logger.error('ended by force: what had begun did not end in time; its transactions are rolled back', { error });
      await endNow(logger); // a connection that is still in use would keep the process alive
    }
    logger.error(
      'worker failed',
      error instanceof TemporalError || error instanceof CannotListen ? { error, next: error.next } : { error },
    );
    return EXIT_FAILED;
  } finally {
    stopListening();
    await logger.close();
  }
}

/**
 * Starts a worker for these sites in this process; no signal handlers, no exit. Waits for Temporal as long as it takes;
 * databases may be down.
 * @returns when the worker polls
 * @throws Error settings are not valid; says what to do
 * @throws the reason of `end` when it aborts meanwhile
 */
export async function startWorker(
  sites: readonly Config[],
  { logger, end, hosts = 'both' }: WorkerSettings,
): Promise<RunningWorker> {
  const draining = followed(end);
  const closing = createClosing(logger);
  try {
    const watch = await createWatch(sites, logger, closing);
    await setUpTemporalRuntime(logger, firstOf(sites).metricsAddress, watch.isTemporalLost);
    const pools = openSitePools(hosts === 'workflows' ? [] : sites, logger);
    closing.add('database pools', pools.close);
    const temporal = await connectToTemporal(firstOf(sites), logger, draining.signal);
    closing.add('connection to Temporal', () => temporal.connection.close());
    watch.connected(temporal, draining.signal);
    const { hear, ears } = watch;
    const drain = draining.signal;
    const workers = await createWorkers(sites, { hosts, ...temporal, site: pools.site, drain, hear, ears });
    const looks = watchDatabases(pools.all, logger, drain);
    closing.add('watch of the databases', () => (draining.abort(), looks));
    logger.info('worker started', describe(sites, hosts));
    watch.enter('polling');
    drain.addEventListener('abort', () => watch.enter('draining'), { once: true });
    const stopped = runThenClose(runUntilDrained(workers, drain, logger), closing);
    return { stopped, drain: () => (draining.abort(), stopped) };
  } catch (error) {
    draining.abort();
    await closing.closeAll();
    throw error;
  }
}

/** A controller of our own that aborts with the caller's signal, and for the same reason. */
function followed(end: AbortSignal | undefined): AbortController {
  const controller = new AbortController();
  const follow = (): void => controller.abort(end?.reason);
  end?.addEventListener('abort', follow, { once: true, signal: controller.signal });
  if (end?.aborted === true) follow();
  return controller;
}

async function runThenClose(run: Promise<void>, closing: Closing): Promise<void> {
  try {
    await run;
  } catch (error) {
    // an attempt that did not end holds its connections: closing would wait for it, so they end with the process
    if (!(error instanceof GracefulShutdownPeriodExpiredError)) await closing.closeAll();
    throw error;
  }
  await closing.closeAll();
}

/** What belongs to the process, such as its log and its Temporal, is the same in the settings of all sites. */
function firstOf(sites: readonly Config[]): Config {
  const [first] = sites;
  if (first === undefined) throw new Error('a worker without a site; expected at least one');
  return first;
}

function describe(sites: readonly Config[], hosts: Hosts): LogFacts {
  const queues = listTaskQueues(sites, hosts).map(({ taskQueue }) => taskQueue);
  return { sites: sites.length, site: sites.length === 1 ? sites[0]?.siteId : undefined, taskQueues: queues, hosts };
}
