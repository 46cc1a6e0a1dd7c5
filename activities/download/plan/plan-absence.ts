import { type Column, type GoneRule, type OwnedTable, toTableName } from '../../../src/model/table.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';

/** What becomes of a row that the remote no longer has, as the local table allows it. */
export type Absence = GoneRule;

/** A boolean column of one of these names says whether a row is in use. */
const ACTIVITY_COLUMNS = ['active', 'is_active'];

/**
 * The rule of the settings. Without one a row that is gone is deactivated where a boolean column can say so, and where the
 * remote lacks that column a row is active exactly when the remote has it; else the row is kept.
 * @throws DatabaseFailure `schema` - the column of the rule is missing, or is no column to be written
 */
export function planAbsence(owned: OwnedTable, local: ReadonlyMap<string, Column>): Absence {
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

/** An identity column takes a value when it is told to; a computed one never does. */
export function isWritable({ isGenerated, isIdentity }: Column): boolean {
  return !isGenerated || isIdentity;
}
