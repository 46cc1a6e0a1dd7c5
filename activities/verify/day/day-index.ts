import type { QueueTable } from '../../../src/model/table.js';
import { ident, relation } from '../../../src/postgres/identifier.js';
import { run, type Session } from '../../../src/postgres/session.js';

/** What serves a look at one day of the remote table, and how much there is to read where nothing does. */
export interface DayAccess {
  /** True when each part of the table has an index that begins with the column. */
  readonly hasIndex: boolean;
  readonly isPartitioned: boolean;
  /** Blocks of the largest part. */
  readonly blocks: number;
  readonly parts: number;
}

/** Looks into the catalogue for an index of all rows whose first column has the days; in each partition, where there are some. */
export async function readDayAccess(session: Session, { table }: QueueTable, column: string): Promise<DayAccess> {
  const [row] = await run<{ has_index: string; is_partitioned: string; blocks: string; parts: string }>(session, {
    text: `
      with recursive parts(id) as (
        select to_regclass($1)::oid
        union
        select i.inhrelid
        from parts p
        join pg_catalog.pg_inherits i on i.inhparent = p.id
      )
      select coalesce(bool_and(exists (
          select
          from pg_catalog.pg_index i
          join pg_catalog.pg_class x on x.oid = i.indexrelid
          join pg_catalog.pg_am m on m.oid = x.relam and m.amname = 'btree'
          join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] and a.attname = $2::name
          where i.indrelid = c.oid
            and i.indisvalid
            and i.indpred is null
        )) filter (where c.relkind <> 'p'), false)::text as has_index,
        bool_or(c.relkind = 'p')::text as is_partitioned,
        (case when bool_and(c.relkind in ('r', 'p')) -- what is foreign or a view has no blocks to ask for
          then max(pg_catalog.pg_relation_size(c.oid)) / current_setting('block_size')::bigint else 0 end)::text as blocks,
        (count(*) filter (where c.relkind <> 'p'))::text as parts
      from parts p
      join pg_catalog.pg_class c on c.oid = p.id`,
    values: [relation(table), column],
  });
  return {
    hasIndex: row?.has_index === 'true',
    isPartitioned: row?.is_partitioned === 'true',
    blocks: Number(row?.blocks ?? 0),
    parts: Number(row?.parts ?? 0),
  };
}

/** The statement that makes such an index; a partitioned table takes none beside its work. */
export function createDayIndex({ table }: QueueTable, column: string, { isPartitioned }: DayAccess): string {
  return `create index ${isPartitioned ? '' : 'concurrently '}on ${relation(table)} (${ident(column)})`;
}
