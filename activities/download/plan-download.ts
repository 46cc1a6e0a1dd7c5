import { byName, type Column, type OwnedTable, type TableShape, toTableName } from '../../src/model/table.js';
import type { Side } from '../../src/model/failures.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { type Absence, isWritable, planAbsence } from './plan-absence.js';

/** What a download knows of the table at both ends. */
export interface DownloadPlan extends OwnedTable {
  /** Columns that come from the remote: those that both have and that the local table takes, the key first. */
  readonly carried: readonly string[];
  /** Columns that a new local row is given: those carried, and that of `absence` where the remote has no such column. */
  readonly written: readonly string[];
  /** Columns of which a difference counts: those written, without the key and what cannot be updated. */
  readonly compared: readonly string[];
  /** What becomes of a row that the remote no longer has. */
  readonly absence: Absence;
  /** The column that names a row for people; null: there is none. */
  readonly name: string | null;
  /** The columns of both ends, by name. */
  readonly columns: { readonly [side in Side]: ReadonlyMap<string, Column> };
  /** True when both databases are in UTF-8, so that equal texts are equal bytes. */
  readonly isUtf8: boolean;
  /** True when both servers hash records, and equal texts alike. */
  readonly hashesRecords: boolean;
}

/** What the two catalogues tell. */
export interface DownloadEnds {
  readonly local: TableShape;
  readonly remote: TableShape;
  readonly isUtf8: boolean;
  readonly hashesRecords: boolean;
}

const NAME_COLUMN = 'name';

/**
 * Compares the two tables.
 * @throws DatabaseFailure `schema` - a column of the key or of the settings is missing or cannot be written
 */
export function planDownload(owned: OwnedTable, ends: DownloadEnds): DownloadPlan {
  const columns = { local: byName(ends.local.columns), remote: byName(ends.remote.columns) };
  checkNeeded(owned, columns);
  const isLeftOut = ({ name }: Column): boolean =>
    owned.except?.includes(name) === true || owned.only?.includes(name) === false;
  const shared = ends.local.columns.filter((column) => isWritable(column) && columns.remote.has(column.name));
  const others = shared.filter((column) => !isLeftOut(column) && !owned.key.includes(column.name));
  const carried = [...owned.key, ...others.map(({ name }) => name)];
  const absence = planAbsence(owned, columns.local);
  const isGiven =
    absence.rule === 'deactivate' && absence.present !== null && !carried.includes(absence.column)
      ? [absence.column]
      : [];
  const written = [...carried, ...isGiven];
  const mayDiffer = ({ name, isIdentity }: Column): boolean =>
    written.includes(name) && !owned.key.includes(name) && !isIdentity;
  return {
    ...owned,
    carried,
    written,
    compared: ends.local.columns.filter(mayDiffer).map(({ name }) => name),
    absence,
    name: carried.includes(NAME_COLUMN) ? NAME_COLUMN : null,
    columns,
    isUtf8: ends.isUtf8,
    hashesRecords: ends.isUtf8 && ends.hashesRecords,
  };
}

/** A name that no column of the table has. */
export function freeName({ columns }: Pick<DownloadPlan, 'columns'>, wanted: string): string {
  let name = wanted;
  while (columns.local.has(name) || columns.remote.has(name)) name += '_';
  return name;
}

function checkNeeded(owned: OwnedTable, columns: DownloadPlan['columns']): void {
  for (const side of ['local', 'remote'] as const) {
    for (const name of owned.key) {
      const column = columns[side].get(name);
      if (column === undefined) fail(owned, side, name, 'which the settings name as its key');
      else if (side === 'local' && !isWritable(column)) {
        const table = toTableName(owned.table);
        const message = `local database: key column ${name} of table ${table} is computed here, and takes no value from the remote`;
        throw new DatabaseFailure('schema', message, { side, table, column: name });
      }
    }
    const filter = owned.filter?.column;
    if (filter !== undefined && !columns[side].has(filter)) {
      fail(owned, side, filter, 'by which the settings choose the rows of a tenant');
    }
    for (const name of owned.only ?? []) {
      if (!columns[side].has(name)) fail(owned, side, name, 'which the settings name to be copied');
    }
  }
}

function fail(owned: OwnedTable, side: Side, column: string, why: string): never {
  const table = toTableName(owned.table);
  const message = `${side} database: table ${table} has no column ${column}, ${why}`;
  throw new DatabaseFailure('schema', message, { side, table, column });
}
