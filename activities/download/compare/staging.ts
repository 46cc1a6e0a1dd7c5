import type { OwnedTable } from '../../../src/model/table.js';
import { ident, idents, literal, relation } from '../../../src/postgres/identifier.js';
import type { Statement } from '../../../src/postgres/statement.js';
import { type DownloadPlan, freeName } from '../plan/plan-download.js';

/** The rows that were fetched from the remote, in the local types; lives as long as the local transaction. */
export const STAGED = 'pg_temp.meter_sync_staged';
/** Key and row hash of the remote rows that are looked into. */
export const REMOTE_ROWS = 'pg_temp.meter_sync_remote';
/** Key and row hash of the local rows that are looked into, as they were before the download. */
export const LOCAL_ROWS = 'pg_temp.meter_sync_local';
/** What is remembered of the rows that are looked into. */
export const REMEMBERED = 'pg_temp.meter_sync_remembered';
/** Keys of the remote rows that have to be fetched. */
export const WANTED = 'pg_temp.meter_sync_wanted';
/** Local rows that the remote once had and has no longer. */
export const GONE = 'pg_temp.meter_sync_gone';
/** Rows that the local table has taken, with their local hash. */
export const DONE = 'pg_temp.meter_sync_done';
/** Rows that the local table has not taken. */
export const TROUBLE = 'pg_temp.meter_sync_trouble';

/** The two columns of the staging table that are none of the table's own. */
export function hashNames(plan: Pick<DownloadPlan, 'columns'>): { readonly key: string; readonly row: string } {
  return { key: freeName(plan, 'key_hash'), row: freeName(plan, 'row_hash') };
}

/** Empty tables of a download; what those of the change set hold is told in `changes.ts`. The staging table has the local types, so that a value is read exactly as the table reads it. */
export function createTables(plan: DownloadPlan): string {
  const { table, written, absence, carried } = plan;
  const names = hashNames(plan);
  const hashes = `null::bigint as ${ident(names.key)}, null::bigint as ${ident(names.row)}`;
  const isGiven = absence.rule === 'deactivate' && !carried.includes(absence.column) && absence.present !== null;
  return [
    `create temporary table meter_sync_staged on commit drop as
       select ${hashes}, ${idents(written)} from ${relation(table)} with no data`,
    ...(isGiven
      ? [`alter table ${STAGED} alter column ${ident(absence.column)} set default ${literal(absence.present ?? '')}`]
      : []),
    'create temporary table meter_sync_remote (key_hash bigint, row_hash bigint not null) on commit drop',
    'create temporary table meter_sync_local (key_hash bigint, row_hash bigint not null) on commit drop',
    `create temporary table meter_sync_remembered
       (key_hash bigint not null, remote_hash bigint, local_hash bigint, is_brought boolean not null, state text) on commit drop`,
    'create temporary table meter_sync_wanted (key_hash bigint not null) on commit drop',
    `create temporary table meter_sync_change (
       place bigint generated always as identity, key_hash bigint not null, kind text not null, key text not null, name text,
       fields text[] not null default '{}', was jsonb, becomes jsonb, is_local_edit boolean not null
     ) on commit drop`,
    'create temporary table meter_sync_done (key_hash bigint not null, row_hash bigint) on commit drop',
    'create temporary table meter_sync_trouble (key_hash bigint not null, row_hash bigint, state text not null) on commit drop',
  ].join(';\n');
}

/** The COPY that takes what {@link import('./fetch-rows.js').fetchRows} gives. */
export function copyIntoStaged(plan: DownloadPlan): string {
  const names = hashNames(plan);
  return `copy ${STAGED} (${idents([names.key, names.row, ...plan.carried])}) from stdin`;
}

/** Of the columns by which it is joined: those of all columns take as long as the copy itself. */
export function analyzeStaged(plan: DownloadPlan): string {
  return `analyze ${STAGED} (${idents([...plan.key, ...Object.values(hashNames(plan))])})`;
}

/** True for rows of the site's tenants, or for all. COPY takes no parameters; an untyped literal takes the column's type. */
export function isOwned(filter: OwnedTable['filter'], alias: string): string {
  if (filter === null) return 'true';
  const values = filter.values.map(literal).join(', ');
  return `${alias}.${ident(filter.column)} ${filter.values.length === 1 ? `= ${values}` : `in (${values})`}`;
}

/** Answers with nothing, or with an error when a value of the filter is none of its column's type. */
export function tryFilter({ table, filter }: OwnedTable): Statement {
  return { text: `select from ${relation(table)} as r where ${isOwned(filter, 'r')} limit 0`, values: [] };
}

/** Rows of the tenants in the table itself, at either end. */
export function countOwned({ table, filter }: OwnedTable): Statement {
  return {
    text: `select count(*)::text as rows from ${relation(table)} as r where ${isOwned(filter, 'r')}`,
    values: [],
  };
}
