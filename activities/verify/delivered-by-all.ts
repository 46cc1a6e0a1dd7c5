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
      select l.columns::text as columns,
        l.day_column,
        sum(split_part(d.text, ',', 2)::bigint)::text as rows,
        sum(split_part(d.text, ',', 3)::numeric)::text as sum
      from meter_sync.custody as c
      join meter_sync.custody_columns as l on l.id = c.columns_id
      cross join lateral unnest(string_to_array(c.days, ';')) as d(text)
      where split_part(d.text, ',', 1) = coalesce($1::text, '')${isNear(day)}
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
        and coalesce(c.first_timestamp < ($1::date + 2)::timestamp at time zone 'UTC', true)
        and coalesce(c.last_timestamp >= ($1::date - 1)::timestamp at time zone 'UTC', true)`;
}

function toSum({ columns, day_column: dayColumn, rows, sum }: SumRow): DeliveredSum {
  const names = JSON.parse(columns) as [string, string][];
  return { columns: names.map(([name, type]): HashedColumn => ({ name, type })), dayColumn, rows: Number(rows), sum };
}
