import { type OwnedTable, toTableName } from '../../src/model/table.js';
import { literal } from '../../src/postgres/identifier.js';
import { run, runAll, type Session } from '../../src/postgres/session.js';
import { DONE, LOCAL_ROWS, REMOTE_ROWS, TROUBLE } from './staging.js';

/** What the last download of a table that found something to do has left; all counts as text. */
export interface TableMemory {
  readonly id: string;
  readonly signature: string | null;
  readonly remote_rows: string;
  readonly remote_sum: string;
  readonly local_rows: string;
  readonly local_sum: string;
  readonly refused: string;
  readonly waiting: string;
  readonly gone: string;
}

const COLUMNS = `t.id::text, t.signature, t.remote_rows::text, t.remote_sum::text, t.local_rows::text, t.local_sum::text,
  t.refused::text, t.waiting::text, t.gone::text`;

/** Reads what is remembered of a table; null: it was never downloaded. */
export function selectMemory(site: string, { table }: OwnedTable): string {
  return `select ${COLUMNS} from meter_sync.download_table as t where site = ${literal(site)} and table_name = ${literal(toTableName(table))}`;
}

/** The memory of a table that was never downloaded. */
export async function createMemory(here: Session, site: string, { table }: OwnedTable): Promise<TableMemory> {
  const [memory] = await run<TableMemory>(here, {
    text: `insert into meter_sync.download_table as t (site, table_name) values ($1, $2) returning ${COLUMNS}`,
    values: [site, toTableName(table)],
  });
  if (memory === undefined) throw new Error('an insert that returns no row');
  return memory;
}

/** Hashes that were made in another way say nothing; what came from the remote is still known. */
export async function forgetHashes(here: Session, { id }: TableMemory): Promise<void> {
  await run(here, {
    text: `
      update meter_sync.download_row set remote_hash = null, local_hash = null
      where table_id = $1 and (remote_hash is not null or local_hash is not null)`,
    values: [id],
  });
}

/** Rows that were refused are tried again, as those that wait. */
export async function forgetRefused(here: Session, { id }: TableMemory): Promise<void> {
  await run(here, {
    text: `update meter_sync.download_row set state = 'waiting' where table_id = $1 and state = 'refused'`,
    values: [id],
  });
}

/** Notes every row as both ends have it now, in as few writes as there are changes, and the sums of all. */
export async function saveMemory(here: Session, { id }: TableMemory, signature: string): Promise<TableMemory> {
  const results = await runAll(here, [removeRows(id), saveRows(id), saveSums(id, signature)]);
  const [memory] = results.at(-1) as TableMemory[];
  if (memory === undefined) throw new Error('an update that returns no row');
  return memory;
}

/** Neither end has them. */
function removeRows(id: string): string {
  return `
    delete from meter_sync.download_row as m
    using (
      select key_hash
      from meter_sync.download_row as o
      left join ${REMOTE_ROWS} as r using (key_hash)
      left join ${LOCAL_ROWS} as l using (key_hash)
      left join ${DONE} as d using (key_hash)
      where o.table_id = ${id}
        and r.row_hash is null
        and (l.row_hash is null or d.key_hash is not null and d.row_hash is null)
    ) as g
    where m.table_id = ${id} and m.key_hash = g.key_hash`;
}

/** Only rows of which something is new are written: of 10,000 rows nearly all are as they were. */
function saveRows(id: string): string {
  return `
    insert into meter_sync.download_row as o (table_id, key_hash, remote_hash, local_hash, is_brought, state)
    select ${id}, n.key_hash, n.remote_hash, n.local_hash, n.is_brought, n.state
    from (
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
        end as state,
        m.key_hash is not null as is_known, m.remote_hash as old_remote_hash, m.local_hash as old_local_hash,
        m.is_brought as was_brought, m.state as old_state
      from ${REMOTE_ROWS} as r
      full join ${LOCAL_ROWS} as l using (key_hash)
      left join ${DONE} as d using (key_hash)
      left join ${TROUBLE} as t using (key_hash)
      left join (select * from meter_sync.download_row where table_id = ${id}) as m using (key_hash)
      where r.key_hash is not null or d.key_hash is null or d.row_hash is not null
    ) as n
    where not n.is_known
      or n.remote_hash is distinct from n.old_remote_hash
      or n.local_hash is distinct from n.old_local_hash
      or n.is_brought is distinct from n.was_brought
      or n.state is distinct from n.old_state
    on conflict (table_id, key_hash) do update
    set remote_hash = excluded.remote_hash, local_hash = excluded.local_hash, is_brought = excluded.is_brought,
      state = excluded.state`;
}

/** Sums up what is noted of the rows; answers with the memory. */
export function saveSums(id: string, signature: string): string {
  return `
    update meter_sync.download_table as t
    set signature = ${literal(signature)}, changed_at = clock_timestamp(),
      remote_rows = s.remote_rows, remote_sum = s.remote_sum, local_rows = s.local_rows, local_sum = s.local_sum,
      refused = s.refused, waiting = s.waiting, gone = s.gone
    from (
      select count(remote_hash) as remote_rows, coalesce(sum(remote_hash), 0) as remote_sum,
        count(local_hash) as local_rows, coalesce(sum(local_hash), 0) as local_sum,
        count(*) filter (where state = 'refused') as refused, count(*) filter (where state = 'waiting') as waiting,
        count(*) filter (where state = 'gone') as gone
      from meter_sync.download_row
      where table_id = ${id}
    ) as s
    where t.id = ${id}
    returning ${COLUMNS}`;
}
