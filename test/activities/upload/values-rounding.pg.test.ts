import { expect, it } from 'vitest';
import { openSite, type SiteUnderTest } from './site-under-test.js';

const BASE = 'id bigint primary key, created_at timestamptz';
const LOCAL = 'a numeric(18,6), b timestamptz, c float8, d json, e bigint, f char(5), g interval';
const REMOTE = 'a numeric(18,2), b timestamptz(3), c float4, d jsonb, e float8, f char(3), g interval day to second(0)';
const COLUMNS = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

async function openRounding(
  context: Parameters<typeof openSite>[0],
  mayRound: readonly string[],
): Promise<SiteUnderTest> {
  const site = await openSite(context, {
    local: `create table meter_readings (${BASE}, ${LOCAL}, is_synchronized boolean); create table kept (like meter_readings)`,
    remote: `create table meter_readings (${BASE}, ${REMOTE})`,
    readings: { mayRound },
  });
  await site.local.sql(
    `insert into kept select n, '2026-01-01', n + 0.123456, '2026-01-01 00:00:00.123456Z', 0.1234567890123,
       '{"b": 1, "a": 1, "b":2}', 9007199254740993, 'ab', '1 day 00:00:01.5' from generate_series(1, 50) as n`,
  );
  await site.local.sql('insert into meter_readings table kept');
  return site;
}

it('a column that rounds does not move unless the settings name it, and each is told at once', async (context) => {
  const site = await openRounding(context, ['a', 'c', 'f']);
  const failure = (await site.upload().catch((error: unknown) => error)) as Error;
  for (const name of ['b', 'd', 'e', 'g']) expect(failure.message).toContain(`column ${name} is `);
  for (const name of ['a', 'c', 'f']) expect(failure.message).not.toContain(`column ${name} is `);
  expect(failure.message).toContain('METER_SYNC_READINGS_ALLOW_ROUNDING');
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([50, 0]);
});

it('readings with rounded columns that come twice are found to be the same, and no conflict', async (context) => {
  const site = await openRounding(context, COLUMNS);
  expect(await site.upload()).toMatchObject({ inserted: 50, removed: 50 });
  expect(await site.remote.sql(`select a, c, d, e, f, g, (b at time zone 'UTC')::text as b from meter_readings where id = 1`)).toEqual([
    { a: '1.12', b: '2026-01-01 00:00:00.123', c: '0.12345679', d: '{"a": 1, "b": 2}', e: '9.007199254740992e+15', f: 'ab ', g: '1 day 00:00:02' },
  ]); // prettier-ignore
  await site.local.sql('insert into meter_readings table kept'); // as after a crash between the two commits
  expect(await site.upload()).toMatchObject({ inserted: 0, alreadyThere: 50, removed: 50 });
});

it('what another reading would round to is a conflict all the same', async (context) => {
  const site = await openRounding(context, COLUMNS);
  await site.upload();
  await site.local.sql('insert into meter_readings select * from kept where id = 7; update meter_readings set a = a + 1');
  expect(await site.upload()).toMatchObject({ quarantined: 1, removed: 0 });
  expect(await site.local.value('select column_names::text from meter_sync.quarantine')).toBe('{a}');
  expect([await site.count(site.local), await site.remote.value('select a from meter_readings where id = 7')]).toEqual([1, '7.12']);
}); // prettier-ignore

it('a key never rounds, whatever the settings say: two readings would become one', async (context) => {
  const site = await openSite(context, {
    local: 'create table meter_readings (id numeric(9,3) primary key, created_at timestamptz, is_synchronized boolean)',
    remote: 'create table meter_readings (id numeric(9,1) primary key, created_at timestamptz)',
    readings: { mayRound: ['id'] },
  });
  await site.local.sql(`insert into meter_readings values (1.01, '2026-01-01'), (1.02, '2026-01-01')`);
  await expect(site.upload()).rejects.toMatchObject({ kind: 'schema', place: { column: 'id' } });
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([2, 0]);
});

it('what rounds between the tables is logged once, and again when it becomes something else', async (context) => {
  const site = await openSite(context, {
    local: `create table meter_readings (${BASE}, a numeric(9,3), is_synchronized boolean)`,
    remote: `create table meter_readings (${BASE}, a numeric(9,1))`,
    readings: { mayRound: ['a', 'b'] },
  });
  const warned = (): unknown[] =>
    site.logged.filter(({ level }) => level === 'warn').map(({ facts }) => facts['columns']);
  const upload = async (from: number): Promise<void> => {
    for (let id = from; id < from + 3; id += 1) {
      await site.local.sql(`insert into meter_readings (id, created_at) values (${id}, '2026-01-01')`);
      await site.upload();
    }
  };
  await upload(1);
  expect(warned()).toEqual([['a']]);
  await site.local.sql('alter table meter_readings add b numeric(9,3)');
  await site.remote.sql('alter table meter_readings add b numeric(9,1)');
  await upload(4);
  expect(warned()).toEqual([['a'], ['a', 'b']]);
});
