import { copyBetween } from '../../src/postgres/copy.js';
import { idents, relation } from '../../src/postgres/identifier.js';
import { withSavepoint } from '../../src/postgres/savepoint.js';
import { run, runAll } from '../../src/postgres/session.js';
import { MAX_NEW_IN_SET } from './changes.js';
import { isRowRefused } from './isolate-culprits.js';
import type { Look, Sessions } from './look.js';
import { saveSums, type TableMemory } from './memory.js';
import type { DownloadPlan } from './plan-download.js';
import { keyHash, rowHash } from './row-hashes.js';
import { isOwned } from './staging.js';

/** True for a large table that is empty here and has the same columns: it can be filled without staging. */
export function canFill(look: Look, memory: TableMemory): boolean {
  const { plan } = look;
  const isEmpty = look.local.rows === '0' && memory.remote_rows === '0' && memory.local_rows === '0';
  const isGiven = plan.written.length > plan.carried.length;
  return (
    isEmpty &&
    !isGiven &&
    Number(look.remote.rows) > MAX_NEW_IN_SET &&
    plan.carried.every((name) => isOneType(plan, name))
  );
}

/**
 * Copies all rows straight into the local table, and notes them. The sum of what the table then holds must be the
 * remote's: else a trigger has changed something, and nothing has happened.
 * @returns the memory afterwards; null when a row was refused or changed, so that the careful way must be taken
 * @throws DatabaseFailure of the side that failed, when no row is to blame
 */
export async function fillTable(
  { here, there }: Sessions,
  look: Look,
  memory: TableMemory,
): Promise<TableMemory | null> {
  const { plan } = look;
  const table = relation(plan.table);
  const columns = idents(plan.carried);
  try {
    return await withSavepoint(here, async () => {
      await copyBetween(
        {
          session: there,
          text: `copy (select ${columns} from ${table} as r where ${isOwned(plan.filter, 'r')}) to stdout`,
        },
        { session: here, text: `copy ${table} (${columns}) from stdin` },
      );
      await run(here, { text: noteAll(plan, memory), values: [] });
      const [after] = (await runAll(here, [saveSums(memory.id, look.signature)])).at(-1) as TableMemory[];
      if (after?.local_sum !== look.remote.sum || after.local_rows !== look.remote.rows) throw NOT_EQUAL;
      return after;
    });
  } catch (error) {
    if (error !== NOT_EQUAL && !(isRowRefused(error) && error.place.side === here.side)) throw error;
    return null;
  }
}

/** In the order of the index, which is then written page by page. */
function noteAll(plan: DownloadPlan, { id }: TableMemory): string {
  return `
    insert into meter_sync.download_row (table_id, key_hash, remote_hash, local_hash, is_brought)
    select ${id}, h.key_hash, h.row_hash, h.row_hash, true
    from (
      select ${keyHash(plan, 'local', 'r')} as key_hash, ${rowHash(plan, 'local', 'r')} as row_hash
      from ${relation(plan.table)} as r
      where ${isOwned(plan.filter, 'r')}
    ) as h
    order by h.key_hash`;
}

const NOT_EQUAL = new Error('the table does not hold what was copied');

function isOneType({ columns }: DownloadPlan, name: string): boolean {
  return columns.local.get(name)?.type === columns.remote.get(name)?.type;
}
