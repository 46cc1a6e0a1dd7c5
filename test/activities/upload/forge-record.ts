import { NO_DIGEST } from '../../../src/model/chain.js';
import { columnsDigestOf, recordTexts } from '../../../activities/custody/records/record-texts.js';
import { digestKey, digestRecord, type RecordTexts } from '../../../activities/custody/records/signed-text.js';
import { makeKey, SiteKey } from '../../../activities/custody/records/site-key.js';
import { readLocalUpload } from '../../../activities/upload/chain/upload-state.js';
import type { TestDatabase, TestDatabases } from '../../support/postgres.js';

/**
 * Gives a record that was changed or put in the digest that its facts come to, as somebody would who knows the protocol; and with
 * a key its signature, too.
 */
export async function forgeRecord(
  remote: Pick<TestDatabase, 'sql'>,
  seq: number,
  key?: SiteKey,
  site = 'test',
): Promise<void> {
  const [row] = await remote.sql<Record<keyof RecordTexts, string>>(
    `select ${recordTexts('c')}, c.seq, coalesce(encode(b.digest, 'hex'), '${NO_DIGEST}') as "previousDigest",
       ${columnsDigestOf('l')} as "columnsDigest"
     from meter_sync.custody c
     join meter_sync.custody_columns l on l.id = c.columns_id
     left join meter_sync.custody b on b.site = c.site and b.seq = c.seq - 1
     where c.site = $2 and c.seq = $1`,
    [seq, site],
  );
  const digest = digestRecord(row!);
  const signature = key?.sign(digest).toString('hex') ?? null;
  await remote.sql(
    `update meter_sync.custody set digest = decode($2, 'hex'), signature = coalesce(decode($3, 'hex'), signature)
     where site = $4 and seq = $1`,
    [seq, digest.toString('hex'), signature, site],
  );
}

/** A key that no site has. */
export function strangersKey(): SiteKey {
  const { publicKey, privateKey } = makeKey();
  return new SiteKey(publicKey, privateKey);
}

/** Makes all records of a site so many days older, signed by its own key and known to it: as if it had sent them then. */
export async function ageRecords({ local, remote }: TestDatabases, days: number): Promise<void> {
  const { signingKeys } = await readLocalUpload(local, { siteId: 'test' }, { purpose: 'toSign' });
  await remote.sql(`update meter_sync.custody set committed_at = committed_at - $1 * interval '1 day'`, [days]);
  const last = Number(await remote.value('select max(seq) from meter_sync.custody'));
  for (let seq = 1; seq <= last; seq += 1) await forgeRecord(remote, seq, signingKeys[0]);
  const digest = await remote.value(`select encode(digest, 'hex') from meter_sync.custody where seq = $1`, [last]);
  await local.sql(`update meter_sync.upload_state set digest = decode($1, 'hex')`, [digest]);
}

/** Puts a key of somebody else among those of a site, signed by itself; `previous` is one that it claims to follow. */
export async function forgeKey(
  remote: Pick<TestDatabase, 'sql'>,
  key: SiteKey,
  { site = 'test', fromSeq = 1, previous = null }: { site?: string; fromSeq?: number; previous?: string | null } = {},
): Promise<void> {
  const signature = key.sign(digestKey(site, fromSeq, key.publicKey, previous)).toString('hex');
  await remote.sql(
    `insert into meter_sync.custody_key (site, from_seq, public_key, previous_key, signature, previous_signature)
     values ($1, $2, decode($3, 'hex'), decode($4, 'hex'), decode($5, 'hex'), case when $4::text is not null then decode($5, 'hex') end)`,
    [site, fromSeq, key.publicKey, previous, signature],
  );
}
