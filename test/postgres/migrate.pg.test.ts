import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { migrate, printMigrations, readMissing } from '../../activities/bookkeeping/migrations.js';
import { applyMigrations, readMissingMigrations } from '../../src/postgres/migrate.js';
import { type Migrations, printMigrationFiles } from '../../src/postgres/migration-files.js';
import { createPool } from '../../src/postgres/pool.js';
import type { Database } from '../../src/postgres/session.js';
import { createDatabases, type TestDatabase } from '../support/postgres.js';

const LOCAL_MIGRATIONS = [
  '001_upload_state',
  '002_custody_state',
  '003_download_state',
  '004_download_guard',
  '005_download_parts',
];

it('a fresh database gets the whole schema, and a second run finds nothing to do', async (context) => {
  const { local, remote } = await createDatabases(context, 'empty');
  expect(await readMissing(local)).toEqual(LOCAL_MIGRATIONS);
  expect(await migrate(local)).toEqual({ applied: LOCAL_MIGRATIONS });
  expect((await migrate(remote)).applied).not.toEqual([]);
  for (const database of [local, remote]) {
    expect(await readMissing(database)).toEqual([]);
    expect(await migrate(database)).toEqual({ applied: [] });
    expect(await database.value(`select obj_description('meter_sync'::regnamespace)`)).toMatch(/meter-sync init/);
  }
  await local.sql(`insert into meter_sync.upload_state values ('a', 1, 2, now())`);
});

it('two processes at once apply each migration once', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  const other = reconnect(local);
  const results = await Promise.all([local, other, local, other].map((database) => migrate(database)));
  expect(results.flatMap(({ applied }) => applied)).toEqual(LOCAL_MIGRATIONS);
  expect(await readMissing(local)).toEqual([]);
});

it('an upgrade applies what is new, all of it or nothing', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  const first = 'create table up.a (x int)';
  await applyMigrations(local, await folderOf({ '001_a': first }));
  const broken = await folderOf({
    '001_a': first,
    '002_b': 'create table up.b (x int)',
    '003_c': 'create table up.a ()',
  });
  await expect(applyMigrations(local, broken)).rejects.toMatchObject({ kind: 'schema', sqlstate: '42P07' });
  expect(await local.value(`select to_regclass('up.b')`)).toBeNull();
  const mended = await folderOf({
    '001_a': first,
    '002_b': 'create table up.b (x int)',
    '010_c': 'create table up.c ()',
  });
  expect(await readMissingMigrations(local, mended)).toEqual(['002_b', '010_c']);
  expect(await applyMigrations(local, mended)).toEqual({ applied: ['002_b', '010_c'] });
});

it('a schema that is newer than this program is left alone', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  await applyMigrations(local, await folderOf({ '001_a': 'create table up.a ()', '002_b': 'create table up.b ()' }));
  expect(await applyMigrations(local, await folderOf({ '001_a': 'create table up.a ()' }))).toEqual({ applied: [] });
});

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
  await applyMigrations(local, await folderOf({ '001_a': 'create table up.a ()' }));
  const newer = await folderOf({
    '001_a': 'create table up.a ()',
    '002_b': `create table up.b (x text default 'it''s')`,
  });
  await local.sql(printMigrationFiles(newer, null));
  expect(await applyMigrations(local, newer)).toEqual({ applied: [] });
  expect(await local.value(`select to_regclass('up.b')`)).toBe('up.b');
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
  expect(await migrate(worker)).toEqual({ applied: LOCAL_MIGRATIONS });
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
  await migrate(local);
  const calls = [...writes, ...logs].map(({ mock }) => mock.calls.length);
  vi.restoreAllMocks();
  expect(calls).toEqual([0, 0, 0, 0, 0, 0, 0]);
});

/** A folder of migrations for the schema `up`. */
async function folderOf(files: Record<string, string>): Promise<Migrations> {
  const folder = await mkdtemp(join(tmpdir(), 'meter-sync-migrations-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, sql] of Object.entries(files)) await writeFile(join(folder, `${name}.sql`), `${sql};`);
  return { schema: 'up', folder };
}

/** A pool of its own, as another process has. */
function reconnect(database: TestDatabase, user: Partial<TestDatabase['settings']> = {}): Database {
  const pool = createPool({ ...database.settings, ...user }, () => undefined);
  onTestFinished(() => pool.end());
  return { side: database.side, pool };
}

async function asWeakUser(database: TestDatabase): Promise<Database & { user: string }> {
  const user = `weak ${database.settings.database.slice(-8)}`;
  await database.sql(`create role "${user}" login password 'weak'`);
  onTestFinished(async () => void (await database.sql(`drop owned by "${user}"; drop role "${user}"`)));
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
