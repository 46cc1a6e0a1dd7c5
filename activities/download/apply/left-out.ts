import { toTableName } from '../../../src/model/table.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { ident } from '../../../src/postgres/identifier.js';
import { execute, run, type Session } from '../../../src/postgres/session.js';
import { CHANGES } from '../compare/changes.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { describe, isNew } from '../compare/row-terms.js';
import { DONE, hashNames, STAGED, TROUBLE } from '../compare/staging.js';
import { type DescribedKey, type RefusedRow, toRefused } from './trouble.js';

/** Rows that the local table has neither taken nor refused. */
export interface LeftOut {
  readonly named: readonly RefusedRow[];
  /** How many there are besides. */
  readonly more: number;
}

/** So many are named, the others only counted. */
const MAX_NAMED = 1_000;

/**
 * A trigger may leave a row out without a word: it is neither done nor refused. It is noted as refused.
 * @param areNewListed - false: the change set does not name the new rows, so the staged ones are looked up
 */
export async function findLeftOut(here: Session, plan: DownloadPlan, areNewListed: boolean): Promise<LeftOut> {
  await run(here, {
    text: `
      create temporary table meter_sync_left_out on commit drop as
      ${selectLeftOut(plan, areNewListed)}`,
    values: [],
  });
  const count = await execute(here, {
    text: `insert into ${TROUBLE} (key_hash, state) select key_hash, 'refused' from pg_temp.meter_sync_left_out`,
    values: [],
  });
  if (count === 0) return { named: [], more: 0 };
  const rows = await run<DescribedKey>(here, {
    text: `
      select key_hash::text as key_hash, null as row_hash, key, name
      from pg_temp.meter_sync_left_out
      order by place, key
      limit ${MAX_NAMED}`,
    values: [],
  });
  const place = { side: here.side, table: toTableName(plan.table) };
  const failure = new DatabaseFailure('data', 'local database: a trigger of the table has left the row out', place);
  return { named: rows.map((row) => toRefused(row, failure)), more: count - rows.length };
}

function selectLeftOut(plan: DownloadPlan, areNewListed: boolean): string {
  const key = `s.${ident(hashNames(plan).key)}`;
  const isUndone = (keyHash: string): string => `
    not exists (select from ${DONE} as d where d.key_hash = ${keyHash})
    and not exists (select from ${TROUBLE} as t where t.key_hash = ${keyHash})`;
  const listed = `select c.place, c.key_hash, c.key, c.name from ${CHANGES} as c where ${isUndone('c.key_hash')}`;
  if (areNewListed) return listed;
  return `
    ${listed}
    union all
    select null, ${key}, ${describe(plan, 's')} from ${STAGED} as s where ${isNew(plan)} and ${isUndone(key)}`;
}
