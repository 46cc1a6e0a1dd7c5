import type { FoundDay, MeterCount } from '../../../src/model/delivered-day.js';
import type { HashedColumn } from '../../../src/model/hashed-column.js';
import type { QueueTable } from '../../../src/model/table.js';
import { copyOut } from '../../../src/postgres/copy.js';
import { ident, idents, literal, relation } from '../../../src/postgres/identifier.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { DayHasher } from '../../custody/days/day-hasher.js';
import { readingHash, utcDay } from '../../custody/days/day-sums.js';
import { LtHash } from '../../custody/days/lt-hash.js';
import type { DayColumn } from './day-column.js';

/** Whose readings are looked at: of the site's meters, of these and without a meter, or all of the table. */
export type Whose = 'own' | 'ownOrUnnamed' | 'all';

/** The site's meters, where a column of the readings names the meter. */
export interface MeterScope {
  readonly column: string;
  readonly meters: readonly string[];
  /** What is compared: as text an index on the column cannot serve. */
  readonly type: 'bigint' | 'uuid' | 'text';
}

/** The readings on the remote that are compared. */
export interface Place {
  readonly readings: QueueTable;
  /** The column that has days; null: there are none, and all readings are one. */
  readonly dayColumn: DayColumn | null;
  /** Null: nothing tells the site's readings from those of others. */
  readonly scope: MeterScope | null;
}

/** What is asked of a day. */
export interface DayQuestion {
  readonly day: string | null;
  /** How the readings are hashed; null: they are only counted. */
  readonly columns: readonly HashedColumn[] | null;
  readonly whose: Whose;
}

/** Counts and sums up the readings of one UTC day on the remote. An index on the day's column serves. */
export async function lookAtDay(
  session: Session,
  place: Place,
  { day, columns, whose }: DayQuestion,
): Promise<FoundDay> {
  const scope = toScope(place, whose);
  const sum = columns === null ? 'null' : `coalesce(sum(${readingHash(columns, 'r')}), 0)`;
  const [row] = await run<{ rows: string; sum: string | null }>(session, {
    text: `
      select count(*)::text as rows, (${sum})::text as sum
      from ${relation(place.readings.table)} as r
      where ${isOfDay(day, place.dayColumn)}${scope.text}`,
    values: scope.values,
  });
  return { rows: Number(row?.rows), sum: toSum(row?.sum) };
}

function toSum(sum: string | null | undefined): bigint | null {
  return sum === null || sum === undefined ? null : BigInt(sum);
}

/** So many meters of a day in doubt are named. */
const MAX_METERS = 1_000;

/** The site's meters of a day in doubt, those with the fewest readings first. */
export async function readMetersOfDay(
  session: Session,
  place: Place,
  day: string | null,
): Promise<readonly MeterCount[]> {
  if (place.scope === null) return [];
  const scope = toScope(place, 'own');
  const rows = await run<{ meter: string; rows: string }>(session, {
    text: `
      select r.${ident(place.scope.column)}::text as meter, count(*)::text as rows
      from ${relation(place.readings.table)} as r
      where ${isOfDay(day, place.dayColumn)}${scope.text}
      group by 1
      order by count(*), 1
      limit ${MAX_METERS}`,
    values: scope.values,
  });
  return rows.map(({ meter, rows: count }) => ({ meter, rows: Number(count) }));
}

/**
 * Reads the readings of one UTC day back from the remote and hashes them, as the site has hashed them on their way. Memory stays
 * flat. `columns` are those of the records, which the table has unchanged.
 */
