import { literal } from '../../../src/postgres/identifier.js';
import { runAll, type Session } from '../../../src/postgres/session.js';
import type { DownloadLimits } from '../plan/limits.js';
import { MEMORY_COLUMNS, type TableMemory, toMemory } from './memory.js';
import { ARRAYS, FIGURES } from './pack-rows.js';
import { countParts, isInParts, type Parts } from './parts.js';

/** What is to be noted of a table. */
export interface Noted {
  /** SQL of the rows as both ends have them now, divided into so many parts. */
  readonly pack: (count: number) => string;
  /** The parts that hold these rows, and no others. */
  readonly touched: Parts;
  /** All rows of the table, at the end that has more; where all parts are touched they are divided anew. */
  readonly tableRows: number;
  readonly signature: string;
  /** The columns that were carried. */
  readonly columns: readonly string[];
}

/** Notes the rows of some parts as they are now, in as few writes as there are changes, and the sums of all parts. */
export async function saveMemory(
  here: Session,
  { id, parts }: TableMemory,
  { pack, touched, tableRows, signature, columns }: Noted,
  limits: DownloadLimits,
): Promise<TableMemory> {
  const count = touched === 'all' ? countParts(tableRows, limits) : Number(parts);
  const results = await runAll(here, [
    saveParts(id, { packed: pack(count), touched }),
    saveSums(id, { signature, columns, count }),
  ]);
  const memory = toMemory(results.at(-1) ?? []);
  if (memory === null) throw new Error('an update that returns no row');
  return memory;
}

const SET = [...ARRAYS, ...Object.keys(FIGURES)];

/** Only parts of which something is new are written. */
function saveParts(id: string, { packed, touched }: { readonly packed: string; readonly touched: Parts }): string {
  const listed = (alias: string): string => ARRAYS.map((name) => `${alias}.${name}`).join(', ');
  return `
    with packed as materialized (${packed}
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
function saveSums(
  id: string,
  { signature, columns, count }: Pick<Noted, 'signature' | 'columns'> & { readonly count: number },
): string {
  const sums = Object.keys(FIGURES).filter((name) => name !== 'common_rows');
  return `
    update meter_sync.download_table as t
    set signature = ${literal(signature)}, parts = ${count}, columns = array[${columns.map(literal).join(', ')}], changed_at = clock_timestamp(), ${sums.map((name) => `${name} = s.${name}`).join(', ')}
    from (
      select ${sums.map((name) => `coalesce(sum(${name}), 0) as ${name}`).join(', ')}
      from meter_sync.download_part
      where table_id = ${id}
    ) as s
    where t.id = ${id}
    returning ${MEMORY_COLUMNS}`;
}
