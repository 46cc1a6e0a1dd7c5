import { ident, idents, literal, relation } from '../../../src/postgres/identifier.js';
import { type DownloadPlan, freeName } from '../plan/plan-download.js';

/*
 * The temporary tables of a download, at most four, are made here and end with the local transaction.
 *
 * | Table       | Filled by                                 | Read by                                | Not made, or empty |
 * |-------------|-------------------------------------------|----------------------------------------|--------------------|
 * | LISTED      | `find-differences`: the remote's list     | `find-differences`, `check-keys`       | not made when all is fetched at once, empty when the remote is as remembered |
 * | DIFFERENCES | `find-differences`; what became of a row: | all that follows, `memory` at last     | empty when an end says other sums for equal rows |
 * |             | `refused-rows`, `write-rows`,             |                                        | |
 * |             | `apply-changes`                           |                                        | |
 * | STAGED      | `fetch-different`: the remote's rows      | `find-changes`, apply, guard, history  | not made when no row has to be fetched |
 * | CHANGES     | `find-changes`                            | guard, history, rows left out          | empty when no row is new, changed or gone |
 *
 * Rows leave STAGED in two places: `fetch-different` deletes those that nobody wants, where all were fetched, and `set-aside`
 * those that wait for a parent. What is applied is asked anew of STAGED and DIFFERENCES (`write-rows`), by the conditions that
 * CHANGES was found by.
 */

/** Key hash and row hash of all remote rows, in arrays of some rows each. */
export const LISTED = 'pg_temp.meter_sync_listed';

/**
 * The rows in which the two ends differ, and those of which the memory is out of date; no other row needs anything.
 *
 * `remote_hash`, `local_hash`: as the ends are now; null: no such row. `had_remote`, `had_local`, `is_brought`, `state`: as the
 * memory has it; null: not remembered. `is_wanted`: to be fetched; `is_gone`: the remote had it once. Then what became of it:
 * `is_done`, `done_hash` (as the local table took it; null: deleted), `trouble` (`waiting`, `refused`).
 */
export const DIFFERENCES = 'pg_temp.meter_sync_difference';

/** The rows that were fetched, in the local types, so that a value is read exactly as the table reads it, with the hash of their key and, where no list has told it, that of the row. */
export const STAGED = 'pg_temp.meter_sync_staged';

/**
 * The change set as the guard judges it and the history tells it, known before anything is applied: `place`, `key_hash`, `kind`
 * (`new`, `changed`, `gone`), `key` (a JSON array of texts), `name`, `fields` (names of changed columns), `was` and `becomes` (JSON
 * objects of texts, without columns marked secret), `is_local_edit` (the site has changed it, not the remote).
 */
export const CHANGES = 'pg_temp.meter_sync_change';

/** DIFFERENCES and CHANGES: made before rows are compared, where the sums of both ends did not settle it. */
export const CREATE_TABLES: readonly string[] = [
  `create temporary table meter_sync_difference (
     key_hash bigint, remote_hash bigint, local_hash bigint, had_remote bigint, had_local bigint, done_hash bigint,
     is_brought boolean, is_wanted boolean not null, is_gone boolean not null, is_ambiguous boolean not null,
     is_done boolean not null default false, state text, trouble text
   ) on commit drop`,
  `create temporary table meter_sync_change (
     place bigint generated always as identity, key_hash bigint not null, kind text not null, key text not null, name text,
     fields text[] not null default '{}', was text, becomes text, is_local_edit boolean not null
   ) on commit drop`,
];

/** Made apart: a first fill, which fetches all at once, asks for no list. */
export const CREATE_LISTED =
  'create temporary table meter_sync_listed (key_hash bigint[], row_hash bigint[]) on commit drop';

/** The two columns of the staging table that are none of the table's own. */
export function hashNames(plan: Pick<DownloadPlan, 'columns'>): { readonly key: string; readonly row: string } {
  return { key: freeName(plan, 'key_hash'), row: freeName(plan, 'row_hash') };
}

/** With the types of the local table; what `deactivate` gives a row that is there is its default, where the remote has no such column. */
export function createStaged(plan: DownloadPlan): readonly string[] {
  const { table, written, absence, carried } = plan;
  const names = hashNames(plan);
  const hashes = `null::bigint as ${ident(names.key)}, null::bigint as ${ident(names.row)}`;
  const create = `create temporary table meter_sync_staged on commit drop as select ${hashes}, ${idents(written)} from ${relation(table)} with no data`;
  if (absence.rule !== 'deactivate' || carried.includes(absence.column) || absence.present === null) return [create];
  return [
    create,
    `alter table ${STAGED} alter column ${ident(absence.column)} set default ${literal(absence.present)}`,
  ];
}
