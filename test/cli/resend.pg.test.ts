import { expect, inject, it, type TestContext } from 'vitest';
import type { QueueTable } from '../../src/model/table.js';
import { openSite, type SiteUnderTest, toSite } from '../activities/upload/site-under-test.js';
import { copyDatabase } from '../support/postgres.js';
import { type CliRun, runCli } from './run-cli.js';

const COLUMNS = 'id bigint primary key, created_at timestamptz not null, value numeric, raw bytea, note text';

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

for (const [how, readings] of [
  ['with a flag', { keepDays: 30 }],
  ['without a flag', { keepDays: 30, flag: null }],
  ['with a chain without day sums', { keepDays: 30, custody: 'chain' }],
] as const) {
  it(`what a restored remote has lost is told until it was sent again from the kept readings, ${how}`, async (context) => {
    const site = await openRestored(context, readings);
    const isSummed = how !== 'with a chain without day sums';
    const missing = isSummed ? MISSING : { ...MISSING, days: [{ day: null, readings: 250 }] };
    const original = await site.local.sql('select count(*) from meter_sync.delivered_batch');
    expect(original).toEqual([{ count: '7' }]);
    await queue(site, 400, 409);
    await expect(site.upload()).rejects.toMatchObject({ kind: 'fenced' });

    const adopted = await cli(site, 'adopt', '--yes', '--json');
    expect(adopted.json()).toMatchObject({ ok: true, missing, next: 'meter-sync resend --site test --missing' });
    expect(await site.upload()).toMatchObject({ inserted: 10, lostAtRemote: missing });
    const check = await cli(site, 'check', '--json');
    expect(check.stdout).toContain('the remote was restored from an older backup and lacks 250 readings of 4 batches');

    const resent = await cli(site, 'resend', '--missing', '--json');
    expect(resent.json()).toMatchObject({ inserted: 250, conflicts: 0, isComplete: true, lostAfter: null });
    expect(resent.exitCode).toBe(0);
    expect(await site.upload()).toMatchObject({ lostAtRemote: null });
    expect(await site.count(site.remote)).toBe(410);
    expect(await site.remote.value(`select count(*) from meter_readings where value is not distinct from id / 7.0
      and raw = decode(md5(id::text), 'hex') and note is not distinct from case when id % 3 > 0 then 'ä"\\' || id end`)).toBe('410');
    const verify = await cli(site, 'verify', '--json');
    expect(verify.json()).toMatchObject({ isSafe: true, isProved: isSummed, doubts: [] });
    const again = await cli(site, 'resend', '--from', '2026-01-01', '--to', '2026-01-31', '--json');
    expect(again.json()).toMatchObject({ selected: 410, inserted: 0, alreadyThere: 410 });
    expect((await cli(site, 'verify', '--json')).json()).toMatchObject({ isSafe: true });
  });
} // prettier-ignore

it('a resend that was killed between its two commits is run again, and no loss is left', async (context) => {
  const site = await openRestored(context, { keepDays: 30 });
  await cli(site, 'adopt', '--yes');
  await site.local.sql(`
    create function crash() returns trigger language plpgsql as 'begin perform pg_terminate_backend(pg_backend_pid()); return null; end';
    create trigger crash after insert on meter_sync.delivered_batch for each row execute function crash()`);
  const killed = await cli(site, 'resend', '--missing');
  expect(killed).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('local database') as unknown });
  await site.local.sql('drop trigger crash on meter_sync.delivered_batch');
  expect(await site.count(site.remote)).toBeGreaterThan(150);
  const again = await cli(site, 'resend', '--missing', '--json');
  expect(again.json()).toMatchObject({ conflicts: 0, isComplete: true, lostAfter: null });
  expect(await site.count(site.remote)).toBe(400);
  expect((await cli(site, 'verify', '--json')).json()).toMatchObject({ isSafe: true, isProved: true });
});

it('a reading that was changed at the site after it had arrived is told as a conflict and overwrites nothing', async (context) => {
  const site = await openRestored(context, { keepDays: 30 });
  await cli(site, 'adopt', '--yes');
  await site.local.sql('update meter_readings set value = -1 where id in (10, 20)');
  const resent = await cli(site, 'resend', '--from', '2026-01-01', '--to', '2026-01-01');
  expect(resent.exitCode).toBe(1);
  expect(resent.stdout).toMatch(/1 sent, 141 there already and equal, 2 not sent/);
  expect(resent.stdout).toContain('10: remote database: it has this reading already, and other content in value');
  expect(await site.remote.value('select count(*) from meter_readings where value < 0')).toBe('0');
  expect(await site.count(site.local, 'meter_sync.quarantine')).toBe(0);
});

it('where nothing is kept, resend says so and what else there is, and a loss can be written off with name and reason', async (context) => {
  const site = await openRestored(context, {});
  const shown = await cli(site, 'adopt', '--yes');
  expect(shown.stderr).toContain('none of those days is kept (METER_SYNC_READINGS_KEEP_DAYS)');
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