export async function hashDay(
  session: Session,
  place: Place,
  { day, columns, whose }: DayQuestion & { readonly columns: readonly HashedColumn[] },
): Promise<{ readonly rows: number; readonly digest: string }> {
  const hasher = new DayHasher(columns, null); // the condition has chosen the day
  const { text, values } = toScope(place, whose);
  if (values.length > 0) await run(session, { text: MAKE_SCOPE, values });
  const scope = text.replaceAll('$1', `current_setting('meter_sync.meters')`); // COPY takes no parameters
  const select = `
      select ${idents(
        columns.map(({ name }) => name),
        'r',
      )}
      from ${relation(place.readings.table)} as r
      where ${isOfDay(day, place.dayColumn)}${scope}`;
  await copyOut({ session, text: `copy (${select}) to stdout (format binary)` }, hasher);
  const found = hasher.toDays().get(null);
  return { rows: found?.rows ?? 0, digest: (found?.hash ?? LtHash.empty()).toDigest() };
}

/** The site's meters as a setting of the transaction. */
const MAKE_SCOPE = `select set_config('meter_sync.meters', ($1::text[])::text, true)`;

/** The first day with readings of the site after one day and before another; null: there is none. */
export async function findDayBetween(
  session: Session,
  place: Place & { readonly dayColumn: DayColumn },
  { after, before }: { readonly after: string; readonly before: string | null },
): Promise<string | null> {
  if (after === 'infinity') return null;
  const { dayColumn, readings } = place;
  const scope = toScope(place, 'own');
  const column = `r.${ident(dayColumn.name)}`;
  const above = after === '-infinity' ? `${column} > '-infinity'` : `${column} >= ${dayAfter(after, dayColumn)}`;
  const below = before === null ? '' : ` and ${column} < ${firstOf(before, dayColumn)}`;
  const [row] = await run<{ day: string | null }>(session, {
    text: `
      select (${utcDay(dayColumn, 'f')})::text as day
      from (
        select min(${column}) as ${ident(dayColumn.name)}
        from ${relation(readings.table)} as r
        where ${above}${below}${scope.text}
      ) as f`,
    values: scope.values,
  });
  return row?.day ?? null;
}

/** A range of the day's column as a condition on `r`, so that an index can serve. */
function isOfDay(day: string | null, dayColumn: DayColumn | null): string {
  if (dayColumn === null) return 'true';
  const column = `r.${ident(dayColumn.name)}`;
  if (day === null) return `${column} is null`;
  if (day.endsWith('infinity')) return `${column} = ${literal(day)}::${dayColumn.type}`;
  return `${column} >= ${firstOf(day, dayColumn)} and ${column} < ${dayAfter(day, dayColumn)}`;
}

/** The first instant of a day, as SQL in the column's type. */
export function firstOf(day: string, { type }: DayColumn): string {
  return day.endsWith('infinity') ? `${literal(day)}::${type}` : toInstant(`${literal(day)}::date`, type);
}

/** The first instant after a day. */
export function dayAfter(day: string, { type }: DayColumn): string {
  return toInstant(`(${literal(day)}::date + 1)`, type);
}

function toInstant(date: string, type: DayColumn['type']): string {
  if (type === 'date') return date;
  return type === 'timestamp with time zone' ? `(${date}::timestamp at time zone 'UTC')` : `${date}::timestamp`;
}

/** Whose readings, as a further condition on `r`, and its values. */
export function toScope(
  { scope }: Pick<Place, 'scope'>,
  whose: Whose | 'others',
): { readonly text: string; readonly values: readonly unknown[] } {
  if (scope === null || whose === 'all') return { text: '', values: [] };
  const meter = `r.${ident(scope.column)}`;
  const isOwn = isOwnMeter(scope);
  const conditions = {
    own: isOwn,
    ownOrUnnamed: `(${isOwn} or ${meter} is null)`,
    others: `(${isOwn}) is not true`,
  };
  return { text: ` and ${conditions[whose]}`, values: [scope.meters] };
}

/** True in SQL for the readings of the site's meters, which are the parameter `$1`. */
export function isOwnMeter({ column, type }: MeterScope): string {
  return `r.${ident(column)}${type === 'text' ? '::text' : ''} = any($1::text[]::${type}[])`;
}
