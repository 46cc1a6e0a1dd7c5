import { countsOf } from '../../src/model/download-outcome.js';
import { type FurtherTableResult, MAX_NAMED_ROWS } from '../../src/model/operations.js';
import { type OwnedTable, toTableName } from '../../src/model/table.js';
import type { Attempt } from '../attempt.js';
import { type DownloadDatabases, type DownloadOptions, makeEqual } from './make-equal.js';

/** What became of the further tables. */
interface FurtherDownloads {
  /** The counts of each table that was downloaded, bounded. */
  readonly results: readonly FurtherTableResult[];
  readonly failures: readonly unknown[];
}

/**
 * Makes further tables equal, in the order of the settings. One that fails stops only itself: the others are still
 * downloaded.
 * @throws when the attempt is given up
 */
export async function downloadFurther(
  databases: DownloadDatabases,
  tables: readonly OwnedTable[],
  attempt: Attempt,
  options: DownloadOptions,
): Promise<FurtherDownloads> {
  const results: FurtherTableResult[] = [];
  const failures: unknown[] = [];
  for (const owned of tables) {
    try {
      const { rejected, ...result } = await makeEqual(databases, owned, attempt, options);
      const table = toTableName(owned.table);
      results.push({ table, ...countsOf(result), ...(rejected === undefined ? {} : { rejected }) });
    } catch (error) {
      if (attempt.signal.aborted) throw error;
      failures.push(error);
      const message = error instanceof Error ? error.message : String(error);
      attempt.log.error('further table not downloaded', { table: toTableName(owned.table), message });
    }
  }
  return { results: results.slice(0, MAX_NAMED_ROWS), failures };
}
