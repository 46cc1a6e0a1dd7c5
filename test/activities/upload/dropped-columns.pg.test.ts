import { randomBytes } from 'node:crypto';
import { expect, it, onTestFinished, type TestContext } from 'vitest';
import { createPool } from '../../../src/postgres/pool.js';
import type { TestDatabase } from '../../support/postgres.js';
import { DOWNLOADED, WORKER } from '../../support/rights.js';
import { METERS, openOnDatabases } from '../download/site-under-test.js';
import { openSite, type SiteUnderTest, toSite } from './site-under-test.js';

const BASE = 'id bigint primary key, created_at timestamptz not null';
const LOCAL = `create table meter_readings (${BASE}, value numeric, note text, is_synchronized boolean)`;
const REMOTE = `create table meter_readings (${BASE}, value numeric, note text)`;

async function insertNoted(site: SiteUnderTest, from: number, to: number): Promise<void> {
  await site.local.sql(
    `insert into meter_readings (id, created_at, value, note)
     select n, '2026-01-01 00:00:00+00'::timestamptz + n * interval '1 second', n + 0.125, 'note ' || n
     from generate_series($1::int, $2::int) as n`,
    [from, to],
  );
}

/** A site that has delivered ten readings with their notes, and has five more. */
async function openNoted(context: Pick<TestContext, 'task'>): Promise<SiteUnderTest> {
  const site = await openSite(context, { local: LOCAL, remote: REMOTE });
  await insertNoted(site, 1, 10);
  await site.upload();
  await insertNoted(site, 11, 15);
  return site;
}

it.for([
  { is: 'dropped', change: 'drop column note', says: 'the remote table has no column note' },
  { is: 'renamed', change: 'rename column note to remark', says: 'the remote table has no column note' },
  {
    is: 'made generated',
    change: `drop column note, add note text generated always as ('made of ' || id::text) stored`,
    says: 'the remote generates column note by itself and accepts no values',
  },
])('a column that is $is on the remote stops the upload before anything moves', async ({ change, says }, context) => {
  const site = await openNoted(context);
  await site.remote.sql(`alter table meter_readings ${change}`);
  await expect(site.upload()).rejects.toMatchObject({
    kind: 'schema',
    message: expect.stringContaining(`${says}, so these values would be lost`) as unknown,
    place: { side: 'remote', table: 'meter_readings', column: 'note' },
    next: expect.stringMatching(
      /add note to the remote table.* set METER_SYNC_READINGS_EXCEPT=note and restart the worker, then run: meter-sync check$/,
    ) as unknown,
  });
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([5, 10]);
  const knowing = toSite(site, { ...site.ends.readings, except: ['note'] });
  expect(await knowing.upload()).toMatchObject({ inserted: 5, removed: 5 });
});

it('all columns that the remote does not store are told at once, however many', async (context) => {
  const names = Array.from({ length: 120 }, (_, at) => `register_${at}`);
  const columns = names.map((name) => `${name} int`).join(', ');
  const site = await openSite(context, {
    local: `create table meter_readings (${BASE}, ${columns}, is_synchronized boolean)`,
    remote: `create table meter_readings (${BASE})`,
  });
  const failure = (await site.upload().catch((error: unknown) => error)) as Error & { next: string };
  expect(failure.message).toContain(names.sort().join(', '));
  expect(failure.next.length).toBeLessThan(1_000);
});

it('a column that the site computes from others, and one that only the remote has, stop nothing', async (context) => {
  const site = await openSite(context, {
    local: `create table meter_readings (${BASE}, value int, twice int generated always as (value * 2) stored, is_synchronized boolean)`,
    remote: `create table meter_readings (${BASE}, value int, received timestamptz default now())`,
  });
  await site.queueReadings(1, 3);
  expect(await site.upload()).toMatchObject({ inserted: 3, removed: 3 });
});

