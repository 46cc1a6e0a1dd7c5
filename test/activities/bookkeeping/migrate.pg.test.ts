import { expect, it, onTestFinished, vi } from 'vitest';
import { type Migration, migrationText } from '../../../activities/bookkeeping/migration-text.js';
import { migrate, printMigrations, readMissing } from '../../../activities/bookkeeping/migrations.js';
import { createPool } from '../../../src/postgres/pool.js';
import type { Database } from '../../../src/postgres/session.js';
import { NO_POOLER, throughPooler } from '../../support/pooler.js';
import { createDatabases, type TestDatabase } from '../../support/postgres.js';

const FIRST = ['001_meter_sync'];

it('a fresh database gets the whole schema, and a second run finds nothing to do', async (context) => {
  const { local, remote } = await createDatabases(context, 'empty');
  expect(await readMissing(local.admin)).toEqual(FIRST);
  expect(await migrate(local.admin)).toEqual({ applied: FIRST });
  expect((await migrate(remote.admin)).applied).not.toEqual([]);
  for (const database of [local, remote]) {
    expect(await readMissing(database.admin)).toEqual([]);
    expect(await migrate(database.admin)).toEqual({ applied: [] });
    expect(await database.value(`select obj_description('meter_sync'::regnamespace)`)).toMatch(/meter-sync init/);
  }
  await local.sql(`insert into meter_sync.upload_state values ('a', 1, 2, now())`);
});

it('two processes at once apply each migration once', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  const other = reconnect(local.admin);
  const results = await Promise.all([local.admin, other, local.admin, other].map((database) => migrate(database)));
  expect(results.flatMap(({ applied }) => applied)).toEqual(FIRST);
  expect(await readMissing(local.admin)).toEqual([]);
});

it('an upgrade applies what is new, all of it or nothing', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  const first = { '001_a': 'create table meter_sync.a (x int)' };
  await migrate(local.admin, toMigrations(first));
  const second = { ...first, '002_b': 'create table meter_sync.b (x int)' };
  const broken = toMigrations({ ...second, '003_c': 'create table meter_sync.a ()' });
  await expect(migrate(local.admin, broken)).rejects.toMatchObject({ kind: 'schema', sqlstate: '42P07' });
  expect(await local.value(`select to_regclass('meter_sync.b')`)).toBeNull();
  const fixed = toMigrations({ ...second, '010_c': 'create table meter_sync.c ()' });
  expect(await readMissing(local.admin, fixed)).toEqual(['002_b', '010_c']);
  expect(await migrate(local.admin, fixed)).toEqual({ applied: ['002_b', '010_c'] });
});

it('a schema that is newer than this program is left alone', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  const old = { '001_a': 'create table meter_sync.a ()' };
  await migrate(local.admin, toMigrations({ ...old, '002_b': 'create table meter_sync.b ()' }));
  expect(await migrate(local.admin, toMigrations(old))).toEqual({ applied: [] });
});

it('init runs what it prints', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  const ran = await recordStatements(local.admin, () => migrate(local.admin));
  const printed = printMigrations('local');
  expect(ran.map((statements) => `${['begin;', statements, 'commit;'].join('\n\n')}\n`)).toContain(printed);
  expect(printMigrations('local', 'worker')).toContain(printed.replace(/commit;\s+$/, ''));
});

it.skipIf(NO_POOLER !== null)(
  `init works through PgBouncer in transaction mode, two at once${NO_POOLER === null ? '' : ` (skipped: ${NO_POOLER})`}`,
  async (context) => {
    const { remote } = await createDatabases(context, 'empty');
    const pooled = await throughPooler(remote.admin);
    const results = await Promise.all([migrate(pooled), migrate(pooled)]);
    expect(results.flatMap(({ applied }) => applied)).toEqual(FIRST);
    expect(await readMissing(pooled)).toEqual([]);
  },
);

it('what is printed for an administrator does the same, again and again, and grants the rights', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  const worker = await asWeakUser(local);
  const sql = printMigrations('local', worker.user);
  await local.sql(sql);
  await local.sql(sql);
  expect(await readMissing(worker)).toEqual([]);
  expect(await migrate(worker)).toEqual({ applied: [] });
  await worker.pool.query(`insert into meter_sync.upload_state values ('a', 1, 2, now())`);
  expect(await columnsOf(local)).toEqual(await columnsOf((await createDatabases(context)).local));
});

it('what is printed upgrades a schema that the program has made', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  const old = { '001_a': 'create table meter_sync.a ()' };
  await migrate(local.admin, toMigrations(old));
  const newer = toMigrations({ ...old, '002_b': `create table meter_sync.b (x text default 'it''s')` });
  await local.sql(migrationText(newer));
  expect(await migrate(local.admin, newer)).toEqual({ applied: [] });
  expect(await local.value(`select to_regclass('meter_sync.b')`)).toBe('meter_sync.b');
});

