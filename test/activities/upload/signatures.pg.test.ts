import { createPublicKey, verify } from 'node:crypto';
import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { adopt, readAdoption } from '../../../activities/upload/chain/adopt.js';
import { readLocalUpload } from '../../../activities/upload/chain/upload-state.js';
import { forgeRecord, strangersKey } from './forge-record.js';
import { openSite, type SiteUnderTest } from './site-under-test.js';

/** A record more, with the claim of the one before it, as somebody adds it who may insert on the remote. */
async function appendRecord(site: SiteUnderTest, rows: number): Promise<number> {
  const [added] = await site.remote.sql<{ seq: string }>(
    `insert into meter_sync.custody (site, seq, content_digest, rows, already_there, columns_id, days, claim, sent_by, committed_at, digest, signature)
     select site, seq + 1, content_digest, $1, 0, columns_id, '2026-01-01,' || $1::int || ',0', claim, sent_by, now(), digest, signature
     from meter_sync.custody order by seq desc limit 1 returning seq`,
    [rows],
  );
  return Number(added?.seq);
}

async function keyOf(site: SiteUnderTest): Promise<Awaited<ReturnType<typeof readLocalUpload>>['signingKeys'][number]> {
  const { signingKeys } = await readLocalUpload(site.local, { siteId: 'test' }, { purpose: 'toSign' });
  return signingKeys[0]!;
}

it('each record is signed by the key of the site, whose public half comes to the remote with the first one', async (context) => {
  const site = await openSite(context);
  for (const from of [1, 11]) {
    await site.queueReadings(from, from + 9);
    await site.upload({ batchRows: 5 });
  }
  const [announced, ...more] = await site.remote.sql(
    `select from_seq, encode(public_key, 'hex') as key, previous_key from meter_sync.custody_key where site = 'test'`,
  );
  expect(more).toEqual([]);
  const x = Buffer.from(announced!['key']!, 'hex').toString('base64url');
  expect(announced).toMatchObject({
    from_seq: '1',
    previous_key: null,
    key: await site.local.value(`select encode(public_key, 'hex') from meter_sync.site_key where site = 'test'`),
  });
  const records = await site.remote.sql(
    `select encode(digest, 'hex') as digest, encode(signature, 'hex') as signature from meter_sync.custody`,
  );
  expect(records.length).toBe(4);
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  for (const { digest, signature } of records) {
    expect(verify(null, Buffer.from(digest!, 'hex'), key, Buffer.from(signature!, 'hex'))).toBe(true);
  }
  expect(await site.count(site.remote, 'meter_sync.custody_columns')).toBe(1);
});

it('a record that somebody else appends, with the claim copied, is not taken for one of ours', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 10);
  await site.upload();
  const seq = await appendRecord(site, 10);
  await site.queueReadings(11, 20);
  const refused = { kind: 'fenced', message: expect.stringContaining('not signed with a key of this site') as unknown };
  await expect(site.upload()).rejects.toMatchObject(refused);
  await forgeRecord(site.remote, seq, strangersKey()); // the right digest, and a signature by a key that is not ours
  await expect(site.upload()).rejects.toMatchObject(refused);
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([10, 10]);
  await site.remote.sql('delete from meter_sync.custody where seq = 2');
  expect(await site.upload()).toMatchObject({ inserted: 10, removed: 10 });
});

it('a record one ahead that is ours and names readings that are not on the remote removes none of them unsent', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 10);
  await site.upload();
  await forgeRecord(site.remote, await appendRecord(site, 10), await keyOf(site));
  await site.queueReadings(11, 20);
  expect(await site.upload()).toMatchObject({ inserted: 10, alreadyThere: 0, removed: 10 });
  expect(await site.count(site.remote)).toBe(20);
});

it('on a remote that was restored to before the first record the key and the columns are written again', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 10);
  await site.upload();
  await site.remote.sql('truncate meter_sync.custody, meter_sync.custody_key, meter_sync.custody_columns');
  const shown = await readAdoption(site, { siteId: 'test', owner: null });
  await adopt(site, shown, new AbortController().signal);
  await site.queueReadings(11, 20);
  expect(await site.upload()).toMatchObject({ inserted: 10 });
  for (const table of ['custody_key', 'custody_columns']) expect(await site.count(site.remote, `meter_sync.${table}`)).toBe(1);
}); // prettier-ignore

it('a private key is in nothing that can be printed', async (context) => {
  const site = await openSite(context);
  const secret = await site.local.value(
    `select encode(private_key, 'hex') from meter_sync.site_key where site = 'test'`,
  );
  const upload = await readLocalUpload(site.local, { siteId: 'test' }, { purpose: 'toSign' });
  expect(upload.signingKeys.length).toBe(1);
  const printed = inspect(upload, { depth: 10, showHidden: true }) + JSON.stringify(upload);
  expect(printed).toContain(upload.chain.keys[0]);
  expect(printed).not.toContain(secret!.slice(-32));
  expect(printed.toLowerCase()).not.toContain('private');
});
