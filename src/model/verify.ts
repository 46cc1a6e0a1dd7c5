import { NO_DIGEST } from './chain.js';
import type { HashedColumn } from './row-hash.js';

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

/** What is wrong, in words for the operator. */
export interface Doubt {
  readonly what: 'record missing' | 'record altered' | 'record out of line' | 'places differ' | 'readings differ';
  /** A UTC day, where the doubt is about one. */
  readonly day: string | null;
  readonly message: string;
  readonly next: string;
}

/** All that the records say was delivered on one UTC day. */
export interface DayTotal {
  readonly rows: number;
  readonly sum: bigint;
  /** How its readings are hashed; null when its records do not agree, so that only the number can be compared. */
  readonly columns: readonly HashedColumn[] | null;
  readonly dayColumn: string | null;
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

/** What records say of one day, and how they were made. */
export interface DeliveredSum {
  readonly rows: number;
  readonly sum: string;
  readonly columns: readonly HashedColumn[];
  readonly dayColumn: string | null;
}

/** A day on which nothing was delivered. */
export const NOTHING: DayTotal = { rows: 0, sum: 0n, columns: null, dayColumn: null };

/** A total and what more was delivered on its day. */
export function addDay(total: DayTotal, { rows, sum, columns, dayColumn }: DeliveredSum): DayTotal {
  const first = total === NOTHING;
  const isSame = first || JSON.stringify([total.columns, total.dayColumn]) === JSON.stringify([columns, dayColumn]);
  return {
    rows: total.rows + rows,
    sum: total.sum + BigInt(sum),
    columns: isSame ? columns : null,
    dayColumn: total.dayColumn ?? dayColumn,
  };
}

/** How many readings a meter has on a day. */
export interface MeterCount {
  readonly meter: string;
  readonly rows: number;
}

/** What the remote holds of one day. */
export interface FoundDay {
  readonly rows: number;
  readonly sum: bigint;
  /** The site's meters of that day and their readings, those with the fewest first; empty when nobody asked. */
  readonly meters: readonly MeterCount[];
}

/** True when the remote holds what was delivered: the same number, and the same sum where both can be compared. */
export function isDelivered(delivered: DayTotal, found: FoundDay): boolean {
  return found.rows === delivered.rows && (delivered.columns === null || found.sum === delivered.sum);
}

/** What is wrong with a day on which the remote holds something else than was delivered. */
export function describeDay(day: string | null, delivered: DayTotal, found: FoundDay): Doubt {
  const of = day === null ? 'without a day' : `for ${day}`;
  const difference = found.rows - delivered.rows;
  const [message, next] =
    difference === 0
      ? [
          `at least one of ${count(delivered.rows)} ${of} was changed on the remote after it had been delivered`,
          CHANGED,
        ]
      : difference < 0
        ? [
            `${-difference} of ${count(delivered.rows)} delivered ${of} ${are(-difference)} no longer on the remote`,
            GONE,
          ]
        : [
            `${count(difference)} ${of} ${are(difference)} on the remote that this site did not deliver${beside(delivered)}`,
            SLIPPED_IN,
          ];
  return { what: 'readings differ', day, message: `${message}${describeMeters(found)}`, next };
}

function count(rows: number): string {
  return rows === 1 ? '1 reading' : `${rows} readings`;
}

function are(rows: number): string {
  return rows === 1 ? 'is' : 'are';
}

function beside({ rows }: DayTotal): string {
  return rows === 0 ? ', which delivered none for then' : `, beside ${rows} that it did`;
}

const GONE =
  "Somebody deleted them, or gave them another day or meter. The site has them no more: only the customer's backups and logs do. Deleted on purpose, by a retention rule? Then verify from a later day: --from DAY";
const CHANGED =
  "Somebody changed it on the remote. The site has the original no more: compare with the customer's backups and logs";
const SLIPPED_IN =
  'Ask who else writes readings of these meters: another tool, or somebody by hand. Those that were there before the first custody record look the same: then verify from a later day: --from DAY';

/** Enough meters to begin with; all of them are one query away. */
const SHOWN_METERS = 5;

function describeMeters({ meters }: FoundDay): string {
  if (meters.length === 0) return '';
  const shown = meters.slice(0, SHOWN_METERS).map(({ meter, rows }) => `${meter} (${rows})`);
  const more = meters.length > SHOWN_METERS ? ` and ${meters.length - SHOWN_METERS} more` : '';
  return `; meters of that day, the fewest readings first: ${shown.join(', ')}${more}`;
}

const DAY_MS = 24 * 60 * 60 * 1_000;

/** True when no day of the calendar lies between two. */
export function isNextDay(day: string, next: string): boolean {
  const [a, b] = [day, next].map((text) => (/^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN));
  return a !== undefined && b !== undefined && b - a === DAY_MS;
}

/** True when a day comes before another one; the readings without a day come last. */
export function isBefore(a: string | null, b: string | null): boolean {
  return place(a) < place(b);
}

/** Days in their order: the calendar's, with the readings before and after all days at the ends and those without a day last. */
export function sortDays(days: Iterable<string | null>): (string | null)[] {
  return [...days].sort((a, b) => place(a) - place(b) || (a ?? '').localeCompare(b ?? ''));
}

function place(day: string | null): number {
  if (day === null) return Infinity;
  if (day === 'infinity') return Number.MAX_VALUE;
  if (day === '-infinity') return -Number.MAX_VALUE;
  const [, year = '0', month = '0', date = '0'] = /^(\d+)-(\d+)-(\d+)/.exec(day) ?? [];
  const years = day.endsWith('BC') ? 1 - Number(year) : Number(year);
  return years * 372 + Number(month) * 31 + Number(date);
}
