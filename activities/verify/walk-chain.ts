import type { HashedColumn } from '../../src/model/hashed-column.js';
import { type ChainWalk, type CustodyRecord, walkOn } from '../../src/model/chain-walk.js';
import { isoUtc } from '../../src/postgres/iso-utc.js';
import { run, type Session } from '../../src/postgres/session.js';
import type { Statement } from '../../src/postgres/statement.js';
import { digestOf } from '../upload/custody/record.js';

/** Records in one query: a few hundred kilobytes. */
const PAGE = 1_000;

interface RecordRow {
  readonly seq: string;
  readonly previous_digest: string;
  readonly digest: string;
  readonly is_digest_right: string;
  readonly rows: string;
  readonly already_there: string;
  readonly columns: string;
  readonly day_column: string | null;
  readonly days: string | null;
  readonly first_timestamp: string | null;
  readonly last_timestamp: string | null;
  readonly committed_at: string;
  readonly sent_by: string;
}

/** Walks on over the next page of a site's records; the same walk when there are no more. */
export async function walkPage(session: Session, siteId: string, walk: ChainWalk): Promise<ChainWalk> {
  const rows = await run<RecordRow>(session, selectRecords(siteId, walk.last?.seq ?? 0));
  return rows.length === 0 ? walk : walkOn(walk, rows.map(toRecord));
}

/** Walks on over all records that the session's snapshot has. */
export async function walkToEnd(session: Session, siteId: string, walk: ChainWalk): Promise<ChainWalk> {
  let here = walk;
  for (;;) {
    const next = await walkPage(session, siteId, here);
    if (next === here) return here;
    here = next;
  }
}

function selectRecords(siteId: string, above: number): Statement {
  return {
    text: `
      select c.seq::text as seq,
        encode(c.previous_digest, 'hex') as previous_digest,
        encode(c.digest, 'hex') as digest,
        (c.digest = ${digestOf('c')})::text as is_digest_right,
        c.rows::text as rows,
        c.already_there::text as already_there,
        c.columns::text as columns,
        c.day_column,
        c.days::text as days,
        c.first_timestamp,
        c.last_timestamp,
        ${isoUtc('c.committed_at')} as committed_at,
        c.sent_by
      from meter_sync.custody c
      where c.site = $1::text
        and c.seq > $2::bigint
      order by c.seq
      limit ${PAGE}`,
    values: [siteId, above],
  };
}

function toRecord(row: RecordRow): CustodyRecord {
  const columns = (JSON.parse(row.columns) as [string, string][]).map(([name, type]): HashedColumn => ({ name, type }));
  const days = row.days === null ? null : (JSON.parse(row.days) as [string | null, number, string][]);
  return {
    seq: Number(row.seq),
    previousDigest: row.previous_digest,
    digest: row.digest,
    isDigestRight: row.is_digest_right === 'true',
    rows: Number(row.rows),
    alreadyThere: Number(row.already_there),
    columns,
    dayColumn: row.day_column,
    days: days?.map(([day, rows, sum]) => ({ day, rows, sum })) ?? null,
    firstTimestamp: row.first_timestamp,
    lastTimestamp: row.last_timestamp,
    committedAt: row.committed_at,
    sentBy: row.sent_by,
  };
}
