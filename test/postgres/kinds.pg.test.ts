import { openSync, writeSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { beforeAll, describe, expect, it, type TestContext } from 'vitest';
import type { DatabaseFailure } from '../../src/postgres/errors.js';
import { createPool } from '../../src/postgres/pool.js';
import { run } from '../../src/postgres/session.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import { createDatabaseOn, createDatabases, type TestDatabase } from '../support/postgres.js';
import { GERMAN, NO_GERMAN, NO_OTHER_VERSION, startSystemPostgres } from '../support/system-postgres.js';

const told = (text: string): unknown => expect.stringContaining(text);

/** What a statement of a transaction fails with. */
async function failureOf({ pool }: Pick<TestDatabase, 'pool'>, text: string): Promise<DatabaseFailure> {
  const work = withTransaction({ side: 'remote', pool }, { isolation: 'read committed' }, (session) =>
    run(session, { text, values: [] }),
  );
  return work.then(
    () => expect.unreachable(`${text} did not fail`),
    (error: unknown) => error as DatabaseFailure,
  );
}

describe.skipIf(NO_OTHER_VERSION)('damage', () => {
  /** A table whose pages nobody has read yet, with bytes of its files replaced. */
  async function damage(context: TestContext, relation: string, offset: number): Promise<TestDatabase> {
    const { url, data } = await startSystemPostgres();
    const source = await createDatabaseOn(url, 'remote', context);
    await source.sql(`create table t (id int primary key, v text);
      insert into t select n, repeat('x', 100) from generate_series(1, 1000) n`);
    const node = await source.value(`select relfilenode from pg_class where relname = '${relation}'`);
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    const { database } = source.settings;
    await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1`, [database]);
    await admin.query('checkpoint');
    await admin.query(`create database damaged template "${database}" strategy file_copy`);
    const { rows } = await admin.query<{ oid: string }>(`select oid from pg_database where datname = 'damaged'`);
    await admin.end();
    const file = openSync(join(data, 'base', String(rows[0]?.oid), String(node)), 'r+');
    writeSync(file, Buffer.alloc(16, 0xa5), 0, 16, offset);
    closeSync(file);
    const pool = createPool({ ...source.settings, database: 'damaged' }, () => undefined);
    context.onTestFinished(() => pool.end());
    return { ...source, pool };
  }

  it('of a page is of the kind damaged, names the page, and asks for the DBA', async (context) => {
    const failure = await failureOf(await damage(context, 't', 8192), 'select sum(length(v)) from t');
    expect(failure).toMatchObject({ kind: 'damaged', sqlstate: 'XX001', message: told('invalid page in block 1') });
  });

  it('of an index is of the kind damaged, and the hint of the server comes along', async (context) => {
    const damaged = await damage(context, 't_pkey', 24);
    const failure = await failureOf(damaged, 'set local enable_seqscan to off; select v from t where id = 5');
    expect(failure).toMatchObject({ kind: 'damaged', sqlstate: 'XX002', message: told('t_pkey') });
  });
});

it.skipIf(NO_OTHER_VERSION)('out of locks is busy, and the hint names the setting', async (context) => {
  const { url } = await startSystemPostgres({ settings: { max_locks_per_transaction: '10' } });
  const database = await createDatabaseOn(url, 'remote', context);
  const failure = await failureOf(database, 'select pg_advisory_xact_lock(n) from generate_series(1, 200000) n');
  expect(failure).toMatchObject({ kind: 'busy', sqlstate: '53200', message: told('max_locks_per_transaction') });
  expect(failure).toMatchObject({ next: told('max_locks_per_transaction') });
});

it('a connection limit is busy, and it is told which one: of the role, of the database', async (context) => {
  const { remote } = await createDatabases(context, 'empty');
  const { database } = remote.settings;
  const role = `limited_${database.slice(-8)}`;
  await remote.sql(`create role ${role} login password 'right' connection limit 1`);
  context.onTestFinished(() => remote.sql(`drop role ${role}`).then(() => undefined));
  const pool = createPool({ ...remote.settings, user: role, password: () => 'right' }, () => undefined);
  const only = await pool.connect();
  expect(await failureOf({ pool }, 'select 1')).toMatchObject({
    kind: 'busy',
    sqlstate: '53300',
    next: told('the connection limit of this role'),
  });
  only.release();
  await pool.end();
  await remote.sql(`alter role ${role} connection limit -1; alter database "${database}" connection limit 0`);
  const again = createPool({ ...remote.settings, user: role, password: () => 'right' }, () => undefined);
  expect(await failureOf({ pool: again }, 'select 1')).toMatchObject({
    kind: 'busy',
    next: told('the connection limit of this database'),
  });
  await again.end();
});

it.skipIf(NO_OTHER_VERSION)('connections that all clients share are told as a limit of the server', async (context) => {
  const { url } = await startSystemPostgres({ settings: { superuser_reserved_connections: '199' } });
  const admin = await createDatabaseOn(url, 'remote', context);
  await admin.sql(`create role ordinary login password 'right'`);
  const pool = createPool({ ...admin.settings, user: 'ordinary', password: () => 'right' }, () => undefined);
  expect(await failureOf({ pool }, 'select 1')).toMatchObject({
    kind: 'busy',
    next: told('max_connections of that server'),
  });
  await pool.end();
});

describe.skipIf(NO_GERMAN)(`a server that speaks German (${NO_GERMAN ?? GERMAN})`, () => {
  const VALUE = '4711 Geheimnis';
  let url: string;
  beforeAll(async () => {
    const ends: (() => Promise<void>)[] = [];
    ({ url } = await startSystemPostgres({ settings: { lc_messages: GERMAN } }, (end) => ends.push(end)));
    return async () => {
      for (const end of ends) await end();
    };
  });

  const RAISE = `create function look() returns trigger language plpgsql as $$
    begin raise exception 'nein: %', new.v using errcode = 'CODE', detail = new.v, hint = new.v; end $$;
    create trigger look before insert on t for each row execute function look()`;

  it.for([
    ['a number that is none', `insert into t select 1, (table note)::int`, '22P02', 'data'],
    ['a text that is too long', `insert into t (id, short) select 1, (table note)`, '22001', 'data'],
    ['a unique value', `insert into t (id) values (1), (1)`, '23505', 'data'],
    ['a check', `insert into t (id, v) select 1, (table note)`, '23514', 'data'],
    ['a conversion in a function', `select judge((table note))`, '22P02', 'data'],
    ['a statement that a function makes of a value', `select build((table note))`, '42703', 'schema'],
    ['a table that is not there', 'select from nowhere', '42P01', 'schema'],
  ] as const)('lets no value through: %s', async ([, text, sqlstate, kind], context) => {
    const database = await openGerman(url, context, VALUE);
    const failure = await failureOf(database, text);
    expect(failure).toMatchObject({ sqlstate, kind });
    expect(everythingOf(failure)).not.toMatch(/4711|Geheimnis/);
  });

  it.for(['P0001', 'MT001', 'P0004', '55000', '42501', '23514'])(
    'tells nothing of what a trigger says, whatever its code: %s',
    async (code, context) => {
      const database = await openGerman(url, context, VALUE);
      await database.sql(RAISE.replace('CODE', code));
      const failure = await failureOf(database, 'insert into t (id, v) select 1, (table note)');
      expect(failure).toMatchObject({ sqlstate: code, isOfRow: true });
      expect(failure.message).toMatch(/^remote database: PL\/pgSQL function look\(\) line 2 raised an error/);
      expect(everythingOf(failure)).not.toMatch(/4711|Geheimnis|nein/);
    },
  );

  it('tells the line and the column of a COPY, as an English one does', async (context) => {
    const database = await openGerman(url, context, VALUE);
    const failure = await failureOf(
      database.admin,
      `copy t (id, short) from program 'printf "1\\ta\\n2\\t${'b'.repeat(9)}\\n"'`,
    );
    expect(failure).toMatchObject({ copyLine: 2, place: { column: 'short' }, sqlstate: '22001' });
    expect(failure.message).toBe('remote database: a text is too long (column short) [22001]');
  });
});

/** Everything of a failure that reaches a log or a status. */
function everythingOf({ message, place, next, cause }: DatabaseFailure): string {
  const said = cause instanceof Error ? `${cause.message} ${cause.stack}` : '';
  return JSON.stringify({ message, place, next, said });
}

async function openGerman(url: string, context: TestContext, value: string): Promise<TestDatabase> {
  const database = await createDatabaseOn(url, 'remote', context);
  await database.sql(`
    create table note as select '${value}'::text;
    create table t (id int primary key, short varchar(5), v text check (length(v) < 5));
    create function judge(text) returns int language plpgsql as $$ begin return $1::int; end $$;
    create function build(text) returns int language plpgsql as $$ begin execute 'select "' || $1 || '"'; return 1; end $$`);
  await expect(database.sql('select from nowhere')).rejects.toThrow('existiert nicht'); // it does speak German
  return database;
}
