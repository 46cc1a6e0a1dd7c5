import { byName, type Column, type OwnedTable, type TableShape, toTableName } from '../../src/model/table.js';
import type { Side } from '../../src/model/failures.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';

/** What a download knows of the table at both ends. Made anew each time, so that a change of a table is met at once. */
export interface DownloadPlan extends OwnedTable {
  /** Columns that come from the remote: those that both have and that the local table takes, the key first. */
  readonly carried: readonly string[];
  /** Columns that a new local row is given: those carried, and `activity` where the remote has no such column. */
  readonly written: readonly string[];
  /** Columns of which a difference counts: those written, without the key and what cannot be updated. */
  readonly compared: readonly string[];
  /** The local boolean column that tells rows which the remote still has from those that it had; null: there is none. */
  readonly activity: string | null;
  /** The column that names a row for people; null: there is none. */
  readonly name: string | null;
}

/** A boolean column of one of these names says whether a row is in use. */
const ACTIVITY_COLUMNS = ['active', 'is_active'];
const NAME_COLUMN = 'name';

/**
 * Compares the two tables.
 * @throws DatabaseFailure `schema` - a column of the key or of the tenant filter is missing or cannot be written
 */
export function planDownload(owned: OwnedTable, ends: { local: TableShape; remote: TableShape }): DownloadPlan {
  const local = byName(ends.local.columns);
  const remote = byName(ends.remote.columns);
  checkNeeded(owned, 'local', local);
  checkNeeded(owned, 'remote', remote);
  const shared = ends.local.columns.filter((column) => isWritable(column) && remote.has(column.name));
  const others = shared.map(({ name }) => name).filter((name) => !owned.key.includes(name));
  const carried = [...owned.key, ...others];
  const activity = ACTIVITY_COLUMNS.find((name) => isActivity(local.get(name))) ?? null;
  const written = activity === null || carried.includes(activity) ? carried : [...carried, activity];
  const mayDiffer = ({ name, isIdentity }: Column): boolean =>
    written.includes(name) && !owned.key.includes(name) && !isIdentity;
  return {
    ...owned,
    carried,
    written,
    compared: ends.local.columns.filter(mayDiffer).map(({ name }) => name),
    activity,
    name: carried.includes(NAME_COLUMN) ? NAME_COLUMN : null,
  };
}

/** An identity column takes a value when it is told to; a computed one never does. */
function isWritable({ isGenerated, isIdentity }: Column): boolean {
  return !isGenerated || isIdentity;
}

function isActivity(column: Column | undefined): boolean {
  return column?.baseType === 'boolean' && isWritable(column);
}

function checkNeeded(owned: OwnedTable, side: Side, columns: ReadonlyMap<string, Column>): void {
  const table = toTableName(owned.table);
  const fail = (column: string, problem: string): never => {
    throw new DatabaseFailure('schema', `${side} database: ${problem}`, { side, table, column });
  };
  for (const name of owned.key) {
    const column = columns.get(name);
    if (column === undefined) fail(name, `table ${table} has no column ${name}, which the settings name as its key`);
    else if (side === 'local' && !isWritable(column)) {
      fail(name, `key column ${name} of table ${table} is computed here, and takes no value from the remote`);
    }
  }
  const filter = owned.filter?.column;
  if (filter !== undefined && !columns.has(filter)) {
    fail(filter, `table ${table} has no column ${filter}, by which the settings choose the rows of one tenant`);
  }
}
