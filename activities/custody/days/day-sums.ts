import { isDay } from '../../../src/model/day-order.js';
import type { TransferColumn } from '../../../src/model/transfer.js';
import { type HashedColumn, toNativeType } from '../../../src/model/hashed-column.js';
import { ident, literal } from '../../../src/postgres/identifier.js';
import { exactForm, hashRow } from '../../../src/postgres/row-hash.js';

/** The readings of one UTC day: how many, and the sum of their hashes as a decimal text. */
export interface DaySum {
  /** `2026-11-22`; null: the readings without a day. */
  readonly day: string | null;
  readonly rows: number;
  readonly sum: string;
  /**
   * Digest of the hash of all readings that the site has delivered of this day, those of this record included: mode `strong`.
   * Absent or null: the record says none.
   */
  readonly digest?: string | null;
}

/** The days as a record holds them: `day,rows,sum` or `day,rows,sum,digest`, divided by semicolons; a day that is none is empty. */
export function toDaysText(days: readonly DaySum[]): string {
  return days
    .map(({ day, rows, sum, digest }) => [day ?? '', rows, sum, ...(digest ? [digest] : [])].join(','))
    .join(';');
}

/** A day, its readings, their sum, and their digest where there is one. */
const DAY_TEXT = /^(|-?infinity|\d{4,}-\d\d-\d\d(?: BC)?),(\d{1,10}),(-?\d{1,40})(?:,([\da-f]{64}))?$/;

/** The days of a stored record; null for a text that is none. */
export function parseDays(text: string): readonly DaySum[] | null {
  const days = (text === '' ? [] : text.split(';')).map((one) => DAY_TEXT.exec(one));
  if (!days.every((day) => day !== null)) return null;
  if (!days.every(([, day = '']) => day === '' || isDay(day))) return null;
  return days.map(([, day, rows, sum, digest]) => ({
    day: day === '' ? null : (day ?? null),
    rows: Number(rows),
    sum: sum ?? '0',
    digest: digest ?? null,
  }));
}

/** How the readings of a batch are hashed and sorted into days, the same at both ends. */
export interface DayPlan {
  readonly columns: readonly HashedColumn[];
  /** The order column, when it travels and has days. */
  readonly dayColumn: HashedColumn | null;
  /** The columns as they cross: the site hashes what the remote will have stored. */
  readonly sent: readonly TransferColumn[];
  /** False: no sums are made. */
  readonly sums: boolean;
  /** True when the readings are hashed as they pass, too: mode `strong`. */
  readonly digests: boolean;
  /** True when the site's server holds text in UTF-8 already. */
  readonly isUtf8: boolean;
}

/** What a custody record says of the days of its readings, and of the first and the last one. */
export interface DayFigures {
  readonly rows: number;
  readonly days: readonly DaySum[] | null;
  /** ISO 8601 UTC; null when the order column holds no instants. */
  readonly firstTimestamp: string | null;
  readonly lastTimestamp: string | null;
}

/** The hash of a reading as SQL, the same at both ends. */
export function readingHash(columns: readonly HashedColumn[], alias: string, isUtf8 = false): string {
  return hashRow(columns.map((column) => hashedValue(column, alias, isUtf8)));
}

/**
 * The value as it is stored: the type of the column chooses the form, and is no text of a statement. Text by its bytes in UTF-8,
 * whatever the collation and the encoding of the server. Where it holds these bytes already the hash of the text is the same, and a
 * conversion would take a quarter of the time. A cast takes the blanks off a `character`, which only one without a length keeps.
 */
function hashedValue({ name, type }: HashedColumn, alias: string, isUtf8: boolean): string {
  const column = `${alias}.${ident(name)}`;
  const native = toNativeType(type);
  if (native !== null) return exactForm(`${column}::${native}`, native);
  const text = type === 'bpchar' ? printed(column) : `${column}::text`;
  return isUtf8 ? `${text} collate "C"` : `convert_to(${text}, 'UTF8')`;
}

/** What COPY prints of a value, as SQL. */
function printed(value: string): string {
  return `(case when ${value} is not null then format('%s', ${value}) end)`;
}

/** The UTC day of a row as SQL: a date; null where there is none. */
export function utcDay(column: HashedColumn | null, alias: string): string {
  if (column === null) return 'null::date';
  const value = `${alias}.${ident(column.name)}`;
  const isInstant = toNativeType(column.type) === 'timestamp with time zone';
  return isInstant ? `(${value}::timestamptz at time zone 'UTC')::date` : `${value}::date`;
}

/** What the remote stores of the site's row `r`, as a select list of the columns that are hashed. */
export function selectStored(sent: readonly TransferColumn[]): string {
  return sent.map((column) => `${storedValue(column)} as ${ident(column.name)}`).join(', ');
}

/**
 * What the remote stores of a reading's value, as SQL on the site's row `r`: the same conversion that the value meets on
 * its way, so that a hash of it is the hash that the remote computes. The session must have set its text forms.
 */
function storedValue({ name, inZone, stored }: TransferColumn): string {
  const column = `r.${ident(name)}`;
  if (stored === undefined) return column;
  // A cast to text is not what COPY prints: it takes the blanks off a `character`, and other casts have rules of their own.
  const crossing = stored.asText ? printed(column) : column;
  const sent = inZone === null ? crossing : `(${column} at time zone ${literal(inZone)})`;
  return stored.type === null ? sent : `${sent}::${stored.type}`;
}

/** A day as a statement gives it. */
export interface DayRow {
  readonly day: string | null;
  readonly rows: string;
  readonly sum: string;
}

export function toDaySum({ day, rows, sum }: DayRow): DaySum {
  return { day, rows: Number(rows), sum };
}

/** What came between two sums of the same days. */
export function subtractDays(after: readonly DaySum[], before: readonly DaySum[]): DaySum[] {
  const earlier = new Map(before.map((sum) => [sum.day, sum]));
  return after
    .map(({ day, rows, sum }) => {
      const was = earlier.get(day);
      return { day, rows: rows - (was?.rows ?? 0), sum: String(BigInt(sum) - BigInt(was?.sum ?? 0)) };
    })
    .filter(({ rows, sum }) => rows !== 0 || sum !== '0');
}
