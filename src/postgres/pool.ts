import pg from 'pg';
import type { ConnectionOptions } from 'node:tls';
import { TidyClient } from './client.js';
import { DatabaseFailure } from './errors.js';
import { OptionalTlsClient } from './optional-tls.js';

/** How to reach one database. */
export interface PoolSettings {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Asked at each new connection, so that a password file may change while the process runs; null: none is sent. */
  readonly password: (() => string | Promise<string>) | null;
  readonly ssl: boolean | ConnectionOptions;
  /** With `ssl`: go on without TLS where the server has none. */
  readonly isTlsOptional?: boolean;
  /** Seen in `pg_stat_activity` by the DBA. */
  readonly applicationName: string;
  readonly maxConnections: number;
}

/** A link that answers nothing for so long is taken as down; then Temporal retries. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Idle connections are given back: ten thousand sites must not hold ten thousand of the customer's connections. */
const IDLE_TIMEOUT_MS = 10_000;
/** Half-open connections are found by the kernel, not by waiting for an answer that never comes. */
const KEEP_ALIVE_DELAY_MS = 10_000;

/** Every value as the text that PostgreSQL printed: a `Date` drops microseconds, a number drops digits. */
const TEXT_VALUES: pg.CustomTypesConfig = { getTypeParser: () => (value: string | Buffer) => value };

/**
 * A pool of connections to one database. Every value of a result is text (or null). Lost idle connections are told to
 * `onIdleError` and replaced at the next use; they never end the process.
 */
export function createPool(settings: PoolSettings, onIdleError: (error: Error) => void): pg.Pool {
  const pool = new pg.Pool({
    host: settings.host,
    port: settings.port,
    database: settings.database,
    user: settings.user,
    password: settings.password ?? (() => refusePassword(settings)),
    ssl: settings.ssl,
    application_name: settings.applicationName,
    max: settings.maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    types: TEXT_VALUES,
    Client: settings.isTlsOptional === true ? OptionalTlsClient : TidyClient,
  });
  pool.on('error', (error) => {
    if (!pool.ending) onIdleError(error); // the last words of a server that ends while our connections say goodbye
  });
  return pool;
}

/** Without this `pg` would look into `PGPASSWORD` and `~/.pgpass`, which cannot tell the two databases apart. */
function refusePassword({ host, port, user }: PoolSettings): never {
  throw new DatabaseFailure('credentials', `${host}:${port} asks for the password of user ${user}, and none is set`);
}
