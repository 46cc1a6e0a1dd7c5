import { type KeyObject, verify } from 'node:crypto';
import { promisify } from 'node:util';
import { type ChainWalk, type CustodyRecord, digestBefore, walkOn } from '../../../src/model/chain-walk.js';
import type { HashedColumn } from '../../../src/model/hashed-column.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { parseDays } from '../days/day-sums.js';
import { recordTexts } from '../records/record-texts.js';
import { COLUMNS_ID_BYTES, digestColumns, digestRecord, type RecordTexts } from '../records/signed-text.js';
import { readRecordKeys } from './record-keys.js';

/** Records in one query: a few hundred kilobytes. */
const PAGE = 1_000;

interface RecordRow extends Omit<RecordTexts, 'previousDigest' | 'columnsDigest'> {
  readonly digest: string;
  readonly signature: string;
  readonly columnsId: string;
}

/** The next records of a chain, and from which record on each key claims to sign that nobody vouches for. */
export interface RecordPage {
  readonly records: readonly CustodyRecord[];
  readonly strangers: readonly number[];
}

/** Walks on over the next page of a site's records; the same walk when there are no more. */
export async function walkPage(session: Session, siteId: string, walk: ChainWalk): Promise<ChainWalk> {
  const { records, strangers } = await readPage(session, siteId, walk);
  return records.length === 0 ? walk : walkOn(walk, records, strangers);
}

/** Reads the records after a walk, a page of them, and checks each: its digest, its signature, its sense. */
export async function readPage(session: Session, siteId: string, walk: ChainWalk): Promise<RecordPage> {
  const rows = await run<RecordRow>(session, {
    text: `
      select ${recordTexts('c')},
        c.seq::text as seq,
        encode(c.digest, 'hex') as digest,
        encode(c.signature, 'hex') as signature,
        encode(c.columns_id, 'hex') as "columnsId"
      from meter_sync.custody c
      where c.site = $1::text
        and c.seq > $2::integer
      order by c.seq
      limit ${PAGE}`,
    values: [siteId, walk.last?.seq ?? 0],
  });
  if (rows.length === 0) return { records: [], strangers: [] };
  const keys = await readRecordKeys(session, siteId, walk.trusted);
  const lists = await readLists(
    session,
    rows.map(({ columnsId }) => columnsId),
  );
  // Other threads check signatures, by far the most of the work, while this one computes digests.
  const checked = Promise.all(rows.map((row) => isSigned(row, keys.at(Number(row.seq))?.key ?? null)));
  const records = rows.map((row, at) => {
    const before = rows[at - 1] ?? (walk.last === null ? { seq: '0', digest: digestBefore(walk) } : walk.last);
    const previousDigest = Number(before.seq) === Number(row.seq) - 1 ? before.digest : null;
    return toRecord(row, previousDigest, lists.get(row.columnsId));
  });
  const signed = await checked;
  return {
    records: records.map((record, at) => ({ ...record, isSigned: signed[at] === true })),
    strangers: keys.strangers,
  };
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

const verifyBeside = promisify(
  (digest: Buffer, key: KeyObject, signature: Buffer, done: (error: Error | null, isRight: boolean) => void) =>
    verify(null, digest, key, signature, done),
);

async function isSigned({ digest, signature }: RecordRow, key: KeyObject | null): Promise<boolean> {
  if (key === null || digest.length !== DIGEST_LENGTH || signature.length !== SIGNATURE_LENGTH) return false;
  return verifyBeside(Buffer.from(digest, 'hex'), key, Buffer.from(signature, 'hex'));
}

/** In hexadecimal. */
const DIGEST_LENGTH = 64;
const SIGNATURE_LENGTH = 128;

/** A list of columns as it was read, and what it is. */
export interface ColumnsRead {
  readonly digest: string;
  readonly dayColumn: string | null;
  /** Null: the text is no list of columns. */
  readonly columns: readonly HashedColumn[] | null;
}

/** The lists of columns with these ids, hexadecimal: those that a page of records names are one, most often. */
export async function readLists(session: Session, ids: readonly string[]): Promise<ReadonlyMap<string, ColumnsRead>> {
  const lists = await run<{ id: string; columns: string; day_column: string | null }>(session, {
    text: `
      select encode(l.id, 'hex') as id, l.columns::text as columns, l.day_column
      from meter_sync.custody_columns l
      where l.id = any(array(select decode(i, 'hex') from unnest($1::text[]) as i))`,
    values: [[...new Set(ids)]],
  });
  return new Map(
    lists.map(({ id, columns, day_column: dayColumn }) => {
      const digest = digestColumns(columns, dayColumn).toString('hex');
      return [id, { digest, dayColumn, columns: parseColumns(columns) }];
    }),
  );
}

function parseColumns(text: string): readonly HashedColumn[] | null {
  const list = JSON.parse(text) as unknown; // the column's type is json
  const isColumn = (one: unknown): one is [string, string] =>
    Array.isArray(one) && one.length === 2 && one.every((part) => typeof part === 'string');
  if (!Array.isArray(list) || !list.every(isColumn)) return null;
  return list.map(([name, type]) => ({ name, type }));
}

function toRecord(
  row: RecordRow,
  previousDigest: string | null,
  list: ColumnsRead | undefined,
): Omit<CustodyRecord, 'isSigned'> {
  const { digest, firstTimestamp, lastTimestamp, committedAt, sentBy } = row;
  const columnsDigest = list?.digest ?? '';
  const right = previousDigest === null ? null : digestRecord({ ...row, previousDigest, columnsDigest });
  const days = row.days === null ? null : parseDays(row.days);
  return {
    ...{ digest, firstTimestamp, lastTimestamp, committedAt, sentBy },
    seq: Number(row.seq),
    isDigestRight: right === null ? null : right.toString('hex') === digest,
    rows: Number(row.rows),
    alreadyThere: Number(row.alreadyThere),
    columnsDigest,
    columns: list?.columns ?? [],
    dayColumn: list?.dayColumn ?? null,
    days,
    nonsense: findNonsense(row, days, list),
  };
}

/** What no site writes. Whoever may write records and has not the key can still make such ones. */
function findNonsense(
  { digest, contentDigest, rows, alreadyThere, days: text, columnsId }: RecordRow,
  days: CustodyRecord['days'],
  list: ColumnsRead | undefined,
): string | null {
  if (list === undefined) return 'the list of columns that it names is missing';
  if (!list.digest.startsWith(columnsId) || columnsId.length !== 2 * COLUMNS_ID_BYTES)
    return 'the list of columns that it names was changed';
  if (list.columns === null) return 'the list of columns that it names is none';
  if (digest.length !== DIGEST_LENGTH || contentDigest.length !== DIGEST_LENGTH) return 'a digest has a wrong length';
  if (Number(rows) < 0 || Number(alreadyThere) < 0) return 'it counts fewer than no readings';
  if (text === null) return null;
  if (days === null) return 'its days cannot be read';
  const ofDays = days.reduce((sum, day) => sum + day.rows, 0);
  if (ofDays !== Number(rows)) return `it counts ${rows} readings, and ${ofDays} on its days`;
  return days.every(isSumOfHashes) ? null : 'the sum of a day is none that so many readings can have';
}

/** A hash is a signed integer of 64 bits. */
const MOST_OF_A_HASH = 2n ** 63n;

function isSumOfHashes({ rows, sum }: { readonly rows: number; readonly sum: string }): boolean {
  const [total, most] = [BigInt(sum), BigInt(rows) * MOST_OF_A_HASH];
  return total <= most && -total <= most;
}
