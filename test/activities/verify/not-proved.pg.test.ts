import { expect, it } from 'vitest';
import type { Verification } from '../../../activities/verify/verify-delivered.js';
import { verifySite } from '../../../activities/verify/verify-site.js';
import type { OwnedTable } from '../../../src/model/table.js';
import { openSite, type SiteUnderTest } from '../upload/site-under-test.js';

const METERS: OwnedTable = { table: { schema: null, name: 'meter' }, key: ['id'], filter: null };

const verify = ({ local, remote, ends }: SiteUnderTest, siteId = 'test'): Promise<Verification> =>
  verifySite(
    { local, remote, tables: { readings: ends.readings, meters: METERS, tenants: METERS } },
    { siteId, from: null, to: null, after: null, isStopped: () => false, onProgress: () => undefined },
  );

/** A site of the meters 1 and 2 that has delivered 42 readings of each of three days, with one more column. */
async function deliver(
  context: Parameters<typeof openSite>[0],
  more: { readonly type: string; readonly value: string; readonly index?: string },
): Promise<SiteUnderTest> {
  const columns = `id bigint primary key, created_at timestamptz, meter_id bigint, value ${more.type}`;
  const site = await openSite(context, {
    local: `create table meter_readings (${columns}, is_synchronized boolean);
      create table meter (id bigint primary key); insert into meter values (1), (2)`,
    remote: `create table meter_readings (${columns}); ${more.index ?? 'create index on meter_readings (created_at)'}`,
    readings: { meter: 'meter_id' },
  });
  await site.local.sql(
    `insert into meter_readings select n, '2026-01-01 00:30:00+00'::timestamptz + n % 3 * interval '1 day', 1 + n % 2, ${more.value}
     from generate_series(1, 126) as n`,
  );
  await site.upload();
  return site;
}

const days = ({ days: lines }: Verification): object => lines.map(({ proof, reason }) => ({ proof, reason }));
const all = (proof: string, reason: string | null): object => [1, 2, 3].map(() => ({ proof, reason }));

it('an edit is not hidden by a cast to the type that the record names', async (context) => {
  const site = await deliver(context, { type: 'numeric(12,3)', value: 'n' });
  await site.remote.sql('alter table meter_readings alter value type numeric');
  const widened = await verify(site);
  expect([widened.doubts, days(widened)]).toEqual([[], all('value', null)]);

  await site.remote.sql('update meter_readings set value = value + 0.0004');
  const edited = await verify(site);
  expect(edited.doubts.map(({ day }) => day)).toEqual(['2026-01-01', '2026-01-02', '2026-01-03']);
  expect(edited.doubts[0]?.message).toContain('at least one of 42 readings for 2026-01-01 was changed');

  await site.remote.sql('alter table meter_readings alter value type numeric(12,5)'); // which writes all values anew
  const rewritten = await verify(site);
  expect(rewritten.doubts).toEqual([]);
  expect(days(rewritten)).toEqual(all('count', 'column value was numeric(12,3) and is numeric(12,5)'));
});

it.for<[string, string, string, string]>([
  ['numeric(12,3)', 'n', 'text', 'column value was numeric(12,3) and is text'],
  ['integer', 'n', 'bigint', 'column value was integer and is bigint'],
  ['json', `'{"b": 1, "a": 1.0}'`, 'jsonb', 'column value was json and is jsonb'],
])(
  'values of a column that was %s are counted where it is another type now',
  async ([type, value, now, reason], context) => {
    const site = await deliver(context, { type, value });
    await site.remote.sql(`alter table meter_readings alter value type ${now} using value::${now}`);
    const verification = await verify(site);
    expect([verification.doubts, days(verification)]).toEqual([[], all('count', reason)]);
  },
);

it('days are not compared where the column that has them is of another type now', async (context) => {
  const site = await deliver(context, { type: 'integer', value: 'n' });
  await site.remote.sql(`alter table meter_readings alter created_at type timestamp using created_at at time zone 'Asia/Tokyo'`);
  const { doubts, days: lines } = await verify(site);
  expect(doubts).toEqual([]);
  expect(lines).toMatchObject(
    [1, 2, 3].map(() => ({ proof: 'none', found: null, isProved: false, reason: expect.stringContaining('created_at was timestamp with time zone and is timestamp without time zone') as unknown })),
  );
}); // prettier-ignore

