import { literal } from '../../src/postgres/identifier.js';
import { runAll, type Session } from '../../src/postgres/session.js';
import type { DownloadLimits } from './limits.js';
import { MEMORY_COLUMNS, type TableMemory } from './memory.js';
import { isInParts, partOf, type Parts } from './parts.js';
import { DONE, LOCAL_ROWS, REMEMBERED, REMOTE_ROWS, TROUBLE } from './staging.js';

/** What is to be noted of a table. */
export interface Noted {
  /** SQL of the rows as both ends have them now: key_hash, remote_hash, local_hash, is_brought, state. */
  readonly rows: string;
  /** The parts that hold these rows, and no others. */
  readonly touched: Parts;
  readonly signature: string;
}

/** Notes the rows of some parts as they are now, in as few writes as there are changes, and the sums of all parts. */
export async function saveMemory(
  here: Session,
  { id }: TableMemory,
  { rows, touched, signature }: Noted,
  { keptParts }: Pick<DownloadLimits, 'keptParts'>,
): Promise<TableMemory> {
  const results = await runAll(here, [saveParts(id, { rows, touched }, keptParts), saveSums(id, signature)]);
  const [memory] = results.at(-1) as TableMemory[];
  if (memory === undefined) throw new Error('an update that returns no row');
  return memory;
}

/** The rows of the parts that were looked into, with what has been done to them. */
export const ROWS_NOW = `
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

const ARRAYS = ['key_hash', 'remote_hash', 'local_hash', 'is_brought', 'state'] as const;
const FIGURES: Readonly<Record<string, string>> = {
  remote_rows: 'count(remote_hash)',
  remote_sum: 'coalesce(sum(remote_hash), 0)',
  local_rows: 'count(local_hash)',
  local_sum: 'coalesce(sum(local_hash), 0)',
  common_rows: 'count(*) filter (where remote_hash is not null and local_hash is not null)',
  refused: `count(*) filter (where state = 'refused')`,
  waiting: `count(*) filter (where state = 'waiting')`,
  gone: `count(*) filter (where state = 'gone')`,
};
const SET = [...ARRAYS, ...Object.keys(FIGURES)];

/** Only parts of which something is new are written. Arrays are filled in the order in which their rows come. */
function saveParts(id: string, { rows, touched }: Pick<Noted, 'rows' | 'touched'>, keptParts: number): string {
  const arrays = ARRAYS.map((name) => `array_agg(${name}) as ${name}`);
  const figures = Object.entries(FIGURES).map(([name, figure]) => `${figure} as ${name}`);
  const listed = (alias: string): string => ARRAYS.map((name) => `${alias}.${name}`).join(', ');
  return `
    with packed as materialized (
      select part, ${[...arrays, ...figures].join(', ')}
      from (
        select ${partOf('key_hash', keptParts)} as part, n.*
        from (${rows}) as n
        order by 1, n.key_hash
      ) as n
      group by part
    ), emptied as (
      delete from meter_sync.download_part as p
      where p.table_id = ${id} and ${isInParts('p.part', touched)}
        and not exists (select from packed as n where n.part = p.part)
    )
    insert into meter_sync.download_part as o (table_id, part, ${SET.join(', ')})
    select ${id}, n.part, ${SET.map((name) => `n.${name}`).join(', ')}
    from packed as n
    left join meter_sync.download_part as p on p.table_id = ${id} and p.part = n.part
    where p.part is null or (${listed('n')}) is distinct from (${listed('p')})
    on conflict (table_id, part) do update
    set ${SET.map((name) => `${name} = excluded.${name}`).join(', ')}`;
}

/** Sums up what is noted of the parts; answers with the memory. */
function saveSums(id: string, signature: string): string {
  const sums = Object.keys(FIGURES).filter((name) => name !== 'common_rows');
  return `
    update meter_sync.download_table as t
    set signature = ${literal(signature)}, changed_at = clock_timestamp(), ${sums.map((name) => `${name} = s.${name}`).join(', ')}
    from (
      select ${sums.map((name) => `coalesce(sum(${name}), 0) as ${name}`).join(', ')}
      from meter_sync.download_part
      where table_id = ${id}
    ) as s
    where t.id = ${id}
    returning ${MEMORY_COLUMNS}`;
}
