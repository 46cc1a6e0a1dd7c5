import type { TableRef } from '../model/table.js';
import { relation } from './identifier.js';
import { run, type Session } from './session.js';
import type { Statement } from './statement.js';

/** A foreign key of a table whose parents this user can look up. */
export interface ForeignKey {
  readonly constraint: string;
  readonly columns: readonly string[];
  /** The table that it refers to, as SQL. */
  readonly parent: string;
  /** The parent's columns, in the order of `columns`. */
  readonly parentColumns: readonly string[];
  /** True when the table refers to itself. */
  readonly isOwnParent: boolean;
}

/**
 * Foreign keys that hold for all rows and are asked only when none of their columns is null, and whose parents this user
 * sees all of: PostgreSQL itself looks with the rights of the owner.
 */
function selectForeignKeys(table: TableRef): Statement {
  const names = (numbers: string, owner: string): string => `
        array_to_json(array(
          select a.attname
          from unnest(c.${numbers}) with ordinality as k(attnum, position)
          join pg_catalog.pg_attribute a on a.attrelid = c.${owner} and a.attnum = k.attnum
          order by k.position))::text`;
  return {
    text: `
      select c.conname as constraint_name,
        ${names('conkey', 'conrelid')} as columns,
        format('%I.%I', n.nspname, p.relname) as parent,
        ${names('confkey', 'confrelid')} as parent_columns,
        (c.confrelid = c.conrelid)::text as is_own_parent
      from pg_catalog.pg_constraint c
      join pg_catalog.pg_class p on p.oid = c.confrelid
      join pg_catalog.pg_namespace n on n.oid = p.relnamespace
      where c.conrelid = to_regclass($1)
        and c.contype = 'f'
        and c.convalidated
        and (c.confmatchtype = 's' or cardinality(c.conkey) = 1)
        and has_schema_privilege(n.oid, 'usage')
        and has_table_privilege(p.oid, 'select')
        and not row_security_active(p.oid)
      order by c.conname`,
    values: [relation(table)],
  };
}

interface ForeignKeyRow {
  readonly constraint_name: string;
  readonly columns: string;
  readonly parent: string;
  readonly parent_columns: string;
  readonly is_own_parent: string;
}

/** Reads the foreign keys of a table, as far as this user can look up what they refer to. */
export async function readForeignKeys(session: Session, table: TableRef): Promise<ForeignKey[]> {
  const rows = await run<ForeignKeyRow>(session, selectForeignKeys(table));
  return rows.map((row) => ({
    constraint: row.constraint_name,
    columns: JSON.parse(row.columns) as string[],
    parent: row.parent,
    parentColumns: JSON.parse(row.parent_columns) as string[],
    isOwnParent: row.is_own_parent === 'true',
  }));
}
