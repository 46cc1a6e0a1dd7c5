import { isoUtc } from '../../../src/postgres/iso-utc.js';
import { type Database, run, type Session } from '../../../src/postgres/session.js';
import type { Statement } from '../../../src/postgres/statement.js';
import { withConnection } from '../../../src/postgres/transaction.js';
import { parseDays } from '../../custody/days/day-sums.js';
import { type DeliveredBatch, rememberBatch, rememberColumns, type SummedColumns } from '../keep/delivered.js';
import { takeOffLost } from '../keep/lost.js';

/** A record of the remote that this site has not seen being written, as the site would have remembered it. */
export interface RemoteRecord extends DeliveredBatch {
  readonly claim: string;
  /** Null: the remote has no such list. */
  readonly list: SummedColumns | null;
}

/** Some records of a chain. */
interface Records {
  readonly siteId: string;
  readonly above: number;
  readonly upTo: number;
}

/** Records are read so many at once. */
const PAGE = 1_000;

/** The next records of the remote above a place and up to another one. */
export async function readRecords(remote: Database, records: Records): Promise<RemoteRecord[]> {
  const rows = await withConnection(remote, {}, (session) => run<RecordRow>(session, selectRecords(records)));
  return rows.map(toRemoteRecord);
}

/** Remembers the records of the remote above a place, where a site that was restored takes up its chain. */
export async function rememberRecords(session: Session, remote: Database, records: Records): Promise<void> {
  const { siteId, upTo } = records;
  for (let { above } = records; above < upTo;) {
    const page = await readRecords(remote, { siteId, above, upTo });
    for (const record of page) await rememberRecord(session, siteId, record);
    above = page.at(-1)?.link.seq ?? upTo;
  }
}

/**
 * Remembers the record of a batch that this site had committed at the remote and not here. When it had sent kept readings again,
 * what it has brought is lost no more.
 */
export async function rememberAhead(session: Session, siteId: string, record: RemoteRecord): Promise<void> {
  await rememberRecord(session, siteId, record);
  if (await isOfResend(session, siteId, record.claim)) await takeOffLost(session, siteId, record);
}

/** True when a record carries the claim of a run that sent kept readings again. */
export async function isOfResend(session: Session, siteId: string, claim: string): Promise<boolean> {
  const [row] = await run<{ is_resend: string }>(session, {
    text: `select is_resend::text as is_resend from meter_sync.upload_claim where site = $1::text and claim::text = $2::text`,
    values: [siteId, claim],
  });
  return row?.is_resend === 'true';
}

async function rememberRecord(session: Session, siteId: string, record: RemoteRecord): Promise<void> {
  if (record.list !== null) await rememberColumns(session, record.list);
  await rememberBatch(session, siteId, record);
}

interface RecordRow {
  readonly seq: string;
  readonly digest: string;
  readonly rows: string;
  readonly days: string | null;
  readonly columns_id: string;
  readonly columns: string | null;
  readonly day_column: string | null;
  readonly claim: string;
  readonly first_timestamp: string | null;
  readonly last_timestamp: string | null;
}

function selectRecords({ siteId, above, upTo }: Records): Statement {
  return {
    text: `
      select c.seq::text as seq, encode(c.digest, 'hex') as digest, c.rows::text as rows, c.days, c.claim::text as claim,
        encode(c.columns_id, 'hex') as columns_id, l.columns::text as columns, l.day_column,
        ${isoUtc('c.first_timestamp')} as first_timestamp, ${isoUtc('c.last_timestamp')} as last_timestamp
      from meter_sync.custody as c
      left join meter_sync.custody_columns as l on l.id = c.columns_id
      where c.site = $1::text
        and c.seq > $2::bigint
        and c.seq <= $3::bigint
      order by c.seq
      limit ${PAGE}`,
    values: [siteId, above, upTo],
  };
}

function toRemoteRecord(record: RecordRow): RemoteRecord {
  const { columns_id: columnsId, columns, day_column: dayColumn } = record;
  return {
    claim: record.claim,
    link: { seq: Number(record.seq), digest: record.digest },
    rows: Number(record.rows),
    days: record.days === null ? null : parseDays(record.days),
    columnsId,
    list: columns === null ? null : { id: columnsId, columns, dayColumn },
    firstTimestamp: record.first_timestamp,
    lastTimestamp: record.last_timestamp,
  };
}

/**
 * The newest record up to a place that both ends have alike; 0: none. A chain that agrees there agrees in all before it, so a
 * few looks find it. What lies before the oldest record that both have is taken to be alike: only old records are ever cleared.
 */
export async function findCommon(local: Database, remote: Database, siteId: string, upTo: number): Promise<number> {
  const here = await readDigest(local, 'delivered_batch', siteId, null);
  const there = await readDigest(remote, 'custody', siteId, null);
  if (here === null || there === null) return 0;
  let [alike, other] = [Math.max(here.seq, there.seq) - 1, upTo + 1];
  while (other - alike > 1) {
    const seq = alike + Math.ceil((other - alike - 1) / 2);
    const known = await readDigest(local, 'delivered_batch', siteId, seq);
    const found = await readDigest(remote, 'custody', siteId, seq);
    if (known !== null && known.digest === found?.digest) alike = seq;
    else other = seq;
  }
  return Math.min(alike, upTo);
}

/** A record's digest at one end; of the oldest record unless told which. */
async function readDigest(
  database: Database,
  table: 'delivered_batch' | 'custody',
  siteId: string,
  seq: number | null,
): Promise<{ readonly seq: number; readonly digest: string } | null> {
  const [row] = await withConnection(database, {}, (session) =>
    run<{ seq: string; digest: string }>(session, {
      text: `
        select seq::text as seq, encode(digest, 'hex') as digest
        from meter_sync.${table}
        where site = $1::text
          and seq = coalesce($2::bigint, (select min(seq) from meter_sync.${table} where site = $1))`,
      values: [siteId, seq],
    }),
  );
  return row === undefined ? null : { seq: Number(row.seq), digest: row.digest };
}
