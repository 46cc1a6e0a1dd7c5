import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openSite, type SiteUnderTest, toSite } from '../activities/upload/site-under-test.js';
import { type CliRun, runCli } from './run-cli.js';

const cli = ({ local, remote }: SiteUnderTest, args: readonly string[] = [], more = {}): Promise<CliRun> =>
  runCli(['verify', '--site', 'test', ...args], {
    POSTGRES_SYNC_URL: local.url,
    POSTGRES_CLIENT_URL: remote.url,
    ...more,
  });

/** A site that has delivered 300 readings of a day and 100 of another one. */
async function deliver(context: Parameters<typeof openSite>[0]): Promise<SiteUnderTest> {
  const site = await openSite(context);
  await site.queueReadings(1, 300);
  await site.queueReadings(100_000, 100_099);
  await site.upload({ batchRows: 150 });
  return site;
}

it('a healthy site is told as safe in one line, with 0, and its report is known by its SHA-256', async (context) => {
  const site = await deliver(context);
  const folder = await mkdtemp(join(tmpdir(), 'meter-sync-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'report.json');
  const run = await cli(site, ['--report', file]);
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  expect(run.stdout).toMatch(/^Site test: every reading that was delivered is on the remote, unchanged\.$/m);
  expect(run.stdout).toMatch(/^days +2 of 2 are safe: 400 readings$/m);
  const text = await readFile(file, 'utf8');
  expect(run.stdout).toContain(`SHA-256: ${createHash('sha256').update(text).digest('hex')}`);
  expect(JSON.parse(text)).toMatchObject({
    isSafe: true,
    isProved: true,
    siteId: 'test',
    version: expect.stringMatching(/^\d/) as unknown,
    servers: { local: expect.stringMatching(/^\d/) as unknown },
    chain: { records: 3, last: { seq: 3, digest: expect.stringMatching(/^[\da-f]{64}$/) as unknown } },
    days: [
      { day: '2026-01-01', delivered: 300, found: 300, isSafe: true },
      { day: '2026-01-02', delivered: 100, found: 100, isSafe: true },
    ],
    doubts: [],
  });
});

it('what is in doubt is told with its day and what to do, ends with 1, and can be left out by its day', async (context) => {
  const site = await deliver(context);
  await site.remote.sql('delete from meter_readings where id = 7; update meter_readings set value = 1 where id = 100001');
  const [run, json, later] = await Promise.all([cli(site), cli(site, ['--json']), cli(site, ['--from', '2026-01-03'])]);
  expect(run.exitCode).toBe(1);
  expect(run.stdout).toContain('Site test: 2 things are in doubt. The readings still at the site are safe.');
  expect(run.stdout).toContain('in doubt  1 of 300 readings delivered for 2026-01-01 is no longer on the remote\nnext:     Somebody deleted');
  expect(run.stdout).toContain('in doubt  at least one of 100 readings for 2026-01-02 was changed on the remote');
  expect(json.exitCode).toBe(1);
  expect(json.json()).toMatchObject({ isSafe: false, doubts: [{ day: '2026-01-01' }, { day: '2026-01-02' }] });
  expect(later).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('for the days asked for is on the remote') as unknown });
}); // prettier-ignore

it('many doubts of one kind are told as the first of them, with what to do said once', async (context) => {
  const site = await openSite(context);
  await site.local.sql(
    `insert into meter_readings select n, '2026-01-01'::timestamptz + n * interval '1 day', n from generate_series(1, 30) as n`,
  );
  await site.upload();
  await site.remote.sql('delete from meter_readings');
  const { stdout } = await cli(site);
  expect(stdout.match(/^in doubt/gm)).toHaveLength(20);
  expect(stdout.match(/^next:/gm)).toHaveLength(1);
  expect(stdout).toContain('... and 10 more: --json and --report FILE have all of them');
});

it('a site that has delivered nothing, or without day sums, is not told as proved; one without custody cannot be', async (context) => {
  const site = await openSite(context);
  expect((await cli(site)).stdout).toContain('no custody record is on the remote, so there is nothing to prove yet');
  await site.queueReadings(1, 10);
  await toSite(site, { ...site.ends.readings, custody: 'chain' }).upload();
  const chain = await cli(site, ['--json']);
  expect(chain.json()).toMatchObject({ isSafe: true, isProved: false });
  const off = await cli(site, ['--json'], { METER_SYNC_CUSTODY: 'off' });
  expect(off.exitCode).toBe(1);
  expect(off.json()).toMatchObject({ ok: false, error: { code: 'custodyOff' } });
});

it('a day that is none ends with 2', async (context) => {
  const site = await openSite(context);
  const runs = await Promise.all([cli(site, ['--from', 'monday']), cli(site, ['--from', '2026-02-01', '--to', '2026-01-01'])]);
  expect(runs.map(({ exitCode }) => exitCode)).toEqual([2, 2]);
}); // prettier-ignore
