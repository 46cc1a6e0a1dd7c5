import { expect, it } from 'vitest';
import { planUpload } from '../../../activities/upload/plan/plan-upload.js';
import { createIndex } from '../../../activities/upload/queue/queue-index.js';
import { openSite, type SiteUnderTest } from './site-under-test.js';

const KEEP = { keepDays: 7 } as const;
const WITHOUT_FLAG = {
  local: 'create table meter_readings (id bigint primary key, created_at timestamptz not null, value numeric)',
  readings: { ...KEEP, flag: null },
} as const;

/** Moves what is kept into the past. */
const age = (site: SiteUnderTest, days: number): Promise<unknown> =>
  site.local.sql(`update meter_sync.kept_reading set kept_at = kept_at - $1::integer * interval '1 day'`, [days]);

it('readings that have arrived are marked, leave the queue, and are removed when their days are over', async (context) => {
  const site = await openSite(context, { readings: KEEP });
  await site.queueReadings(1, 100);
  expect(await site.upload({ batchRows: 40 })).toMatchObject({
    selected: 100,
    inserted: 100,
    removed: 100,
    queueSize: 0,
  });
  expect(await site.local.value('select count(*) from meter_readings where is_synchronized')).toBe('100');
  expect(await site.contents(site.local)).toEqual(await site.contents(site.remote));
  expect(await site.upload()).toMatchObject({ selected: 0, totalUploaded: 100 });

  await age(site, 6);
  await site.upload();
  expect(await site.count(site.local)).toBe(100);
  await age(site, 2);
  await site.queueReadings(101, 105);
  await site.upload();
  expect(await site.count(site.local)).toBe(5);
  expect(await site.count(site.remote)).toBe(105);
});

it('a row that somebody else has marked is never removed, however old it is', async (context) => {
  const site = await openSite(context, { readings: KEEP });
  await site.queueReadings(1, 10);
  await site.local.sql('update meter_readings set is_synchronized = true where id <= 5');
  await site.upload();
  expect(await site.count(site.remote)).toBe(5);
  await age(site, 30);
  await site.upload();
  expect(await site.contents(site.local, 'id')).toEqual(['(1)', '(2)', '(3)', '(4)', '(5)']);
});

it('a kept reading that is changed at the site is not sent again, and one whose mark is taken away is', async (context) => {
  const site = await openSite(context, { readings: KEEP });
  await site.queueReadings(1, 10);
  await site.upload();
  await site.local.sql('update meter_readings set value = 99 where id = 1');
  expect(await site.upload()).toMatchObject({ selected: 0 });
  await site.local.sql('update meter_readings set is_synchronized = false where id <= 2');
  expect(await site.upload()).toMatchObject({ selected: 2, alreadyThere: 1, quarantined: 1, removed: 1 });
});

it('readings without a flag are moved into our own table, and their own one stays the queue alone', async (context) => {
  const site = await openSite(context, WITHOUT_FLAG);
  await site.queueReadings(1, 12_000);
  expect(await site.upload({ batchRows: 11_000 })).toMatchObject({ inserted: 12_000, removed: 12_000, queueSize: 0 });
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([0, 12_000]);
  expect(await site.local.value('select sum(rows) from meter_sync.kept_reading')).toBe('12000');
  expect(await site.local.value('select max(cardinality(contents)) from meter_sync.kept_reading')).toBe('5000');
  await age(site, 8);
  await site.upload();
  expect(await site.count(site.local, 'meter_sync.kept_reading')).toBe(0);
});

it('removal by age is bounded, and ends when the settings no longer keep anything', async (context) => {
  const site = await openSite(context, { readings: KEEP });
  await site.queueReadings(1, 20);
  await site.upload();
  await site.local.sql(`insert into meter_sync.kept_reading (site, kept_at, rows, keys)
    select 'test', '2020-01-01', 1, array['["0"]'] from generate_series(1, 50)`);
  await site.upload();
  expect(await site.count(site.local, 'meter_sync.kept_reading')).toBe(31);
});

it('a crash between the two commits costs a repeated batch, and what is kept then is what arrived', async (context) => {
  const site = await openSite(context, { readings: KEEP });
  await site.queueReadings(1, 30);
  await site.local.sql(`
    create function crash() returns trigger language plpgsql as 'begin perform pg_terminate_backend(pg_backend_pid()); return null; end';
    create trigger crash after insert on meter_sync.upload_state for each row when (new.last_timestamp is not null) execute function crash()`);
  await expect(site.upload()).rejects.toMatchObject({ kind: 'unreachable' });
  expect(await site.count(site.local, 'meter_sync.kept_reading')).toBe(0);
  await site.local.sql('drop trigger crash on meter_sync.upload_state');
  expect(await site.upload()).toMatchObject({ inserted: 0, alreadyThere: 30, removed: 30 });
  expect(await site.local.value('select sum(rows) from meter_sync.kept_reading')).toBe('30');
  const memory = await site.local.sql(
    'select seq, rows, days is not null as has_days from meter_sync.delivered_batch order by seq',
  );
  expect(memory).toEqual([
    { seq: '1', rows: '30', has_days: 't' },
    { seq: '2', rows: '0', has_days: 't' },
  ]);
});

it('quarantined readings are not kept, and one that is released later is', async (context) => {
  const site = await openSite(context, { readings: KEEP });
  await site.remote.sql('alter table meter_readings add constraint small check (value < 10)');
  await site.queueReadings(1, 12);
  expect(await site.upload()).toMatchObject({ inserted: 9, quarantined: 3, removed: 9, inQuarantine: 3 });
  expect(await site.local.value('select sum(rows) from meter_sync.kept_reading')).toBe('9');
  await site.remote.sql('alter table meter_readings drop constraint small');
  await site.local.sql('update meter_sync.quarantine set is_released = true');
  expect(await site.upload()).toMatchObject({ inserted: 3, removed: 3, inQuarantine: 0 });
  expect(await site.local.value('select sum(rows) from meter_sync.kept_reading')).toBe('12');
});

it('a table whose key may come twice is refused, since nothing would tell whose mark it is', async (context) => {
  const site = await openSite(context, {
    local:
      'create table meter_readings (id bigint not null, created_at timestamptz not null, value numeric, is_synchronized boolean)',
    readings: KEEP,
  });
  await expect(site.upload()).rejects.toMatchObject({
    kind: 'schema',
    next: expect.stringContaining('create unique index concurrently on "meter_readings" ("id")') as unknown,
  });
});

it('an index of all rows does not serve a queue below which millions are kept; the one that check recommends does', async (context) => {
  const site = await openSite(context, { readings: KEEP });
  const hasIndex = async (readings = site.ends.readings): Promise<boolean> =>
    (await planUpload({ ...site.ends, readings }, new AbortController().signal)).hasOrderIndex;
  await site.local.sql('create index every on meter_readings (created_at, id)');
  expect([await hasIndex(), await hasIndex({ ...site.ends.readings, keepDays: 0 })]).toEqual([false, true]);
  await site.local.sql(createIndex(site.ends.readings, ''));
  expect(await hasIndex()).toBe(true);
});
