import type { Config } from '../config/load.js';
import { connectTemporal, type TemporalClient } from '../temporal/connection.js';
import { createLogger, type WorkerLogger } from '../worker/logger.js';
import { startWorker } from '../worker/main.js';
import { openDatabases, type StackDatabases, type StackTables, toStackConfig } from './stack-site.js';
import { type Stack, type StackOptions, startStack } from './stack/stack.js';

/** A running stack with everything open that `dev` and `demo` work with. */
export interface OpenStack {
  readonly stack: Stack;
  readonly config: Config;
  readonly databases: StackDatabases;
  readonly temporal: TemporalClient;
  readonly logger: WorkerLogger;
}

/** A stack, and the one site that it is for. */
interface OpenStackOptions extends StackOptions {
  readonly siteId: string;
  readonly tables: StackTables;
  /** Ends the start early. */
  readonly signal: AbortSignal;
}

/** Starts a stack, opens connections to all of it, and closes and stops everything after `work`, in the reverse order. */
export async function withStack<Result>(
  options: OpenStackOptions,
  work: (open: OpenStack) => Promise<Result>,
): Promise<Result> {
  const stack = await startOrAbort(options);
  const closing = [stack.stop]; // in the reverse order
  try {
    const config = toStackConfig(stack, options.siteId, options.tables, options.env);
    const logger = createLogger({ level: config.logLevel, format: config.logFormat });
    closing.unshift(() => logger.close()); // last of all: whatever ends may still have something to say
    const databases = openDatabases(config);
    closing.push(databases.close);
    const temporal = await connectTemporal(config.temporal);
    closing.push(() => temporal.close());
    return await work({ stack, config, databases, temporal, logger });
  } catch (error) {
    throw options.signal.aborted ? options.signal.reason : error; // what the end of the work has broken is not the reason
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** Runs a worker for the stack's site in this process while `work` runs, then drains it. */
export async function withWorker<Result>({ config, logger }: OpenStack, work: () => Promise<Result>): Promise<Result> {
  const worker = await startWorker([config], { logger });
  worker.stopped.catch(() => undefined); // told by the drain below
  try {
    return await work();
  } finally {
    await worker.drain();
  }
}

/** A start may take minutes, when a server is built first: whoever ends it does not wait for that. */
async function startOrAbort({ signal, ...options }: OpenStackOptions): Promise<Stack> {
  signal.throwIfAborted();
  const starting = startStack(options);
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  aborted.catch(() => undefined); // once the stack stands, its users look at the signal themselves
  try {
    return await Promise.race([starting, aborted]);
  } catch (error) {
    // A stack that stands after all is taken down again; one that failed has told so, or is no longer of interest
    void starting.then((stack) => stack.stop()).catch(() => undefined);
    throw error;
  }
}
