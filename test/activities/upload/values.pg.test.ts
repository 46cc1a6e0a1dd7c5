import fc from 'fast-check';
import { expect, it } from 'vitest';
import { insertWideReadings } from '../../../bench/upload/wide-readings.js';
import { createDatabases } from '../../support/postgres.js';
import { VALUES_OF_TYPES as KINDS } from './values-of-types.js';
import { openSite, PLAIN_READINGS, type SiteUnderTest, toSite } from './site-under-test.js';

const NAMES = Object.keys(KINDS).map((_, at) => `c${String(at).padStart(2, '0')}`);
const row = fc.tuple(...Object.values(KINDS).map((value) => fc.option(value, { freq: 8 })));
const rows = fc.array(row, { minLength: 1, maxLength: 30 });

it('every value arrives as it left, and a second time it is recognised', async (context) => {
  const columns = NAMES.map((name, at) => `${name} ${Object.keys(KINDS)[at]}`).join(', ');
  const site = await openTable(context, columns, columns);
  await fc.assert(
    fc.asyncProperty(rows, (values) => expectSameValues(site, values)),
    { numRuns: 15 },
  );
});

it('every value arrives as it left also when one column makes the batch move as text', async (context) => {
  const columns = NAMES.map((name, at) => `${name} ${Object.keys(KINDS)[at]}`).join(', ');
  const site = await openTable(context, `${columns}, forced integer default 7`, `${columns}, forced bigint`);
  await fc.assert(
    fc.asyncProperty(rows, (values) => expectSameValues(site, values)),
    { numRuns: 15 },
  );
});

it('readings of 120 columns arrive as they left', async (context) => {
  const databases = await createDatabases(context, 'wide');
  const site = toSite(databases, PLAIN_READINGS);
  await site.local.sql(insertWideReadings(2_000));
  await site.local.sql(
    'alter table meter_readings drop column is_synchronized; alter table meter_readings add is_synchronized boolean',
  );
  const digest = `select count(*) || ' ' || md5(string_agg(md5(r::text), '' order by id)) from`;
  const left = await site.local.value(`${digest} (select ${await columnsOf(site)} from meter_readings) r`);
  expect(await site.upload({ batchRows: 700 })).toMatchObject({ batches: 3, removed: 2_000 });
  expect(await site.remote.value(`${digest} (select ${await columnsOf(site)} from meter_readings) r`)).toBe(left);
});

it('readings of 1,590 columns arrive as they left, are recognised, and differences in them are named', async (context) => {
  const names = Array.from({ length: 1_588 }, (_, at) => `c${at} integer`).join(', ');
  const site = await openTable(context, names, names);
  await site.local.sql('insert into kept (id, c7) select n, n from generate_series(1, 20) as n');
  for (const expected of [{ inserted: 20 }, { inserted: 0, alreadyThere: 20 }]) {
    await site.local.sql('insert into meter_readings table kept');
    expect(await site.upload()).toMatchObject(expected);
  }
  await site.remote.sql('update meter_readings set c1587 = 1 where id = 7');
  await site.local.sql('insert into meter_readings table kept');
  expect(await site.upload()).toMatchObject({ alreadyThere: 19, quarantined: 1, removed: 19 });
  expect(await site.local.sql('select key::text, column_names::text as columns from meter_sync.quarantine')).toEqual([
    { key: '{7}', columns: '{c1587}' },
  ]);
});

async function openTable(
  context: Parameters<typeof openSite>[0],
  local: string,
  remote: string,
): Promise<SiteUnderTest> {
  const base = 'id bigint primary key, created_at timestamptz';
  return openSite(context, {
    local: `create table meter_readings (${base}, ${local}, is_synchronized boolean); create table kept (like meter_readings including defaults)`,
    remote: `create table meter_readings (${base}, ${remote})`,
  });
}

async function expectSameValues(site: SiteUnderTest, values: (string | null)[][]): Promise<void> {
  await site.remote.sql('truncate meter_readings');
  await site.local.sql('truncate meter_readings, kept');
  const types = Object.keys(KINDS);
  const tuples = values.map(
    (_, at) => `(${at}, ${types.map((type, column) => `$${at * types.length + column + 1}::${type}`).join(', ')})`,
  );
  await site.local.sql(
    `insert into meter_readings (id, ${NAMES.join(', ')}) values ${tuples.join(', ')}`,
    values.flat(),
  );
  await site.local.sql('insert into kept table meter_readings');
  const left = await site.contents(site.local, `id, ${NAMES.join(', ')}`);
  expect(await site.upload()).toMatchObject({ inserted: values.length, removed: values.length });
  expect(await site.contents(site.remote, `id, ${NAMES.join(', ')}`)).toEqual(left);
  await site.local.sql('insert into meter_readings table kept');
  expect(await site.upload()).toMatchObject({ alreadyThere: values.length, removed: values.length });
}

async function columnsOf({ remote }: SiteUnderTest): Promise<string> {
  return (await remote.value(
    `select string_agg(attname, ', ' order by attname) from pg_attribute where attrelid = 'meter_readings'::regclass and attnum > 0`,
  )) as string;
}
