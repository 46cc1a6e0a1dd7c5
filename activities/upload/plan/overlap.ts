import { byName, hasUniqueKey, type TableShape } from '../../../src/model/table.js';

/**
 * When a batch may stream while the one before it is under way: once the site has `sent` that one, once it has `arrived`
 * on the remote, or once it is `done` at both ends.
 */
export type Overlap = 'sent' | 'arrived' | 'done';

/**
 * The overlap that a table of the remote allows, as SQL. At once only where no row of one batch can wait for a row of the
 * other: then the first would wait for the second, which waits for its turn in this program, for ever. So: no trigger of the
 * customer's, whose locks nobody knows, and every unique index holds the whole key. Where something is asked at the commit
 * only, the batch before must be through with it.
 * @param table SQL of the table's object id
 * @param key SQL of an array with the names of the key's columns
 */
export function selectOverlap(table: string, key: string): string {
  return `(
    with recursive parts(id) as (
      select ${table}::oid
      union
      select i.inhrelid from parts p join pg_catalog.pg_inherits i on i.inhparent = p.id
    )
    select case
        when bool_or(exists (select from pg_catalog.pg_trigger t where t.tgrelid = p.id and t.tginitdeferred)) then 'done'
        when bool_or(exists (select from pg_catalog.pg_trigger t where t.tgrelid = p.id and not t.tgisinternal)) then 'arrived'
        when bool_or(exists (select from pg_catalog.pg_index i where i.indrelid = p.id and ${mayWait('i', key)})) then 'arrived'
        else 'sent'
      end
    from parts p)`;
}

/** Whether two rows with different keys can wait for one another in an index. */
function mayWait(index: string, key: string): string {
  return `(${index}.indisexclusion or ${index}.indisunique and (
      exists (
        select from unnest(${key}) as k(name)
        where not exists (
          select from pg_catalog.pg_attribute a
          where a.attrelid = ${index}.indrelid
            and a.attname = k.name
            and a.attnum = any(${index}.indkey[0:${index}.indnkeyatts - 1])))
      or exists (
        select from pg_catalog.pg_collation c
        where c.oid = any(${index}.indcollation) and not c.collisdeterministic)))`;
}

/** The overlap of a run: at once only where two readings of the site never have one key on the remote, either. */
export function planOverlap(
  key: readonly string[],
  { local, remote, allowed }: { local: TableShape; remote: TableShape; allowed: Overlap },
): Overlap {
  const [here, there] = [byName(local.columns), byName(remote.columns)];
  const isSameKey = key.every((name) => here.get(name)?.baseType === there.get(name)?.baseType);
  const keysStayApart = hasUniqueKey(local, key) && isSameKey;
  return allowed === 'sent' && !keysStayApart ? 'arrived' : allowed;
}
