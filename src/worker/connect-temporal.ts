import { NativeConnection, TransportError } from '@temporalio/worker';
import type { SiteConfig } from '../config/read/read-site.js';
import { type TemporalAccess, toTemporalAccess } from '../temporal/connection.js';
import { Unreachable } from '../temporal/errors.js';
import { ensureSearchAttributes } from '../temporal/search-attributes.js';
import { toTemporalError } from '../temporal/translate-errors.js';
import type { WorkerLogger } from './logger.js';
import { growingWaits, hourly, waitFor } from './waits.js';

/** A worker's connection, and the namespace that it works in. */
export interface WorkerConnection {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly address: string;
}

/**
 * Connects to Temporal, and tries again while it is not up: at a restart of a machine the order of things is not ours.
 * (The SDK's own connecting fails at once; later, once connected, its polls outlive any outage.) Search attributes that
 * the namespace lacks are registered; where they cannot be, a warning says so and the sync goes on without them.
 * @throws Refused, BadTemporalSettings - wrong credentials, namespace or settings
 * @throws the reason of `end` when it aborts
 */
export async function connectToTemporal(
  { temporal }: Pick<SiteConfig, 'temporal'>,
  logger: WorkerLogger,
  end: AbortSignal,
): Promise<WorkerConnection> {
  hideSecrets(temporal.reveal(), logger);
  const access = toTemporalAccess(temporal);
  const { address, namespace } = access;
  const waits = growingWaits();
  const isToBeTold = hourly();
  logger.info('connecting to Temporal', { address, namespace });
  for (;;) {
    end.throwIfAborted();
    try {
      const connection = await connectOnce(access, logger);
      logger.info('connected to Temporal', { address, namespace });
      return { connection, namespace, address };
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      const waitMs = waits.next();
      const facts = { address, waitMs, problem: error.message };
      logger[isToBeTold() ? 'warn' : 'debug']('Temporal does not answer; trying again', facts);
      await waitFor(waitMs, end);
    }
  }
}

async function connectOnce(access: TemporalAccess, logger: WorkerLogger): Promise<NativeConnection> {
  const connection = await open(access);
  try {
    const { registered, problem } = await ensureSearchAttributes(connection, access.namespace);
    if (registered.length > 0) logger.info('search attributes registered', { searchAttributes: registered });
    if (problem !== null)
      logger.warn('search attributes are missing', { problem: problem.message, next: problem.next });
    return connection;
  } catch (error) {
    await connection.close();
    throw toTemporalError(error, access);
  }
}

async function open({ address, connectionOptions, proxy, hint }: TemporalAccess): Promise<NativeConnection> {
  try {
    return await NativeConnection.connect(proxy === null ? connectionOptions : { ...connectionOptions, proxy });
  } catch (error) {
    throw error instanceof TransportError ? new Unreachable(address, `${error.message}${hint}`) : error;
  }
}

function hideSecrets(env: Readonly<Record<string, string>>, logger: WorkerLogger): void {
  for (const [name, value] of Object.entries(env)) {
    if (/(API_KEY|KEY_DATA|AUTH)$/.test(name) || name.startsWith('TEMPORAL_GRPC_META_')) logger.hide(value);
  }
}
