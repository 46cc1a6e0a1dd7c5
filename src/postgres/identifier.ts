import pg from 'pg';
import type { TableRef } from '../model/table.js';

/** A name as an SQL identifier, always quoted: upper case, blanks, quotes and reserved words stay what they are. */
export function ident(name: string): string {
  return pg.escapeIdentifier(name);
}

/** Names as a list of identifiers, each behind the alias of its table where one is given. */
export function idents(names: readonly string[], alias?: string): string {
  return names.map((name) => (alias === undefined ? ident(name) : `${alias}.${ident(name)}`)).join(', ');
}

/** A table's name as SQL. Without a schema the search path decides. */
export function relation(table: TableRef): string {
  return table.schema === null ? ident(table.name) : `${ident(table.schema)}.${ident(table.name)}`;
}

/** A text as an SQL literal, for the few places that take no parameters: COPY, and statements folded into one message. */
export function literal(text: string): string {
  return pg.escapeLiteral(text);
}
