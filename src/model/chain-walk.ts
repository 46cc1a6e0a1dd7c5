import { NO_DIGEST } from './chain.js';
import { addDay, type DayTotal, type DeliveredSum, NOTHING } from './delivered-day.js';
import type { Doubt } from './doubt.js';
import type { HashedColumn } from './hashed-column.js';

/** A custody record as verification reads it. */
export interface CustodyRecord {
  readonly seq: number;
  readonly digest: string;
  /** True when the digest is that of the record's own facts and of the record before; null: that one is missing. */
  readonly isDigestRight: boolean | null;
  /** True when the key that was in force has signed the digest. */
  readonly isSigned: boolean;
  readonly rows: number;
  readonly alreadyThere: number;
  /** Of the list of columns that it names, hexadecimal. */
  readonly columnsDigest: string;
  readonly columns: readonly HashedColumn[];
  readonly dayColumn: string | null;
  /** Null: it was sent without sums. */
  readonly days: readonly RecordedDay[] | null;
  /** What about it cannot be, in words; null: nothing. */
  readonly nonsense: string | null;
  /** ISO 8601 UTC; null when the order column held no instants. */
  readonly firstTimestamp: string | null;
  readonly lastTimestamp: string | null;
  readonly committedAt: string;
  readonly sentBy: string;
}

/** What a record says of one UTC day. */
export interface RecordedDay {
  /** Null: the readings without a day. */
  readonly day: string | null;
  readonly rows: number;
  /** An integer as a decimal text. */
  readonly sum: string;
  readonly digest?: string | null;
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
  /** What the doubts tell: records next to each other with the same fault are one. */
  readonly faults: readonly Fault[];
  /** The seal that stands for the first records, which were not walked; null: all were, from the first one on. */
  readonly sealed: SealPlace | null;
  /** Public keys that the caller knows as the site's, hexadecimal. */
  readonly trusted: readonly string[];
}

/** A seal: the last record that it sums up, its digest, and when it was made. */
export interface SealPlace {
  readonly seq: number;
  readonly digest: string;
  /** ISO 8601 UTC, by the remote's clock. */
  readonly sealedAt: string;
}

/** What the seals of a chain say of the records up to the last of them. */
export interface SealedRecords {
  readonly seal: SealPlace;
  /** Of its last record. */
  readonly last: NonNullable<ChainWalk['last']>;
  readonly rows: number;
  readonly alreadyThere: number;
  readonly sums: readonly (DeliveredSum & { readonly day: string | null })[];
  readonly unsummed: readonly ChainWalk['unsummed'][];
}

/** What is wrong with one record, or with several that follow each other. */
interface Fault {
  readonly what:
    | 'record missing'
    | 'record altered'
    | 'record not signed'
    | 'record makes no sense'
    | 'key not vouched for'
    | 'seal does not fit';
  readonly from: number;
  readonly to: number;
  /** What more is to be told of the first one. */
  readonly detail: string;
}

const EMPTY_WALK: Omit<ChainWalk, 'trusted'> = {
  records: 0,
  rows: 0,
  alreadyThere: 0,
  last: null,
  days: new Map(),
  unsummed: null,
  doubts: [],
  faults: [],
  sealed: null,
};

/** Where a walk begins. `trusted` are the public keys that the caller knows as the site's own. */
export function startWalk(trusted: readonly string[]): ChainWalk {
  return { ...EMPTY_WALK, trusted };
}

/** Where a walk begins behind the records that seals sum up. `broken`: the last records of seals that do not fit. */
export function startBehind(
  trusted: readonly string[],
  sealed: SealedRecords | null,
  broken: readonly number[],
): ChainWalk {
  const faults = broken.map((seq): Fault => ({ what: 'seal does not fit', from: seq, to: seq, detail: '' }));
  const start = { ...startWalk(trusted), faults, doubts: faults.map(toDoubt) };
  if (sealed === null) return start;
  const { seal, last, rows, alreadyThere, sums, unsummed } = sealed;
  const days = new Map<string | null, DayTotal>();
  for (const sum of sums) days.set(sum.day, addDay(days.get(sum.day) ?? NOTHING, sum));
  return {
    ...{ ...start, sealed: seal, last, rows, alreadyThere, days },
    records: last.seq,
    unsummed: unsummed.reduce(joinUnsummed, null),
  };
}

const ASK_THE_CUSTOMER =
  "Somebody changed meter_sync.custody on the remote: ask its administrator who may write there, and look into that server's log and backups";

/** The digest that the next record of a walk covers. */
export function digestBefore({ last }: ChainWalk): string {
  return last?.digest ?? NO_DIGEST;
}

/**
 * Walks on over the next records of a chain, in their order. A record that makes no sense adds nothing to the days.
 * @param strangers from which record on each key claims to sign that nobody vouches for
 */
