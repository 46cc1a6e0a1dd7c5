import { type Column, type TableRef, type TableShape, toTableName } from '../model/table.js';
import { DatabaseFailure } from './errors.js';
import { literal, relation } from './identifier.js';
import type { Statement } from './statement.js';
import { run, type Session } from './session.js';

/** The object id of a table, null where there is none by this name or where it may not be seen. */
export function selectTableId(table: TableRef): Statement {
  return { text: 'select to_regclass($1)::oid::text as id', values: [relation(table)] };
}

/**
 * True for a type whose binary form means the same on every server. Arrays and composites of types that are not
 * PostgreSQL's own hold object ids, `regclass` and its kind are object ids, and some types have no binary form.
 */
const IS_PORTABLE = `
  t.typsend <> 0 and t.typreceive <> 0 and t.typtype <> 'c'
  and (t.typtype <> 'r' or t.typnamespace = 'pg_catalog'::regnamespace)
  and (e.oid is null or e.typtype = 'b' and e.typnamespace = 'pg_catalog'::regnamespace and e.typname not like 'reg%')
  and not (t.typnamespace = 'pg_catalog'::regnamespace and t.typname like 'reg%')`;

/** The columns of a table in one sorted order, so that every statement made from them is stable. */
function selectColumns(tableId: string): Statement {
  return {
    text: `
      with recursive resolved(attnum, typid, typmod) as (
        select a.attnum, a.atttypid, a.atttypmod
        from pg_catalog.pg_attribute a
        where a.attrelid = $1::oid
        union all
        select r.attnum, d.typbasetype, d.typtypmod
        from resolved r
        join pg_catalog.pg_type d on d.oid = r.typid and d.typtype = 'd'
      )
      select a.attname as name,
        pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
        case
          when x.objid is null then pg_catalog.format_type(r.typid, r.typmod)
          else regexp_replace(pg_catalog.format_type(r.typid, r.typmod), '^("([^"]|"")+"|[^".]+)\\.', '')
        end as base_type,
        (${IS_PORTABLE})::text as is_portable,
        (t.typtype = 'e')::text as is_enum,
        a.attnotnull::text as not_null,
        (a.atthasdef or a.attidentity <> '')::text as has_default,
        (a.attgenerated <> '' or a.attidentity = 'a')::text as is_generated,
        (a.attidentity = 'a')::text as is_identity
      from pg_catalog.pg_attribute a
      join resolved r on r.attnum = a.attnum
      join pg_catalog.pg_type t on t.oid = r.typid and t.typtype <> 'd'
      left join pg_catalog.pg_type e on e.oid = t.typelem and t.typcategory = 'A'
      left join pg_catalog.pg_depend x
        on x.classid = 'pg_catalog.pg_type'::regclass and x.objid = coalesce(e.oid, t.oid) and x.deptype = 'e'
      where a.attrelid = $1::oid
        and a.attnum > 0
        and not a.attisdropped
      order by a.attname collate "C"`,
    values: [tableId],
  };
}

/** The column sets that are unique over all rows: a partial or deferred index, or one on expressions, promises less. */
function selectUniqueKeys(tableId: string): Statement {
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

/** What a table is made of: itself, its partitions and the tables that inherit from it. */
function selectStorage(tableId: string): Statement {
  return {
    text: `
      with recursive parts(id) as (
        select $1::oid
        union
        select i.inhrelid
        from parts p
        join pg_catalog.pg_inherits i on i.inhparent = p.id
      )
      select bool_and(c.relkind in ('r', 'p'))::text as is_own_table,
        bool_and(c.relpersistence = 'p')::text as is_durable,
        ${columnsOfParts('$1::oid')} as columns_of_parts
      from parts p
      join pg_catalog.pg_class c on c.oid = p.id`,
    values: [tableId],
  };
}

/**
 * A digest of a table's columns as SQL: another one when a column is added, dropped, renamed or defined anew; null where there
 * is no such table.
 */
export function columnsDigest(table: TableRef): string {
  return `(select md5(string_agg(concat_ws(',',attnum,attname,atttypid,atttypmod,attnotnull,atthasdef,attgenerated,attidentity),' 'order by attnum)) from pg_catalog.pg_attribute where attrelid=to_regclass(${literal(relation(table))}) and attnum>0 and not attisdropped)`;
}

/**
 * The columns that only tables which inherit from a table have, save those that are computed, as SQL: a JSON array as text.
 * Partitions are not looked at: they have the columns of their table, and can be thousands.
 */
export function columnsOfParts(tableId: string): string {
  return `array_to_json(array(
          with recursive parts(id) as (
            select c.oid
            from pg_catalog.pg_class c
            where c.oid = ${tableId}
              and c.relkind <> 'p'
            union
            select i.inhrelid
            from parts p
            join pg_catalog.pg_inherits i on i.inhparent = p.id
          )
          select distinct a.attname
          from parts p
          join pg_catalog.pg_attribute a on a.attrelid = p.id
          where a.attnum > 0
            and not a.attisdropped
            and a.attgenerated = ''
            and a.attname not in (
              select o.attname
              from pg_catalog.pg_attribute o
              where o.attrelid = ${tableId}
                and o.attnum > 0
                and not o.attisdropped)
          order by a.attname))::text`;
}

interface StorageRow {
  readonly is_own_table: string;
  readonly is_durable: string;
  readonly columns_of_parts: string;
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly base_type: string;
  readonly is_portable: string;
  readonly is_enum: string;
  readonly not_null: string;
  readonly has_default: string;
  readonly is_generated: string;
  readonly is_identity: string;
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
  const [storage] = await run<StorageRow>(session, selectStorage(found.id));
  return {
    table,
    isOwnTable: storage?.is_own_table === 'true',
    isDurable: storage?.is_durable === 'true',
    columns: columns.map(toColumn),
    columnsOfParts: JSON.parse(storage?.columns_of_parts ?? '[]') as string[],
    uniqueKeys: uniqueKeys.map((row) => JSON.parse(row.columns) as string[]),
  };
}

function toColumn(row: ColumnRow): Column {
  return {
    name: row.name,
    type: row.type,
    baseType: row.base_type,
    isPortable: row.is_portable === 'true',
    isEnum: row.is_enum === 'true',
    notNull: row.not_null === 'true',
    hasDefault: row.has_default === 'true',
    isGenerated: row.is_generated === 'true',
    isIdentity: row.is_identity === 'true',
  };
}
