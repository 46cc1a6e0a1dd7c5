import { randomBytes } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import type { Verification, VerifyOptions } from '../../../activities/verify/verify-delivered.js';
import { verifySite } from '../../../activities/verify/verify-site.js';
import type { OwnedTable } from '../../../src/model/table.js';
import { createPool } from '../../../src/postgres/pool.js';
import { openProxy } from '../../support/tcp-proxy.js';
import { openSite, type SiteUnderTest, toSite } from '../upload/site-under-test.js';

const COLUMNS = 'id bigint primary key, created_at timestamptz, meter_id bigint, value numeric, note text';

/** A site of two meters that has delivered 1,000 readings of three days. */
async function deliver(context: Parameters<typeof openSite>[0], meter = 'meter_id'): Promise<SiteUnderTest> {
  const site = await openSite(context, {
    local: `create table meter_readings (${COLUMNS}, is_synchronized boolean default false);
      create table meter (id bigint primary key); insert into meter values (1), (2)`,
    remote: `create table meter_readings (${COLUMNS}); create index on meter_readings (created_at, id)`,
    readings: { meter },
  });
  await queue(site, 1, 1_000, 1);
  await site.upload({ batchRows: 400 });
  return site;
}

/** Queues readings, one in four minutes from the first of January on. */
const queue = (site: SiteUnderTest, from: number, to: number, meter: number | null): Promise<unknown> =>
  site.local.sql(
    `insert into meter_readings select n, '2026-01-01'::timestamptz + n % 1000 * interval '4 min', $3, n / 7.0, 'ä' || n
     from generate_series($1::int, $2::int) as n`,
    [from, to, meter],
  );

const METERS: OwnedTable = { table: { schema: null, name: 'meter' }, key: ['id'], filter: null };
const TENANTS: OwnedTable = { ...METERS, table: { schema: null, name: 'tenant' } };

