import { expect, inject, it, type TestContext } from 'vitest';
import { adopt, type Adoption, readAdoption } from '../../activities/upload/chain/adopt.js';
import { type Resent, resendKept, type ResendOrder } from '../../activities/resend/resend.js';
import type { Verification } from '../../activities/verify/verify-delivered.js';
import { verifySite } from '../../activities/verify/verify-site.js';
import type { OwnedTable, QueueTable } from '../../src/model/table.js';
import { openSite, type SiteUnderTest, toSite } from '../activities/upload/site-under-test.js';
import { copyDatabase } from '../support/postgres.js';
import { type CliRun, runCli } from './run-cli.js';

const COLUMNS = 'id bigint primary key, created_at timestamptz not null, value numeric, raw bytea, note text';

const METERS: OwnedTable = { table: { schema: null, name: 'meter' }, key: ['id'], filter: null };
const QUIET = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

const cli = ({ local, remote, ends }: SiteUnderTest, ...args: string[]): Promise<CliRun> =>
  runCli([args[0] ?? '', '--site', 'test', ...args.slice(1)], {
    POSTGRES_SYNC_URL: local.url,
    POSTGRES_CLIENT_URL: remote.url,
    TEMPORAL_ADDRESS: inject('stack').temporalAddress,
    METER_SYNC_READINGS_FLAG: ends.readings.flag ?? '',
    METER_SYNC_READINGS_KEEP_DAYS: String(ends.readings.keepDays ?? 0),
    METER_SYNC_CUSTODY: ends.readings.custody ?? 'full',
  });

/** Readings of three days, one in ten minutes. */
const queue = (site: SiteUnderTest, from: number, to: number): Promise<unknown> =>
  site.local.sql(
    `insert into meter_readings (id, created_at, value, raw, note)
     select n, '2026-01-01'::timestamptz + n * interval '10 min', n / 7.0, decode(md5(n::text), 'hex'), case when n % 3 > 0 then 'ä"\\' || n end
     from generate_series($1::int, $2::int) as n`,
    [from, to],
  );

/** A site that has delivered 400 readings, 250 of which its remote has lost: it was restored from the copy of before. */
async function openRestored(context: TestContext, readings: Partial<QueueTable>): Promise<SiteUnderTest> {
  const flag = readings.flag === null ? '' : ', is_synchronized boolean default false';
  const site = await openSite(context, {
    local: `create table meter_readings (${COLUMNS}${flag})`,
    remote: `create table meter_readings (${COLUMNS})`,
    readings,
  });
  await queue(site, 1, 150);
  await site.upload({ batchRows: 50 });
  const older = await copyDatabase(site.remote, context);
  await queue(site, 151, 399);
  await site.upload({ batchRows: 100 });
  await queue(site, 0, 0); // a late arrival, older than all others
  await site.upload();
  expect(await site.count(site.remote)).toBe(400);
  return toSite({ local: site.local, remote: older }, site.ends.readings);
}

const MISSING = {
  readings: 250,
  batches: 4,
  firstTime: '2026-01-01T00:00:00.000000Z',
  lastTime: '2026-01-03T18:30:00.000000Z',
  days: [
    { day: '2026-01-01', readings: 1 },
    { day: '2026-01-02', readings: 137 },
    { day: '2026-01-03', readings: 112 },
  ],
};

const attempt = { signal: new AbortController().signal, earlyEnd: { aborted: false }, heartbeat: () => undefined };

/** The same without the command line, which takes long to start. */
const resend = ({ ends }: SiteUnderTest, days: ResendOrder['days'] = null): Promise<Resent> =>
  resendKept(ends, { siteId: 'test', days, onProgress: () => undefined }, { ...attempt, log: QUIET });

const adoptLosses = async (site: SiteUnderTest): Promise<Adoption> => {
  const shown = await readAdoption(site, { siteId: 'test', owner: null });
  await adopt(site, shown, attempt.signal);
  return shown;
};

const verify = ({ local, remote, ends }: SiteUnderTest): Promise<Verification> =>
  verifySite(
    { local, remote, tables: { readings: ends.readings, meters: METERS, tenants: METERS } },
    { siteId: 'test', from: null, to: null, after: null, isStopped: () => false, onProgress: () => undefined },
  );

