import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';

/** PostgreSQL's codes for a table or a column that is not there. */
const NOT_THERE = new Set<string>([SQLSTATE.undefinedTable, SQLSTATE.undefinedColumn]);

/**
 * Reads a table of our own bookkeeping, and says what to do when it is missing, is an older one or may not be read.
 * @throws DatabaseFailure `schema`, `credentials` - names the command; else what `read` throws
 */
export async function readBookkeeping<Result>(
  name: 'upload_state' | 'custody',
  read: () => Promise<Result>,
): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof DatabaseFailure)) throw error;
    const { side } = error.place;
    const table = `meter_sync.${name}`;
    if (error.sqlstate === SQLSTATE.insufficientPrivilege) {
      const refusal = `${error.message}. Its administrator runs the output of: meter-sync init --print`;
      throw new DatabaseFailure('credentials', refusal, { side, table, sqlstate: error.sqlstate, cause: error });
    }
    if (!NOT_THERE.has(error.sqlstate ?? '')) throw error;
    const without = name === 'custody' ? ', or set METER_SYNC_CUSTODY to off where no schema of ours is allowed' : '';
    const message = `${side} database: there is no table ${table} of this version. Run this first: meter-sync init${without}`;
    throw new DatabaseFailure('schema', message, { side, table, sqlstate: error.sqlstate, cause: error });
  }
}