const verify = ({ local, remote, ends }: SiteUnderTest, options: Partial<VerifyOptions> = {}): Promise<Verification> =>
  verifySite(
    { local, remote, tables: { readings: ends.readings, meters: METERS, tenants: TENANTS } },
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

/** The public keys that a local database has, by their sites. */
const keysOf = async ({ local }: SiteUnderTest): Promise<ReadonlyMap<string, string[]>> => {
  const keys = await local.sql<{ site: string; key: string }>(
    `select site, encode(public_key, 'hex') as key from meter_sync.site_key`,
  );
  return new Map(keys.map(({ site, key }) => [site, [key]]));
};

async function expectHealthy(site: SiteUnderTest, options?: Partial<VerifyOptions>): Promise<Verification> {
  const verification = await verify(site, options);
  expect(verification.doubts).toEqual([]);
  expect(verification.days.filter(({ isProved }) => !isProved)).toEqual([]);
  return verification;
}

it('readings without a meter are no loss', async (context) => {
  const site = await deliver(context);
  await site.remote.sql(`insert into meter_readings values (-1, '2026-01-01 12:00:00+00', 99)`);
  await queue(site, 1_001, 1_100, null);
  await site.upload();
  await expectHealthy(site);
});

it('readings of a meter that the site does not know yet, or knows no more, are no loss', async (context) => {
  const site = await deliver(context);
  await queue(site, 1_001, 1_100, 77);
  await site.upload();
  await expectHealthy(site);
  await site.local.sql('delete from meter where id = 1');
  await expectHealthy(site);
});

it('a meter that moves from one site to another is a difference at neither, and a change of its readings is one', async (context) => {
  const site = await deliver(context);
  const other = await openSite(context, { local: `create table meter_readings (${COLUMNS}, is_synchronized boolean)` });
  const second = toSite({ local: other.local, remote: site.remote }, site.ends.readings);
  await other.local.sql('create table meter (id bigint primary key); insert into meter values (1)');
  await queue(second, 1_001, 1_900, 1);
  await second.upload({ siteId: 'other' });
  const otherKeys = await keysOf(second);
  const unvouched = await verify(site);
  expect(unvouched.doubts).toEqual([]);
  expect(unvouched.days[0]).toMatchObject({
    proof: 'none',
    isInDoubt: false,
    reason: expect.stringContaining('--key other=KEY') as unknown,
  });
  await expectHealthy(site, { otherKeys });
  await expectHealthy(second, { siteId: 'other', otherKeys: await keysOf(site) });
  await site.remote.sql('update meter_readings set value = 0 where id = 1500');
  const { doubts } = await verify(site, { otherKeys });
  expect(doubts).toMatchObject([{ day: '2026-01-02' }]);
  expect(doubts[0]?.message).toContain(
    'at least one of 720 readings for 2026-01-02 by this site and site other was changed',
  );
  expect(doubts[0]?.message).toContain('whose it is, and which one, the day sum cannot tell');
});

it('two sites in one table are told apart by their records where no column names the meter', async (context) => {
  const site = await deliver(context, 'no_such_column');
  await queue(site, 1_001, 1_100, 2);
  await site.upload({ siteId: 'other' });
  expect(await expectHealthy(site, { otherKeys: await keysOf(site) })).toMatchObject({ meters: null });
});

it('a column that the remote has dropped leaves the number to be compared, and says so', async (context) => {
  const site = await deliver(context);
  await site.remote.sql('alter table meter_readings drop column note');
  const { days, doubts } = await verify(site);
  expect(doubts).toEqual([]);
  const line = { proof: 'count', isProved: false, isInDoubt: false, reason: 'column note is no longer there' };
  expect(days).toMatchObject([line, line, line]);
  await site.remote.sql('delete from meter_readings where id = 1');
  expect((await verify(site)).doubts).toMatchObject([{ day: '2026-01-01' }]);
});

it('where the column that has days is gone nothing can be compared, and it says why', async (context) => {
  const site = await deliver(context);
  await site.remote.sql('alter table meter_readings rename column created_at to at');
  const { days, doubts } = await verify(site);
  expect(doubts).toEqual([]);
  expect(days).toMatchObject([1, 2, 3].map(() => ({ found: null, proof: 'none', reason: expect.stringContaining('no longer has column created_at') as unknown }))); // prettier-ignore
});

it('readings of no day, of infinite days and of days before and far after Christ are compared like others', async (context) => {
  const site = await deliver(context);
  await site.local
    .sql(`insert into meter_readings values (9001, null, 1), (9002, 'infinity', 1), (9003, '-infinity', 2),
    (9004, '0044-03-15 BC', 2), (9005, '12026-03-15', 2)`);
  await site.upload();
  await expectHealthy(site);
  await site.remote.sql('update meter_readings set value = 1 where id > 9000');
  const days = ['-infinity', '0044-03-15 BC', '12026-03-15', 'infinity', null];
  expect((await verify(site)).doubts.map(({ day }) => day)).toEqual(days);
});

it('readings that come while it verifies, on days before, between and after, are no difference', async (context) => {
  const site = await deliver(context);
  await site.local.sql(
    `insert into meter_readings select n, '2026-02-01'::timestamptz + n * interval '1 min', 1 from generate_series(5000, 5010) n`,
  );
  await site.upload();
  let looks = 0;
  let upload: Promise<unknown> = Promise.resolve();
  await expectHealthy(site, {
    onProgress: (what) => {
      if (what === 'custody records' || (looks += 1) !== 3) return;
      upload = site.local
        .sql(
          `insert into meter_readings select 6000 + n, '2025-12-25'::timestamptz + n * interval '1 day', 1, n from generate_series(1, 60) n`,
        )
        .then(() => site.upload({ batchRows: 5 }));
    },
  });
  await upload;
  const seen: string[] = [];
  await expectHealthy(site, { onProgress: (what, done, total) => void seen.push(`${what} ${done}/${total}`) });
  expect(seen).toContain('days 1/1'); // many days of a small table are read in one pass, although an index is there
});

it('readings that were slipped in after the last day are found, and those before the first one are not this chain’s', async (context) => {
  const site = await deliver(context);
  await site.remote.sql(`insert into meter_readings values (9001, '2027-01-01', 1), (9002, '2020-01-01', 1)`);
  expect((await verify(site)).doubts).toMatchObject([{ day: '2027-01-01' }]);
  expect((await verify(site, { to: '2026-12-31' })).doubts).toEqual([]);
});

it('a user who may only read the tables that it needs can verify', async (context) => {
  const site = await deliver(context);
  const role = `auditor_${randomBytes(4).toString('hex')}`;
  const bookkeeping = [
    'upload_state',
    'upload_claim',
    'quarantine',
    'kept_reading',
    'lost_at_remote',
    'delivered_columns',
  ].map((name) => `meter_sync.${name}`);
  const grants = {
    local: [...bookkeeping, 'meter_readings', 'meter'],
    remote: [
      ...['custody', 'custody_columns', 'custody_key', 'custody_seal'].map((name) => `meter_sync.${name}`),
      'meter_readings',
    ],
  };
  const reading = { ...site };
  const publicHalf = `grant select (site, number, public_key) on meter_sync.site_key to ${role}`;
  for (const side of ['local', 'remote'] as const) {
    await site[side].sql(`create role ${role} login password 'a'; grant usage on schema meter_sync to ${role};
      grant select on ${grants[side].join(', ')} to ${role}; ${side === 'local' ? publicHalf : ''}`);
    const pool = createPool({ ...site[side].settings, user: role, password: () => 'a' }, () => undefined);
    onTestFinished(async () => {
      await pool.end();
      await site[side].sql(`drop owned by ${role}; drop role ${role}`);
    });
    reading[side] = { ...site[side], pool };
  }
  await expectHealthy(reading);
});

it('when a link is lost in the middle, what was compared is kept, and it tells where to go on', async (context) => {
  const site = await deliver(context);
  await site.remote.sql('delete from meter_readings where id = 1');
  const proxy = await openProxy(site.remote.settings);
  const pool = createPool({ ...site.remote.settings, host: '127.0.0.1', port: proxy.port }, () => undefined);
  onTestFinished(() => pool.end());
  let closed: Promise<void> = Promise.resolve();
  const cut = await verify({ ...site, remote: { ...site.remote, pool } }, {
    onProgress: (what, done) => {
      if (what === 'days' && done === 2) closed = proxy.close();
    },
  }); // prettier-ignore
  await closed;
  expect(cut).toMatchObject({ days: [{ day: '2026-01-01' }, { day: '2026-01-02' }], doubts: [{ day: '2026-01-01' }] });
  expect(cut).toMatchObject({
    isComplete: false,
    stoppedAfter: '2026-01-02',
    stoppedBy: expect.stringContaining('remote database') as unknown,
  });
});