it.for<[string, string, string]>([
  ['double precision', `'-0'`, '0'],
  ['real', `'-0'`, '0'],
  ['bpchar', `'a'`, `'a  '`],
  ['char(4)[]', `'{a}'`, `'{b}'`],
  ['xml', `'<?xml version="1.0" encoding="UTF-8"?><a/>'`, `'<?xml version="1.0"?><a/>'`],
  ['xml', `'<?xml version="1.0" standalone="yes"?><a/>'`, `'<a/>'`],
])('a value of %s is hashed as it is stored: %s is proved, and found when it becomes %s', async ([type, value, changed], context) => {
  const site = await deliver(context, { type, value });
  const verification = await verify(site);
  expect([verification.doubts, days(verification)]).toEqual([[], all('value', null)]);
  await site.remote.sql(`update meter_readings set value = ${changed} where id = 42`);
  expect((await verify(site)).doubts).toMatchObject([{ day: '2026-01-01', message: expect.stringContaining('was changed') as unknown }]);
}); // prettier-ignore

it('a NaN that was computed is the NaN that the remote stores, when one batch crosses as text', async (context) => {
  const columns = `id bigint primary key, created_at timestamptz, value double precision, code`;
  const site = await openSite(context, {
    local: `create table meter_readings (${columns} integer, is_synchronized boolean)`,
    remote: `create table meter_readings (${columns} bigint)`,
  });
  await site.local.sql(
    `insert into meter_readings values (1, '2026-01-01', 'infinity'::float8 - 'infinity'::float8, 1), (2, '2026-01-01', '-0', 2)`,
  );
  await site.upload();
  const { doubts, days: lines } = await verify(site);
  expect([doubts, lines.map(({ proof }) => proof)]).toEqual([[], ['value']]);
});

it('a day in doubt says how many of it are there, and what its sum cannot tell', async (context) => {
  const site = await deliver(context, { type: 'integer', value: 'n' });
  await site.remote.sql(`delete from meter_readings where id in (3, 6, 9, 12);
    insert into meter_readings values (1001, '2026-01-02 12:00+00', 1), (1002, '2026-01-02 12:00+00', 1)`);
  const { doubts, days: lines } = await verify(site);
  expect(lines).toMatchObject([
    { delivered: 42, found: 38, missing: 4, extra: 0, proof: 'none', isInDoubt: true },
    { delivered: 42, found: 44, missing: 0, extra: 2, proof: 'none', isInDoubt: true },
    { delivered: 42, found: 42, missing: 0, extra: 0, proof: 'value', isInDoubt: false },
  ]);
  expect(doubts[0]?.message).toContain(
    '4 of 42 readings delivered for 2026-01-01 are no longer on the remote; whether one of the 38 that are there was changed, the day sum cannot tell',
  );
  expect(doubts[1]?.message).toContain(
    '2 readings for 2026-01-02 are on the remote that this site did not deliver, beside 42 delivered ones; which ones these are, and whether a delivered one was changed, the day sum cannot tell',
  );
});

it('readings before the first day, and those of meters that the site does not know, are counted and told', async (context) => {
  const site = await deliver(context, { type: 'integer', value: 'n' });
  await site.remote
    .sql(`insert into meter_readings values (1001, '2025-12-01', 1), (1002, '2025-12-01', 2), (1003, '2025-12-01', 99),
    (1004, '2026-01-02', 99), (1005, '2026-01-02', null), (1006, '2026-01-02', 99), (1007, '2027-01-01', 99)`);
  expect((await verify(site)).outside).toEqual({
    ...{ firstDay: '2026-01-01', lastDay: '2026-01-03' },
    before: { rows: 2, isAtLeast: false },
    otherMeters: { rows: 3, isAtLeast: false },
  });
});
