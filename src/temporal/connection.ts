import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import { type ClientConnectConfig, loadClientConnectConfig } from '@temporalio/envconfig';
import type { Secret } from '../config/define/secret.js';
import { BadTemporalSettings } from './errors.js';
import { wayTo, type WayToTemporal } from './proxy.js';
import { toTemporalError } from './translate-errors.js';

/** The `TEMPORAL_*` settings, read by Temporal's own library. */
export interface TemporalAccess extends WayToTemporal {
  readonly address: string;
  readonly namespace: string;
  /** For `NativeConnection.connect` of a worker; holds secrets. */
  readonly connectionOptions: ClientConnectConfig['connectionOptions'];
}

/** A connection for commands that ask and signal. Close it, or the process stays. */
export interface TemporalClient {
  readonly client: Client;
  readonly address: string;
  readonly namespace: string;
  /** See `WayToTemporal`. */
  readonly hint: string;
  close(): Promise<void>;
}

const DEFAULT_ADDRESS = 'localhost:7233';
const DEFAULT_NAMESPACE = 'default';

/** A person waits: a server that is there answers in a few milliseconds, one beyond a slow link in a second or two. */
export const CONNECT_TIMEOUT_MS = 4_000;
/** No call of the client has a deadline by itself; without one it would wait for ever. */
export const CALL_TIMEOUT_MS = 10_000;

/**
 * Where Temporal is and how to get in.
 * @throws BadTemporalSettings - a profile or file that is not there, or that cannot be read
 */
export function toTemporalAccess(settings: Secret<Readonly<Record<string, string>>>): TemporalAccess {
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: { ...settings.reveal() } });
    const address = connectionOptions.address ?? DEFAULT_ADDRESS;
    const { proxy, hint } = wayTo(address);
    return {
      address,
      namespace: namespace ?? DEFAULT_NAMESPACE,
      connectionOptions: { ...connectionOptions, address },
      proxy,
      hint,
    };
  } catch (error) {
    if (error instanceof BadTemporalSettings) throw error;
    throw new BadTemporalSettings(error instanceof Error ? error.message : String(error));
  }
}

/**
 * Connects to Temporal; every later call through `client` needs `withDeadline`, as the site handle does.
 * @throws Unreachable - no answer within seconds
 * @throws Refused - the server lets us not in
 * @throws BadTemporalSettings
 */
export async function connectTemporal(
  settings: Secret<Readonly<Record<string, string>>>,
  options: { readonly connectTimeoutMs?: number } = {},
): Promise<TemporalClient> {
  const { address, namespace, connectionOptions, proxy, hint } = toTemporalAccess(settings);
  try {
    const connection = await Connection.connect({
      ...(connectionOptions as ConnectionOptions),
      channelArgs: { 'grpc.enable_http_proxy': proxy === null ? 0 : 1 },
      connectTimeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    });
    // a worker answers for a terminated workflow as well, and says what was true before: that it runs
    const client = new Client({ connection, namespace, workflow: { queryRejectCondition: 'NOT_OPEN' } });
    return { client, address, namespace, hint, close: () => closeLater(connection) };
  } catch (error) {
    throw toTemporalError(error, { address, namespace, hint });
  }
}

/** The client waits for so long, at most, before it tries a call again. */
const LAST_TRY_MS = 12_000;

/**
 * A call that was given up may be tried once more: the client's timer for that hears of no abort, and on a connection that is closed it would end the
 * process with an exception. So the connection outlives it, and keeps no process.
 */
function closeLater(connection: Connection): Promise<void> {
  setTimeout(() => void connection.close(), LAST_TRY_MS).unref();
  return Promise.resolve();
}