it('what a restored remote has lost is told everywhere, and resend is the next command', async (context) => {
  const site = await openRestored(context, { keepDays: 30 });
  await queue(site, 400, 409);
  await expect(site.upload()).rejects.toMatchObject({ kind: 'fenced' });
  const adopted = await cli(site, 'adopt', '--yes', '--json');
  expect(adopted.json()).toMatchObject({ ok: true, missing: MISSING, next: 'meter-sync resend --site test --missing' });
  expect(await site.upload()).toMatchObject({ inserted: 10, lostAtRemote: MISSING });
  const check = await cli(site, 'check', '--json');
  expect(check.stdout).toContain('the remote was restored from an older backup and lacks 250 readings of 4 batches');
  const resent = await cli(site, 'resend', '--missing');
  expect(resent).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('250 sent, 160 there already and equal, 0 not sent') as unknown });
  expect(resent.stdout).toContain('No readings are noted as lost now');
}); // prettier-ignore

for (const [how, readings] of [
  ['with a flag', { keepDays: 30 }],
  ['without a flag', { keepDays: 30, flag: null }],
  ['with a chain without day sums', { keepDays: 30, custody: 'chain' }],
] as const) {
  it(`lost readings are sent again from those that are kept, unchanged, and then nothing is in doubt: ${how}`, async (context) => {
    const site = await openRestored(context, readings);
    const isSummed = how !== 'with a chain without day sums';
    const missing = isSummed ? MISSING : { ...MISSING, days: [{ day: null, readings: 250 }] };
    expect(await adoptLosses(site)).toMatchObject({ missing, kept: { rows: 400 } });
    expect(await resend(site)).toMatchObject({ inserted: 250, conflicts: 0, isComplete: true, lostAfter: null });
    expect(await site.upload()).toMatchObject({ lostAtRemote: null });
    expect(await site.remote.value(`select count(*) from meter_readings where value is not distinct from id / 7.0
      and raw = decode(md5(id::text), 'hex') and note is not distinct from case when id % 3 > 0 then 'ä"\\' || id end`)).toBe('400');
    expect(await verify(site)).toMatchObject({ doubts: [], isComplete: true });
    expect(await resend(site, { from: '2026-01-01', to: '2026-01-31' })).toMatchObject({ selected: 400, inserted: 0, alreadyThere: 400 });
    expect(await verify(site)).toMatchObject({ doubts: [], isComplete: true });
  });
} // prettier-ignore

for (const next of ['resend', 'upload'] as const) {
  it(`a resend that was killed between its two commits is taken up by the next ${next}, and no loss is left`, async (context) => {
    const site = await openRestored(context, { keepDays: 30 });
    await adoptLosses(site);
    await site.local.sql(`
      create function crash() returns trigger language plpgsql as 'begin perform pg_terminate_backend(pg_backend_pid()); return null; end';
      create trigger crash after insert on meter_sync.delivered_batch for each row when (new.rows > 0) execute function crash()`);
    await expect(resend(site)).rejects.toMatchObject({ kind: 'unreachable' });
    await site.local.sql('drop trigger crash on meter_sync.delivered_batch');
    expect(await site.count(site.remote)).toBe(250);
    await queue(site, 400, 400);
    if (next === 'upload') expect(await site.upload()).toMatchObject({ inserted: 1 });
    expect(await resend(site)).toMatchObject({ conflicts: 0, isComplete: true, lostAfter: null });
    await site.upload();
    expect(await site.count(site.remote)).toBe(401);
    expect(await verify(site)).toMatchObject({ doubts: [], isComplete: true });
  });
} // prettier-ignore

it('a reading that was changed at the site after it had arrived is told as a conflict and overwrites nothing', async (context) => {
  const site = await openRestored(context, { keepDays: 30 });
  await adoptLosses(site);
  await site.local.sql('update meter_readings set value = -1 where id in (10, 20)');
  const resent = await resend(site, { from: '2026-01-01', to: '2026-01-01' });
  expect(resent).toMatchObject({ inserted: 1, alreadyThere: 141, conflicts: 2 });
  expect(resent.examples).toEqual([
    { key: ['10'], message: 'remote database: it has this reading already, and other content in value' },
    { key: ['20'], message: 'remote database: it has this reading already, and other content in value' },
  ]);
  expect(await site.remote.value('select count(*) from meter_readings where value < 0')).toBe('0');
  expect(await site.count(site.local, 'meter_sync.quarantine')).toBe(0);
});

