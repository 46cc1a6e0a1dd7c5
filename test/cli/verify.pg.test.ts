import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { toFingerprint } from '../../activities/custody/records/site-key.js';
import { readLocalUpload } from '../../activities/upload/chain/upload-state.js';
import { forgeRecord } from '../activities/upload/forge-record.js';
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
  const nowhere = await cli(site, ['--report', join(folder, 'missing', 'report.json')]);
  expect(nowhere).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('in a folder that is not there') as unknown,
  });
  const run = await cli(site, ['--report', file]);
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  expect(run.stdout).toMatch(
    /^Site test: every reading that was delivered is on the remote, unchanged as far as its day sums tell\.$/m,
  );
  expect(run.stdout).toMatch(/^days +2 of 2 are proved: 400 readings$/m);
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
      { day: '2026-01-01', delivered: 300, found: 300, proof: 'value', isProved: true },
      { day: '2026-01-02', delivered: 100, found: 100, proof: 'value', isProved: true },
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
  expect(run.stdout).toContain('in doubt  1 of 300 readings delivered for 2026-01-01 is no longer on the remote; whether one of the 299 that are there was changed, the day sum cannot tell\nnext:     Somebody deleted');
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
  const [chain, told] = await Promise.all([cli(site, ['--json']), cli(site)]);
  expect(chain.json()).toMatchObject({ isSafe: true, isProved: false });
  expect(told.exitCode).toBe(1);
  expect(told.stdout).toContain(
    'Site test: its custody chain is whole; of the readings themselves nothing is proved, since no day sums were kept.',
  );
  const off = await cli(site, ['--json'], { METER_SYNC_CUSTODY: 'off' });
  expect(off.exitCode).toBe(1);
  expect(off.json()).toMatchObject({ ok: false, error: { code: 'custodyOff' } });
});

it('values that could only be counted are never told as unchanged, and end with 1', async (context) => {
  const site = await deliver(context);
  await site.remote.sql('alter table meter_readings drop column value');
  const run = await cli(site);
  expect(run.exitCode).toBe(1);
  expect(run.stdout).not.toContain('unchanged');
  expect(run.stdout).toContain('nothing is in doubt, but not all is proved: the values of 2 of 2 days were not compared, see below.');
  expect(run.stdout).toContain('2 only counted (2026-01-01 to 2026-01-02): column value is no longer there');
}); // prettier-ignore

it('an auditor verifies from the remote alone, with the key of the site and a head that was told elsewhere', async (context) => {
  const site = await deliver(context);
  const key = await site.local.value(`select encode(public_key, 'base64') from meter_sync.site_key`);
  const stranger = Buffer.alloc(32, 1).toString('base64');
  const digest = await site.remote.value(`select encode(digest, 'hex') from meter_sync.custody order by seq desc limit 1`);
  const audit = (args: readonly string[]): Promise<CliRun> =>
    runCli(['verify', '--site', 'test', '--remote-only', ...args], { POSTGRES_CLIENT_URL: site.remote.url });
  const [whole, headless, foreign, keyless] = await Promise.all([
    audit(['--key', key ?? '', '--head', `3:${digest}`]),
    audit(['--key', toFingerprint(Buffer.from(key ?? '', 'base64').toString('hex'))]),
    audit(['--key', stranger]),
    audit([]),
  ]);
  expect([whole.exitCode, headless.exitCode, foreign.exitCode, keyless.exitCode]).toEqual([0, 0, 1, 2]);
  expect(whole.stdout).toContain('Site test: every reading that was delivered is on the remote, unchanged as far as its day sums tell.');
  expect(headless.stdout).toContain('every reading that custody records 1 to 3 tell of is on the remote, unchanged as far as its day sums tell. Whether later records were removed, --head tells.');
  expect(foreign.stdout).toContain('custody records 1 to 3 are not signed with the key of this site');

  await site.remote.sql('delete from meter_sync.custody where seq = 3; delete from meter_readings where id >= 100000');
  const [told, untold] = await Promise.all([audit(['--key', key ?? '', '--head', `3:${digest}`]), audit(['--key', key ?? ''])]);
  expect([told.exitCode, untold.exitCode]).toEqual([1, 0]);
  expect(told.stdout).toContain('custody record 3 of site test, given as the head of its chain, is not on the remote');
  expect(untold.stdout).toContain('every reading that custody records 1 to 2 tell of is on the remote, unchanged as far as its day sums tell. Whether later records');
}); // prettier-ignore

it('a day that is none ends with 2', async (context) => {
  const site = await openSite(context);
  const runs = await Promise.all([cli(site, ['--from', 'monday']), cli(site, ['--from', '2026-02-01', '--to', '2026-01-01'])]);
  expect(runs.map(({ exitCode }) => exitCode)).toEqual([2, 2]);
}); // prettier-ignore

it('--deep compares bytes: proved in mode strong, told as not proved in another, and in doubt where only the sums agree', async (context) => {
  const site = await openSite(context, { readings: { custody: 'strong' } });
  await site.queueReadings(1, 30);
  await site.upload({ batchRows: 20 });
  const proved = await cli(site, ['--deep', '--json'], { METER_SYNC_CUSTODY: 'strong' });
  expect(proved).toMatchObject({ exitCode: 0 });
  expect(proved.json()).toMatchObject({ isProved: true, asked: { isDeep: true }, days: [{ delivered: 30, proof: 'bytes' }] });

  // As if somebody had found readings with the same sum: the record says another digest than they have, and the same sum.
  const { signingKeys } = await readLocalUpload(site.local, { siteId: 'test' }, { purpose: 'toSign' });
  await site.remote.sql(`update meter_sync.custody set days = left(days, -64) || repeat('ab', 32) where seq = 2`);
  await forgeRecord(site.remote, 2, signingKeys[0]!);
  await site.local.sql(`update meter_sync.upload_state set digest = $1`, [await site.remote.value('select digest from meter_sync.custody where seq = 2')]);
  expect(await cli(site)).toMatchObject({ exitCode: 0 });
  const doubt = await cli(site, ['--deep']);
  expect(doubt.exitCode).toBe(1);
  expect(doubt.stdout).toContain('so that the day sum stays the same: that does not happen by accident');

  Object.assign(site.ends.readings, { custody: 'full' });
  await site.local.sql(`insert into meter_readings values (99, '2026-02-01 00:00:00+00', 1)`);
  await site.upload();
  const mixed = await cli(site, ['--deep', '--from', '2026-02-01']);
  expect(mixed.exitCode).toBe(1);
  expect(mixed.stdout).toContain('1 compared by their sums alone (2026-02-01): its custody records hold no day digest');
}); // prettier-ignore
