import type { Doubt } from './doubt.js';
import type { HashedColumn } from './hashed-column.js';

/** All that the records say was delivered on one UTC day. */
export interface DayTotal {
  readonly rows: number;
  readonly sum: bigint;
  /** How its readings are hashed; null when its records do not agree, so that only the number can be compared. */
  readonly columns: readonly HashedColumn[] | null;
  readonly dayColumn: string | null;
  /** What the newest of its records says that all its readings come to, hexadecimal; null: it says none. */
  readonly digest: string | null;
}

/** What records say of one day, and how they were made. */
export interface DeliveredSum {
  readonly rows: number;
  readonly sum: string;
  readonly columns: readonly HashedColumn[] | null;
  readonly dayColumn: string | null;
  readonly digest?: string | null;
}

/** A day on which nothing was delivered. */
export const NOTHING: DayTotal = { rows: 0, sum: 0n, columns: null, dayColumn: null, digest: null };

/** A total and what more was delivered on its day. */
export function addDay(total: DayTotal, { sum, digest = null, ...more }: DeliveredSum): DayTotal {
  return addTotal(total, { ...more, sum: BigInt(sum), digest });
}

/** Two totals of one day; of records that follow each other the later ones come second. */
export function addTotal(total: DayTotal, { rows, sum, columns, dayColumn, digest }: DayTotal): DayTotal {
  const first = total === NOTHING;
  const isSame = first || JSON.stringify([total.columns, total.dayColumn]) === JSON.stringify([columns, dayColumn]);
  return {
    rows: total.rows + rows,
    sum: total.sum + sum,
    columns: isSame ? columns : null,
    dayColumn: total.dayColumn ?? dayColumn,
    digest,
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
  /** Null: nobody has made it. */
  readonly sum: bigint | null;
}

/** A day on which the remote holds something else than was delivered. */
export interface DifferentDay {
  readonly day: string | null;
  readonly delivered: number;
  readonly found: number;
  /** False when only the numbers could be compared. */
  readonly isSummed: boolean;
  /** Other sites that delivered readings for the day: they are counted with this site's, since nothing tells them apart. */
  readonly sharedWith: readonly string[];
  /** The site's meters of that day and their readings, those with the fewest first; empty when nobody asked. */
  readonly meters: readonly MeterCount[];
}

/** What is wrong with such a day, and what its sum cannot tell. */
export function describeDay(different: DifferentDay): Doubt {
  const { day, delivered, found } = different;
  const by = describeSenders(different);
  const of = day === null ? 'without a day' : `for ${day}`;
  const missing = delivered - found;
  const [message, next] =
    missing === 0
      ? [`at least one of ${count(delivered)} ${of}${by} was changed on the remote after delivery`, CHANGED]
      : missing > 0
        ? [`${missing} of ${count(delivered)} delivered ${of}${by} ${are(missing)} no longer on the remote`, GONE]
        : [`${count(-missing)} ${of} ${are(-missing)} on the remote that ${beside(different)}`, SLIPPED_IN];
  const limits = describeLimits(different);
  return { what: 'readings differ', day, message: `${message}${limits}${describeMeters(different)}`, next };
}

/** A day whose readings have the number and the sum of those delivered, and other bytes. */
export function describeOtherBytes(day: string | null, delivered: number): Doubt {
  const of = day === null ? 'without a day' : `for ${day}`;
  const message = `at least one of ${count(delivered)} ${of} was changed on the remote after delivery, and others so that the day sum stays the same: that does not happen by accident`;
  return { what: 'readings differ', day, message, next: CHANGED };
}

function describeSenders({ sharedWith }: DifferentDay): string {
  return sharedWith.length === 0 ? '' : ` by this site and ${nameSites(sharedWith)}`;
}

function beside({ delivered, sharedWith }: DifferentDay): string {
  const nobody = sharedWith.length === 0 ? 'this site did not' : `neither this site nor ${nameSites(sharedWith)} did`;
  const rest = delivered === 0 ? ', and none was delivered for then' : `, beside ${delivered} delivered ones`;
  return `${nobody} deliver${rest}`;
}

/** What a number and a sum of hashes do not say. */
function describeLimits({ delivered, found, isSummed, sharedWith }: DifferentDay): string {
  if (delivered === 0) return '';
  const rest =
    found === delivered
      ? 'which one'
      : found > delivered
        ? 'which ones these are, and whether a delivered one was changed'
        : `${found === 0 ? '' : `whether one of the ${found} that are there was changed`}`;
  const whose = sharedWith.length === 0 ? '' : 'whose it is';
  const unknown = [whose, rest].filter((part) => part !== '').join(', and ');
  if (unknown === '') return '';
  return `; ${unknown}, the ${isSummed ? 'day sum' : 'number'} cannot tell`;
}

/** Enough sites to begin with. */
const SHOWN_SITES = 3;

/** Sites by their names, as long as they are few. */
export function nameSites(sites: readonly string[]): string {
  if (sites.length > SHOWN_SITES) return `${sites.length} other sites`;
  return `${sites.length === 1 ? 'site' : 'sites'} ${sites.join(', ')}`;
}

function count(rows: number): string {
  return rows === 1 ? '1 reading' : `${rows} readings`;
}

function are(rows: number): string {
  return rows === 1 ? 'is' : 'are';
}

const EVIDENCE = "Keep the evidence (verify --report FILE) and ask the remote's administrator.";
const GONE = `Somebody deleted them there, or gave them another day or meter. ${EVIDENCE} The site no longer has them, unless METER_SYNC_READINGS_KEEP_DAYS keeps them (meter-sync resend); the customer's backups and logs may. Deleted on purpose, by a retention rule? Then verify from a later day: --from DAY`;
const CHANGED = `Somebody changed it there. ${EVIDENCE} The site no longer has the original: compare with the customer's backups and logs`;
const SLIPPED_IN = `Find out who else writes readings of these meters: another tool, or somebody by hand. ${EVIDENCE} Those that were there before the first custody record look the same: then verify from a later day: --from DAY`;

/** Enough meters to begin with; all of them are one query away. */
const SHOWN_METERS = 5;

function describeMeters({ meters }: DifferentDay): string {
  if (meters.length === 0) return '';
  const shown = meters.slice(0, SHOWN_METERS).map(({ meter, rows }) => `${meter} (${rows})`);
  const more = meters.length > SHOWN_METERS ? ` and ${meters.length - SHOWN_METERS} more` : '';
  return `; meters of that day, the fewest readings first: ${shown.join(', ')}${more}`;
}
