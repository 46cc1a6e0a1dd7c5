import { once } from 'node:events';
import { from as copyFrom } from 'pg-copy-streams';
import { toColumnList } from '../../activities/custody/records/companions.js';
import { ensureSiteKey, requireKey, type SiteKey } from '../../activities/custody/records/site-key.js';
import { digestRecord } from '../../activities/custody/records/signed-text.js';
import { digestKey } from '../../activities/custody/records/signed-text.js';
import { readLocalUpload } from '../../activities/upload/chain/upload-state.js';
import { type Link, NO_DIGEST } from '../../src/model/chain.js';
import type { Database } from '../../src/postgres/session.js';
import { showProgress } from '../progress.js';

/** A site whose name has 10 characters. */
export const SITE = 'site-00001';
const COLUMNS = 120;
const FIRST = Date.UTC(2025, 0, 1);
const MINUTE_MS = 60_000;
const READINGS = 5;

/** A chain that was written: the site's key, its place at the end of each month, and what a record costs. */
export interface WrittenYear {
  readonly key: SiteKey;
  /** The last record of each month that is whole, and the last one of all. */
  readonly months: readonly Link[];
  readonly last: Link;
  readonly signMicroseconds: number;
  readonly digestMicroseconds: number;
}

/** Writes records as the product does, one a minute, each of five readings of 120 columns: signed, by COPY. */
export async function writeYear(local: Database, remote: Database, records: number): Promise<WrittenYear> {
  await ensureSiteKey(local, SITE);
  const key = requireKey((await readLocalUpload(local, { siteId: SITE }, { purpose: 'toSign' })).signingKeys, SITE);
  const names = Array.from({ length: COLUMNS }, (_, at) => ({
    name: `measured_value_${at}`,
    type: 'double precision',
  }));
  const list = toColumnList(names, { name: 'created_at', type: 'timestamp with time zone' });
  const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
  await remote.pool.query('insert into meter_sync.custody_columns values ($1, $2, $3)', [
    bytes(list.id),
    list.columns,
    'created_at',
  ]);
  await remote.pool.query('insert into meter_sync.custody_key values ($1, 1, $2, null, $3, null)', [
    ...[SITE, bytes(key.publicKey), key.sign(digestKey(SITE, 1, key.publicKey, null))],
  ]);
  const client = await remote.pool.connect();
  const stream = client.query(
    copyFrom(`copy meter_sync.custody (committed_at, first_timestamp, last_timestamp, seq, rows, already_there, claim, site,
      columns_id, content_digest, digest, signature, sent_by, sent_from, days) from stdin`),
  );
  const months: Link[] = [];
  let last: Link = { seq: 0, digest: NO_DIGEST };
  let [signed, digested] = [0, 0];
  for (let seq = 1; seq <= records; seq += 1) {
    const at = new Date(FIRST + seq * MINUTE_MS);
    const instant = at.toISOString().replace('Z', '000Z');
    const facts = {
      ...{
        site: SITE,
        seq: String(seq),
        previousDigest: last.digest ?? NO_DIGEST,
        rows: String(READINGS),
        alreadyThere: '0',
      },
      contentDigest: fill(seq, 64),
      columnsDigest: list.digest,
      days: `${instant.slice(0, 10)},${READINGS},-${BigInt(`0x${fill(seq, 15)}`)}7`,
      ...{ firstTimestamp: instant, lastTimestamp: instant, committedAt: instant },
      claim: `${fill(seq, 8)}-1234-4321-8765-${fill(seq, 12)}`,
      ...{ sentBy: 'edge-north-17, process 12345', sentFrom: '10.120.14.117' },
    };
    const begin = performance.now();
    const digest = digestRecord(facts);
    const between = performance.now();
    const signature = key.sign(digest);
    digested += between - begin;
    signed += performance.now() - between;
    last = { seq, digest: digest.toString('hex') };
    if (new Date(at.getTime() + MINUTE_MS).getUTCMonth() !== at.getUTCMonth()) months.push(last);
    const row = [
      ...[facts.committedAt, instant, instant, seq, READINGS, 0, facts.claim, SITE, `\\\\x${list.id}`],
      ...[`\\\\x${facts.contentDigest}`, `\\\\x${last.digest}`, `\\\\x${signature.toString('hex')}`],
      ...[facts.sentBy, facts.sentFrom, facts.days],
    ];
    if (!stream.write(`${row.join('\t')}\n`)) await once(stream, 'drain');
    if (seq % 10_000 === 0) showProgress(`${seq} records written`);
  }
  stream.end();
  await once(stream, 'finish');
  client.release();
  await remote.pool.query('vacuum analyze meter_sync.custody');
  const perRecord = (ms: number): number => (1_000 * ms) / records;
  return { key, months, last, signMicroseconds: perRecord(signed), digestMicroseconds: perRecord(digested) };
}

/** Hexadecimal digits that no two records share. */
function fill(seq: number, length: number): string {
  return (seq * 2_654_435_761).toString(16).repeat(10).slice(0, length);
}