it('a number that each end gives by itself must travel', async (context) => {
  const numbered = `create table meter_readings (${BASE}, n bigint generated always as identity`;
  const site = await openSite(context, { local: `${numbered}, is_synchronized boolean)`, remote: `${numbered})` });
  await site.local.sql(`insert into meter_readings (id, created_at) values (1, now())`);
  await expect(site.upload()).rejects.toMatchObject({ kind: 'schema', place: { column: 'n' } });
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([1, 0]);
});

it('a column that only a table has which inherits from the readings stops the upload', async (context) => {
  const site = await openSite(context);
  await site.local.sql(`create table phases (phase text) inherits (meter_readings);
    insert into phases values (1, now(), 1, false, 'L1')`);
  await expect(site.upload()).rejects.toMatchObject({
    kind: 'schema',
    place: { side: 'local', column: 'phase' },
    next: expect.stringContaining('add phase to the readings table at both ends') as unknown,
  });
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([1, 0]);
});

it('without a flag in the settings its column is one like others', async (context) => {
  const site = await openSite(context, { readings: { flag: null } });
  await site.queueReadings(1, 3);
  await expect(site.upload()).rejects.toMatchObject({ kind: 'schema', place: { column: 'is_synchronized' } });
});

it.for([
  { side: 'remote', right: 'insert', rights: ['select', 'insert'] },
  { side: 'remote', right: 'select', rights: ['select', 'insert'] },
  { side: 'local', right: 'select', rights: ['select'] },
] as const)(
  'the right to $right one column of the $side table, once taken away, is asked for by its grant',
  async ({ side, right, rights }, context) => {
    const site = await openNoted(context);
    const { database, role } = await asUser(site[side], rights, side);
    const limited = toSite({ ...site, [side]: database }, site.ends.readings);
    expect(await limited.upload()).toMatchObject({ inserted: 5 });
    await insertNoted(site, 16, 20);
    await site[side].sql(`revoke ${right} (note) on meter_readings from ${role}`);
    await expect(limited.upload()).rejects.toMatchObject({
      kind: 'credentials',
      message: expect.stringContaining(`grant ${right} ("note") on "meter_readings" to ${role}`) as unknown,
      place: { side, table: 'meter_readings', column: 'note' },
    });
    expect([await site.count(site.local), await site.count(site.remote)]).toEqual([5, 15]);
    const knowing = toSite({ ...site, [side]: database }, { ...site.ends.readings, except: ['note'] });
    expect(await knowing.upload()).toMatchObject({ inserted: 5, removed: 5 });
  },
);

it.for([
  { is: 'dropped', change: 'drop column note', column: 'note' },
  {
    is: 'made generated',
    change: `drop column note, add note text generated always as ('made of ' || id::text) stored`,
    column: 'note',
  },
  { is: 'made narrower', change: 'alter column value type numeric(5,1)', column: 'value' },
  {
    is: 'made narrower, without custody,',
    change: 'alter column value type numeric(5,1)',
    column: 'value',
    custody: 'off',
  },
] as const)(
  'a column that is $is on the remote while batches move takes no reading from then on',
  async ({ change, column, ...settings }, context) => {
    const site = await openSite(context, {
      local: LOCAL,
      remote: REMOTE,
      readings: settings.custody === undefined ? {} : { custody: settings.custody },
    });
    await insertNoted(site, 1, 200);
    const statements = `alter table meter_readings ${change}; create table seen as select id from meter_readings`;
    let changing: Promise<unknown> | undefined;
    const onHeartbeat = (): void => void (changing ??= site.remote.sql(statements));
    const failure: unknown = await site.upload({ batchRows: 2, onHeartbeat }).catch((error: unknown) => error);
    await changing;
    expect(failure).toMatchObject({ kind: 'schema', place: { side: 'remote', column } });
    expect(await site.count(site.remote)).toBe(await site.count(site.remote, 'seen'));
    expect((await site.count(site.local)) + (await site.count(site.remote))).toBe(200);
    await expect(site.upload()).rejects.toMatchObject({ kind: 'schema', place: { side: 'remote', column } });
  },
);

