import type { DownloadResult } from '../../src/model/operations.js';
import { type OwnedTable, toTableName } from '../../src/model/table.js';
import { toFailureKind } from '../../src/postgres/errors.js';
import type { Attempt } from '../attempt.js';
import { type DownloadDatabases, type DownloadOptions, makeEqual } from './make-equal.js';

/** What became of one of several tables: it has a result, or has failed. */
export type TableOutcome =
  | { readonly table: string; readonly result: DownloadResult }
  | { readonly table: string; readonly result: null; readonly error: unknown };

/**
 * Makes tables equal, one after the other. One that fails stops only itself: the others are still downloaded.
 * @throws when the attempt is given up, and what two tables in a row have met that could not reach a server: so it is for all of them
 */
export async function makeEachEqual(
  databases: DownloadDatabases,
  tables: readonly OwnedTable[],
  attempt: Attempt,
  options: DownloadOptions,
): Promise<readonly TableOutcome[]> {
  const outcomes: TableOutcome[] = [];
  let wasReached = true;
  for (const owned of tables) {
    const table = toTableName(owned.table);
    try {
      outcomes.push({ table, result: await makeEqual(databases, owned, attempt, options) });
      wasReached = true;
    } catch (error) {
      const isReached = toFailureKind(error) !== 'unreachable';
      if (attempt.signal.aborted || !(isReached || wasReached)) throw error;
      wasReached = isReached;
      outcomes.push({ table, result: null, error });
      attempt.log.error('table not downloaded', {
        table,
        message: error instanceof Error ? error.message : String(error),
      });
    }
  }
  return outcomes;
}
