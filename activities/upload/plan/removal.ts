import { type QueueTable, toTableName } from '../../../src/model/table.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';
import { keepingOf } from '../keep/kept-readings.js';

/**
 * What keeps PostgreSQL from removing rows of a published table, as SQL: a JSON array of `Obstacle`, or null. Nothing is looked
 * up where no publication publishes deletes. The view of published tables knows those of all tables and of whole schemas;
 * columns that servers before 15 have not are read as JSON, since their names alone would be errors there.
 * Marking a row needs the same as removing it.
 * @param table SQL of the object id of the readings table; of its parts each is asked, since rows are removed from those
 */
export function selectObstacles(table: string, readings: QueueTable): string {
  const publishes = keepingOf(readings) === 'marked' ? '(p.pubdelete or p.pubupdate)' : 'p.pubdelete';
  return `
        case when exists (select from pg_catalog.pg_publication p where ${publishes}) then (
          with recursive parts(id) as (
            select ${table}::oid
            union
            select i.inhrelid from parts p join pg_catalog.pg_inherits i on i.inhparent = p.id
          ), tables as (
            select c.oid as id,
              c.relreplident = 'f' as is_full,
              (
                select array_agg(a.attname)
                from pg_catalog.pg_index i
                join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey[0:i.indnkeyatts - 1])
                where i.indrelid = c.oid
                  and i.indisvalid
                  and i.indimmediate
                  and (c.relreplident = 'd' and i.indisprimary or c.relreplident = 'i' and i.indisreplident)
              ) as identity
            from parts p
            join pg_catalog.pg_class c on c.oid = p.id
            where c.relkind = 'r' and c.relpersistence = 'p'
          ), published as (
            select t.*, p.pubname, o.id as as_id, to_jsonb(r) as entry
            from tables t
            cross join lateral (
              select t.id union select a.relid::oid from pg_catalog.pg_partition_ancestors(t.id) a
            ) as o(id)
            join pg_catalog.pg_class c on c.oid = o.id
            join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            join pg_catalog.pg_publication_tables v on v.schemaname = n.nspname and v.tablename = c.relname
            join pg_catalog.pg_publication p on p.pubname = v.pubname and ${publishes}
            left join pg_catalog.pg_publication_rel r on r.prpubid = p.oid and r.prrelid = o.id
          ), asked as (
            select id, is_full, identity, pubname,
              array(
                select a.attname
                from regexp_matches(entry ->> 'prqual', ':varattno ([0-9]+)', 'g') as m(number)
                join pg_catalog.pg_attribute a on a.attrelid = as_id and a.attnum = m.number[1]::smallint
              ) as filter
            from published
          )
          select json_agg(json_build_object('table', id::regclass::text, 'publication', pubname, 'filter', missing))::text
          from (
            select id, pubname, array(select distinct f from unnest(filter) f where f <> all(coalesce(identity, '{}'))) as missing,
              identity
            from asked
            where not is_full
            order by id::regclass::text, pubname
          ) as o
          where identity is null or cardinality(missing) > 0
        ) end`;
}

/** A table that is published in a way that lets nothing be removed from it. */
interface Obstacle {
  readonly table: string;
  readonly publication: string;
  /** The columns of its row filter that are outside its replica identity; none: it has no replica identity. */
  readonly filter: readonly string[];
}

/**
 * Makes sure that readings can be removed at the site, as far as its catalogue tells.
 * @throws DatabaseFailure `schema` - names the table and the statement that helps; nothing has moved
 */
export function checkRemoval({ table }: QueueTable, found: string | null): void {
  const [first] = found === null ? [] : (JSON.parse(found) as Obstacle[]);
  if (first === undefined) return;
  const reason =
    first.filter.length > 0
      ? `the row filter of publication ${first.publication} uses ${first.filter.join(', ')}, outside its replica identity`
      : `publication ${first.publication} publishes its deletes, and it has no replica identity`;
  const next = `Ask the DBA of the local database to run: alter table ${first.table} replica identity full`;
  const message = `local database: no reading can be removed from ${first.table}, so none is uploaded: ${reason}`;
  throw new DatabaseFailure('schema', message, { side: 'local', table: toTableName(table), next });
}

/** A statement that the way a table is published refuses: no replica identity; a filter or a list of columns outside it. */
const OF_PUBLICATION = new Set<string>([SQLSTATE.notInPrerequisiteState, SQLSTATE.invalidColumnReference]);

/**
 * A failure of the site's own removal as what it is: the table's rules for its rows, which no further attempt can pass. No
 * reading is to blame, and none has moved, since the remote has not committed.
 */
export function toRemovalFailure(error: unknown, { table }: QueueTable): unknown {
  if (!(error instanceof DatabaseFailure) || error.place.side !== 'local') return error;
  const { sqlstate } = error;
  if (error.kind !== 'data' && !OF_PUBLICATION.has(sqlstate ?? '')) return error;
  const name = toTableName(table);
  const { constraint, table: other } = error.place;
  const message = `${error.message}; no reading can be removed from ${name} as long as that holds, so none is uploaded`;
  return new DatabaseFailure('schema', message, {
    ...{ side: 'local', table: name, constraint, sqlstate, cause: error },
    next: `Ask the DBA of the local database: ${toRemedy(sqlstate, { name, constraint, other })}`,
  });
}

function toRemedy(
  sqlstate: string | null,
  { name, constraint, other }: { name: string; constraint: string | null; other: string | null },
): string {
  if (OF_PUBLICATION.has(sqlstate ?? ''))
    return `alter table ${name} replica identity full, or publish it without deletes`;
  if (constraint !== null) {
    return `constraint ${constraint}${other === null ? '' : ` of ${other}`} must let readings go (on delete cascade, or on delete set null)`;
  }
  return `the triggers and rules of ${name} must let the user of the sync remove readings`;
}
