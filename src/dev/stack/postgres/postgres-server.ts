import { execFile } from 'node:child_process';
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

import pg from 'pg';

import { findFreePort } from '../process/free-port.js';
import { startGuarded, tailOf, type GuardedProcess, type SystemUser } from '../process/guarded-process.js';
import type { PostgresBinaries } from './postgres-binaries.js';

const READY_WITHIN_MS = 60_000; // recovery after a crash takes a while; a healthy start takes 0.2 s
const POLL_MS = 40;
const SUPERUSER = 'postgres';

/** A server to be started on a free port of 127.0.0.1. */
interface PostgresServerOptions {
  readonly binaries: PostgresBinaries;
  /** See {@link choosePostgresUser}. */
  readonly user: SystemUser | undefined;
  /** Holds the data directory, which is made when it is absent and used when it is there. */
  readonly folder: string;
  /** Everything that the server prints. */
  readonly logFile: string;
  readonly password: string;
  /** The database to be there, made when absent. */
  readonly database: string;
  /** Whether committed data must survive a crash of the machine. Without it the server is faster, for throw-away data. */
  readonly durable: boolean;
  /** Settings of the server that go before ours. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A PostgreSQL server of our own on 127.0.0.1. */
export interface PostgresServer {
  readonly port: number;
  /** Connection URL of the server's database, or of another one on it. Holds the password. */
  readonly url: (database?: string) => string;
  /** The running server: ends with `stop`, and with this process. */
  readonly process: GuardedProcess;
}

/**
 * Starts a PostgreSQL server and waits until it answers.
 * @throws Error it did not start, with the end of its log
 */
export async function startPostgres(options: PostgresServerOptions): Promise<PostgresServer> {
  const data = join(options.folder, 'data');
  if (!existsSync(join(data, 'PG_VERSION'))) await initialise(data, options);
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort();
    const server = startGuarded(commandOf(data, port, options));
    const url = (database = options.database): string =>
      `postgresql://${SUPERUSER}:${options.password}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
    if (await becomesReady(server, url('postgres'))) {
      await makeDatabase(url('postgres'), options.database);
      return { port, url, process: server };
    }
    await server.stop();
    const log = tailOf(options.logFile);
    if (attempt < 3 && log.includes('could not create any TCP/IP sockets')) continue; // somebody took the port meanwhile
    throw new Error(`PostgreSQL did not start in ${options.folder}. The end of ${options.logFile}:\n${log}`);
  }
}

async function initialise(data: string, options: PostgresServerOptions): Promise<void> {
  const { user, folder, binaries, password, durable } = options;
  const ids = user ? { uid: user.uid, gid: user.gid } : {};
  await rm(data, { recursive: true, force: true }); // what an initdb that was cut short has left
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (user) await chown(folder, user.uid, user.gid);
  const passwordFile = join(folder, 'initdb-password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user) await chown(passwordFile, user.uid, user.gid);
  try {
    // The builtin locale is the same on every machine, whatever locales are installed there.
    const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
    const access = [`--username=${SUPERUSER}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
    const args = [`--pgdata=${data}`, ...access, ...locale, ...(durable ? [] : ['--no-sync'])];
    await promisify(execFile)(binaries.initdb, args, { ...ids, cwd: folder });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** No data that must outlive the machine, and no more log than a folder in memory has room for. */
const THROW_AWAY = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_wal_size: '512MB' };

function commandOf(data: string, port: number, options: PostgresServerOptions): Parameters<typeof startGuarded>[0] {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '', // TCP alone: nothing of ours lies in /tmp
    max_connections: '200',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(options.durable ? { max_wal_size: '4GB' } : THROW_AWAY),
    ...options.settings,
  };
  return {
    command: options.binaries.postgres,
    args: [
      '-D',
      data,
      '-p',
      String(port),
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    env: { ...process.env, LC_ALL: 'C' },
    user: options.user,
    logFile: options.logFile,
    pidFile: join(options.folder, 'server.pid'),
    stopSignal: 'INT', // PostgreSQL's fast shutdown: open transactions roll back, the data is left clean
  };
}

async function becomesReady(server: GuardedProcess, url: string): Promise<boolean> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!server.hasExited() && Date.now() < deadline) {
    if (await answers(url)) return true;
    await pause(POLL_MS);
  }
  return false;
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined); // the answer below says all
  try {
    await client.connect();
    return true;
  } catch {
    return false; // not up yet; when it stays so, its log is shown
  } finally {
    await client.end().catch(() => undefined); // a connection that never stood cannot be ended
  }
}

async function makeDatabase(url: string, database: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [database]);
    if (rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(database)}`);
  } finally {
    await client.end();
  }
}
