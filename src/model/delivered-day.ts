import type { Doubt } from './doubt.js';
import type { HashedColumn } from './hashed-column.js';

/** All that the records say was delivered on one UTC day. */
export interface DayTotal {
  readonly rows: number;
  readonly sum: bigint;
  /** How its readings are hashed; null when its records do not agree, so that only the number can be compared. */
  readonly columns: readonly HashedColumn[] | null;
  readonly dayColumn: string | null;
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
