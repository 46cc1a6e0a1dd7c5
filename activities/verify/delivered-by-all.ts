import { addDay, type DayTotal, type DeliveredSum, NOTHING } from '../../src/model/delivered-day.js';
import type { HashedColumn } from '../../src/model/hashed-column.js';
import { run, type Session } from '../../src/postgres/session.js';

interface SumRow {
  readonly columns: string;
  readonly day_column: string | null;
  readonly rows: string;
  readonly sum: string;
}

/**
 * What the records of all sites together say of one day. When that is all that the table holds, nothing of it was changed,
 * whichever site's meters they are: a meter may have moved to another site, or be unknown to this one.
 */
export async function readDeliveredByAll(session: Session, day: string | null): Promise<DayTotal> {
  const rows = await run<SumRow>(session, {
    text: `
      select c.columns::text as columns,
        c.day_column,
        sum((d.value ->> 1)::bigint)::text as rows,
        sum((d.value ->> 2)::numeric)::text as sum
      from meter_sync.custody as c
      cross join lateral json_array_elements(c.days) as d
      where c.days is not null
        and d.value ->> 0 is not distinct from $1::text${isNear(day)}
      group by 1, 2
      order by 1, 2`,
    values: [day],
  });
  return rows.reduce((total: DayTotal, row) => addDay(total, toSum(row)), NOTHING);
}

/**
 * Spares the records of other days from being taken apart. The two columns are made with the site's own zone, where it has
 * one, so they may lie up to a day beside the UTC day.
 */
function isNear(day: string | null): string {
  if (day === null || !/^\d{4}-\d\d-\d\d$/.test(day)) return '';
  return `
        and coalesce(left(c.first_timestamp, 10) <= ($1::date + 1)::text, true)
        and coalesce(left(c.last_timestamp, 10) >= ($1::date - 1)::text, true)`;
}

function toSum({ columns, day_column: dayColumn, rows, sum }: SumRow): DeliveredSum {
  const names = JSON.parse(columns) as [string, string][];
  return { columns: names.map(([name, type]): HashedColumn => ({ name, type })), dayColumn, rows: Number(rows), sum };
}
