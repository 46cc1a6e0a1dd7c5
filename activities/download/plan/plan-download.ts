import type { Side } from '../../../src/model/failures.js';
import {
  byName,
  type Column,
  type GoneRule,
  type OwnedTable,
  type TableShape,
  toTableName,
} from '../../../src/model/table.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { type EndColumns, findProblems, isLeftOut, isWritable } from './plan-problems.js';

/** What a download knows of the table at both ends. The rule of the settings for rows that are gone has become `absence`. */
export interface DownloadPlan extends Omit<OwnedTable, 'gone'> {
  /** Columns that come from the remote: those that both have and that the local table takes, the key first. */
  readonly carried: readonly string[];
  /** Columns that a new local row is given: those carried, and that of `absence` where the remote has no such column. */
  readonly written: readonly string[];
  /** Columns of which a difference counts: those written, without the key and what cannot be updated. */
  readonly compared: readonly string[];
  /** What becomes of a row that the remote no longer has, as the local table allows it. */
  readonly absence: GoneRule;
  /** The column that names a row for people; null: there is none. */
  readonly name: string | null;
  /** The columns of both ends, by name. */
  readonly columns: EndColumns;
  /** True when both databases are in UTF-8, so that equal texts are equal bytes. */
  readonly isUtf8: boolean;
  readonly encodings: { readonly [side in Side]: string };
  /** True when both servers hash records, and equal texts alike. */
  readonly hashesRecords: boolean;
}

/** What the two catalogues tell. */
interface DownloadEnds {
  readonly local: TableShape;
  readonly remote: TableShape;
  readonly encodings: DownloadPlan['encodings'];
  readonly hashesRecords: boolean;
  /** The columns that the last download carried; null: not known. */
  readonly before: readonly string[] | null;
}

const NAME_COLUMN = 'name';

/**
 * Compares the two tables.
 * @throws DatabaseFailure `schema` - a column is missing, cannot be written, or has types that do not fit: see {@link findProblems}
 */
export function planDownload(owned: OwnedTable, ends: DownloadEnds): DownloadPlan {
  const columns = { local: byName(ends.local.columns), remote: byName(ends.remote.columns) };
  checkNeeded(owned, columns, ends.before);
  const shared = ends.local.columns.filter((column) => isWritable(column) && columns.remote.has(column.name));
  const others = shared.filter(({ name }) => !isLeftOut(owned, name) && !owned.key.includes(name));
  const carried = [...owned.key, ...others.map(({ name }) => name)];
  const absence = planAbsence(owned, columns.local);
  const isUtf8 = Object.values(ends.encodings).every((encoding) => encoding === 'UTF8');
  const isGiven =
    absence.rule === 'deactivate' && absence.present !== null && !carried.includes(absence.column)
      ? [absence.column]
      : [];
  const written = [...carried, ...isGiven];
  const mayDiffer = ({ name, isIdentity }: Column): boolean =>
    written.includes(name) && !owned.key.includes(name) && !isIdentity;
  return {
    ...withoutRule(owned),
    carried,
    written,
    compared: ends.local.columns.filter(mayDiffer).map(({ name }) => name),
    absence,
    name: carried.includes(NAME_COLUMN) && owned.secret?.includes(NAME_COLUMN) !== true ? NAME_COLUMN : null,
    columns,
    isUtf8,
    encodings: ends.encodings,
    hashesRecords: isUtf8 && ends.hashesRecords,
  };
}

/** What a plan keeps of the settings. */
function withoutRule({ gone: _gone, ...table }: OwnedTable): Omit<OwnedTable, 'gone'> {
  return table;
}

/** A name that no column of the table has. */
export function freeName({ columns }: Pick<DownloadPlan, 'columns'>, wanted: string): string {
  let name = wanted;
  while (columns.local.has(name) || columns.remote.has(name)) name += '_';
  return name;
}

/** What stands in the way, told at once; the place is that of the first. */
function checkNeeded(owned: OwnedTable, columns: EndColumns, before: readonly string[] | null): void {
  const problems = findProblems(owned, columns, before);
  const [first] = problems;
  if (first === undefined) return;
  const messages = problems.map(({ message }) => message).join('; ');
  throw new DatabaseFailure('schema', `${messages}; nothing was changed`, first.place);
}

/** A boolean column of one of these names says whether a row is in use. */
const ACTIVITY_COLUMNS = ['active', 'is_active'];

/**
 * The rule of the settings. Without one a row that is gone is deactivated where a boolean column can say so, and where the
 * remote lacks that column a row is active exactly when the remote has it; else the row is kept.
 * @throws DatabaseFailure `schema` - the column of the rule is missing, or is no column to be written
 */
function planAbsence(owned: OwnedTable, local: ReadonlyMap<string, Column>): GoneRule {
  const { gone } = owned;
  if (gone === undefined) {
    const column = ACTIVITY_COLUMNS.find((name) => isActivity(local.get(name)));
    if (column === undefined || owned.key.includes(column)) return { rule: 'keep' };
    return { rule: 'deactivate', column, value: 'false', present: 'true' };
  }
  if (gone.rule !== 'deactivate') return gone;
  const column = local.get(gone.column);
  if (column !== undefined && isWritable(column) && !owned.key.includes(gone.column)) return gone;
  const table = toTableName(owned.table);
  const problem = column === undefined ? `has no column ${gone.column}` : `does not let column ${gone.column} be set`;
  const message = `local database: table ${table} ${problem}, by which the settings mark rows that the remote no longer has`;
  throw new DatabaseFailure('schema', message, { side: 'local', table, column: gone.column });
}

function isActivity(column: Column | undefined): boolean {
  return column?.baseType === 'boolean' && isWritable(column);
}
