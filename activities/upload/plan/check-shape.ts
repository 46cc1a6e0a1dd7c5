import { type QueueTable, toTableName } from '../../../src/model/table.js';
import { columnsDigest } from '../../../src/postgres/catalog.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { plain } from '../../../src/postgres/statement.js';

/** A mark of the columns that a table of readings has in a transaction's snapshot; null: there is no such table. */
export async function readShapeMark(session: Session, { table }: QueueTable): Promise<string | null> {
  const [row] = await run<{ mark: string | null }>(session, plain(`select ${columnsDigest(table)} as mark`));
  return row?.mark ?? null;
}

/**
 * Makes sure that the site's table still has the columns that a drain was planned for. A reading that was written with a
 * new column would else leave without it, and be removed.
 * @throws DatabaseFailure `busy` - the table was changed; the next attempt plans anew
 */
export async function checkShape(session: Session, readings: QueueTable, planned: string | null): Promise<void> {
  if ((await readShapeMark(session, readings)) === planned) return;
  const table = toTableName(readings.table);
  const message = `local database: the columns of ${table} were changed while it was being uploaded; it is read anew`;
  throw new DatabaseFailure('busy', message, { side: 'local', table });
}
