import { expect, inject, it } from 'vitest';
import { adopt, readAdoption } from '../../activities/upload/chain/adopt.js';
import { withUploadLock } from '../../activities/upload/queue/upload-lock.js';
import { openSite, type SiteUnderTest, toSite } from '../activities/upload/site-under-test.js';
import { type CliRun, runCli } from './run-cli.js';

const TABLES = ['meter_readings', 'meter_sync.upload_state', 'meter_sync.upload_claim'];
const REMOTE_TABLES = ['meter_readings', 'meter_sync.custody'];

const cli = ({ local, remote }: SiteUnderTest, ...args: string[]): Promise<CliRun> =>
  runCli(['adopt', '--site', 'test', ...args], {
    POSTGRES_SYNC_URL: local.url,
    POSTGRES_CLIENT_URL: remote.url,
    TEMPORAL_ADDRESS: inject('stack').temporalAddress,
  });

/** What a backup would hold, and how to go back to it. */
async function backUp(site: SiteUnderTest, side: 'local' | 'remote'): Promise<() => Promise<unknown>> {
  const tables = side === 'local' ? TABLES : REMOTE_TABLES;
  await site[side].sql(tables.map((name, at) => `create table backup_${at} as table ${name}`).join(';'));
  return () =>
    site[side].sql(tables.map((name, at) => `delete from ${name}; insert into ${name} ${side === 'local' && name.endsWith('claim') ? 'overriding system value ' : ''}table backup_${at}`).join(';')); // prettier-ignore
}

/** Nothing moves at either end while a site is fenced. */
async function expectFenced(site: SiteUnderTest, words: RegExp, owner?: string): Promise<void> {
  const before = [await site.contents(site.local), await site.contents(site.remote)];
  await expect(site.upload(owner === undefined ? {} : { owner })).rejects.toMatchObject({
    kind: 'fenced',
    message: expect.stringMatching(words) as unknown,
  });
  expect([await site.contents(site.local), await site.contents(site.remote)]).toEqual(before);
}

it('a local database that was restored from an older backup is told, and goes on after adopt with none doubled', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 40);
  await site.upload({ batchRows: 20 });
  await site.queueReadings(41, 100);
  const restore = await backUp(site, 'local');
  await site.upload({ batchRows: 20 });
  const delivered = await site.contents(site.remote);
  await restore();
  await site.queueReadings(101, 110);
  await expectFenced(site, /has 3 batches of this site that its own database does not know.*restored from an older backup/);

  const asked = await cli(site);
  expect(asked.exitCode).toBe(2);
  expect(asked.stderr).toMatch(/batch 2, removed here .*batch 5, sent by .*, process \d+/s);
  expect(asked.stderr).toContain('this database does not know 3 batches');
  expect(asked.stderr).toContain('next:  meter-sync adopt --site test --yes');
  await expectFenced(site, /3 batches/);

  const adopted = await cli(site, '--yes', '--json');
  expect(adopted.json()).toMatchObject({ ok: true, standing: 'behind', local: { seq: 2 }, remote: { seq: 5 }, adopted: { seq: 5 } });
  expect(await site.upload()).toMatchObject({ inserted: 10, alreadyThere: 60, quarantined: 0, removed: 70 });
  expect(await site.contents(site.remote)).toEqual(expect.arrayContaining(delivered));
  expect(await site.count(site.remote)).toBe(110);
}); // prettier-ignore

it('a remote that was restored from an older backup is told with what it lacks, and the site goes on after adopt', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 40);
  await site.upload();
  const restore = await backUp(site, 'remote');
  await site.queueReadings(41, 60);
  await site.upload({ batchRows: 10 });
  await restore();
  await site.queueReadings(61, 70);
  await expectFenced(site, /lacks the last 2 batches of this site .*2026-01-01T00:00:40.* to 2026-01-01T00:01:00/);
  const adopted = await cli(site, '--yes');
  expect(adopted.stderr).toContain('The remote lacks 20 readings of 2 batches');
  expect(adopted.stderr).toContain('The missing readings have left this site');
  expect(adopted).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('now stands at batch 1') as unknown });
  expect(await site.upload()).toMatchObject({ inserted: 10, removed: 10, totalUploaded: 70 });
  expect(await site.count(site.remote)).toBe(50);
}); // prettier-ignore

