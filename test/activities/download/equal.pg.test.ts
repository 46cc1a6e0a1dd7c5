import { expect, it } from 'vitest';
import { MAX_NAME_LENGTH, MAX_NAMED_ROWS } from '../../../src/model/operations.js';
import { METERS, openSite } from './site-under-test.js';

const METER = 'create table meter (id bigint primary key, name text, place text, active boolean not null default true)';
const UP_TO_DATE = [{ level: 'info', message: 'up to date' }];

it('new rows are inserted and named, and a second download finds nothing to do', async (context) => {
  const site = await openSite(context, METER);
  await site.remote.sql(`insert into meter values (2, 'east', 'b', true), (1, 'west', null, false)`);
  expect(await site.download()).toMatchObject({
    localCount: 2,
    remoteCount: 2,
    inserted: 2,
    updated: 0,
    newRows: [
      { key: ['1'], name: 'west' },
      { key: ['2'], name: 'east' },
    ],
  });
  expect(site.lines).toEqual([
    { level: 'info', message: 'new row', facts: { table: 'meter', key: ['1'], name: 'west' } },
    { level: 'info', message: 'new row', facts: { table: 'meter', key: ['2'], name: 'east' } },
  ]);
  expect(await site.rows('local')).toEqual(await site.rows('remote'));
  expect(await site.download()).toMatchObject({
    inserted: 0,
    updated: 0,
    deactivated: 0,
    newRows: [],
    changedRows: [],
  });
  expect(site.lines).toMatchObject(UP_TO_DATE);
});

it('the changed fields of an updated row are told exactly, and other rows are not written', async (context) => {
  const site = await openSite(context, METER);
  await site.remote.sql(`insert into meter select n, 'm' || n, 'here' from generate_series(1, 5) n`);
  await site.download();
  const written = await site.local.sql('select id, xmin::text from meter where id <> 3 order by id');
  await site.remote.sql(`update meter set place = null, active = false where id = 3`);
  const result = await site.download();
  expect(result).toMatchObject({ inserted: 0, updated: 1, deactivated: 0 });
  expect(result.changedRows).toEqual([{ key: ['3'], name: 'm3', changedFields: ['active', 'place'] }]);
  expect(site.lines).toEqual([
    {
      level: 'info',
      message: 'row changed',
      facts: {
        table: 'meter',
        ...result.changedRows[0],
        was: { active: 'true', place: 'here' },
        became: { active: 'false', place: null },
      },
    },
  ]);
  expect(await site.local.sql('select id, xmin::text from meter where id <> 3 order by id')).toEqual(written);
});

it('a result names a bounded number of rows, counts all and logs all', async (context) => {
  const site = await openSite(context, METER);
  await site.remote.sql(`insert into meter select n, 'm' || n from generate_series(1, 300) n`);
  const result = await site.download();
  expect([result.inserted, result.newRows.length, site.lines.length]).toEqual([300, MAX_NAMED_ROWS, 300]);
  await site.remote.sql(`update meter set place = 'x'`);
  const changed = await site.download();
  expect([changed.updated, changed.changedRows.length, site.lines.length]).toEqual([300, MAX_NAMED_ROWS, 300]);
});

it('a result stays small whatever a name holds; the log has all of it', async (context) => {
  const site = await openSite(context, METER);
  await site.remote.sql(`insert into meter values (1, repeat('n', 100000), null, true)`);
  const { newRows } = await site.download();
  expect(newRows[0]?.name).toHaveLength(MAX_NAME_LENGTH);
  expect(await site.rows('local')).toEqual(await site.rows('remote'));
});

it('rows are matched by a composite key of any types', async (context) => {
  const table =
    'create table meter (site uuid, at timestamptz, code text, value numeric, primary key (code, site, at))';
  const site = await openSite(context, table, { ...METERS, key: ['site', 'at', 'code'] });
  const key = `'6f0e5a52-6a2b-4a87-9c53-0d5a4b5e7a11', '2026-03-29 02:30:00.123456+02'`;
  await site.remote.sql(`insert into meter values (${key}, 'a', 1), (${key}, 'b', 1)`);
  await site.local.sql(`insert into meter values (${key}, 'b', 2)`);
  const result = await site.download();
  expect(result.newRows).toEqual([
    { key: ['6f0e5a52-6a2b-4a87-9c53-0d5a4b5e7a11', '2026-03-29 00:30:00.123456+00', 'a'], name: null },
  ]);
  expect(result.changedRows).toMatchObject([{ changedFields: ['value'] }]);
  expect(await site.rows('local')).toEqual(await site.rows('remote'));
});

it('names with quotes, blanks, capitals and reserved words are only names', async (context) => {
  const owned = { table: { schema: `My "Schema"; --`, name: `select "*" 'x'` }, key: [`K"ey; drop`], filter: null };
  const name = `"My ""Schema""; --"."select ""*"" 'x'"`;
  const site = await openSite(
    context,
    `create schema "My ""Schema""; --";
     create table ${name} ("K""ey; drop" int primary key, "user" text, "a'b\\c" text, "changed_fields" text, "name" text, "s" int)`,
    owned,
  );
  await site.remote.sql(`insert into ${name} values (1, 'u', 'v', 'w', 'n', 5), (2, 'u', 'v', 'w', 'n', 5)`);
  await site.local.sql(`insert into ${name} values (1, 'u', '-', '-', 'n', 5)`);
  const result = await site.download();
  expect(result).toMatchObject({ inserted: 1, updated: 1 });
  expect(result.changedRows[0]?.changedFields).toEqual([`a'b\\c`, 'changed_fields']);
  expect(await site.rows('local')).toEqual(await site.rows('remote'));
});

