import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import { type Address, TidyClient, type TidyClientConfig } from './client.js';
import { ConnectionProblem } from './connection-problem.js';
import { findAddress, type SessionAttrs } from './find-address.js';

/** How to reach one database. */
export interface PoolSettings {
  readonly host: string;
  readonly port: number;
  /** Further hosts that may have the database, tried in their order when the first one is not what is wanted. */
  readonly moreHosts?: readonly Address[];
  /** What a host must be; absent: any that lets us in. */
  readonly sessionAttrs?: SessionAttrs;
  readonly database: string;
  readonly user: string;
  /** Asked at each new connection, so that a password file may change while the process runs; null: none is sent. */
  readonly password: (() => string | Promise<string>) | null;
  /** False: no TLS. Asked at each new connection, so that certificates may be renewed while the process runs. */
  readonly ssl: false | (() => ConnectionOptions | Promise<ConnectionOptions>);
  /** With `ssl`: go on without TLS where the server has none. */
  readonly isTlsOptional?: boolean;
  /** With `ssl`: begin with the handshake, without asking for TLS first; PostgreSQL 17 and later. */
  readonly isTlsDirect?: boolean;
  /** Log in only where the server proves, by channel binding, that nobody sits in between. */
  readonly needsChannelBinding?: boolean;
  /** Settings of the server for each session, as `-c name=value`; null or absent: none. */
  readonly options?: string | null;
  /** Seen in `pg_stat_activity` by the DBA. */
  readonly applicationName: string;
  readonly maxConnections: number;
}

/** A link that answers nothing for so long is taken as down; then Temporal retries. */
const CONNECT_TIMEOUT_MS = 10_000;
/** With several hosts each is asked first, and none may take the time of all. */
const HOST_TIMEOUT_MS = 5_000;
/** Idle connections are given back: ten thousand sites must not hold ten thousand of the customer's connections. */
const IDLE_TIMEOUT_MS = 10_000;
/** Half-open connections are found by the kernel, not by waiting for an answer that never comes. */
const KEEP_ALIVE_DELAY_MS = 10_000;
/** As psql takes any number; beyond this a login takes longer than a connection may. `pg` itself ends at 100,000. */
const MAX_SCRAM_ITERATIONS = 5_000_000;

/** Every value as the text that PostgreSQL printed: a `Date` drops microseconds, a number drops digits. */
const TEXT_VALUES: pg.CustomTypesConfig = { getTypeParser: () => (value: string | Buffer) => value };

/**
 * A pool of connections to one database. Every value of a result is text (or null). Lost idle connections are told to
 * `onIdleError` and replaced at the next use; they never end the process.
 */
export function createPool(settings: PoolSettings, onIdleError: (error: Error) => void): pg.Pool {
  const client = toClientConfig(settings);
  const { moreHosts = [], sessionAttrs = 'any', host, port } = settings;
  const addresses = [{ host, port }, ...moreHosts];
  const isFound = addresses.length > 1 || sessionAttrs !== 'any';
  const asking = { ...client, connectionTimeoutMillis: HOST_TIMEOUT_MS };
  const config: pg.PoolConfig & TidyClientConfig = {
    ...client,
    ...(isFound ? { findAddress: () => findAddress(asking, { addresses, attrs: sessionAttrs }) } : {}),
    max: settings.maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS + (isFound ? addresses.length * HOST_TIMEOUT_MS : 0),
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
  };
  const pool = new pg.Pool({ ...config, Client: TidyClient });
  pool.on('error', (error) => {
    if (!pool.ending) onIdleError(error); // the last words of a server that ends while our connections say goodbye
  });
  return pool;
}

function toClientConfig(settings: PoolSettings): TidyClientConfig & { readonly scramMaxIterations: number } {
  const { password, ssl } = settings;
  return {
    host: settings.host,
    port: settings.port,
    database: settings.database,
    user: settings.user,
    password: password === null ? () => refusePassword(settings) : () => asOurs(password),
    ssl: ssl !== false,
    ...(ssl === false ? {} : { readTls: () => asOurs(ssl) }),
    isTlsOptional: settings.isTlsOptional ?? false,
    sslnegotiation: settings.isTlsDirect === true ? 'direct' : 'postgres',
    needsChannelBinding: settings.needsChannelBinding ?? false,
    enableChannelBinding: settings.needsChannelBinding ?? false,
    scramMaxIterations: MAX_SCRAM_ITERATIONS,
    ...(typeof settings.options === 'string' ? { options: settings.options } : {}),
    application_name: settings.applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    types: TEXT_VALUES,
  };
}

/** What a password or a certificate cannot be had for is a matter of our own side's credentials, whatever its code. */
async function asOurs<Value>(read: () => Value | Promise<Value>): Promise<Value> {
  try {
    return await read();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const next =
      'Correct that setting or its file. It is read anew for each connection, so no restart is needed: meter-sync check';
    throw new ConnectionProblem('credentials', message, { next, cause: error });
  }
}

/** Without this `pg` would look into `PGPASSWORD` and `~/.pgpass`, which cannot tell the two databases apart. */
function refusePassword({ host, port, user }: PoolSettings): never {
  const message = `${host}:${port} asks for the password of user ${user}, and none is set`;
  const next =
    'Set PASSWORD or PASSWORD_FILE for that database, with the prefix of its other settings: meter-sync check';
  throw new ConnectionProblem('credentials', message, { next });
}