it('the printed grants name every table of the schema, and on the remote no right to change or delete a record', async (context) => {
  const databases = await createDatabases(context, 'empty');
  for (const database of [databases.local, databases.remote]) {
    const worker = await asWeakUser(database);
    await database.sql(printMigrations(database.side, worker.user));
    const rights = await readRights(database, worker.user);
    expect(rights.filter(({ granted }) => granted === '')).toEqual([]);
    const custody = rights.find(({ name }) => name === 'custody');
    expect(custody?.granted).toBe(database.side === 'remote' ? 'SELECT, INSERT' : undefined);
    expect(rights.find(({ name }) => name === 'migrations')?.granted).toBe('SELECT');
  }
});

it('a user without rights is told what an administrator can run, and that helps', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  const worker = await asWeakUser(local);
  const failure = (await migrate(worker).catch((error: unknown) => error)) as Error;
  expect(failure).toMatchObject({ kind: 'credentials', place: { side: 'local' }, sqlstate: '42501' });
  const { database } = local.settings;
  const [, grant] =
    /^local database (?:.*): user (?:.*) may not create or upgrade schema meter_sync.*either runs: (.*); or/.exec(
      failure.message,
    ) ?? [];
  expect(failure.message).toContain(`database ${database}: user ${worker.user}`);
  expect(failure.message).toContain('meter-sync init --print');
  await local.sql(grant ?? 'select no grant in the message');
  expect(await migrate(worker)).toEqual({ applied: FIRST });
});

it('a user who may not upgrade the tables of another is told to have the printed SQL applied', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  const worker = await asWeakUser(local);
  await local.sql(printMigrations('local', worker.user));
  const newer = toMigrations({ '001_meter_sync': '', '002_b': 'alter table meter_sync.quarantine add b int' });
  await local.sql(`alter schema meter_sync owner to "${worker.user}"`);
  const failure = (await migrate(worker, newer).catch((error: unknown) => error)) as Error;
  expect(failure).toMatchObject({ kind: 'credentials', sqlstate: '42501' });
  expect(failure.message).toMatch(/Its administrator applies what this prints: meter-sync init --print$/);
});

it('a user who may not read the bookkeeping is told so', async (context) => {
  const { local } = await createDatabases(context);
  const worker = await asWeakUser(local);
  const refusal = { kind: 'credentials', message: expect.stringContaining('init --print') as string };
  await expect(readMissing(worker)).rejects.toMatchObject(refusal);
  await expect(migrate(worker)).rejects.toMatchObject(refusal);
});

it('nothing is printed', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  const writes = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write'));
  const logs = (['log', 'info', 'warn', 'error', 'debug'] as const).map((name) => vi.spyOn(console, name));
  await migrate(local.admin);
  const calls = [...writes, ...logs].map(({ mock }) => mock.calls.length);
  vi.restoreAllMocks();
  expect(calls).toEqual([0, 0, 0, 0, 0, 0, 0]);
});

function toMigrations(files: Readonly<Record<string, string>>): readonly Migration[] {
  return Object.entries(files).map(([name, sql]) => ({ name, sql: sql === '' ? '' : `${sql};` }));
}

/** The statements that reach the server while `act` runs. */
async function recordStatements({ pool }: Database, act: () => Promise<unknown>): Promise<string[]> {
  const client = await pool.connect();
  const query = vi.spyOn(Object.getPrototypeOf(client) as typeof client, 'query');
  client.release();
  await act();
  const statements = (query.mock.calls as unknown[][]).map(([first]) => first as string | { readonly text: string });
  query.mockRestore();
  return statements.map((statement) => (typeof statement === 'string' ? statement : statement.text));
}

/** The rights of a user on each table of the schema, in the catalogue's order. */
function readRights(database: TestDatabase, user: string): Promise<{ name: string; granted: string }[]> {
  return database.sql(
    `
    select c.relname as name, concat_ws(', ', ${['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']
      .map((right) => `case when has_table_privilege($1, c.oid, '${right}') then '${right}' end`)
      .join(', ')}) as granted
    from pg_catalog.pg_class c
    where c.relnamespace = 'meter_sync'::regnamespace
      and c.relkind = 'r'`,
    [user],
  );
}

/** A pool of its own, as another process has. */
function reconnect(
  database: Pick<TestDatabase, 'side' | 'settings'>,
  user: Partial<TestDatabase['settings']> = {},
): Database {
  const pool = createPool({ ...database.settings, ...user }, () => undefined);
  onTestFinished(() => pool.end());
  return { side: database.side, pool };
}

async function asWeakUser(database: TestDatabase): Promise<Database & { user: string }> {
  const user = `weak ${database.settings.database.slice(-8)}`;
  await database.sql(`create role "${user}" login password 'weak'`);
  onTestFinished(async () => void (await database.sql(`drop owned by "${user}" cascade; drop role "${user}"`)));
  return { ...reconnect(database, { user, password: () => 'weak' }), user };
}

/** Columns and constraints of the schema, as the catalogue has them. */
function columnsOf(database: TestDatabase): Promise<unknown[]> {
  return database.sql(`
    select table_name, column_name, data_type, is_nullable, column_default
    from information_schema.columns
    where table_schema = 'meter_sync'
    order by table_name, column_name`);
}
