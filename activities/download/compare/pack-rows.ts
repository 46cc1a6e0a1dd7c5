import { partOf } from './parts.js';
import { DONE, LOCAL_ROWS, REMEMBERED, REMOTE_ROWS, TROUBLE } from './staging.js';

/** The arrays of a part, one element a row. */
export const ARRAYS = ['key_hash', 'remote_hash', 'local_hash', 'is_brought', 'state'] as const;

/** The figures of a part, made of its rows. */
export const FIGURES: Readonly<Record<string, string>> = {
  remote_rows: 'count(remote_hash)',
  remote_sum: 'coalesce(sum(remote_hash), 0)',
  local_rows: 'count(local_hash)',
  local_sum: 'coalesce(sum(local_hash), 0)',
  common_rows: 'count(*) filter (where remote_hash is not null and local_hash is not null)',
  refused: `count(*) filter (where state = 'refused')`,
  waiting: `count(*) filter (where state = 'waiting')`,
  gone: `count(*) filter (where state = 'gone')`,
};

/** The rows of the parts that were looked into, with what has been done to them. */
const ROWS_NOW = `
  select key_hash, r.row_hash as remote_hash, coalesce(d.row_hash, l.row_hash) as local_hash,
    case
      when r.key_hash is null then coalesce(m.is_brought, false)
      when d.key_hash is not null then true
      when l.row_hash = r.row_hash then true
      when t.state is not null or m.state is not null then coalesce(m.is_brought, false)
      else true
    end as is_brought,
    case
      when d.key_hash is not null and r.key_hash is not null then null
      when t.state is not null then t.state
      when r.key_hash is null then case when m.is_brought then case m.state when 'refused' then 'refused' else 'gone' end end
      when l.row_hash = r.row_hash then null
      when m.remote_hash = r.row_hash and m.local_hash is not distinct from l.row_hash then m.state
    end as state
  from ${REMOTE_ROWS} as r
  full join ${LOCAL_ROWS} as l using (key_hash)
  left join ${DONE} as d using (key_hash)
  left join ${TROUBLE} as t using (key_hash)
  left join ${REMEMBERED} as m using (key_hash)
  where r.key_hash is not null or d.key_hash is null or d.row_hash is not null`;

/**
 * The rows that were looked into as they are now, by their parts, as SQL. The rows of a part come in the order of their
 * keys, so that a part in which nothing is new is the same as before.
 */
export function packRows(count: number): string {
  const arrays = ARRAYS.map((name) => `array_agg(${name}) as ${name}`);
  const figures = Object.entries(FIGURES).map(([name, figure]) => `${figure} as ${name}`);
  return `
    select part, ${[...arrays, ...figures].join(', ')}
    from (
      select ${partOf('key_hash', count)} as part, n.*
      from (${ROWS_NOW}) as n
      order by 1, n.key_hash
    ) as n
    group by part`;
}

/** The same of rows that both ends have alike, all from the remote. @param rows - SQL of their `key_hash` and `row_hash` */
export function packSame(rows: string, count: number): string {
  return `
    select part, key_hash, row_hash as remote_hash, row_hash as local_hash, array_fill(true, array[rows]) as is_brought,
      array_fill(null::text, array[rows]) as state, rows as remote_rows, sum as remote_sum, rows as local_rows,
      sum as local_sum, rows as common_rows, 0 as refused, 0 as waiting, 0 as gone
    from (
      select part, array_agg(key_hash) as key_hash, array_agg(row_hash) as row_hash, count(*)::integer as rows, sum(row_hash) as sum
      from (
        select ${partOf('key_hash', count)} as part, n.*
        from (${rows}) as n
        order by 1, n.key_hash
      ) as n
      group by part
    ) as n`;
}