it('lost readings that somebody has copied back are found by verify, in number and value, and nothing is in doubt any more', async (context) => {
  const site = await openRestored(context, {});
  await adoptLosses(site);
  await site.upload();
  const before = await verify(site);
  expect(before.doubts).toMatchObject([{ what: 'lost at the remote', message: expect.stringContaining('lacks 250 readings of 4 batches') as unknown }]);
  const back = (which: string): Promise<unknown> =>
    site.remote.sql(`insert into meter_readings
      select n, '2026-01-01'::timestamptz + n * interval '10 min', n / 7.0, decode(md5(n::text), 'hex'), case when n % 3 > 0 then 'ä"\\' || n end
      from generate_series(0, 399) as n where ${which} on conflict do nothing`);
  await back('n < 290');
  const half = await verify(site);
  expect(half.doubts.filter(({ what }) => what === 'lost at the remote')).toMatchObject([
    { message: expect.stringContaining('lacks 112 readings of 4 batches') as unknown },
  ]);
  await back('true');
  expect(await verify(site)).toMatchObject({ doubts: [], isComplete: true });
  expect((await verify(site)).days.map(({ day, isProved }) => [day, isProved])).toEqual([
    ['2026-01-01', true],
    ['2026-01-02', true],
    ['2026-01-03', true],
  ]);
  expect(await site.upload()).toMatchObject({ lostAtRemote: null });
  await site.remote.sql('update meter_readings set value = 0 where id = 399');
  expect((await verify(site)).doubts).toMatchObject([{ what: 'readings differ', day: '2026-01-03' }]);
}); // prettier-ignore

it('when both ends were restored, the losses are counted from where both chains were alike, and the newer records are learned', async (context) => {
  const site = await openRestored(context, { keepDays: 30 });
  // A copy of the site sends from the restored remote's place: the chain goes another way from there.
  await site.local.sql(`create table saved as table meter_sync.upload_state;
    create table memory as table meter_sync.delivered_batch;
    delete from meter_sync.upload_state where seq > 3; delete from meter_sync.delivered_batch where seq > 3;
    insert into meter_sync.upload_state (site, batch, rows, moved_at, seq, digest)
      select site, 999, 150, now(), seq, digest from meter_sync.delivered_batch where seq = 3`);
  await queue(site, 400, 402);
  await site.upload();
  await site.local.sql(`delete from meter_sync.upload_state; insert into meter_sync.upload_state table saved;
    delete from meter_sync.delivered_batch; insert into meter_sync.delivered_batch table memory`);
  const shown = await adoptLosses(site);
  expect(shown).toMatchObject({ common: 3, missing: { readings: 250, batches: 4 } });
  expect(await site.local.sql('select seq, rows from meter_sync.delivered_batch order by seq desc limit 2')).toEqual([
    { seq: '4', rows: '3' },
    { seq: '3', rows: '50' },
  ]);
  expect(await resend(site)).toMatchObject({ inserted: 250, lostAfter: null });
  expect(await verify(site)).toMatchObject({ doubts: [], isComplete: true });
});

it('where nothing is kept, resend says so and what else there is, and a loss can be written off with name and reason', async (context) => {
  const site = await openRestored(context, {});
  expect(await adoptLosses(site)).toMatchObject({ missing: MISSING, kept: { rows: 0 } });
  const resent = await cli(site, 'resend', '--missing');
  expect(resent).toMatchObject({ exitCode: 1 });
  expect(resent.stdout).toContain("They can only come from a newer backup of the customer's database");
  expect((await cli(site, 'adopt', '--accept-loss', '--by', 'anna')).exitCode).toBe(2);
  const written = await cli(site, 'adopt', '--accept-loss', '--by', 'anna', '--reason', 'no backup has them', '--json');
  expect(written.json()).toMatchObject({ writtenOff: 250, by: 'anna' });
  expect(await site.upload()).toMatchObject({ lostAtRemote: null });
  const [kept] = await site.local.sql('select distinct ended, ended_by, reason from meter_sync.lost_at_remote');
  expect(kept).toEqual({ ended: 'written off', ended_by: 'anna', reason: 'no backup has them' });
});
