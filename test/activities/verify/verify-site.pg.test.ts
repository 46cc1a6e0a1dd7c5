import { beforeEach, describe, expect, it } from 'vitest';
import type { Verification } from '../../../activities/verify/verify-delivered.js';
import { verifySite } from '../../../activities/verify/verify-site.js';
import type { SiteTables } from '../../../src/model/table.js';
import { forgeRecord, strangersKey } from '../upload/forge-record.js';
import { openSite, type SiteUnderTest } from '../upload/site-under-test.js';

const COLUMNS = 'id bigint primary key, created_at timestamptz not null, meter_id bigint, value numeric, note text';

/** A site of three meters that has delivered ten days of readings, in a table that another site writes into, too. */
async function deliver(context: Parameters<typeof openSite>[0]): Promise<SiteUnderTest> {
  const site = await openSite(context, {
    local: `create table meter_readings (${COLUMNS}, is_synchronized boolean default false);
      create table meter (id bigint primary key); insert into meter values (1), (2), (3)`,
    remote: `create table meter_readings (${COLUMNS}); create index on meter_readings (created_at, id)`,
    readings: { meter: 'meter_id' },
  });
  await site.local.sql(
    `insert into meter_readings select n, '2026-01-01'::timestamptz + n * interval '4 min', 1 + n % 3, n / 7.0, 'ä' || n
     from generate_series(1, 3600) as n where n not between 1440 and 1799`, // nothing on the fifth day
  );
  await site.remote.sql(
    `insert into meter_readings select -n, '2026-01-01'::timestamptz + n * interval '1 hour', 99, n from generate_series(1, 240) as n`,
  );
  await site.upload({ batchRows: 400 });
  return site;
}

async function verify(
  site: SiteUnderTest,
  options: Partial<Parameters<typeof verifySite>[1]> = {},
): Promise<Verification> {
  const owned = { key: ['id'], filter: null };
  const tables: SiteTables = {
    readings: site.ends.readings,
    meters: { ...owned, table: { schema: null, name: 'meter' } },
    tenants: { ...owned, table: { schema: null, name: 'tenant' } },
  } as SiteTables;
  return verifySite(
    { local: site.local, remote: site.remote, tables },
    {
      siteId: 'test',
      from: null,
      to: null,
      after: null,
      isStopped: () => false,
      onProgress: () => undefined,
      ...options,
    },
  );
}

const whats = ({ doubts }: Verification): string[] =>
  doubts.map(({ what, day }) => (day === null ? what : `${what} ${day}`));

