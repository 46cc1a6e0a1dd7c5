import { toTableName } from '../../src/model/table.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { withSavepoint } from '../../src/postgres/savepoint.js';
import { execute, run, type Session } from '../../src/postgres/session.js';
import { SQLSTATE } from '../../src/postgres/sqlstate.js';
import { type ChangeCounts, CHANGES } from './changes.js';
import { type Culprit, isolateCulprits, isRowRefused } from './isolate-culprits.js';
import type { DownloadPlan } from './plan-download.js';
import { DONE, TROUBLE } from './staging.js';
import { noteTrouble, type RefusedRow } from './trouble.js';
import { insertNew, retireGone, type Step, updateChanged } from './write-rows.js';

/** What was done to the local table, in rows, and what was not. */
export interface Applied {
  readonly inserted: number;
  readonly updated: number;
  readonly gone: number;
  readonly waiting: readonly RefusedRow[];
  readonly refused: readonly RefusedRow[];
}

/**
 * One refused row may wait for another one that comes after it (its parent, or a unique name that becomes free), so what
 * was refused is tried again as long as that helps. A longer chain goes on in the next cycle.
 */
const MAX_ROUNDS = 10;

/**
 * Applies the change set: each kind in one statement, and where a row is refused by halves, so that it stops only itself.
 * Rows that are gone go first: a new row may take the name of one that was deleted.
 * @throws DatabaseFailure of the local database, when no row is to blame
 */
export async function applyChanges(here: Session, plan: DownloadPlan, counts: ChangeCounts): Promise<Applied> {
  const gone = await applyStep(here, counts.gone > 0 ? retireGone(plan) : null);
  const insert = counts.inserted > 0 ? insertNew(plan) : null;
  const columns = counts.columns.map(({ column }) => column);
  const update = columns.length > 0 ? updateChanged(plan, columns) : null;
  let [inserted, updated] = [0, 0];
  let refused: readonly RefusedRow[] = [];
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const [first, second] = [await applyStep(here, insert), await applyStep(here, update)];
    inserted += first.rows;
    updated += second.rows;
    refused = [...first.refused, ...second.refused];
    if (refused.length === 0 || first.rows + second.rows === 0) break;
  }
  const waiting = refused.filter(isWaiting);
  const others = [...gone.refused, ...refused.filter((row) => !isWaiting(row))];
  await noteTrouble(here, waiting, 'waiting');
  await noteTrouble(here, others, 'refused');
  others.push(...(await findLeftOut(here, plan)));
  return { inserted, updated, gone: gone.rows, waiting, refused: others };
}

interface Stepped {
  readonly rows: number;
  readonly refused: readonly RefusedRow[];
}

async function applyStep(here: Session, step: Step | null): Promise<Stepped> {
  if (step === null) return { rows: 0, refused: [] };
  try {
    const rows = await withSavepoint(here, () => execute(here, step.write(null)));
    return { rows, refused: [] };
  } catch (error) {
    if (!isRowRefused(error)) throw error;
  }
  const apart = (await run<{ place: string }>(here, step.places)).map(({ place }) => place);
  const { results, culprits } = await isolateCulprits(here, apart, (part) => execute(here, step.write(part)));
  return { rows: results.reduce((sum, rows) => sum + rows, 0), refused: await nameCulprits(here, step, culprits) };
}

interface DescribedRow {
  readonly place: string;
  readonly key_hash: string;
  readonly row_hash: string | null;
  readonly key: string;
  readonly name: string | null;
}

/** A trigger may leave a row out without a word: it is neither done nor refused. */
async function findLeftOut(here: Session, plan: DownloadPlan): Promise<RefusedRow[]> {
  const rows = await run<Omit<DescribedRow, 'place'>>(here, {
    text: `
      select c.key_hash::text as key_hash, null as row_hash, c.key, c.name
      from ${CHANGES} as c
      where not exists (select from ${DONE} as d where d.key_hash = c.key_hash)
        and not exists (select from ${TROUBLE} as t where t.key_hash = c.key_hash)
      order by c.place`,
    values: [],
  });
  const place = { side: here.side, table: toTableName(plan.table) };
  const failure = new DatabaseFailure('data', 'local database: a trigger of the table has left the row out', place);
  const leftOut = rows.map((row) => toRefused({ ...row, place: '' }, failure));
  await noteTrouble(here, leftOut, 'refused');
  return leftOut;
}

function toRefused(row: DescribedRow, failure: DatabaseFailure): RefusedRow {
  const { key_hash: keyHash, row_hash: rowHash, key, name } = row;
  return { keyHash, rowHash, key: JSON.parse(key) as string[], name, failure };
}

async function nameCulprits(
  here: Session,
  step: Step,
  culprits: readonly Culprit<string>[],
): Promise<readonly RefusedRow[]> {
  if (culprits.length === 0) return [];
  const described = await run<DescribedRow>(here, step.describe(culprits.map(({ item }) => item)));
  const rows = new Map(described.map((row) => [row.place, row]));
  return culprits.flatMap(({ item, failure }) => {
    const row = rows.get(item);
    return row === undefined ? [] : [toRefused(row, failure)];
  });
}

function isWaiting({ failure }: RefusedRow): boolean {
  return failure.sqlstate === SQLSTATE.foreignKeyViolation;
}
