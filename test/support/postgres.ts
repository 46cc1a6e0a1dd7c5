import { randomBytes } from 'node:crypto';

import pg from 'pg';
import { inject, onTestFinished, type TestContext } from 'vitest';

import type { Side } from '../../src/model/failures.js';
import { createPool, type PoolSettings } from '../../src/postgres/pool.js';
import type { Database } from '../../src/postgres/session.js';
import { prepareBookkeeping } from './bookkeeping.js';
import { toPoolSettings } from './pool-settings.js';
import { asWorker, EITHER, grantOnNewTables, makeWorker, type Rights } from './rights.js';
import { templateName, type Template } from './templates.js';
import './context.js';

/**
 * A database of one test alone; also a {@link Database}, to be given to what is tested. Its pool, its settings and its URL are those of the
 * worker's role, which has the least rights; the test itself sets up and looks as superuser.
 */
export interface TestDatabase extends Database {
  readonly settings: PoolSettings;
  /** Connection URL, for child processes and clients of one's own. */
  readonly url: string;
  /** The same database as its superuser sees it. */
  readonly admin: Database & Pick<TestDatabase, 'settings' | 'url'>;
  /** Runs SQL, of several statements too, as superuser, and answers with the rows of the last one; every value is text or null. */
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
 * @param rights what the worker may do with tables that the test makes
 */
export async function createDatabases(
  context: Pick<TestContext, 'task'>,
  template: Template = 'ready',
  rights: Rights = EITHER,
): Promise<TestDatabases> {
  const name = toDatabaseName(context.task.name);
  const create = (side: Side): Promise<TestDatabase> => {
    const origin = `template ${templateName(template)} ${inject('stack').cloneStrategy[side]}`;
    return createDatabase({ side, name, origin, context, rights: rights[side] });
  };
  const [local, remote] = await Promise.all([create('local'), create('remote')]);
  return { local, remote };
}

/** An empty database in an encoding that is not UTF-8, dropped with the test. */
export async function createLatin1Database(side: Side, context: Pick<TestContext, 'task'>): Promise<TestDatabase> {
  const [server] = await onServer(inject('stack')[side], 'show server_version_num');
  const provider = Number(server?.['server_version_num']) < 150_000 ? '' : `locale_provider 'libc'`; // came with 15
  const origin = `encoding 'LATIN1' ${provider} lc_collate 'C' lc_ctype 'C' template template0`;
  const name = `${toDatabaseName(context.task.name).slice(0, 50)}_latin1`;
  return createDatabase({ side, name, origin, context, rights: EITHER[side] });
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
  return createDatabase({ side, name: toDatabaseName(context.task.name), origin, context, rights: EITHER[side] });
}

/** A database on a server of the test's own, empty but for our schema; it goes with the server. */
export async function createDatabaseOn(
  serverUrl: string,
  side: Side,
  context: Pick<TestContext, 'task'>,
  rights: Rights = EITHER,
): Promise<TestDatabase> {
  await onServer(serverUrl, makeWorker(decodeURIComponent(new URL(serverUrl).password)));
  const name = toDatabaseName(context.task.name);
  const order = { side, name, origin: 'template template0', context, rights: rights[side], serverUrl };
  const database = await createDatabase(order);
  await prepareBookkeeping(database.admin);
  return database;
}

interface Order {
  readonly side: Side;
  readonly name: string;
  /** What it is made of, as SQL. */
  readonly origin: string;
  readonly context: Pick<TestContext, 'task'>;
  readonly rights: string;
  readonly serverUrl?: string;
}

async function createDatabase({ side, name, origin, context, rights, ...more }: Order): Promise<TestDatabase> {
  const { serverUrl = inject('stack')[side] } = more;
  await onServer(serverUrl, `create database ${pg.escapeIdentifier(name)} ${origin}`);
  const { pool: adminPool, ...admin } = open(serverUrl, name);
  const { pool, ...worker } = open(asWorker(serverUrl), name);
  afterTest(context, async (hasFailed) => {
    await Promise.all([pool.end(), adminPool.end()]);
    if (!hasFailed) await onServer(serverUrl, `drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
    else process.stderr.write(`kept for the failed test '${context.task.name}': ${side} database ${name}\n`);
  });
  const sql = async <Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> => {
    const result: pg.QueryResult | pg.QueryResult[] = await adminPool.query(
      text,
      values.length > 0 ? [...values] : undefined,
    );
    return (Array.isArray(result) ? result.at(-1)!.rows : result.rows) as Row[];
  };
  const value = async (text: string, values?: readonly unknown[]): Promise<string | null> => {
    const [row] = await sql<Record<string, string | null>>(text, values);
    return Object.values(row ?? {})[0] ?? null;
  };
  await sql(grantOnNewTables(rights));
  return { side, pool, ...worker, admin: { side, pool: adminPool, ...admin }, sql, value };
}

function open(serverUrl: string, database: string): Pick<TestDatabase, 'pool' | 'settings' | 'url'> {
  const settings = toPoolSettings(serverUrl, database);
  const url = Object.assign(new URL(serverUrl), { pathname: `/${database}` }).href;
  return { pool: createPool(settings, () => undefined), settings, url }; // a test that cuts connections loses idle ones too
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

async function onServer(serverUrl: string, text: string): Promise<Record<string, string>[]> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    return (await client.query<Record<string, string>>(text)).rows;
  } finally {
    await client.end();
  }
}