describe('verify', () => {
  let site: SiteUnderTest;
  beforeEach(async (context) => {
    site = await deliver(context);
  });

  it('finds nothing on a healthy site, whose readings it tells from those of others by their meters', async () => {
    const seen: string[] = [];
    const verification = await verify(site, {
      onProgress: (what, done, total) => seen.push(`${what} ${done}/${total}`),
    });
    expect(verification.doubts).toEqual([]);
    expect(verification).toMatchObject({ meters: 3, isComplete: true, chain: { records: 9, rows: 3_240 } });
    expect(verification.days.map(({ isProved }) => isProved)).toEqual(verification.days.map(() => true));
    expect(verification.days.reduce((sum, { delivered }) => sum + delivered, 0)).toBe(3_240);
    expect(seen.at(-1)).toBe('days 10/10');
  });

  it('finds nothing after batches that were sent twice, with refused readings and in quarantine', async () => {
    await site.remote.sql('alter table meter_readings add constraint small check (value < 600)');
    await site.local
      .sql(`insert into meter_readings select n, '2026-01-08'::timestamptz + n * interval '1 s', 1, case when n = 5007 then 700 else 1 end
      from generate_series(5001, 5100) as n`);
    await site.local.sql(
      `insert into meter_readings values (1, '2026-01-01 00:04:00+00', 2, 1 / 7.0, 'ä1'), (2, '2026-01-01 00:08:00+00', 1, 0, null)`,
    );
    expect(await site.upload()).toMatchObject({ inserted: 99, alreadyThere: 1, quarantined: 2 });
    expect((await verify(site)).doubts).toEqual([]);
    expect((await verify(site)).queue).toMatchObject({ waiting: 0, inQuarantine: 2 });
  });

  it('finds a deleted reading, with its day and the meters of that day', async () => {
    await site.remote.sql('delete from meter_readings where id = 1000');
    const verification = await verify(site);
    expect(whats(verification)).toEqual(['readings differ 2026-01-03']);
    expect(verification.doubts[0]?.message).toMatch(
      /^1 of 360 readings delivered for 2026-01-03 is no longer on the remote; whether one of the 359 that are there was changed, the day sum cannot tell; meters of that day, the fewest readings first: 2 \(119\), /,
    );
    expect(verification.days.filter(({ isProved }) => !isProved)).toMatchObject([
      { delivered: 360, found: 359, missing: 1, extra: 0 },
    ]);
  });

  it.each([
    ['a value', 'value = value + 0.000001'],
    ['a text', `note = note || ' '`],
    ['a value that becomes null', 'value = null'],
    ['a meter', 'meter_id = 1 + meter_id % 3'],
    ['a sign', 'value = -value'],
    ['a number of decimals', 'value = round(value, 20)'],
  ])('finds %s that was changed', async (_, change) => {
    await site.remote.sql(`update meter_readings set ${change} where id = 2000`);
    const verification = await verify(site);
    expect(whats(verification)).toEqual(['readings differ 2026-01-06']);
    expect(verification.doubts[0]?.message).toContain('at least one of 360 readings for 2026-01-06 was changed');
  });

  it('finds two readings of a day that have exchanged their values, on every day', async () => {
    await site.remote.sql(`
      update meter_readings as r set value = o.value
      from meter_readings as o
      where o.id = r.id + case when r.id % 360 = 1 then 2 else -2 end and r.id % 360 in (1, 3) and r.id > 0`);
    expect(whats(await verify(site)).length).toBe(9);
  });

  it('finds readings that were slipped in, also on a day without deliveries', async () => {
    await site.remote.sql(
      `insert into meter_readings values (9001, '2026-01-02 12:00:00+00', 1, 5, null), (9002, '2026-01-05 12:00:00+00', 2, 5, null)`,
    );
    const verification = await verify(site);
    expect(whats(verification)).toEqual(['readings differ 2026-01-02', 'readings differ 2026-01-05']);
    expect(verification.doubts[1]?.message).toContain(
      '1 reading for 2026-01-05 is on the remote that this site did not deliver, and none was delivered for then',
    );
  });

  it.each([
    ['altered', 'update meter_sync.custody set rows = rows + 1 where seq = 4', 'record altered'],
    ['of which a day was altered', `update meter_sync.custody set days = '' where seq = 4`, 'record altered'],
    ['removed', 'delete from meter_sync.custody where seq = 4', 'record missing'],
    ['removed at the beginning', 'delete from meter_sync.custody where seq = 1', 'record missing'],
    ['removed at the end', 'delete from meter_sync.custody where seq = 9', 'places differ'],
  ])('finds a record that was %s', async (_, change, what) => {
    await site.remote.sql(change);
    expect(whats(await verify(site))).toContain(what);
  });

  it('finds records that were forged, with digests of their own', async () => {
    await site.remote.sql(`update meter_sync.custody set claim = gen_random_uuid() where seq = 4`);
    await forgeRecord(site.remote, 4);
    expect(whats(await verify(site))).toEqual(['record not signed', 'record altered']); // the next one covers its old digest
    await site.remote.sql(`
      insert into meter_sync.custody (site, seq, content_digest, rows, already_there, columns_id, days, claim, sent_by, committed_at, digest, signature)
        select site, 10, content_digest, rows, already_there, columns_id, days, gen_random_uuid(), 'somebody', now(), '', signature
        from meter_sync.custody where seq = 9`);
    await forgeRecord(site.remote, 10, strangersKey());
    const verification = await verify(site);
    expect(whats(verification)).toContain('places differ');
    expect(whats(verification).filter((what) => what.startsWith('readings differ')).length).toBeGreaterThan(0);
  });

  it('compares the days that were asked for, and can be stopped and resumed', async () => {
    await site.remote.sql('delete from meter_readings where id in (10, 3500)');
    expect(whats(await verify(site, { from: '2026-01-02', to: '2026-01-09' }))).toEqual([]);
    expect(whats(await verify(site, { from: '2026-01-02' }))).toEqual(['readings differ 2026-01-10']);
  });

  it('looks for readings that were slipped in over all days that were asked for', async () => {
    await site.remote.sql(`insert into meter_readings values (9002, '2026-01-05 12:00:00+00', 2, 5, null)`);
    for (const [from, to] of [['2026-01-05', '2026-01-05'] as const, ['2026-01-05', null] as const]) {
      expect(whats(await verify(site, { from, to }))).toEqual(['readings differ 2026-01-05']);
    }
    expect(whats(await verify(site, { from: '2026-01-06' }))).toEqual([]);
  });

  it('stopped at any place it is not complete, and the run that goes on finds the rest', async () => {
    for (const { sql } of [site.local, site.remote]) {
      await sql('alter table meter_readings alter created_at drop not null');
    }
    await site.local.sql(`
      insert into meter_readings select 7000 + n, instant::timestamptz, 1, n
      from unnest(array['-infinity', '0044-03-15 BC', '12000-01-01', 'infinity', null]) with ordinality as d(instant, n)`);
    await site.upload();
    await site.remote.sql(`
      delete from meter_readings where id = 10 or id > 7000;
      insert into meter_readings values (9001, '2026-01-05 12:00:00+00', 2, 5, null), (9002, '2026-02-01', 2, 5, null)`);
    const whole = whats(await verify(site));
    expect(whole).toHaveLength(8);
    for (let looksLeft = 0; ; looksLeft += 1) {
      let looks = 0;
      const stopped = await verify(site, { isStopped: () => (looks += 1) > looksLeft });
      if (stopped.isComplete) break;
      const resumed = await verify(site, { after: stopped.stoppedAfter });
      expect(resumed.isComplete).toBe(true);
      expect([...whats(stopped), ...whats(resumed)]).toEqual(whole);
    }
  });

  it('without an index that leads to a day one pass over the table finds the same, also where columns were added meanwhile', async () => {
    for (const { sql } of [site.local, site.remote]) {
      await sql('alter table meter_readings alter created_at drop not null, add column more integer');
    }
    await site.local.sql(`
      insert into meter_readings select 7000 + n, '2026-01-12'::timestamptz + n * interval '8 hours', 1, n, 'x', false, n from generate_series(1, 9) as n;
      insert into meter_readings values (7100, 'infinity', 1), (7101, null, 1), (7102, '2026-01-01 12:00', 1)`);
    await site.upload();
    await site.remote.sql(`
      delete from meter_readings where id = 1000;
      update meter_readings set more = 0 where id = 7001;
      insert into meter_readings values (9001, '2026-01-05 12:00:00+00', 2, 5, null), (9002, '2026-02-01', 99, 5, null)`);
    const seen: string[] = [];
    const onProgress = (what: string, done: number, total: number): void => void seen.push(`${what} ${done}/${total}`);
    const ranges = [{}, { from: '2026-01-03', to: '2026-01-05' }, { from: '2026-01-05' }, { after: '2026-01-12' }];
    const byIndex = await Promise.all(ranges.map((range) => verify(site, range)));
    await site.remote.sql('drop index meter_readings_created_at_id_idx');
    const inOnePass = await Promise.all(ranges.map((range) => verify(site, { ...range, onProgress })));
    const found = (verifications: Verification[]): object => verifications.map(({ days, doubts, isComplete }) => ({ days, doubts, isComplete }));
    expect(whats(byIndex[0]!)).toEqual(['readings differ 2026-01-03', 'readings differ 2026-01-05', 'readings differ 2026-01-12']);
    expect(byIndex[0]?.days[0]).toMatchObject({ proof: 'count', reason: 'other columns were delivered in the course of the day' });
    expect(found(inOnePass)).toEqual(found(byIndex));
    expect(seen).toContain('days 2/2'); // one pass for each list of columns

    let isStopped = false;
    const stopped = await verify(site, {
      after: '2026-01-02',
      onProgress: (what) => void (isStopped ||= what === 'days'),
      isStopped: () => isStopped,
    });
    expect(stopped).toMatchObject({ isComplete: false, stoppedAfter: '2026-01-02', days: [] });
  }); // prettier-ignore

  it('tells of readings that were sent and not removed, and that they are no doubt', async () => {
    await site.local.sql(`
      create function crash() returns trigger language plpgsql as 'begin perform pg_terminate_backend(pg_backend_pid()); return null; end';
      create trigger crash after insert on meter_sync.upload_state for each statement execute function crash();
      insert into meter_readings select n, '2026-01-20'::timestamptz, 1, n from generate_series(8001, 8010) as n`);
    await expect(site.upload()).rejects.toMatchObject({ kind: 'unreachable' });
    const verification = await verify(site);
    expect(verification.doubts).toEqual([]);
    expect(verification).toMatchObject({ queue: { waiting: 10, looked: 10, alreadyThere: 10 } });
    expect(verification.places).toContain('one record ahead');
  });

  it('needs no right but to read', async () => {
    for (const { sql } of [site.local, site.remote]) {
      await sql(
        `do $$begin execute format('alter database %I set default_transaction_read_only to on', current_database()); end$$`,
      );
    }
    const fresh = await Promise.all([site.local.pool.connect(), site.remote.pool.connect()]);
    for (const client of fresh) client.release(new Error('the setting holds for new connections'));
    expect((await verify(site)).doubts).toEqual([]);
  });

  it('says of days that were delivered without day sums that it cannot prove them', async () => {
    const readings = { ...site.ends.readings, custody: 'chain' as const };
    const { toSite } = await import('../upload/site-under-test.js');
    const lean = toSite({ local: site.local, remote: site.remote }, readings);
    await site.local.sql(
      `insert into meter_readings select n, '2026-01-10 12:00:00+00'::timestamptz, 1, n from generate_series(8001, 8010) as n`,
    );
    await lean.upload();
    const verification = await verify(site);
    expect(verification.doubts).toEqual([]);
    expect(verification.chain.unsummed).toMatchObject({ records: 1, from: '2026-01-10', to: '2026-01-10' });
    expect(verification.days.filter(({ found }) => found === null)).toMatchObject([{ day: '2026-01-10' }]);
  });
});