it('a column that is added at the site while batches move leaves with its readings or keeps them', async (context) => {
  const site = await openSite(context, { local: LOCAL, remote: REMOTE });
  await insertNoted(site, 1, 200);
  let changing: Promise<unknown> | undefined;
  const onHeartbeat = (): void =>
    void (changing ??= site.local.sql(`alter table meter_readings add extra text;
      insert into meter_readings values (201, '2027-01-01', 1, 'note', false, 'measured')`));
  await expect(site.upload({ batchRows: 2, onHeartbeat })).rejects.toMatchObject({
    kind: 'schema',
    place: { side: 'remote', column: 'extra' },
  });
  await changing;
  await expect(site.upload()).rejects.toMatchObject({ kind: 'schema', place: { column: 'extra' } });
  expect((await site.count(site.local)) + (await site.count(site.remote))).toBe(201);
  await site.remote.sql('alter table meter_readings add extra text');
  expect(await site.upload()).toMatchObject({ queueSize: 0 });
  expect(await site.remote.value('select extra from meter_readings where id = 201')).toBe('measured');
});

it('a right to one column that is taken away while batches move is asked for by its grant', async (context) => {
  const site = await openSite(context, { local: LOCAL, remote: REMOTE });
  await insertNoted(site, 1, 200);
  const { database, role } = await asUser(site.remote, ['select', 'insert'], 'remote');
  const limited = toSite({ ...site, remote: database }, site.ends.readings);
  let changing: Promise<unknown> | undefined;
  const onHeartbeat = (): void =>
    void (changing ??= site.remote.sql(`revoke insert (note) on meter_readings from ${role}`));
  await expect(limited.upload({ batchRows: 2, onHeartbeat })).rejects.toMatchObject({
    kind: 'credentials',
    message: expect.stringContaining(`grant insert ("note") on "meter_readings" to ${role}`) as unknown,
    place: { side: 'remote', column: 'note' },
  });
  await changing;
  expect((await site.count(site.local)) + (await site.count(site.remote))).toBe(200);
});

it('while a column stops the upload, downloads go on', async (context) => {
  const meter = 'create table meter (id bigint primary key, name text)';
  const site = await openSite(context, {
    local: `${LOCAL}; ${meter}; grant ${DOWNLOADED.local} on meter to ${WORKER}`,
    remote: `create table meter_readings (${BASE}); ${meter}`,
  });
  await insertNoted(site, 1, 3);
  await site.remote.sql(`insert into meter values (1, 'main')`);
  await expect(site.upload()).rejects.toMatchObject({ kind: 'schema', place: { column: 'note' } });
  await openOnDatabases(site, METERS).download();
  expect(await site.local.sql('select * from meter')).toEqual([{ id: '1', name: 'main' }]);
});

/** The database as a user sees it who holds `rights` on each column of the readings, and not on the table. */
async function asUser(
  admin: TestDatabase,
  rights: readonly string[],
  side: 'local' | 'remote',
): Promise<{ database: TestDatabase; role: string }> {
  const role = `worker_${randomBytes(4).toString('hex')}`;
  const columns = side === 'local' ? 'id, created_at, value, note, is_synchronized' : 'id, created_at, value, note';
  const onColumns = rights.map((right) => `${right} (${columns})`).join(', ');
  await admin.sql(`
    create role ${role} login password 'a';
    grant ${onColumns} on meter_readings to ${role};
    ${side === 'local' ? `grant delete on meter_readings to ${role};` : ''}
    grant usage on schema meter_sync to ${role};
    grant select, insert, update, delete on all tables in schema meter_sync to ${role}`);
  const pool = createPool({ ...admin.settings, user: role, password: () => 'a' }, () => undefined);
  onTestFinished(async () => {
    await pool.end();
    await admin.sql(`drop owned by ${role}; drop role ${role}`);
  });
  return { database: { ...admin, pool }, role };
}
