import { ident, idents, literal, relation } from '../../../src/postgres/identifier.js';
import { plain, type Statement } from '../../../src/postgres/statement.js';
import { DIFFERENCES, hashNames, STAGED } from '../compare/tables.js';
import { keyHash, rowHash } from '../plan/hashes.js';
import { isOwned } from '../plan/owned-rows.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { describe, differ, isNew, sameKey } from '../plan/row-terms.js';

/**
 * A change of all rows at once, and the places of those that need it when they must go apart: of staged rows their `ctid`,
 * of local ones, which may lie in many partitions, the hash of their key.
 */
export interface Step {
  /** @param places - null: of all rows */
  readonly write: (places: readonly string[] | null) => Statement;
  readonly places: Statement;
  /** Key and name of rows, for the log of those that were refused. */
  readonly describe: (places: readonly string[]) => Statement;
}

/** Inserts staged rows whose key is not here. */
export function insertNew(plan: DownloadPlan): Step {
  const { table, written } = plan;
  const from = `from ${STAGED} as s where ${isNew(plan)}`;
  const order = `order by ${idents(plan.key, 's')}`;
  const insert = `insert into ${relation(table)} as l (${idents(written)}) overriding system value select ${idents(written, 's')} ${from}`;
  return toStagedStep(plan, {
    write: (among) => `${insert} ${among} ${order}`,
    places: `${from} ${order}`,
  });
}

/**
 * Updates rows that differ, in one statement with the comparison. Only `columns` are set, those that differ in a row at
 * all: so no trigger and no index of another column has work.
 */
export function updateChanged(plan: DownloadPlan, columns: readonly string[]): Step {
  const target = `${relation(plan.table)} as l`;
  const values = columns.map((name) => `${ident(name)} = s.${ident(name)}`).join(', ');
  const where = `where ${sameKey(plan, 's', 'l')} and ${differ(plan, columns)}`;
  return toStagedStep(plan, {
    write: (among) => `update ${target} set ${values} from ${STAGED} as s ${where} ${among}`,
    places: `from ${STAGED} as s, ${target} ${where} order by ${idents(plan.key, 's')}`,
  });
}

/** @param step - `write`: the change of those rows alone that its argument, an end of the `where`, leaves; `places`: from where on */
function toStagedStep(
  plan: DownloadPlan,
  step: { readonly write: (among: string) => string; readonly places: string },
): Step {
  const hash = `s.${ident(hashNames(plan).key)}::text as key_hash`;
  const among = 'and s.ctid = any($1::tid[])';
  return {
    write: (places) => ({
      text: noted(plan, step.write(places === null ? '' : among)),
      values: places === null ? [] : [places],
    }),
    places: plain(`select s.ctid::text as place ${step.places}`),
    describe: (places) => ({
      text: `select s.ctid::text as place, ${hash}, ${describe(plan, 's')} from ${STAGED} as s where true ${among}`,
      values: [places],
    }),
  };
}

/** Deactivates or deletes rows that the remote no longer has; null: they are kept. */
export function retireGone(plan: DownloadPlan): Step | null {
  const { absence, table } = plan;
  if (absence.rule === 'keep') return null;
  const isDelete = absence.rule === 'delete';
  const target = `${relation(table)} as l`;
  const key = keyHash(plan, 'local', 'l');
  const isGone = `where ${isOwned(plan.filter, 'l')} and ${key} in (select d.key_hash from ${DIFFERENCES} as d where d.is_gone)`;
  const change = isDelete
    ? `delete from ${target} ${isGone}`
    : `update ${target} set ${ident(absence.column)} = ${literal(absence.value)} ${isGone} and ${isNotMarked(absence)}`;
  const among = `and ${key} = any($1::bigint[])`;
  return {
    write: (places) => ({
      text: noted(plan, `${change} ${places === null ? '' : among}`, { isDelete }),
      values: places === null ? [] : [places],
    }),
    places: plain(
      `select ${key}::text as place from ${target} ${isGone} ${isDelete ? '' : `and ${isNotMarked(absence)}`}`,
    ),
    describe: (places) => ({
      text: `select ${key}::text as place, ${key}::text as key_hash, ${describe(plan, 'l')}
        from ${target} where ${isOwned(plan.filter, 'l')} ${among}`,
      values: [places],
    }),
  };
}

function isNotMarked({ column, value }: { readonly column: string; readonly value: string }): string {
  return `l.${ident(column)} is distinct from ${literal(value)}`;
}

/** The change, with a note of each row that it has written: how the local table holds it, triggers and rounding included. */
function noted(plan: DownloadPlan, change: string, { isDelete = false } = {}): string {
  const hash = isDelete ? 'null::bigint' : rowHash(plan, 'local', 'l');
  return `
    with written as (${change} returning ${keyHash(plan, 'local', 'l')} as key_hash, ${hash} as row_hash)
    update ${DIFFERENCES} as d set is_done = true, done_hash = w.row_hash from written as w where d.key_hash = w.key_hash`;
}