it('values arrive to the last bit: digits, blanks, lines, unicode, json spelling', async (context) => {
  const site = await openSite(
    context,
    `create table meter (id numeric primary key, name text, fixed char(8), f float8, at timestamptz, span interval,
       spelled json, plain jsonb, raw bytea, tags text[], n numeric)`,
  );
  // The pools hold one idle connection each, which the download will take: as if the databases had such settings.
  await site.local.sql(`set DateStyle = 'SQL, DMY'; set IntervalStyle = 'sql_standard'`);
  await site.remote.sql(`set TimeZone = 'Asia/Kolkata'; set extra_float_digits = 0; set bytea_output = 'escape'`);
  await site.remote.sql(`insert into meter values
    (9007199254740993, E'trailing  ', 'ab  ', '-0', '2026-01-01 00:00:00.000001+00', '1 month 24 hours',
     '{"b" : 1,  "a":1.10, "b":2}', '{"b":1,"a":1.10}', '\\x00ff', array['a,b', null, '', E'c\\n"d'], 'NaN'),
    (9007199254740992, E'\\n\\t\\\\N\\r', '', 'Infinity', 'infinity', '-1 day', 'null', 'null', '', '{}', 1.10),
    (123456789012345678901234567890.5, U&'\\+01F600 \\00e9 e\\0301', null, 0.1, null, null, null, null, null, null, 1e-20)`);
  expect(await site.download()).toMatchObject({ inserted: 3 });
  const image = `select md5(string_agg(t::text, '|' order by t.id)) from meter t`;
  const inOneForm = `set extra_float_digits = 3; set bytea_output = hex; set DateStyle = ISO; set IntervalStyle = postgres; set TimeZone = 'UTC'; ${image}`;
  expect(await site.local.value(inOneForm)).toEqual(await site.remote.value(inOneForm));
  await site.remote
    .sql(`update meter set name = rtrim(name), spelled = '{"b":1,"a":1.10,"b":2}', f = 0, span = '1 month 1 day'
    where id = 9007199254740993`);
  const result = await site.download();
  expect(result.changedRows).toEqual([
    { key: ['9007199254740993'], name: 'trailing', changedFields: ['f', 'name', 'span', 'spelled'] },
  ]);
  expect(await site.local.value(inOneForm)).toEqual(await site.remote.value(inOneForm));
});

it('keys beyond 2^53 stay apart', async (context) => {
  const site = await openSite(context, METER);
  await site.remote.sql(
    `insert into meter values (9007199254740992, 'a'), (9007199254740993, 'b'), (9223372036854775807, 'c')`,
  );
  const { newRows } = await site.download();
  expect(newRows.map(({ key }) => key[0])).toEqual(['9007199254740992', '9007199254740993', '9223372036854775807']);
});

it('only columns that both tables have are moved, and types that differ are converted', async (context) => {
  const site = await openSite(context, {
    local: `create table meter (id text primary key, price numeric(10,2), at text, local_note text default 'mine', is_new int)`,
    remote: `create table meter (id bigint primary key, price text, at timestamptz, remote_note text not null default 'theirs')`,
  });
  await site.remote.sql(`insert into meter values (7, '12.50', '2026-01-01 12:00+00')`);
  await site.download();
  expect(await site.rows('local')).toEqual([
    '{"id":"7","price":12.50,"at":"2026-01-01 12:00:00+00","local_note":"mine","is_new":null}',
  ]);
  expect(await site.download()).toMatchObject({ inserted: 0, updated: 0 });
});

it('identity columns take the remote value, computed columns are left to the local table', async (context) => {
  const site = await openSite(context, {
    local: `create table meter (id bigint generated always as identity primary key, name text,
              shown text generated always as (upper(name)) stored, serial bigint generated by default as identity)`,
    remote: `create table meter (id bigint primary key, name text, shown text, serial bigint)`,
  });
  await site.remote.sql(`insert into meter values (41, 'a', 'other', 7), (42, 'b', null, 8)`);
  expect(await site.download()).toMatchObject({ inserted: 2 });
  await site.remote.sql(`update meter set name = 'c', shown = 'x' where id = 42`);
  expect((await site.download()).changedRows).toMatchObject([{ key: ['42'], changedFields: ['name'] }]);
  expect(await site.rows('local')).toEqual([
    '{"id":41,"name":"a","shown":"A","serial":7}',
    '{"id":42,"name":"c","shown":"C","serial":8}',
  ]);
});

it('a column added at both ends is picked up by the next download', async (context) => {
  const site = await openSite(context, METER);
  await site.remote.sql(`insert into meter values (1, 'a')`);
  await site.download();
  await Promise.all([site.local, site.remote].map(({ sql }) => sql('alter table meter add column floor int')));
  await site.remote.sql('update meter set floor = 3');
  expect((await site.download()).changedRows).toMatchObject([{ changedFields: ['floor'] }]);
});
