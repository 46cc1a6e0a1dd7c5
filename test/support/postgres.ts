import { randomBytes } from 'node:crypto';

import pg from 'pg';
import { inject, onTestFinished, type TestContext } from 'vitest';

import type { Side } from '../../src/model/failures.js';
import { createPool, type PoolSettings } from '../../src/postgres/pool.js';
import type { Database } from '../../src/postgres/session.js';
import { toPoolSettings } from './pool-settings.js';
import { templateName, type Template } from './templates.js';
import './context.js';

/** A database of one test alone; also a {@link Database}, to be given to what is tested. */
export interface TestDatabase extends Database {
  readonly settings: PoolSettings;
  /** Connection URL, for child processes and clients of one's own. */
  readonly url: string;
  /** Runs SQL, of several statements too, on the pool, and answers with the rows of the last one; every value is text or null. */
  readonly sql: <Row = Record<string, string | null>>(text: string, values?: readonly unknown[]) => Promise<Row[]>;
  /** The first column of the only row, as text or null. */
  readonly value: (text: string, values?: readonly unknown[]) => Promise<string | null>;
}

/** The two databases of a test: `local` on the site's server, `remote` on the customer's. */
export interface TestDatabases {
  readonly local: TestDatabase;
  readonly remote: TestDatabase;
}

/**
 * Two fresh databases for a test, one on each server, named after its title.
 *
 * Dropped, with all connections to them, when the test has passed; kept, and their names told, when it has failed.
 * @param context what vitest gives to the test function; also right in `beforeEach`
 */
export async function createDatabases(
  context: Pick<TestContext, 'task'>,
  template: Template = 'ready',
): Promise<TestDatabases> {
  const name = toDatabaseName(context.task.name);
  const origin = `template ${templateName(template)}`;
  const [local, remote] = await Promise.all([
    createDatabase('local', name, `${origin} ${inject('stack').cloneStrategy.local}`, context),
    createDatabase('remote', name, `${origin} ${inject('stack').cloneStrategy.remote}`, context),
  ]);
  return { local, remote };
}

/** An empty database in an encoding that is not UTF-8, dropped with the test. */
export async function createLatin1Database(side: Side, context: Pick<TestContext, 'task'>): Promise<TestDatabase> {
  const [server] = await onServer(inject('stack')[side], 'show server_version_num');
  const provider = Number(server?.['server_version_num']) < 150_000 ? '' : `locale_provider 'libc'`; // came with 15
  const origin = `encoding 'LATIN1' ${provider} lc_collate 'C' lc_ctype 'C' template template0`;
  return createDatabase(side, `${toDatabaseName(context.task.name).slice(0, 50)}_latin1`, origin, context);
}

/** A copy of a database as it is now, dropped with the test: what a backup of it would be. Ends all connections to it first. */
export async function copyDatabase(
  { side, settings, url }: TestDatabase,
  context: Pick<TestContext, 'task'>,
): Promise<TestDatabase> {
  const serverUrl = inject('stack')[side];
  const name = settings.database;
  if (new URL(url).host !== new URL(serverUrl).host) throw new Error(`${name} lies on a server of its own`);
  await onServer(serverUrl, `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
  const origin = `template ${pg.escapeIdentifier(name)} ${inject('stack').cloneStrategy[side]}`;
  return createDatabase(side, toDatabaseName(context.task.name), origin, context);
}

/** An empty database on a server of the test's own; it goes with the server. */
export function createDatabaseOn(
  serverUrl: string,
  side: Side,
  context: Pick<TestContext, 'task'>,
): Promise<TestDatabase> {
  return createDatabase(side, toDatabaseName(context.task.name), 'template template0', context, serverUrl);
}

async function createDatabase(
  side: Side,
  name: string,
  origin: string,
  context: Pick<TestContext, 'task'>,
  serverUrl = inject('stack')[side],
): Promise<TestDatabase> {
  await onServer(serverUrl, `create database ${pg.escapeIdentifier(name)} ${origin}`);
  const settings = toPoolSettings(serverUrl, name);
  const pool = createPool(settings, () => undefined); // a test that cuts connections loses idle ones too
  afterTest(context, async (hasFailed) => {
    await pool.end();
    if (!hasFailed) await onServer(serverUrl, `drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
    else process.stderr.write(`kept for the failed test '${context.task.name}': ${side} database ${name}\n`);
  });
  const sql = async <Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> => {
    const result: pg.QueryResult | pg.QueryResult[] = await pool.query(
      text,
      values.length > 0 ? [...values] : undefined,
    );
    return (Array.isArray(result) ? result.at(-1)!.rows : result.rows) as Row[];
  };
  const value = async (text: string, values?: readonly unknown[]): Promise<string | null> => {
    const [row] = await sql<Record<string, string | null>>(text, values);
    return Object.values(row ?? {})[0] ?? null;
  };
  return { side, pool, settings, url: toUrl(serverUrl, name), sql, value };
}

function afterTest(context: Pick<TestContext, 'task'>, work: (hasFailed: boolean) => Promise<void>): void {
  const register = (context as Partial<TestContext>).onTestFinished ?? onTestFinished;
  register(() => work(context.task.result?.state === 'fail'));
}

/** Readable, unique, and within PostgreSQL's 63 bytes. */
function toDatabaseName(title: string): string {
  const words = title.toLowerCase().replace(/[^a-z0-9]+/g, '_');
  return `t_${words.slice(0, 48)}_${randomBytes(4).toString('hex')}`;
}

function toUrl(serverUrl: string, database: string): string {
  return Object.assign(new URL(serverUrl), { pathname: `/${database}` }).href;
}

async function onServer(serverUrl: string, text: string): Promise<Record<string, string>[]> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    return (await client.query<Record<string, string>>(text)).rows;
  } finally {
    await client.end();
  }
}
