import { type OwnedTable, toTableName } from '../../../src/model/table.js';
import { literal } from '../../../src/postgres/identifier.js';
import { run, runAll, type Session } from '../../../src/postgres/session.js';
import { isInParts, type Parts } from './parts.js';
import { REMEMBERED } from './staging.js';

/** What the last download of a table that found something to do has left; all counts as text. */
export interface TableMemory {
  readonly id: string;
  readonly signature: string | null;
  /** The columns that it carried; null: it was never downloaded. */
  readonly columns: readonly string[] | null;
  /** Into how many parts its rows are divided, a power of two. */
  readonly parts: string;
  readonly remote_rows: string;
  readonly remote_sum: string;
  readonly local_rows: string;
  readonly local_sum: string;
  readonly refused: string;
  readonly waiting: string;
  readonly gone: string;
}

/** What is read of a table, under the alias `t`. */
export const MEMORY_COLUMNS = `t.id::text, t.signature, array_to_json(t.columns)::text as columns, t.parts::text, t.remote_rows::text, t.remote_sum::text, t.local_rows::text, t.local_sum::text,
  t.refused::text, t.waiting::text, t.gone::text`;

/** Reads what is remembered of a table; null: it was never downloaded. */
export function selectMemory(site: string, { table }: OwnedTable): string {
  return `select ${MEMORY_COLUMNS} from meter_sync.download_table as t where site = ${literal(site)} and table_name = ${literal(toTableName(table))}`;
}

/** The memory of a table that was never downloaded. */
export async function createMemory(here: Session, site: string, { table }: OwnedTable): Promise<TableMemory> {
  const rows = await run(here, {
    text: `insert into meter_sync.download_table as t (site, table_name) values ($1, $2) returning ${MEMORY_COLUMNS}`,
    values: [site, toTableName(table)],
  });
  const memory = toMemory(rows);
  if (memory === null) throw new Error('an insert that returns no row');
  return memory;
}

/** Reads the answer to {@link MEMORY_COLUMNS}; null: there is no row. */
export function toMemory([row]: readonly unknown[]): TableMemory | null {
  if (row === undefined) return null;
  const memory = row as Omit<TableMemory, 'columns'> & { readonly columns: string | null };
  return { ...memory, columns: memory.columns === null ? null : (JSON.parse(memory.columns) as string[]) };
}

/** How the memory of rows is taken up. */
export interface Recalling {
  /** Hashes that were made in another way say nothing; what came from the remote is still known. */
  readonly isKnown: boolean;
  /** True: rows that were refused are tried again, as those that wait. */
  readonly full: boolean;
}

/** Lays out what is remembered of the rows of these parts. */
export async function recallRows(
  here: Session,
  { id }: TableMemory,
  parts: Parts,
  { isKnown, full }: Recalling,
): Promise<void> {
  const hashes = isKnown ? 'm.remote_hash, m.local_hash' : 'null::bigint, null::bigint';
  await runAll(here, [
    `insert into ${REMEMBERED} (key_hash, remote_hash, local_hash, is_brought, state)
     select m.key_hash, ${hashes}, m.is_brought, ${full ? `case m.state when 'refused' then 'waiting' else m.state end` : 'm.state'}
     from meter_sync.download_part as p
     cross join lateral unnest(p.key_hash, p.remote_hash, p.local_hash, p.is_brought, p.state)
       as m(key_hash, remote_hash, local_hash, is_brought, state)
     where p.table_id = ${id} and ${isInParts('p.part', parts)}`,
    `analyze ${REMEMBERED}`,
  ]);
}

/** Rows that both ends have, in parts that are as they were. */
export async function countUntouched(here: Session, { id }: TableMemory, touched: Parts): Promise<number> {
  const [count] = await run<{ rows: string }>(here, {
    text: `
      select coalesce(sum(common_rows), 0)::text as rows
      from meter_sync.download_part
      where table_id = ${id} and not (${isInParts('part', touched)})`,
    values: [],
  });
  return Number(count?.rows ?? 0);
}
