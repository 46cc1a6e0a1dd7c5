import { expect, it } from 'vitest';
import { parseDays } from '../../../activities/custody/days/day-sums.js';
import type { DayColumn } from '../../../activities/verify/day/day-column.js';
import { hashDay } from '../../../activities/verify/day/look-at-day.js';
import { toHashedColumn } from '../../../src/model/hashed-column.js';
import { readTableShape } from '../../../src/postgres/catalog.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import { openSite, type SiteOptions, type SiteUnderTest } from './site-under-test.js';

const STRONG: SiteOptions = { readings: { custody: 'strong' } };
const AT: DayColumn = { name: 'created_at', type: 'timestamp with time zone' };

/** What the newest record of each day says that all its readings come to. */
async function readDigests(site: SiteUnderTest): Promise<Map<string | null, string | null>> {
  const records = await site.remote.sql<{ days: string }>('select days from meter_sync.custody order by seq');
  const days = records.flatMap(({ days }) => parseDays(days) ?? []);
  return new Map(days.map(({ day, digest }) => [day, digest ?? null]));
}

/** The same, from the readings that the remote holds. */
async function hashDays(site: SiteUnderTest, days: Iterable<string | null>): Promise<Map<string | null, string>> {
  const { readings } = site.ends;
  return withTransaction(site.remote, { isolation: 'repeatable read, read only' }, async (session) => {
    const { columns } = await readTableShape(session, readings.table);
    const hashed = columns.map(toHashedColumn);
    const found = new Map<string | null, string>();
    for (const day of days) {
      const question = { day, columns: hashed, whose: 'all' } as const;
      found.set(day, (await hashDay(session, { readings, dayColumn: AT, scope: null }, question)).digest);
    }
    return found;
  });
}

async function expectDigests(site: SiteUnderTest, days: number): Promise<void> {
  const digests = await readDigests(site);
  expect(digests.size).toBe(days);
  expect([...digests.values()]).not.toContain(null);
  expect(await hashDays(site, digests.keys())).toEqual(digests);
}

/** Readings of several days, some before 2000, without an instant or at the ends of time. */
const QUEUE_ODD_DAYS = `
  insert into meter_readings (id, created_at, value)
  select n, t, n from (values (901, timestamptz '1999-12-31 23:59:59.999999+00'), (902, '2000-01-01 00:00:00+00'), (903, 'infinity'),
    (904, '-infinity'), (905, '0044-03-15 12:00:00+00 BC'), (906, '2024-02-29 00:00:00+00'), (907, '12026-11-28 00:00:00+00')) as v(n, t)`;

it('records say a digest of each day, which the readings on the remote come to: over batches, runs and days', async (context) => {
  const site = await openSite(context, STRONG);
  await site.queueReadings(1, 40);
  await site.local.sql(QUEUE_ODD_DAYS);
  await site.upload({ batchRows: 7 }); // two overlap
  await site.queueReadings(50, 70);
  await site.local.sql(`insert into meter_readings values (999, '2024-02-29 13:00:00+00', 'NaN')`); // late
  await site.upload({ batchRows: 5 });
  await expectDigests(site, 8);
  expect(await site.count(site.remote)).toBe(69);
});

it('a reading that is changed so that its sum stays what it was does not keep the digest', async (context) => {
  const site = await openSite(context, STRONG);
  await site.queueReadings(1, 9);
  await site.upload();
  const told = await readDigests(site);
  await site.remote.sql('update meter_readings set value = value + 1 where id = 4');
  expect(await hashDays(site, told.keys())).not.toEqual(told);
  await site.remote.sql('update meter_readings set value = value - 1 where id = 4');
  expect(await hashDays(site, told.keys())).toEqual(told);
});

it('readings that are refused, in conflict or there already are not in the digest; those beside them are', async (context) => {
  const site = await openSite(context, {
    ...STRONG,
    remote:
      'create table meter_readings (id bigint primary key, created_at timestamptz not null, value numeric check (value <> 13))',
  });
  await site.remote.sql(`insert into meter_readings values (5, '2026-01-01 00:00:05+00', 99)`);
  await site.queueReadings(1, 30);
  expect(await site.upload()).toMatchObject({ inserted: 28, quarantined: 2 });
  await site.remote.sql('delete from meter_readings where id = 5'); // it was never delivered
  await expectDigests(site, 1);
});

it('a batch that was committed and not removed keeps the digest of its day', async (context) => {
  const site = await openSite(context, STRONG);
  await site.queueReadings(1, 10);
  await site.upload();
  await site.queueReadings(11, 20);
  // The site's commit is refused when the remote has committed.
  await site.local.sql(`
    create function refuse() returns trigger language plpgsql as $$begin raise exception 'no'; end$$;
    create constraint trigger refuse after insert on meter_sync.upload_state deferrable initially deferred
      for each row execute function refuse()`);
  await expect(site.upload()).rejects.toThrow();
  await site.local.sql('drop trigger refuse on meter_sync.upload_state');
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([10, 20]);
  await site.queueReadings(21, 30);
  await site.upload();
  await expectDigests(site, 1);
});

it('a day to which another mode has delivered has no digest; the next day has', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 10);
  await site.upload();
  Object.assign(site.ends.readings, { custody: 'strong' });
  await site.queueReadings(11, 20);
  await site.local.sql(`insert into meter_readings values (21, '2026-01-02 13:00:00+00', 1)`);
  await site.upload();
  const digests = await readDigests(site);
  expect([...digests].map(([day, digest]) => [day, digest !== null])).toEqual([
    ['2026-01-01', false],
    ['2026-01-02', true],
  ]);
});

it('a remote that was restored to before some readings of a day gets no digest that would accuse it', async (context) => {
  const site = await openSite(context, STRONG);
  await site.queueReadings(1, 10);
  await site.upload();
  await site.local.sql(`delete from meter_sync.day_state`); // as a restored site has lost it
  await site.queueReadings(11, 20);
  await site.upload();
  expect([...(await readDigests(site)).values()]).toEqual([null]);
});

it('a table that moves as text has sums and no digests', async (context) => {
  const remote = 'create table meter_readings (id bigint primary key, created_at timestamptz not null, value text)';
  const site = await openSite(context, { ...STRONG, remote });
  await site.queueReadings(1, 10);
  expect(await site.upload()).toMatchObject({ inserted: 10 });
  expect([...(await readDigests(site)).values()]).toEqual([null]);
});
