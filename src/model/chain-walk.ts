import { NO_DIGEST } from './chain.js';
import { addDay, type DayTotal, NOTHING } from './delivered-day.js';
import type { Doubt } from './doubt.js';
import type { HashedColumn } from './hashed-column.js';

/** A custody record as verification reads it. */
export interface CustodyRecord {
  readonly seq: number;
  readonly previousDigest: string;
  readonly digest: string;
  /** True when the digest is that of the record's own facts. */
  readonly isDigestRight: boolean;
  readonly rows: number;
  readonly alreadyThere: number;
  readonly columns: readonly HashedColumn[];
  readonly dayColumn: string | null;
  readonly days: readonly { readonly day: string | null; readonly rows: number; readonly sum: string }[] | null;
  /** ISO 8601 UTC; null when the order column held no instants. */
  readonly firstTimestamp: string | null;
  readonly lastTimestamp: string | null;
  readonly committedAt: string;
  readonly sentBy: string;
}

/** A chain as far as it was walked. */
export interface ChainWalk {
  readonly records: number;
  /** Readings inserted, and readings found to be there already, over all records. */
  readonly rows: number;
  readonly alreadyThere: number;
  readonly last: { readonly seq: number; readonly digest: string; readonly committedAt: string } | null;
  readonly days: ReadonlyMap<string | null, DayTotal>;
  /** Records without day sums, and the days that they reach over: these cannot be compared. */
  readonly unsummed: { readonly records: number; readonly from: string; readonly to: string } | null;
  readonly doubts: readonly Doubt[];
}

export const EMPTY_WALK: ChainWalk = {
  records: 0,
  rows: 0,
  alreadyThere: 0,
  last: null,
  days: new Map(),
  unsummed: null,
  doubts: [],
};

const ASK_THE_CUSTOMER =
  "Somebody changed meter_sync.custody on the remote: ask its administrator who may write there, and look into that server's log and backups";

/** Walks on over the next records of a chain, in their order. */
export function walkOn(walk: ChainWalk, records: readonly CustodyRecord[]): ChainWalk {
  const days = new Map(walk.days);
  const doubts = [...walk.doubts];
  let { last } = walk;
  for (const record of records) {
    doubts.push(...judgeRecord(record, last));
    for (const sum of record.days ?? []) days.set(sum.day, addDay(days.get(sum.day) ?? NOTHING, { ...record, ...sum }));
    last = record;
  }
  const total = (of: (record: CustodyRecord) => number): number => records.reduce((sum, record) => sum + of(record), 0);
  return {
    records: walk.records + records.length,
    rows: walk.rows + total(({ rows }) => rows),
    alreadyThere: walk.alreadyThere + total(({ alreadyThere }) => alreadyThere),
    unsummed: records.reduce(addUnsummed, walk.unsummed),
    last,
    days,
    doubts,
  };
}

function addUnsummed(unsummed: ChainWalk['unsummed'], record: CustodyRecord): ChainWalk['unsummed'] {
  if (record.days !== null || record.rows === 0) return unsummed;
  const from = record.firstTimestamp?.slice(0, 10) ?? '0000-00-00';
  const to = record.lastTimestamp?.slice(0, 10) ?? '9999-99-99';
  if (unsummed === null) return { records: 1, from, to };
  return {
    records: unsummed.records + 1,
    from: from < unsummed.from ? from : unsummed.from,
    to: to > unsummed.to ? to : unsummed.to,
  };
}

/** True for a day that records without sums may have added to. */
export function isUnsummed(day: string | null, { unsummed }: ChainWalk): boolean {
  if (unsummed === null) return false;
  return day === null || (day >= unsummed.from && day <= unsummed.to);
}

function judgeRecord(record: CustodyRecord, last: ChainWalk['last']): Doubt[] {
  const { seq } = record;
  const wanted = (last?.seq ?? 0) + 1;
  const doubt = (what: Doubt['what'], message: string): Doubt => ({ what, day: null, message, next: ASK_THE_CUSTOMER });
  if (seq > wanted) {
    const gap =
      seq - wanted === 1
        ? `custody record ${wanted} is missing`
        : `custody records ${wanted} to ${seq - 1} are missing`;
    return [doubt('record missing', gap), ...judgeDigest(record, doubt)];
  }
  const isInLine = record.previousDigest === (last?.digest ?? NO_DIGEST);
  const outOfLine = `custody record ${seq} does not follow record ${wanted - 1}: one of them was put in or changed later`;
  return [...(isInLine ? [] : [doubt('record out of line', outOfLine)]), ...judgeDigest(record, doubt)];
}

function judgeDigest(record: CustodyRecord, doubt: (what: Doubt['what'], message: string) => Doubt): Doubt[] {
  if (record.isDigestRight) return [];
  const { seq, committedAt, sentBy } = record;
  const message = `custody record ${seq} (${committedAt}, sent by ${sentBy}) was altered: its digest is not that of its facts`;
  return [doubt('record altered', message)];
}
