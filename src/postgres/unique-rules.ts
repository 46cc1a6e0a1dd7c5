import type { TableRef } from '../model/table.js';
import { relation } from './identifier.js';
import { run, type Session } from './session.js';

/** A rule by which two rows of a table exclude each other: a unique key, a unique index of any kind, or an exclusion constraint. */
export interface UniqueRule {
  /** What it compares, as SQL over the table's columns without an alias, and the operator that is true for two rows that collide. */
  readonly parts: readonly { readonly text: string; readonly operator: string }[];
  /** True for the rows that it holds for, as SQL in the same way. */
  readonly predicate: string;
  /** True for `nulls not distinct`, which came with PostgreSQL 15. */
  readonly nullsCollide: boolean;
  /** The columns that it looks at, those of expressions and of the predicate among them. */
  readonly columns: readonly string[];
}

/** The constraint of a key names its columns itself; of an expression the index depends on them. */
const SELECT_RULES = `
  select coalesce(pg_get_expr(i.indpred, i.indrelid, true), 'true') as predicate,
    coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false') as nulls_collide,
    array_to_json(array(
      select json_build_object('text', pg_get_indexdef(i.indexrelid, k.no, true), 'operator', format('operator(%I.%s)', n.nspname, o.oprname))
      from generate_series(1, i.indnkeyatts) as k(no)
      join pg_catalog.pg_opclass as t on t.oid = i.indclass[k.no - 1]
      left join pg_catalog.pg_amop as e on e.amopfamily = t.opcfamily and e.amopstrategy = 3
        and e.amoplefttype = t.opcintype and e.amoprighttype = t.opcintype
      join pg_catalog.pg_operator as o on o.oid = coalesce(c.conexclop[k.no], e.amopopr)
      join pg_catalog.pg_namespace as n on n.oid = o.oprnamespace
      order by k.no))::text as parts,
    array_to_json(array(
      select a.attname
      from pg_catalog.pg_attribute as a
      where a.attrelid = i.indrelid and a.attnum > 0
        and (a.attnum = any (i.indkey[0:i.indnkeyatts - 1]) or exists (
          select
          from pg_catalog.pg_depend as d
          where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid
            and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid and d.refobjsubid = a.attnum))
      order by a.attname))::text as columns
  from pg_catalog.pg_index as i
  left join pg_catalog.pg_constraint as c on c.conindid = i.indexrelid and c.conexclop is not null
  where i.indrelid = to_regclass($1) and (i.indisunique or i.indisexclusion)
  order by i.indexrelid`;

/** Reads by which rules the rows of a table exclude each other. */
export async function readUniqueRules(session: Session, table: TableRef): Promise<UniqueRule[]> {
  const rows = await run<Record<'predicate' | 'nulls_collide' | 'parts' | 'columns', string>>(session, {
    text: SELECT_RULES,
    values: [relation(table)],
  });
  return rows.map(({ predicate, nulls_collide: nullsCollide, parts, columns }) => ({
    predicate,
    nullsCollide: nullsCollide === 'true',
    parts: JSON.parse(parts) as UniqueRule['parts'],
    columns: JSON.parse(columns) as string[],
  }));
}
