import type { Side } from '../../../src/model/failures.js';
import { copyBetween } from '../../../src/postgres/copy.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { idents, relation } from '../../../src/postgres/identifier.js';
import { withSavepoint } from '../../../src/postgres/savepoint.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';
import { isRowRefused } from './isolate-culprits.js';
import { readFingerprint, selectFingerprint } from '../compare/fingerprint.js';
import type { DownloadLimits } from '../plan/limits.js';
import type { Look, Sessions } from '../compare/look.js';
import type { TableMemory } from '../compare/memory.js';
import { packSame } from '../compare/pack-rows.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { keyHash, rowHash } from '../compare/hashes.js';
import { saveMemory } from '../compare/save-memory.js';
import { isOwned } from '../compare/staging.js';

/** True for a large table that is empty here and has the same columns: it can be filled without staging. */
export function canFill(look: Look, memory: TableMemory, { newInSet }: DownloadLimits): boolean {
  const { plan } = look;
  const isEmpty = look.local.rows === '0' && memory.remote_rows === '0' && memory.local_rows === '0';
  const isGiven = plan.written.length > plan.carried.length;
  return (
    isEmpty &&
    plan.isKeyUnique &&
    !isGiven &&
    Number(look.remote.rows) > newInSet &&
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
  limits: DownloadLimits,
): Promise<TableMemory | null> {
  const { plan } = look;
  const table = relation(plan.table);
  const columns = idents(plan.carried);
  try {
    return await withSavepoint(here, async () => {
      const format = plan.carried.every((name) => isPortable(plan, name)) ? 'binary' : 'text';
      const rows = `select ${columns} from ${table} as r where ${isOwned(plan.filter, 'r')}`;
      await copyBetween(
        { session: there, text: `copy (${rows}) to stdout (format ${format})` },
        { session: here, text: `copy ${table} (${columns}) from stdin (format ${format})` },
      );
      const tableRows = Number(look.remote.rows);
      const pack = (count: number): string => packSame(selectHashes(plan), count);
      const noted = { pack, touched: 'all', tableRows, signature: look.signature, columns: plan.carried } as const;
      const [after, remote] = await Promise.all([
        saveMemory(here, memory, noted, limits),
        readFingerprint(there, [selectFingerprint(plan, 'remote')]),
      ]);
      if (after.local_sum !== remote.sum || after.local_rows !== remote.rows) throw NOT_EQUAL;
      return after;
    });
  } catch (error) {
    if (error === NOT_EQUAL || isOfTable(error, here.side)) return null;
    throw error;
  }
}

/** Of the rows that the table holds; each hash is computed once. */
function selectHashes(plan: DownloadPlan): string {
  return `
    select ${keyHash(plan, 'local', 'r')} as key_hash, ${rowHash(plan, 'local', 'r')} as row_hash
    from ${relation(plan.table)} as r
    where ${isOwned(plan.filter, 'r')}
    offset 0`;
}

/** A row was refused, or a COPY: row security and some rules allow an insert alone. */
function isOfTable(error: unknown, side: Side): boolean {
  if (!(error instanceof DatabaseFailure) || error.place.side !== side) return false;
  return error.sqlstate === SQLSTATE.featureNotSupported || isRowRefused(error);
}

const NOT_EQUAL = new Error('the table does not hold what was copied');

function isOneType({ columns }: DownloadPlan, name: string): boolean {
  return columns.local.get(name)?.type === columns.remote.get(name)?.type;
}

/** Means the same bytes on both servers. */
function isPortable({ columns }: DownloadPlan, name: string): boolean {
  return columns.local.get(name)?.isPortable === true && columns.remote.get(name)?.isPortable === true;
}
