import { expect, it } from 'vitest';
import { openSite, type SiteUnderTest } from '../activities/upload/site-under-test.js';
import { type CliRun, runCli } from './run-cli.js';

const COLUMNS = 'id bigint primary key, created_at timestamptz not null, meter_id bigint, value numeric';
const LOCAL = `create table meter_readings (${COLUMNS}, is_synchronized boolean default false)`;
const REMOTE = `create table meter (id bigint primary key); insert into meter values (1);
  create table meter_readings (${COLUMNS.replace('meter_id bigint', 'meter_id bigint references meter')}, constraint plausible check (value < 1000))`;

const cli = ({ local, remote }: SiteUnderTest, args: readonly string[], more = {}): Promise<CliRun> =>
  runCli(['quarantine', ...args, '--site', 'test'], {
    POSTGRES_SYNC_URL: local.url,
    POSTGRES_CLIENT_URL: remote.url,
    ...more,
  });

/** Ten readings; three of an unknown meter, one with a value that a check refuses. */
async function openRefused(context: Parameters<typeof openSite>[0]): Promise<SiteUnderTest> {
  const site = await openSite(context, { local: LOCAL, remote: REMOTE });
  await site.local.sql(`insert into meter_readings (id, created_at, meter_id, value)
    select n, '2026-01-01'::timestamptz + n * interval '1 s', case when n in (2, 4, 6) then 77 else 1 end, case when n = 9 then 98765 else n end
    from generate_series(1, 10) as n`);
  await site.upload();
  return site;
}

it('the list tells how many for which reason first, then the newest, and never a value', async (context) => {
  const site = await openRefused(context);
  const run = await cli(site, ['list', '--limit', '2']);
  expect(run.exitCode).toBe(0);
  expect(run.stdout).toMatch(/4 readings of site test are refused/);
  expect(run.stdout).toMatch(/3 +unknown meter.*\[23503\]/);
  expect(run.stdout).toMatch(/1 +refused by a check \(constraint plausible\) \[23514\]/);
  expect(run.stdout).toContain('... 2 more: --limit 4');
  expect(run.stdout).toContain('next: fix the cause, then: meter-sync quarantine retry --site test --all');
  const json = await cli(site, ['list', '--json']);
  expect(json.json()).toMatchObject({ ok: true, total: 4, reasons: [{ sqlstate: '23503', readings: 3 }, { constraint: 'plausible' }] });
  expect(run.stdout + json.stdout).not.toContain('98765');
}); // prettier-ignore

it('one reading is shown with all that is known of it, and one that is not there is told', async (context) => {
  const site = await openRefused(context);
  const run = await cli(site, ['show', '9']);
  expect(run.stdout).toContain('refused by a check (constraint plausible) [23514]');
  expect(run.stdout).not.toContain('98765');
  const json = await cli(site, ['show', '9', '--json']);
  expect(json.json()).toMatchObject({ ok: true, reading: { key: ['9'], sqlstate: '23514', tries: 1, isReleased: false } });
  const absent = await cli(site, ['show', '1', '--json']);
  expect(absent.exitCode).toBe(1);
  expect(absent.json()).toMatchObject({ ok: false, error: { code: 'notInQuarantine' } });
}); // prettier-ignore

it('readings are tried again by key, by reason and all, and those that are mended arrive', async (context) => {
  const site = await openRefused(context);
  await site.local.sql('update meter_readings set value = 9 where id = 9');
  const byKey = await cli(site, ['retry', '9', '5']);
  expect(byKey).toMatchObject({ exitCode: 1 });
  expect(byKey.stdout).toContain('1 reading is tried again with the next cycle.');
  expect(byKey.stdout).toContain('Not in quarantine: 5');
  expect(byKey.stdout).toContain('next: meter-sync sync-now --site test --wait');
  expect(await site.upload()).toMatchObject({ inserted: 1, inQuarantine: 3 });
  const byReason = await cli(site, ['retry', '--reason', '23503', '--json']);
  expect(byReason.json()).toMatchObject({ ok: true, released: 3 });
  expect(await site.upload()).toMatchObject({ inserted: 0, quarantined: 3, inQuarantine: 3 });
  expect((await cli(site, ['retry', '--reason', 'conflict'])).stdout).toContain('Nothing of that kind');
  await site.remote.sql('insert into meter values (77)');
  expect((await cli(site, ['retry', '--all', '--json'])).json()).toMatchObject({ released: 3 });
  expect(await site.upload()).toMatchObject({ inserted: 3, inQuarantine: 0 });
  expect((await cli(site, ['list'])).stdout).toContain('Site test: no readings in quarantine');
}); // prettier-ignore

it('a key of several columns is a JSON array, and wrong usage ends with 2', async (context) => {
  const site = await openRefused(context);
  const keys = { METER_SYNC_READINGS_KEY: 'id,created_at' };
  const [bad, one, none, wrong] = await Promise.all([
    cli(site, ['show', '9'], keys),
    cli(site, ['show', '["9","x"]', '--json'], keys),
    cli(site, ['retry']),
    cli(site, ['list', '--all']),
  ]);
  expect(bad.stderr).toContain(`expected a JSON array of texts`);
  expect(one.json()).toMatchObject({ error: { keys: [['9', 'x']] } });
  expect([bad.exitCode, one.exitCode, none.exitCode, wrong.exitCode]).toEqual([2, 1, 2, 2]);
  expect(none.stderr).toContain('wants one of: keys, --reason SQLSTATE, --all');
});
