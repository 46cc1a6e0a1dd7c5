import { expect, it } from 'vitest';
import { addSiteKey } from '../../../activities/custody/records/site-key.js';
import { readLocalUpload } from '../../../activities/upload/chain/upload-state.js';
import { type MadeSeal, sealChain } from '../../../activities/custody/proof/make-seal.js';
import { openWalk, type WalkStart } from '../../../activities/custody/proof/open-walk.js';
import { pruneRecords, readPrunable } from '../../../activities/custody/proof/prune-records.js';
import { walkToEnd } from '../../../activities/custody/proof/walk-chain.js';
import type { ChainWalk } from '../../../src/model/chain-walk.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import { ageRecords, forgeRecord, strangersKey } from './forge-record.js';
import { openSite, type SiteUnderTest } from './site-under-test.js';

/** Uploads readings in batches of five: a record each. */
async function deliver(site: SiteUnderTest, from: number, to: number): Promise<void> {
  await site.queueReadings(from, to);
  await site.upload({ batchRows: 5 });
}

async function seal(site: SiteUnderTest, maxDurationMs = 60_000): Promise<MadeSeal | null> {
  const { chain, signingKeys: keys } = await readLocalUpload(site.local, { siteId: 'test' }, { purpose: 'toSign' });
  const { signal } = new AbortController();
  return sealChain(site.remote, { siteId: 'test', upTo: chain, keys, maxDurationMs, signal });
}

async function walk(site: SiteUnderTest, from: WalkStart): Promise<ChainWalk> {
  const { keys } = (await readLocalUpload(site.local, { siteId: 'test' })).chain;
  return withTransaction(site.remote, { isolation: 'repeatable read, read only' }, async (session) =>
    walkToEnd(session, 'test', (await openWalk(session, 'test', keys, from))!),
  );
}

/** What a walk found, without the way that it took. */
const found = ({ rows, last, days, records, doubts }: ChainWalk): unknown => ({ rows, last, days, records, doubts });

it('a seal sums up what its records say, so that a walk behind it finds the same as one over all of them', async (context) => {
  const site = await openSite(context);
  await deliver(site, 1, 20);
  expect(await seal(site)).toMatchObject({ seq: 4, records: 4, isComplete: true });
  await deliver(site, 100_000, 100_010); // another day
  expect(await seal(site)).toMatchObject({ seq: 7, records: 3 });
  expect(await seal(site)).toBe(null);
  await deliver(site, 21, 30);
  const whole = await walk(site, 'whole');
  expect(whole).toMatchObject({ records: 9, rows: 41, sealed: null, doubts: [] });
  const behind = await walk(site, 'newest');
  expect(behind.sealed).toMatchObject({ seq: 7 });
  expect(found(behind)).toEqual(found(whole));
});

it('records under a seal can be pruned, and what they delivered is still compared', async (context) => {
  const site = await openSite(context);
  await deliver(site, 1, 20);
  await seal(site);
  await deliver(site, 21, 30);
  const before = found(await walk(site, 'whole'));
  const { keys } = (await readLocalUpload(site.local, { siteId: 'test' })).chain;
  expect(await readPrunable(site.remote, 'test', keys, 31)).toMatchObject({ under: null, records: 0 });
  const { under, records } = await readPrunable(site.remote, 'test', keys, 0);
  expect([under?.seq, records]).toEqual(['4', 4]);
  await expect(pruneRecords(site.remote, 'test', 4)).rejects.toMatchObject({
    kind: 'credentials',
    message: expect.stringContaining('grant select, delete on meter_sync.custody') as unknown,
  });
  expect(await pruneRecords(site.remote.admin, 'test', 4)).toBe(4);
  expect(await site.remote.value('select min(seq) from meter_sync.custody')).toBe('5');
  for (const from of ['whole', 'newest'] as const) expect(found(await walk(site, from))).toEqual(before);
  await deliver(site, 31, 40);
  expect((await walk(site, 'whole')).doubts).toEqual([]);
  await site.remote.sql('delete from meter_sync.custody where seq = 5'); // one more than a seal stands for
  expect((await walk(site, 'whole')).doubts).toMatchObject([{ what: 'record missing' }]);
});

it('a seal that was altered, forged or put in is told, and stands for nothing', async (context) => {
  const site = await openSite(context);
  await deliver(site, 1, 20);
  await seal(site);
  await deliver(site, 21, 30);
  await seal(site);
  const doubts = async (): Promise<unknown> => (await walk(site, 'newest')).doubts.map(({ what }) => what);
  const restore = `delete from meter_sync.custody_seal; insert into meter_sync.custody_seal table kept_seal`;
  await site.remote.sql('create table kept_seal as table meter_sync.custody_seal');
  const tampered = {
    totals: `update meter_sync.custody_seal set totals = replace(totals, ',20,', ',19,') where seq = 4`,
    'the record': `update meter_sync.custody_seal set record_digest = digest where seq = 6`,
    'a seal more': `insert into meter_sync.custody_seal select site, 5, 4, record_digest, 0, 0, '', null, last_committed_at, sealed_at, digest, signature from meter_sync.custody_seal where seq = 6`,
    'the first one, removed': 'delete from meter_sync.custody_seal where seq = 4',
  };
  for (const [what, statement] of Object.entries(tampered)) {
    await site.remote.sql(statement);
    expect([what, await doubts()]).toEqual([what, expect.arrayContaining(['seal does not fit'])]);
    expect((await walk(site, 'newest')).rows).toBe(30); // by the records, where a seal does not count
    await site.remote.sql(restore);
  }
  expect(await doubts()).toEqual([]);
});

