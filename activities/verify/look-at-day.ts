import type { HashedColumn } from '../../src/model/hashed-column.js';
import type { QueueTable } from '../../src/model/table.js';
import type { DayTotal, FoundDay, MeterCount } from '../../src/model/delivered-day.js';
import { ident, literal, relation } from '../../src/postgres/identifier.js';
import { run, type Session } from '../../src/postgres/session.js';
import { readingHash, utcDay } from '../upload/custody/day-sums.js';

/** Whose readings count: those of the site's meters, where a column of the readings names the meter. */
export interface MeterScope {
  readonly column: string;
  readonly meters: readonly string[];
  /** What is compared: as text an index on the column cannot serve. */
  readonly type: 'bigint' | 'uuid' | 'text';
  /** Readings without a meter count, too. */
  readonly withNull?: boolean;
}

/** Which readings of the remote table are looked at; no scope: all. */
interface Place {
  readonly readings: QueueTable;
  /** The column that has days; null: there are none, and all readings are one. */
  readonly dayColumn: HashedColumn | null;
  readonly scope: MeterScope | null;
}

/** What day is looked at, and how its readings are hashed. */
export interface DayQuestion extends Place {
  readonly day: string | null;
  /** Null: they are only counted. */
  readonly columns: DayTotal['columns'];
}

/** Counts and sums up the readings of one UTC day on the remote. An index on the day's column serves. */
export async function lookAtDay(session: Session, question: DayQuestion): Promise<FoundDay> {
  const { readings, columns, scope } = question;
  const sum = columns === null ? '0' : `coalesce(sum(${readingHash(columns, 'r')}), 0)`;
  const [row] = await run<{ rows: string; sum: string }>(session, {
    text: `
      select count(*)::text as rows, (${sum})::text as sum
      from ${relation(readings.table)} as r
      where ${isOfDay(question)}${isInScope(scope)}`,
    values: toValues(scope),
  });
  return { rows: Number(row?.rows), sum: BigInt(row?.sum ?? 0), meters: [] };
}

/** So many meters of a day in doubt are named. */
const MAX_METERS = 1_000;

/** The meters of a day in doubt, those with the fewest readings first. */
export async function readMetersOfDay(session: Session, question: DayQuestion): Promise<readonly MeterCount[]> {
  const { readings, scope } = question;
  if (scope === null) return [];
  const rows = await run<{ meter: string; rows: string }>(session, {
    text: `
      select r.${ident(scope.column)}::text as meter, count(*)::text as rows
      from ${relation(readings.table)} as r
      where ${isOfDay(question)}${isInScope({ ...scope, withNull: false })}
      group by 1
      order by count(*), 1
      limit ${MAX_METERS}`,
    values: toValues(scope),
  });
  return rows.map(({ meter, rows: count }) => ({ meter, rows: Number(count) }));
}

/** The first day with readings after one day and before another; null: there is none. */
export async function findDayBetween(
  session: Session,
  { readings, dayColumn, scope }: Place & { readonly dayColumn: HashedColumn },
  { after, before }: { readonly after: string; readonly before: string | null },
): Promise<string | null> {
  if (after === 'infinity') return null;
  const column = `r.${ident(dayColumn.name)}`;
  const above = after === '-infinity' ? `${column} > '-infinity'` : `${column} >= ${dayAfter(after, dayColumn.type)}`;
  const below = before === null ? '' : ` and ${column} < ${firstOf(before, dayColumn.type)}`;
  const [row] = await run<{ day: string | null }>(session, {
    text: `
      select (${utcDay(dayColumn, 'f')})::text as day
      from (
        select min(${column}) as ${ident(dayColumn.name)}
        from ${relation(readings.table)} as r
        where ${above}${below}${isInScope(scope)}
      ) as f`,
    values: toValues(scope),
  });
  return row?.day ?? null;
}

/** A range of the day's column, so that an index can serve. */
function isOfDay({ day, dayColumn }: DayQuestion): string {
  if (dayColumn === null) return 'true';
  const column = `r.${ident(dayColumn.name)}`;
  if (day === null) return `${column} is null`;
  if (day.endsWith('infinity')) return `${column} = ${literal(day)}::${dayColumn.type}`;
  return `${column} >= ${firstOf(day, dayColumn.type)} and ${column} < ${dayAfter(day, dayColumn.type)}`;
}

function firstOf(day: string, type: string): string {
  return day.endsWith('infinity') ? `${literal(day)}::${type}` : toInstant(`${literal(day)}::date`, type);
}

function dayAfter(day: string, type: string): string {
  return toInstant(`(${literal(day)}::date + 1)`, type);
}

function toInstant(date: string, type: string): string {
  if (type === 'date') return date;
  return type.endsWith('with time zone') ? `(${date}::timestamp at time zone 'UTC')` : `${date}::timestamp`;
}

function isInScope(scope: MeterScope | null): string {
  if (scope === null) return '';
  const meter = `r.${ident(scope.column)}`;
  const isOwn = `${meter}${scope.type === 'text' ? '::text' : ''} = any($1::text[]::${scope.type}[])`;
  return scope.withNull === true ? ` and (${isOwn} or ${meter} is null)` : ` and ${isOwn}`;
}

function toValues(scope: MeterScope | null): readonly unknown[] {
  return scope === null ? [] : [scope.meters];
}
