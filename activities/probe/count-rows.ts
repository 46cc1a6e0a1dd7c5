import type { OwnedTable } from '../../src/model/table.js';
import { ident, relation } from '../../src/postgres/identifier.js';
import type { Statement } from '../../src/postgres/statement.js';

/** How many rows of a table belong to the site. */
export function countRows({ table, filter }: OwnedTable): Statement {
  const where = filter === null ? '' : `where t.${ident(filter.column)}::text = $1::text`;
  return {
    text: `select count(*)::text as rows from ${relation(table)} as t ${where}`,
    values: filter === null ? [] : [filter.value],
  };
}