it('the key signs no seal over a record that it did not sign', async (context) => {
  const site = await openSite(context);
  await deliver(site, 1, 20);
  await forgeRecord(site.remote, 2, strangersKey());
  await expect(seal(site)).rejects.toMatchObject({ kind: 'schema', message: expect.stringContaining('not signed') as unknown });
  expect(await site.count(site.remote, 'meter_sync.custody_seal')).toBe(0);
}); // prettier-ignore

it('the first upload of a new month seals the records of those before, and one that fails to seal uploads all the same', async (context) => {
  const site = await openSite(context);
  await deliver(site, 1, 20);
  await ageRecords(site, 40);
  await site.remote.sql('alter table meter_sync.custody_seal rename column totals to other');
  await deliver(site, 21, 30);
  expect(site.logged).toContainEqual(expect.objectContaining({ level: 'warn', message: 'custody records could not be sealed' })); // prettier-ignore
  await site.remote.sql('alter table meter_sync.custody_seal rename column other to totals');
  await deliver(site, 31, 40);
  expect(await site.remote.sql('select seq, rows from meter_sync.custody_seal')).toEqual([{ seq: '6', rows: '30' }]);
  await deliver(site, 41, 50);
  expect(await site.count(site.remote, 'meter_sync.custody_seal')).toBe(1); // the next month makes the next one
  expect(await walk(site, 'newest')).toMatchObject({ rows: 50, sealed: { seq: 6 }, doubts: [] });
});

it('a seal of which the time runs out ends where it has come to, and the next one continues', async (context) => {
  const site = await openSite(context);
  await deliver(site, 1, 10);
  await site.remote.sql(`
    insert into meter_sync.custody
      (site, seq, content_digest, rows, already_there, columns_id, days, claim, sent_by, committed_at, digest, signature)
    select site, n, content_digest, 0, 0, columns_id, '', claim, sent_by, committed_at, digest, signature
    from meter_sync.custody, generate_series(3, 1005) n where seq = 2`);
  const { signingKeys } = await readLocalUpload(site.local, { siteId: 'test' }, { purpose: 'toSign' });
  for (let seq = 3; seq <= 1005; seq += 1) await forgeRecord(site.remote, seq, signingKeys[0]);
  await site.local.sql('update meter_sync.upload_state set seq = 1005, digest = decode($1, $2)', [
    await site.remote.value(`select encode(digest, 'hex') from meter_sync.custody where seq = 1005`),
    'hex',
  ]);
  expect(await seal(site, 0)).toMatchObject({ seq: 1000, isComplete: false });
  expect(await seal(site, 0)).toMatchObject({ seq: 1005, records: 5, isComplete: true });
  expect(await walk(site, 'newest')).toMatchObject({ rows: 10, records: 1005, doubts: [] });
});

it('a new key is vouched for by the old one, and each signs the records of its time', async (context) => {
  const site = await openSite(context);
  await deliver(site, 1, 10);
  const added = await addSiteKey(site.local, 'test');
  await deliver(site, 11, 20);
  const rows = await site.remote.sql(
    `select from_seq, encode(public_key, 'hex') = $1 as is_new, (previous_signature is null)::text as is_first
     from meter_sync.custody_key order by from_seq`,
    [added],
  );
  expect(rows).toEqual([
    { from_seq: '1', is_new: 'f', is_first: 'true' },
    { from_seq: '3', is_new: 't', is_first: 'false' },
  ]);
  expect(await walk(site, 'whole')).toMatchObject({ records: 4, doubts: [] });
  await seal(site);
  expect(await walk(site, 'newest')).toMatchObject({ records: 4, doubts: [] });
  // Who knows one key alone trusts the other through the row that both have signed; without that row it is a stranger's.
  await site.local.sql(`delete from meter_sync.site_key where encode(public_key, 'hex') <> $1`, [added]);
  expect(await walk(site, 'whole')).toMatchObject({ doubts: [] });
  await site.remote.sql(`update meter_sync.custody_key set previous_signature = signature where from_seq = 3`);
  expect((await walk(site, 'whole')).doubts.map(({ what }) => what)).toEqual(['key not vouched for', 'record not signed']);
}); // prettier-ignore

it('a site that was restored to before its key was changed signs with the old one again, from a record that the remote knows', async (context) => {
  const site = await openSite(context);
  await deliver(site, 1, 10);
  await addSiteKey(site.local, 'test');
  await deliver(site, 11, 20);
  await site.local.sql('delete from meter_sync.site_key where number = 2');
  await deliver(site, 21, 30);
  expect(await walk(site, 'whole')).toMatchObject({ records: 6, doubts: [] });
});
