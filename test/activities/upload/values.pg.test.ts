import fc from 'fast-check';
import { expect, it } from 'vitest';
import { insertWideReadings } from '../../../src/dev/sample/wide-readings.js';
import { createDatabases } from '../../support/postgres.js';
import { openSite, PLAIN_READINGS, type SiteUnderTest, toSite } from './site-under-test.js';

const text = fc
  .oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('', ' ', '\\N', '\\.', 'a\tb\nc\r\\', '"x,y"', '😀é\u{1F1E8}'),
  )
  .map((value) => value.replaceAll('\0', ''));
const integer = (bits: number): fc.Arbitrary<string> =>
  fc.bigInt({ min: -(2n ** BigInt(bits - 1)), max: 2n ** BigInt(bits - 1) - 1n }).map(String);
const digits = (maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...'0123456789'), { minLength: 1, maxLength }).map((all) => all.join(''));
const decimal = (before: number, after: number): fc.Arbitrary<string> =>
  fc.tuple(fc.constantFrom('', '-'), digits(before), digits(after)).map(([sign, a, b]) => `${sign}${a}.${b}`);
const float = (value: fc.Arbitrary<number>): fc.Arbitrary<string> =>
  fc.oneof(value, fc.constantFrom(-0, NaN, Infinity, -Infinity)).map((n) => (Object.is(n, -0) ? '-0' : String(n)));
const moment = fc.oneof(
  fc.tuple(fc.date({ min: new Date('0002-01-01'), max: new Date('9998-01-01'), noInvalidDate: true }), fc.nat(999)).map(
    ([date, micros]) => date.toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`),
  ),
  fc.constantFrom('infinity', '-infinity', '4713-01-01 00:00:00 BC', '294276-12-30 23:59:59.999999'),
); // prettier-ignore
const clock = fc
  .tuple(fc.nat(23), fc.nat(59), fc.nat(59), fc.nat(999_999))
  .map(([h, m, s, us]) => `${h}:${m}:${s}.${String(us).padStart(6, '0')}`);
const json = fc
  .tuple(fc.json(), fc.constantFrom('', ' ', '\n\t'))
  .map(([value, blank]) => `${blank}${value.replaceAll('\\u0000', '')}${blank}`);
const bytes = fc.uint8Array({ maxLength: 40 }).map((value) => `\\x${Buffer.from(value).toString('hex')}`);
const array = (item: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .array(fc.option(item, { freq: 5 }), { maxLength: 4 })
    .map((items) => `{${items.map((one) => (one === null ? 'NULL' : JSON.stringify(one))).join(',')}}`);

/** Types of columns, each with values as text. */
const KINDS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  smallint: integer(16),
  integer: integer(32),
  bigint: integer(64),
  numeric: fc.oneof(decimal(100, 100), decimal(3, 20), fc.constantFrom('NaN', 'Infinity', '-Infinity', '1e130000', '0.00')),
  'numeric(18,6)': fc.oneof(decimal(12, 6), fc.constant('NaN')),
  real: float(fc.float({ noNaN: true })),
  'double precision': float(fc.double({ noNaN: true })),
  text,
  'varchar(400)': text.map((value) => [...value].slice(0, 400).join('')),
  'char(12)': fc.string({ maxLength: 12 }).map((value) => value.replaceAll('\0', '')),
  '"char"': fc.constantFrom('a', ''),
  bytea: bytes,
  boolean: fc.constantFrom('t', 'f'),
  uuid: fc.uuid(),
  date: fc.constantFrom('2026-02-29'.replace('29', '28'), '0044-03-15 BC', 'infinity', '5874897-12-31'),
  timestamp: moment,
  timestamptz: moment,
  'timestamptz(2)': moment,
  time: clock,
  timetz: clock.map((value) => `${value}+05:45`),
  interval: fc.tuple(fc.integer({ min: -9_999, max: 9_999 }), fc.integer({ min: -99_999, max: 99_999 }), clock).map(([months, days, time]) => `${months} mons ${days} days -${time}`),
  json,
  jsonb: json,
  inet: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant('10.0.0.1/8')),
  macaddr: fc.constantFrom('08:00:2b:01:02:03'),
  'bit(5)': fc.constantFrom('00000', '10101'),
  varbit: fc.constantFrom('', '1', '0000000001'),
  money: fc.constantFrom('-1.05', '92233720368547758.07'),
  point: fc.constantFrom('(1,-0)', '(NaN,Infinity)', '(0.1,0.2)'),
  tsvector: fc.constantFrom(`'a':1A 'b c':2`),
  numrange: fc.constantFrom('empty', '[1.50,2)', '(,)'),
  'integer[]': array(integer(32)),
  'text[]': array(text.map((value) => value.replace(/[\u0000-\u001f\u007f-\u009f]/gu, ''))),
  'numeric[]': fc.constantFrom('{{1.0,2.00},{NaN,-3}}', '[2:3]={1,2}'),
}; // prettier-ignore

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
  await expect(site.upload()).rejects.toMatchObject({ kind: 'data' });
  expect(site.logged.at(-1)?.facts).toMatchObject({ examples: [{ key: ['7'], columns: ['c1587'] }] });
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
