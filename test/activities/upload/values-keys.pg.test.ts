import { describe, expect, it } from 'vitest';
import { expectRefused } from './refused.js';
import { openSite } from './site-under-test.js';

type Context = Parameters<typeof openSite>[0];

interface Shape {
  readonly columns: string;
  readonly key: readonly string[];
  readonly order: string;
  /** The values of reading `i`. */
  readonly values: string;
}

const NONDETERMINISTIC = `create collation if not exists loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`;

const SHAPES: readonly Shape[] = [
  { columns: 'id bigint', key: ['id'], order: 'id', values: '1000 - i' },
  { columns: 'id uuid, day date', key: ['id'], order: 'day', values: `md5(i::text)::uuid, date '2026-01-01' + i / 10` },
  { columns: 'meter text collate loose, at timestamptz', key: ['meter', 'at'], order: 'at', values: `case i % 2 when 0 then 'meter ' else 'METER ' end || i % 5, timestamptz '2026-01-01' + i / 5 * interval '1 hour'` },
  { columns: 'meter "char", at timestamp, n smallint', key: ['at', 'n', 'meter'], order: 'at', values: `'m', timestamp '2026-01-01' + i / 5 * interval '1 us', i` },
  { columns: 'at numeric, name varchar(20)', key: ['at', 'name'], order: 'at', values: `i / 10.0, 'it''s "' || i` },
  { columns: 'mac macaddr, span int4range, at timestamptz(0)', key: ['mac', 'span'], order: 'at', values: `'08:00:2b:01:02:03'::macaddr, int4range(i, i + 2), '2026-01-01'` },
  { columns: 'name text, bits varbit, data bytea', key: ['bits', 'data'], order: 'name', values: `'n' || i % 4, i::bit(8)::varbit, decode(md5(i::text), 'hex')` },
  { columns: 'at float8, other float8[]', key: ['other'], order: 'at', values: `sqrt(i), array[i / 3.0::float8, null]` },
]; // prettier-ignore

describe('keys and orders of any kind', () => {
  it.for(SHAPES.map((shape) => [`(${shape.key.join(', ')}) by ${shape.order}: ${shape.columns}`, shape] as const))(
    'take every reading once: %s',
    async ([, { columns, key, order, values }], context) => {
      const table = `${NONDETERMINISTIC}; create table meter_readings (${columns}, value int, primary key (${key.join(', ')})`;
      const site = await openSite(context, {
        local: `${table}, is_synchronized boolean)`,
        remote: `${table})`,
        readings: { key, order },
      });
      const fill = `insert into meter_readings select ${values}, i from generate_series(1, 90) as i`;
      for (const expected of [{ inserted: 90 }, { inserted: 0, alreadyThere: 90 }]) {
        await site.local.sql(fill);
        expect(await site.upload({ batchRows: 8 })).toMatchObject({ ...expected, removed: 90, batches: 12 });
      }
      expect(await site.remote.value('select sum(value) from meter_readings')).toBe('4095');
    },
  );

  it('a key that only the remote takes for another is a conflict, and nothing is lost', async (context) => {
    const site = await openSite(context, {
      local: 'create table meter_readings (id text primary key, created_at timestamptz, is_synchronized boolean)',
      remote: `${NONDETERMINISTIC}; create table meter_readings (id text collate loose primary key, created_at timestamptz)`,
    });
    await site.local.sql(`insert into meter_readings values ('a', '2026-01-01'), ('A', '2026-01-02')`);
    expect(await site.upload()).toMatchObject({ inserted: 1, quarantined: 1, removed: 1 });
    expect([await site.count(site.local), await site.count(site.remote)]).toEqual([1, 1]);
  });
});

describe('labels and limits of one end', () => {
  const base = 'id bigint primary key, created_at timestamptz';
  const openLabels = (context: Context, local: string, remote: string) =>
    openSite(context, {
      local: `create type mood as enum ('ok', 'bad', 'new'); create domain small as int check (value < 10);
        create table meter_readings (${base}, value ${local}, is_synchronized boolean)`,
      remote: `create type temper as enum ('bad', 'ok'); create type mood as enum ('bad', 'ok'); create domain small as int check (value < 5);
        create domain label as mood check (value <> 'bad'); create table meter_readings (${base}, value ${remote})`,
    });

  it.for([
    ['mood', 'mood', 'ok', 'new'],
    ['mood', 'temper', 'bad', 'new'],
    ['mood', 'label', 'ok', 'bad'],
    ['text', 'temper', 'ok', 'OK'],
    ['varchar(9)', 'mood', 'bad', ' bad'],
    ['small', 'small', '4', '9'],
    ['small', 'int', '9', null],
    ['int', 'small', '4', '777'],
    ['mood', 'text', 'new', null],
    ['small', 'text', '7', null],
  ] as const)('%s goes into %s where it fits: %s, and not: %s', async ([local, remote, fits, refused], context) => {
    const site = await openLabels(context, local, remote);
    await site.local.sql(`insert into meter_readings values (1, '2026-01-01', '${fits}'), (2, '2026-01-01', null)`);
    expect(await site.upload()).toMatchObject({ inserted: 2, removed: 2 });
    expect(await site.remote.sql('select value::text from meter_readings order by id')).toEqual([
      { value: fits },
      { value: null },
    ]);
    if (refused === null) return;
    await site.remote.sql('truncate meter_readings');
    await site.local.sql(`insert into meter_readings values (3, '2026-01-01', '${refused}')`);
    await expectRefused(site, `"${refused}"`);
  });
});
