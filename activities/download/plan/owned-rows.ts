import { type OwnedTable, toTableName } from '../../../src/model/table.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { ident, literal, relation } from '../../../src/postgres/identifier.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { plain, type Statement } from '../../../src/postgres/statement.js';

/** True for rows of the site's tenants, or for all. COPY takes no parameters; an untyped literal takes the column's type. */
export function isOwned(filter: OwnedTable['filter'], alias: string): string {
  if (filter === null) return 'true';
  const values = filter.values.map(literal).join(', ');
  return `${alias}.${ident(filter.column)} ${filter.values.length === 1 ? `= ${values}` : `in (${values})`}`;
}

/** Rows of the tenants in the table itself, at either end. */
export function countOwned({ table, filter }: OwnedTable): Statement {
  return plain(`select count(*)::text as rows from ${relation(table)} as r where ${isOwned(filter, 'r')}`);
}

/**
 * A tenant that the filter's column cannot hold is a mistake of the settings, and no row's.
 * @throws DatabaseFailure `config` - names the tenant and the column
 */
export async function checkFilter(session: Session, { filter, table }: OwnedTable): Promise<void> {
  if (filter === null) return;
  try {
    await run(session, plain(`select from ${relation(table)} as r where ${isOwned(filter, 'r')} limit 0`));
  } catch (error) {
    if (!(error instanceof DatabaseFailure) || error.kind !== 'data') throw error;
    const name = toTableName(table);
    const values = filter.values.map((value) => `'${value}'`).join(', ');
    const message = `${session.side} database: the tenant of the settings, ${values}, is no value of column ${filter.column} of table ${name}`;
    const place = { side: session.side, table: name, column: filter.column };
    throw new DatabaseFailure('config', message, { ...place, sqlstate: error.sqlstate, cause: error });
  }
}
