import { type OwnedTable, toTableName } from '../../../src/model/table.js';
import { literal } from '../../../src/postgres/identifier.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { DIFFERENCES } from './tables.js';

/** What the last download of a table that found something to do has left; all counts as text. */
export interface TableMemory {
  readonly id: string;
  readonly signature: string | null;
  /** The columns that it carried; null: it was never downloaded. */
  readonly columns: readonly string[] | null;
  readonly remote_rows: string;
  readonly remote_sum: string;
  readonly local_rows: string;
  readonly local_sum: string;
  readonly refused: string;
  readonly waiting: string;
  readonly gone: string;
}

/** The figures of a table, made of its rows. */
const FIGURES: Readonly<Record<string, string>> = {
  remote_rows: 'count(remote_hash)',
  remote_sum: 'coalesce(sum(remote_hash), 0)',
  local_rows: 'count(local_hash)',
  local_sum: 'coalesce(sum(local_hash), 0)',
  refused: `count(*) filter (where state = 'refused')`,
  waiting: `count(*) filter (where state = 'waiting')`,
  gone: `count(*) filter (where state = 'gone')`,
};

/** What is read of a table, under the alias `t`. */
const COLUMNS = `t.id::text, t.signature, array_to_json(t.columns)::text as columns, ${Object.keys(FIGURES)
  .map((name) => `t.${name}::text`)
  .join(', ')}`;

/** Reads what is remembered of a table, at most one row; for {@link toMemory}. */
export function selectMemory(site: string, { table }: OwnedTable): string {
  return `select ${COLUMNS} from meter_sync.download_table as t where site = ${literal(site)} and table_name = ${literal(toTableName(table))}`;
}

/** The memory that {@link selectMemory} has read; null: the table was never downloaded. */
export function toMemory([row]: readonly unknown[]): TableMemory | null {
  if (row === undefined) return null;
  const memory = row as Omit<TableMemory, 'columns'> & { readonly columns: string | null };
  return { ...memory, columns: memory.columns === null ? null : (JSON.parse(memory.columns) as string[]) };
}

/** The memory of a table that was never downloaded. */
export async function createMemory(here: Session, site: string, { table }: OwnedTable): Promise<TableMemory> {
  const rows = await run(here, {
    text: `insert into meter_sync.download_table as t (site, table_name) values ($1, $2) returning ${COLUMNS}`,
    values: [site, toTableName(table)],
  });
  const memory = toMemory(rows);
  if (memory === null) throw new Error('an insert that returns no row');
  return memory;
}

/** Sums up the rows of a memory, for {@link addsUp}. */
export function selectFigures({ id }: TableMemory): string {
  return `select ${figures('::text')} from meter_sync.download_row where table_id = ${id}`;
}

/** False for a memory that somebody has restored or damaged in part: what it says of single rows is then no reason to leave one out. */
export function addsUp([found]: readonly Readonly<Record<string, string>>[], memory: TableMemory): boolean {
  return Object.keys(FIGURES).every((name) => found?.[name] === memory[name as keyof TableMemory]);
}

function figures(cast: string): string {
  return Object.entries(FIGURES)
    .map(([name, figure]) => `(${figure})${cast} as ${name}`)
    .join(', ');
}

/** How the rows that differed are now, with what has been done to them. */
const ROWS_NOW = `
  select key_hash, remote_hash, is_brought as was_brought, had_remote, had_local, state as had_state,
    case when is_done then done_hash else local_hash end as local_hash,
    case
      when remote_hash is null then coalesce(is_brought, false)
      when is_done or local_hash = remote_hash then true
      when trouble is not null or state is not null and not is_wanted then coalesce(is_brought, false)
      else true
    end as is_brought,
    case
      when is_done and remote_hash is not null then null
      when trouble is not null then trouble
      when remote_hash is null then case
        when is_brought is not true then null
        when state = 'refused' and not is_gone then 'refused'
        else 'gone'
      end
      when local_hash = remote_hash or is_wanted then null
      else state
    end as state
  from ${DIFFERENCES}`;

/**
 * Notes the rows as they are now, in as few writes as there are changes, and then the sums of all; in the transaction that has
 * changed the table. In the order of the keys: the index grows at its end, which takes half the time. The last statement answers
 * with the memory, for {@link toMemory}.
 */
export function saveMemory(
  { id }: TableMemory,
  { signature, carried }: { readonly signature: string; readonly carried: readonly string[] },
): readonly string[] {
  const names = Object.keys(FIGURES).map((name) => `${name} = f.${name}`);
  return [
    `with noted as materialized (${ROWS_NOW}
     ), forgotten as (
       delete from meter_sync.download_row as m
       using noted as n
       where m.table_id = ${id} and m.key_hash = n.key_hash and n.remote_hash is null and n.local_hash is null
     ), changed as (
       update meter_sync.download_row as m
       set remote_hash = n.remote_hash, local_hash = n.local_hash, is_brought = n.is_brought, state = n.state
       from noted as n
       where m.table_id = ${id} and m.key_hash = n.key_hash and not (n.remote_hash is null and n.local_hash is null)
         and (n.remote_hash, n.local_hash, n.is_brought, n.state) is distinct from (n.had_remote, n.had_local, n.was_brought, n.had_state)
     )
     insert into meter_sync.download_row (table_id, key_hash, remote_hash, local_hash, is_brought, state)
     select ${id}, key_hash, remote_hash, local_hash, is_brought, state
     from noted
     where was_brought is null and not (remote_hash is null and local_hash is null)
     order by key_hash`,
    `update meter_sync.download_table as t
     set signature = ${literal(signature)}, columns = array[${carried.map(literal).join(', ')}], changed_at = clock_timestamp(), ${names.join(', ')}
     from (select ${figures('')} from meter_sync.download_row where table_id = ${id}) as f
     where t.id = ${id}
     returning ${COLUMNS}`,
  ];
}
