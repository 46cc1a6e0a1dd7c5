import { ident, idents, literal, relation } from '../../../src/postgres/identifier.js';
import type { Statement } from '../../../src/postgres/statement.js';
import { DIFFERENCES, hashNames, STAGED } from '../compare/tables.js';
import { keyHash, rowHash } from '../plan/hashes.js';
import { isOwned } from '../plan/owned-rows.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { describe, differ, isNew, sameKey } from '../plan/row-terms.js';

/** Places of rows, where a statement is for some of them only; null: for all. */
export type Places = readonly string[] | null;

/**
 * A change of all rows at once, and the places of those that need it when they must go apart: of staged rows their `ctid`,
 * of local ones, which may lie in many partitions, the hash of their key.
 */
export interface Step {
  readonly write: (places: Places) => Statement;
  readonly places: Statement;
  /** Key and name of rows, for the log of those that were refused. */
  readonly describe: (places: readonly string[]) => Statement;
}

/** Inserts staged rows whose key is not here. */
export function insertNew(plan: DownloadPlan): Step {
  const { table, written } = plan;
  return {
    write: (places) => ({
      text: noted(
        plan,
        `insert into ${relation(table)} as l (${idents(written)})
         overriding system value
         select ${idents(written, 's')}
         from ${STAGED} as s
         where ${isNew(plan)}${andPlaced(places, 's')}
         order by ${idents(plan.key, 's')}`,
      ),
      values: toValues(places),
    }),
    places: {
      text: `select s.ctid::text as place from ${STAGED} as s where ${isNew(plan)} order by ${idents(plan.key, 's')}`,
      values: [],
    },
    describe: describeStaged(plan),
  };
}

/**
 * Updates rows that differ, in one statement with the comparison. Only `columns` are set, those that differ in a row at
 * all: so no trigger and no index of another column has work.
 */
export function updateChanged(plan: DownloadPlan, columns: readonly string[]): Step {
  const target = relation(plan.table);
  return {
    write: (places) => ({
      text: noted(
        plan,
        `update ${target} as l
         set ${columns.map((name) => `${ident(name)} = s.${ident(name)}`).join(', ')}
         from ${STAGED} as s
         where ${sameKey(plan, 's', 'l')} and ${differ(plan, columns)}${andPlaced(places, 's')}`,
      ),
      values: toValues(places),
    }),
    places: {
      text: `
        select s.ctid::text as place
        from ${STAGED} as s
        join ${target} as l on ${sameKey(plan, 's', 'l')}
        where ${differ(plan, columns)}
        order by ${idents(plan.key, 's')}`,
      values: [],
    },
    describe: describeStaged(plan),
  };
}

/** Deactivates or deletes rows that the remote no longer has; null: they are kept. */
export function retireGone(plan: DownloadPlan): Step | null {
  const { absence, table } = plan;
  if (absence.rule === 'keep') return null;
  const isGone = `${keyHash(plan, 'local', 'l')} in (select d.key_hash from ${DIFFERENCES} as d where d.is_gone) and ${isOwned(plan.filter, 'l')}`;
  const where =
    absence.rule === 'delete'
      ? isGone
      : `l.${ident(absence.column)} is distinct from ${literal(absence.value)} and ${isGone}`;
  const write =
    absence.rule === 'delete'
      ? `delete from ${relation(table)} as l`
      : `update ${relation(table)} as l set ${ident(absence.column)} = ${literal(absence.value)}`;
  const key = keyHash(plan, 'local', 'l');
  const among = (places: Places): string => (places === null ? '' : ` and ${key} = any($1::bigint[])`);
  return {
    write: (places) => ({
      text: noted(plan, `${write} where ${where}${among(places)}`, { isDelete: absence.rule === 'delete' }),
      values: toValues(places),
    }),
    places: { text: `select ${key}::text as place from ${relation(table)} as l where ${where}`, values: [] },
    describe: (places) => ({
      text: `
        select ${key}::text as place, ${key}::text as key_hash, null as row_hash, ${describe(plan, 'l')}
        from ${relation(table)} as l where ${isOwned(plan.filter, 'l')}${among(places)}`,
      values: toValues(places),
    }),
  };
}

/** The change, with a note of each row that it has written: how the local table holds it, triggers and rounding included. */
function noted(plan: DownloadPlan, change: string, { isDelete = false } = {}): string {
  const hash = isDelete ? 'null::bigint' : rowHash(plan, 'local', 'l');
  return `
    with written as (${change} returning ${keyHash(plan, 'local', 'l')} as key_hash, ${hash} as row_hash)
    update ${DIFFERENCES} as d set is_done = true, done_hash = w.row_hash from written as w where d.key_hash = w.key_hash`;
}

function describeStaged(plan: DownloadPlan): Step['describe'] {
  const names = hashNames(plan);
  return (places) => ({
    text: `
      select s.ctid::text as place, s.${ident(names.key)}::text as key_hash, s.${ident(names.row)}::text as row_hash,
        ${describe(plan, 's')}
      from ${STAGED} as s where true${andPlaced(places, 's')}`,
    values: toValues(places),
  });
}

function andPlaced(places: Places, alias: string): string {
  return places === null ? '' : ` and ${alias}.ctid = any($1::tid[])`;
}

function toValues(places: Places): readonly unknown[] {
  return places === null ? [] : [places];
}
