import { expect, it } from 'vitest';
import { openSite, PLAIN_READINGS, setForDatabase, type SiteUnderTest, toSite } from './site-under-test.js';

const BASE = 'id bigint primary key, created_at timestamptz';

interface Case {
  readonly local: string;
  readonly remote: string;
  /** A value as text. */
  readonly value: string;
}

type Context = Parameters<typeof openSite>[0];
type CaseUnderTest = Case & { readonly table: string; readonly site: SiteUnderTest };

/** One table for each case, in one pair of databases: a database costs half a second, a table nothing. */
async function openCases(context: Context, cases: readonly Case[]): Promise<CaseUnderTest[]> {
  const { local, remote } = await openSite(context);
  const tables = cases.map((types, at) => ({ ...types, table: `readings_${at}` }));
  for (const types of tables) {
    await local.sql(`create table ${types.table} (${BASE}, value ${types.local}, is_synchronized boolean)`);
    await local.sql(`insert into ${types.table} values (1, '2026-01-01', $1)`, [types.value]);
    await remote.sql(`create table ${types.table} (${BASE}, value ${types.remote})`);
  }
  return tables.map((types) => {
    const readings = { ...PLAIN_READINGS, table: { schema: null, name: types.table } };
    return { ...types, site: toSite({ local, remote }, readings) };
  });
}

it('a remote type that would change values stops the upload before anything moves', async (context) => {
  const cases = await openCases(context, [
    { local: 'numeric(18,6)', remote: 'numeric(20,2)', value: '1.234567' },
    { local: 'numeric', remote: 'numeric(20,2)', value: '1.234567' },
    { local: 'timestamptz', remote: 'timestamptz(3)', value: '2026-01-01 00:00:00.123456+00' },
    { local: 'timestamp', remote: 'timestamptz', value: '2026-01-01' },
    { local: 'float8', remote: 'float4', value: '0.1234567890123' },
    { local: 'float8', remote: 'int8', value: '1' },
    { local: 'char(5)', remote: 'char(3)', value: 'ab' },
    { local: 'bit(5)', remote: 'bit(3)', value: '10101' },
    { local: 'json', remote: 'jsonb', value: '{}' },
  ]);
  for (const { table, site } of cases) {
    await expect(site.upload()).rejects.toMatchObject({ kind: 'schema', place: { table, column: 'value' } });
    expect([await site.count(site.local, table), await site.count(site.remote, table)]).toEqual([1, 0]);
  }
});

it('a value that does not fit stays in quarantine, is not cut, and not told', async (context) => {
  const cases = await openCases(context, [
    { local: 'int8', remote: 'int4', value: '3000000000' },
    { local: 'varchar(5)', remote: 'varchar(3)', value: 'wxyz' },
    { local: 'text', remote: 'varchar(3)', value: 'xy   ' }, // PostgreSQL would cut the blanks in silence
    { local: 'numeric(18,2)', remote: 'numeric(8,2)', value: '12345678.90' },
  ]);
  for (const { table, site, value } of cases) {
    expect(await site.upload()).toMatchObject({ selected: 1, inserted: 0, quarantined: 1, removed: 0 });
    const notes = JSON.stringify(await site.local.sql('delete from meter_sync.quarantine returning *'));
    expect(notes).toMatch(/"sqlstate":"22(001|003)"/);
    expect(notes + JSON.stringify(site.logged)).not.toContain(value.trim());
    expect([await site.count(site.local, table), await site.count(site.remote, table)]).toEqual([1, 0]);
  }
});

it('a value that fits into another type arrives as it was printed', async (context) => {
  const cases = await openCases(context, [
    { local: 'int2', remote: 'int8', value: '-32768' },
    { local: 'int8', remote: 'int4', value: '2147483647' },
    { local: 'int4', remote: 'numeric', value: '12' },
    { local: 'varchar(5)', remote: 'varchar(3)', value: 'ab ' },
    { local: 'varchar(5)', remote: 'text', value: 'ab  ' },
    { local: 'numeric(18,6)', remote: 'numeric', value: '1.234500' },
    { local: 'timestamptz(3)', remote: 'timestamptz', value: '2026-01-01 00:00:00.123+00' },
    { local: 'timestamptz', remote: 'text', value: '2026-01-01 00:00:00.123456+00' },
    { local: 'bytea', remote: 'text', value: '\\x00ff' },
    { local: 'float4', remote: 'float8', value: '0.1' },
    { local: 'interval', remote: 'text', value: '1 mon -3 days +04:05:06.789' },
  ]);
  for (const { table, site, value } of cases) {
    await site.local.sql(`insert into ${table} values (2, '2026-01-01', null)`);
    await site.local.sql(setForDatabase('DateStyle', 'SQL, DMY'));
    expect(await site.upload()).toMatchObject({ inserted: 2, removed: 2 });
    const [, arrived] = [
      await site.remote.sql(`set TimeZone to 'UTC'`),
      await site.remote.sql(`select value::text from ${table} order by id`),
    ];
    expect(arrived).toEqual([{ value }, { value: null }]);
  }
});