export function walkOn(
  walk: ChainWalk,
  records: readonly CustodyRecord[],
  strangers: readonly number[] = [],
): ChainWalk {
  const days = new Map(walk.days);
  const faults = walk.faults.filter(({ what }) => what !== 'key not vouched for');
  for (const from of strangers) faults.push({ what: 'key not vouched for', from, to: from, detail: '' });
  let { last } = walk;
  for (const record of records) {
    for (const fault of judgeRecord(record, last)) addFault(faults, fault);
    last = record;
  }
  for (const sum of sumByDay(records)) days.set(sum.day, addDay(days.get(sum.day) ?? NOTHING, sum));
  const total = (of: (record: CustodyRecord) => number): number => records.reduce((sum, record) => sum + of(record), 0);
  return {
    ...walk,
    records: walk.records + records.length,
    rows: walk.rows + total(({ rows }) => rows),
    alreadyThere: walk.alreadyThere + total(({ alreadyThere }) => alreadyThere),
    unsummed: records.reduce(addUnsummed, walk.unsummed),
    last,
    days,
    faults,
    doubts: faults.map(toDoubt),
  };
}

function addUnsummed(unsummed: ChainWalk['unsummed'], record: CustodyRecord): ChainWalk['unsummed'] {
  if ((record.days !== null && record.nonsense === null) || record.rows === 0) return unsummed;
  const from = record.firstTimestamp?.slice(0, 10) ?? '0000-00-00';
  const to = record.lastTimestamp?.slice(0, 10) ?? '9999-99-99';
  return joinUnsummed(unsummed, { records: 1, from, to });
}

function joinUnsummed(one: ChainWalk['unsummed'], other: ChainWalk['unsummed']): ChainWalk['unsummed'] {
  if (one === null || other === null) return one ?? other;
  return {
    records: one.records + other.records,
    from: other.from < one.from ? other.from : one.from,
    to: other.to > one.to ? other.to : one.to,
  };
}

/** Most records next to each other are of one day: added up here first, since it takes time to compare lists of columns. */
function sumByDay(records: readonly CustodyRecord[]): readonly (DeliveredSum & { readonly day: string | null })[] {
  const sums: (RecordedDay & Pick<CustodyRecord, 'columns' | 'dayColumn'>)[] = [];
  for (const { days, nonsense, columns, dayColumn } of records) {
    if (nonsense !== null) continue;
    for (const { day, rows, sum, digest = null } of days ?? []) {
      const at = sums.findLastIndex((one) => one.day === day && one.columns === columns);
      const [before] = at < 0 ? [] : sums.splice(at, 1); // the newest record of a day comes last: its digest counts
      const total = String(BigInt(before?.sum ?? 0) + BigInt(sum));
      sums.push({ day, rows: rows + (before?.rows ?? 0), sum: total, digest, columns, dayColumn });
    }
  }
  return sums;
}

/** True for a day that records without sums may have added to. */
export function isUnsummed(day: string | null, { unsummed }: ChainWalk): boolean {
  if (unsummed === null) return false;
  return day === null || (day >= unsummed.from && day <= unsummed.to);
}

function judgeRecord(record: CustodyRecord, last: ChainWalk['last']): Fault[] {
  const { seq, isDigestRight, isSigned, nonsense, committedAt, sentBy } = record;
  const wanted = (last?.seq ?? 0) + 1;
  const of = (what: Fault['what'], detail: string): Fault => ({ what, from: seq, to: seq, detail });
  return [
    ...(seq > wanted ? [{ what: 'record missing', from: wanted, to: seq - 1, detail: '' } as const] : []),
    ...(isDigestRight === false ? [of('record altered', ` (${committedAt}, sent by ${sentBy})`)] : []),
    ...(isSigned ? [] : [of('record not signed', ` (${committedAt}, sent by ${sentBy})`)]),
    ...(nonsense === null ? [] : [of('record makes no sense', `: ${nonsense}`)]),
  ];
}

/** A chain of a year can be faulty in each of its records: that is one thing to tell, and not half a million. */
function addFault(faults: Fault[], fault: Fault): void {
  const at = faults.findLastIndex(({ what }) => what === fault.what);
  const before = faults[at];
  if (before === undefined || before.to !== fault.from - 1) faults.push(fault);
  else faults[at] = { ...before, to: fault.to };
}

function toDoubt({ what, from, to, detail }: Fault): Doubt {
  const one = from === to;
  const records = one ? `custody record ${from}${detail}` : `custody records ${from} to ${to}`;
  const message = {
    'record missing': `${records} ${one ? 'is' : 'are'} missing`,
    'record altered': `${records} ${one ? 'does' : 'do'} not fit: altered, or put in after another record than the one before`,
    'record not signed': `${records} ${one ? 'is' : 'are'} not signed with the key of this site that was in force`,
    'key not vouched for': `meter_sync.custody_key has a key from record ${from} on that no key of this site vouches for`,
    'seal does not fit': `the seal behind custody record ${from} is missing or does not fit: altered, not signed by this site, or the one before it is missing`,
    'record makes no sense': one ? records : `${records} make no sense; of the first one${detail}`,
  }[what];
  return { what, day: null, message, next: ASK_THE_CUSTOMER };
}
