import { DatabaseFailure } from '../../src/postgres/errors.js';
import { run, type Database } from '../../src/postgres/session.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import { selectUploadState } from './upload-state.js';

/** PostgreSQL's code for a table that is not there, or that lies in a schema that is not there. */
const UNDEFINED_TABLE = '42P01';

/**
 * How many readings a site has uploaded since its first batch.
 * @throws DatabaseFailure `schema` - the bookkeeping is not there yet; the message names the command that makes it
 */
export async function readTotalUploaded(local: Database, siteId: string, signal: AbortSignal): Promise<number> {
  try {
    return await withTransaction(local, { isolation: 'read committed', signal }, async (session) => {
      const [state] = await run<{ rows: string }>(session, selectUploadState(siteId));
      return state === undefined ? 0 : Number(state.rows);
    });
  } catch (error) {
    if (!(error instanceof DatabaseFailure) || error.sqlstate !== UNDEFINED_TABLE) throw error;
    const table = 'meter_sync.upload_state';
    throw new DatabaseFailure('schema', `local database: there is no table ${table}. Run this first: meter-sync init`, {
      side: 'local',
      table,
      sqlstate: error.sqlstate,
      cause: error,
    });
  }
}
