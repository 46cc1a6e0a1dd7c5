import { type Column, type TableRef, type TableShape, toTableName } from '../model/table.js';
import { DatabaseFailure } from './errors.js';
import { relation } from './identifier.js';
import type { Statement } from './statement.js';
import { run, type Session } from './session.js';

/** The object id of a table, null where there is none by this name or where it may not be seen. */
export function selectTableId(table: TableRef): Statement {
  return { text: 'select to_regclass($1)::oid::text as id', values: [relation(table)] };
}

/** The columns of a table in one sorted order, so that every statement made from them is stable. */
export function selectColumns(tableId: string): Statement {
  return {
    text: `
      select a.attname as name,
        pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
        a.attnotnull::text as not_null,
        (a.atthasdef or a.attidentity <> '')::text as has_default,
        (a.attgenerated <> '' or a.attidentity = 'a')::text as is_generated
      from pg_catalog.pg_attribute a
      where a.attrelid = $1::oid
        and a.attnum > 0
        and not a.attisdropped
      order by a.attname collate "C"`,
    values: [tableId],
  };
}

/** The column sets that are unique over all rows: a partial or deferred index, or one on expressions, promises less. */
export function selectUniqueKeys(tableId: string): Statement {
  return {
    text: `
      select array_to_json(array(
          select a.attname
          from unnest(i.indkey[0:i.indnkeyatts - 1]) with ordinality as k(attnum, position)
          join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
          order by k.position))::text as columns
      from pg_catalog.pg_index i
      where i.indrelid = $1::oid
        and i.indisunique
        and i.indisvalid
        and i.indimmediate
        and i.indpred is null
        and i.indexprs is null
      order by i.indexrelid`,
    values: [tableId],
  };
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly not_null: string;
  readonly has_default: string;
  readonly is_generated: string;
}

/**
 * What the catalogue tells of a table, read anew each time: a column that was added while we run is picked up.
 * @throws DatabaseFailure `schema` - there is no such table, or this user may not see its schema
 */
export async function readTableShape(session: Session, table: TableRef): Promise<TableShape> {
  const [found] = await run<{ id: string | null }>(session, selectTableId(table));
  if (found === undefined || found.id === null) {
    const name = toTableName(table);
    const { side } = session;
    throw new DatabaseFailure('schema', `${side} database: there is no table ${name}, or this user may not see it`, {
      side,
      table: name,
    });
  }
  const columns = await run<ColumnRow>(session, selectColumns(found.id));
  const uniqueKeys = await run<{ columns: string }>(session, selectUniqueKeys(found.id));
  return {
    table,
    columns: columns.map(toColumn),
    uniqueKeys: uniqueKeys.map((row) => JSON.parse(row.columns) as string[]),
  };
}

function toColumn(row: ColumnRow): Column {
  return {
    name: row.name,
    type: row.type,
    notNull: row.not_null === 'true',
    hasDefault: row.has_default === 'true',
    isGenerated: row.is_generated === 'true',
  };
}
