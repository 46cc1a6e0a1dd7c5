import type { TableRef } from '../model/table.js';
import { literal, relation } from './identifier.js';

/**
 * False when rows may be missing to a statement that reads this table or view, as SQL for that very statement: a table below it was
 * truncated or rewritten after the statement's snapshot was taken. `truncate` is not MVCC-safe: to an older snapshot the table is then
 * empty, and so it is for a reader that has waited for it, be it filled anew in the same transaction or not.
 * https://www.postgresql.org/docs/current/mvcc-caveats.html
 *
 * Whoever reads `pg_class` sees the file of a table as the snapshot has it, `pg_relation_filenode` says which one is read. By the
 * time of the question the statement holds its locks on all tables below, those of nested views and all partitions, so no other
 * `truncate` can follow. What functions and other servers read is not seen.
 */
export function isReadWhole(table: TableRef): string {
  return `
    with recursive below(id, kind, file) as (
      select oid, relkind, relfilenode
      from pg_catalog.pg_class
      where oid = to_regclass(${literal(relation(table))})
      union
      select c.oid, c.relkind, c.relfilenode
      from below as b
      cross join lateral (
        select inhrelid as id
        from pg_catalog.pg_inherits
        where inhparent = b.id
        union all
        select d.refobjid
        from pg_catalog.pg_rewrite as r
        join pg_catalog.pg_depend as d on d.objid = r.oid and d.classid = 'pg_rewrite'::regclass
        where r.ev_class = b.id and b.kind = 'v' and d.refclassid = 'pg_class'::regclass
      ) as n
      join pg_catalog.pg_class as c on c.oid = n.id
    )
    select coalesce(bool_and(coalesce(file in (0, pg_relation_filenode(id)), false)), false) from below`;
}