it('types of a site keep their meaning: enums, domains, and arrays and composites of them', async (context) => {
  const types = `create type mood as enum ('ok', 'bad'); create domain kwh as numeric(18,6);
    create type pair as (a mood, b kwh); create type span as range (subtype = numeric)`;
  const columns = `${BASE}, m mood, ms mood[], k kwh, ks kwh[], p pair, s span, r regclass`;
  const site = await openSite(context, {
    local: `create table meter_readings_0 (i int); ${types}; create table meter_readings (${columns}, is_synchronized boolean)`,
    remote: `${types}; create table meter_readings_0 (i int); create table meter_readings (${columns})`,
  });
  await site.local.sql(
    `insert into meter_readings values (1, null, 'bad', '{ok,bad}', 1.234567, '{1.5,NULL}', '(ok,0.1)', '[1,2)', 'meter_readings_0')`,
  );
  const list = 'm, ms, k, ks, p, s, r::text';
  const before = await site.contents(site.local, list);
  await site.upload();
  expect(await site.contents(site.remote, list)).toEqual(before);
});

it('a domain of one name that rounds on the remote is drift', async (context) => {
  const table = `create table meter_readings (${BASE}, value kwh, is_synchronized boolean)`;
  const site = await openSite(context, {
    local: `create domain kwh as numeric(18,6); ${table}`,
    remote: `create domain base as numeric(18,2); create domain kwh as base; ${table}`,
  });
  await expect(site.upload()).rejects.toMatchObject({ kind: 'schema', place: { column: 'value' } });
});

it('all that keeps readings from moving is told at once', async (context) => {
  const site = await openSite(context, {
    remote: `create table meter_readings (id bigint, created_at timestamptz(0), value numeric(5,1), tariff text not null, made text not null default 'x')`,
  });
  const { message } = (await site.upload().catch((error: unknown) => error)) as Error;
  expect(message).toContain('no unique key on (id)');
  expect(message).toContain('created_at is timestamp with time zone locally and timestamp(0) with time zone remotely');
  expect(message).toContain('value is numeric locally and numeric(5,1) remotely, which would round');
  expect(message).toContain('tariff');
  expect(message).not.toContain('made');
});

it('a unique key that promises less than one reading a key is not enough', async (context) => {
  const site = await openSite(context, {
    remote: 'create table meter_readings (id bigint, created_at timestamptz, value numeric)',
  });
  for (const index of [
    'create unique index on meter_readings (id) where value > 0',
    'create unique index on meter_readings ((id + 0))',
    'alter table meter_readings add unique (id) deferrable',
    'alter table meter_readings add unique (id, value)',
  ]) {
    await site.remote.sql(index);
    await expect(site.upload()).rejects.toMatchObject({ kind: 'schema', place: { side: 'remote', column: null } });
  }
  await site.remote.sql('alter table meter_readings add unique (id)');
  expect(await site.upload()).toMatchObject({ batches: 0 });
});

it('columns of one end alone stay there: those of the remote, the flag, and what the settings except', async (context) => {
  const site = await openSite(context, {
    local: `create table meter_readings (${BASE}, a int, twice int, note text, is_synchronized boolean)`,
    remote: `create table meter_readings (${BASE}, a int, twice int generated always as (a * 2) stored,
             n bigint generated always as identity, is_synchronized boolean)`,
    readings: { except: ['note', 'twice'] },
  });
  await site.local.sql(`insert into meter_readings values (1, now(), 21, 5, 'private')`);
  await site.upload();
  expect(await site.remote.sql('select a, twice, n, is_synchronized from meter_readings')).toEqual([
    { a: '21', twice: '42', n: '1', is_synchronized: null },
  ]);
  expect(site.logged.filter(({ level }) => level === 'warn')).toEqual([]);
});

it('a column that both ends gain while we run travels from the next run on', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 1);
  await site.upload();
  for (const { sql } of [site.remote, site.local]) await sql('alter table meter_readings add extra text');
  await site.local.sql(`insert into meter_readings values (2, now(), 2, false, 'new')`);
  await site.upload();
  expect(await site.remote.value('select extra from meter_readings where id = 2')).toBe('new');
});

it('the database is named whose table lacks what is needed', async (context) => {
  const site = await openSite(context);
  for (const [side, change] of [
    ['local', 'alter table meter_readings drop column is_synchronized'],
    ['local', 'alter table meter_readings drop column created_at'],
    ['remote', 'drop table meter_readings'],
    ['local', 'drop table meter_readings'],
  ] as const) {
    await site[side].sql(change);
    await expect(site.upload()).rejects.toMatchObject({ kind: 'schema', place: { side, table: 'meter_readings' } });
  }
});

it('nothing moves into a table that a crash would empty', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 10);
  const refusal = {
    kind: 'schema',
    message: expect.stringContaining('unlogged') as unknown,
    place: { side: 'remote' },
  };
  await site.remote.sql('alter table meter_readings set unlogged');
  await expect(site.upload()).rejects.toMatchObject(refusal);
  await site.remote.sql(`
    drop table meter_readings;
    create table meter_readings (id bigint primary key, created_at timestamptz, value numeric) partition by range (id);
    create table low partition of meter_readings for values from (0) to (5);
    create unlogged table high partition of meter_readings for values from (5) to (99)`);
  await expect(site.upload()).rejects.toMatchObject(refusal);
  await site.remote.sql('alter table high set logged');
  expect(await site.upload()).toMatchObject({ inserted: 10, removed: 10 });
});

it('a local name that leads to rows of another place is no queue', async (context) => {
  const site = await openSite(context, {
    local: `
      create table elsewhere (id bigint primary key, created_at timestamptz, value numeric, is_synchronized boolean);
      create view meter_readings as table elsewhere`,
  });
  await site.queueReadings(1, 10);
  await expect(site.upload()).rejects.toMatchObject({
    kind: 'schema',
    message: expect.stringContaining('a view or a foreign table') as unknown,
    place: { side: 'local' },
  });
});