it('a remote without any record of the site is adopted as the start of a new chain', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 10);
  await site.upload();
  await site.remote.sql('delete from meter_sync.custody');
  await site.queueReadings(11, 20);
  await expectFenced(site, /the remote has no record of this site/);
  expect((await cli(site, '--yes')).stdout).toContain('now stands at the start of the chain');
  expect(await site.upload()).toMatchObject({ inserted: 10, removed: 10 });
  expect(await site.remote.value('select max(seq) from meter_sync.custody')).toBe('1');
});

it('of a site and its clone the second one to upload is told, and after adopt the first one is', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 10);
  await site.upload();
  const other = await openSite(context);
  await other.local.sql('delete from meter_sync.site_key');
  for (const name of [...TABLES, 'meter_sync.site_key']) {
    const rows = await site.local.value(`select json_agg(t) from ${name} t`);
    await other.local.sql(`insert into ${name} overriding system value select * from json_populate_recordset(null::${name}, $1)`, [rows ?? '[]']); // prettier-ignore
  }
  const clone = toSite({ local: other.local, remote: site.remote }, site.ends.readings);
  await clone.queueReadings(11, 20);
  await clone.upload();
  await site.queueReadings(21, 30);
  await expectFenced(site, /a copy of this site sends under the same id.*batch 2, sent by/);
  expect((await cli(site, '--yes')).stderr).toContain('Make sure that no copy of this site is at work');
  expect(await site.upload()).toMatchObject({ inserted: 10, removed: 10 });
  await clone.queueReadings(31, 40);
  await expectFenced(clone, /a copy of this site sends under the same id/);
}); // prettier-ignore

it('of two workflows on one local database the one that was taken over is told, and goes on after adopt', async (context) => {
  const site = await openSite(context);
  for (const [owner, from] of [
    ['first', 1],
    ['second', 11],
  ] as const) {
    await site.queueReadings(from, from + 9);
    await site.upload({ owner });
  }
  await site.queueReadings(21, 30);
  await expectFenced(site, /another workflow has taken it over, on another Temporal cluster/, 'first');
  const shown = await readAdoption(site, { siteId: 'test', owner: 'first' });
  expect(shown.standing).toEqual({ fence: 'takenOver' });
  await adopt(site, shown, new AbortController().signal);
  expect(await site.upload({ owner: 'first' })).toMatchObject({ inserted: 10, removed: 10 });
  await site.queueReadings(31, 40);
  await site.upload({ owner: 'first' });
});

it('where nothing is to be adopted it says so and changes nothing: equal, one ahead, and without custody', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 10);
  await site.upload();
  const state = (): Promise<unknown> =>
    site.local.sql('select * from meter_sync.upload_state, meter_sync.upload_claim');
  const before = await state();
  const equal = await cli(site, '--json');
  expect(equal).toMatchObject({ exitCode: 0 });
  expect(equal.json()).toMatchObject({ ok: true, standing: 'equal', adopted: null });
  await site.local.sql(`update meter_sync.upload_state set seq = 0, digest = null`);
  const ahead = await cli(site);
  expect(ahead).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('continues by itself') as unknown });
  await site.local.sql(`update meter_sync.upload_state set seq = 1, digest = (select decode($1, 'hex'))`, [
    await site.remote.value(`select encode(digest, 'hex') from meter_sync.custody`),
  ]);
  expect(await state()).toEqual(before);
});

it('while an upload is at work, and when an end has moved on since it was shown, nothing is adopted', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 10);
  await site.upload();
  await site.local.sql('delete from meter_sync.upload_state');
  await site.local.sql('delete from meter_sync.upload_claim');
  const signal = new AbortController().signal;
  const shown = await readAdoption(site, { siteId: 'test', owner: null });
  await withUploadLock(site.local, 'test', signal, async () => {
    await expect(adopt(site, shown, signal)).rejects.toMatchObject({ kind: 'busy' });
  });
  await site.remote.sql('delete from meter_sync.custody');
  await expect(adopt(site, shown, signal)).rejects.toMatchObject({
    kind: 'busy',
    message: expect.stringContaining('has moved on since its place was shown') as unknown,
  });
  expect(await site.count(site.local, 'meter_sync.upload_state')).toBe(0);
});
