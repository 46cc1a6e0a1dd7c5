import type { HashedColumn } from '../../src/model/row-hash.js';
import type { QueueTable } from '../../src/model/table.js';
import type { DayTotal, FoundDay } from '../../src/model/verify.js';
import { ident, literal, relation } from '../../src/postgres/identifier.js';
import { run, type Session } from '../../src/postgres/session.js';
import { rowHash } from '../upload/day-sums.js';

/** Whose readings count: those of the site's meters, where a column of the readings names the meter. */
export interface MeterScope {
  readonly column: string;
  readonly meters: readonly string[];
}

/** What day of which table is looked at. */
interface DayQuestion {
  readonly readings: QueueTable;
  readonly day: string | null;
  /** The last day of a range that begins with `day`; absent: that day alone. */
  readonly until?: string;
  readonly delivered: DayTotal;
  readonly scope: MeterScope | null;
}

/** Counts and sums up the site's readings of one UTC day on the remote. An index on the day's column serves. */
export async function lookAtDay(session: Session, question: DayQuestion): Promise<FoundDay> {
  const { readings, delivered, scope } = question;
  const sum = delivered.columns === null ? '0' : `coalesce(sum(${rowHash(delivered.columns, 'r')}), 0)`;
  const [row] = await run<{ rows: string; sum: string }>(session, {
    text: `
      select count(*)::text as rows, (${sum})::text as sum
      from ${relation(readings.table)} as r
      where ${isOfDay(question)}${isInScope(scope)}`,
    values: scope === null ? [] : [scope.meters],
  });
  return { rows: Number(row?.rows), sum: BigInt(row?.sum ?? 0), meters: [] };
}

/** The meters of a day in doubt, those with the fewest readings first. */
export async function readMetersOfDay(session: Session, question: DayQuestion): Promise<FoundDay['meters']> {
  const { readings, scope } = question;
  if (scope === null) return [];
  const rows = await run<{ meter: string; rows: string }>(session, {
    text: `
      select r.${ident(scope.column)}::text as meter, count(*)::text as rows
      from ${relation(readings.table)} as r
      where ${isOfDay(question)}${isInScope(scope)}
      group by 1
      order by count(*), 1
      limit 1000`,
    values: [scope.meters],
  });
  return rows.map(({ meter, rows: count }) => ({ meter, rows: Number(count) }));
}

/** A range of the day's column, so that an index can serve. */
function isOfDay({ day, until, delivered }: DayQuestion): string {
  const { dayColumn, columns } = delivered;
  if (dayColumn === null) return 'true';
  const column = `r.${ident(dayColumn)}`;
  if (day === null) return `${column} is null`;
  const type = columns?.find(({ name }) => name === dayColumn)?.type ?? 'timestamp with time zone';
  if (day.endsWith('infinity')) return `${column} = ${literal(day)}::${type}`;
  const begin = toInstant(`${literal(day)}::date`, type);
  const end = toInstant(`(${literal(until ?? day)}::date + 1)`, type);
  return `${column} >= ${begin} and ${column} < ${end}`;
}

function toInstant(date: string, type: HashedColumn['type']): string {
  if (type === 'date') return date;
  return type.endsWith('with time zone') ? `(${date}::timestamp at time zone 'UTC')` : `${date}::timestamp`;
}

function isInScope(scope: MeterScope | null): string {
  return scope === null ? '' : ` and r.${ident(scope.column)}::text = any($1::text[])`;
}
