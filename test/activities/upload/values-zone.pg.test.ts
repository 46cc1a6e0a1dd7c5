import { describe, expect, it } from 'vitest';
import { openSite, setForDatabase, type SiteUnderTest, toSite } from './site-under-test.js';
import { expectRefused } from './refused.js';

const ZONE = 'Europe/Berlin';
const BARE = 'id bigint primary key, created_at timestamp not null, taken timestamp';
const ZONED = 'id bigint primary key, created_at timestamptz not null, taken timestamptz';

type Context = Parameters<typeof openSite>[0];

/** A site whose servers and users have zones of their own, none of which must matter. */
async function openBetween(context: Context, local: string, remote: string, timeZone?: string): Promise<SiteUnderTest> {
  const site = await openSite(context, {
    local: `create table meter_readings (${local}, is_synchronized boolean)`,
    remote: `create table meter_readings (${remote})`,
    readings: timeZone === undefined ? {} : { timeZone },
  });
  await site.local.sql(setForDatabase('TimeZone', 'America/New_York'));
  await site.remote.sql(setForDatabase('TimeZone', 'Asia/Kathmandu'));
  return site;
}

const arrived = async ({ remote }: SiteUnderTest, type: string): Promise<(string | null)[]> =>
  (
    await remote.sql<{ taken: string | null }>(
      `select (${type === 'timestamptz' ? `taken at time zone 'UTC'` : 'taken'})::text as taken from meter_readings order by id`,
    )
  ).map(({ taken }) => taken);

describe('instants without a zone at one end', () => {
  it('do not move while no zone is set, and the setting is named', async (context) => {
    for (const [local, remote] of [
      [BARE, ZONED],
      [ZONED, BARE],
    ] as const) {
      const site = await openBetween(context, local, remote);
      await site.local.sql(`insert into meter_readings values (1, now(), now())`);
      await expect(site.upload()).rejects.toMatchObject({
        kind: 'schema',
        message: expect.stringContaining('METER_SYNC_READINGS_TIME_ZONE') as unknown,
        place: { column: 'created_at' },
      });
      expect(await site.count(site.local)).toBe(1);
    }
  });

  it('are read in the zone that is set, to the microsecond, and recognised when they come twice', async (context) => {
    const site = await openBetween(context, BARE, ZONED, ZONE);
    await site.local.sql(`create table kept (like meter_readings)`);
    await site.local.sql(`insert into kept values
      (1, '2026-01-01 12:00', '2026-01-01 12:00:00.123456'), (2, '2026-07-01 12:00', '2026-07-01 12:00'),
      (3, '2026-07-01 12:00', null), (4, '2026-07-01 12:00', 'infinity'), (5, '2026-07-01 12:00', '-infinity'),
      (6, '1880-01-01 00:00', '1880-01-01 00:53:28'), (7, '2026-10-25 02:30', '2026-10-25 02:30'),
      (8, '2026-10-25 01:59:59', '0044-03-15 00:53:28 BC')`);
    for (const expected of [{ inserted: 8 }, { inserted: 0, alreadyThere: 8 }]) {
      await site.local.sql('insert into meter_readings table kept');
      expect(await site.upload({ batchRows: 3 })).toMatchObject({ ...expected, removed: 8 });
    }
    expect(await arrived(site, 'timestamptz')).toEqual([
      '2026-01-01 11:00:00.123456',
      '2026-07-01 10:00:00',
      null,
      'infinity',
      '-infinity',
      '1880-01-01 00:00:00',
      '2026-10-25 01:30:00', // the hour that the zone has twice: the second one
      '0044-03-15 00:00:00 BC',
    ]);
  });

  it('are written in the zone that is set', async (context) => {
    const site = await openBetween(context, ZONED, BARE, ZONE);
    await site.local.sql(`insert into meter_readings values
      (1, '2026-01-01 12:00Z', '2026-01-01 11:00:00.123456Z'), (2, '2026-07-01 12:00Z', '2026-07-01 10:00Z'),
      (3, '2026-07-01 12:00Z', 'infinity'), (4, '2026-10-25 01:30Z', '2026-10-25 01:30Z')`);
    expect(await site.upload()).toMatchObject({ inserted: 4, removed: 4 });
    expect(await arrived(site, 'timestamp')).toEqual([
      '2026-01-01 12:00:00.123456',
      '2026-07-01 12:00:00',
      'infinity',
      '2026-10-25 02:30:00',
    ]);
  });

  it('are refused one by one where the zone skips the time, or has it twice and the first is meant', async (context) => {
    const skipped = await openBetween(context, BARE, ZONED, ZONE);
    await skipped.local.sql(`insert into meter_readings values (1, '2026-03-29 12:00', '2026-03-29 02:30:00')`);
    expect(await expectRefused(skipped, '02:30')).toMatchObject({ sqlstate: '22007', column: 'taken' });
    const first = await openBetween(context, ZONED, BARE, ZONE);
    await first.local.sql(`insert into meter_readings values (1, '2026-10-25 12:00Z', '2026-10-25 00:30:00Z')`);
    expect(await expectRefused(first, '00:30')).toMatchObject({ sqlstate: '22007', column: 'taken' });
  });

  it('move beside columns that need the text form, and with fewer digits only where that is allowed', async (context) => {
    const site = await openBetween(context, `${BARE}, value int`, `${ZONED.replace('taken timestamptz', 'taken timestamptz(3)')}, value bigint`, ZONE); // prettier-ignore
    await site.local.sql(`insert into meter_readings values (1, '2026-01-01', '2026-01-01 12:00:00.123456', 5)`);
    await expect(site.upload()).rejects.toMatchObject({ kind: 'schema', place: { column: 'taken' } });
    const allowed = toSite(site, { ...site.ends.readings, mayRound: ['taken'] });
    expect(await allowed.upload()).toMatchObject({ inserted: 1, removed: 1 });
    expect(await arrived(site, 'timestamptz')).toEqual(['2026-01-01 11:00:00.123']);
  });

  it('do not move in a zone that the local server does not know', async (context) => {
    const site = await openBetween(context, BARE, ZONED, 'Europe/Atlantis');
    await site.local.sql(`insert into meter_readings values (1, now(), now())`);
    await expect(site.upload()).rejects.toMatchObject({ kind: 'config', place: { side: 'local' } });
    expect(await site.count(site.local)).toBe(1);
  });
});
