import { withSavepoint } from '../../src/postgres/savepoint.js';
import { execute, run, type Session } from '../../src/postgres/session.js';
import { SQLSTATE } from '../../src/postgres/sqlstate.js';
import type { ChangeCounts } from './changes.js';
import { type Culprit, isolateCulprits, isRowRefused } from './isolate-culprits.js';
import { findLeftOut } from './left-out.js';
import type { DownloadPlan } from './plan-download.js';
import { type DescribedKey, noteTrouble, type RefusedRow, toRefused } from './trouble.js';
import { insertNew, retireGone, type Step, updateChanged } from './write-rows.js';

/** What was done to the local table, in rows, and what was not. */
export interface Applied {
  readonly inserted: number;
  readonly updated: number;
  readonly gone: number;
  readonly waiting: readonly RefusedRow[];
  readonly refused: readonly RefusedRow[];
  /** Rows that were refused besides those of `refused`. */
  readonly unnamed: number;
}

/** How a change set is applied. */
export interface Applying {
  /** False: the new rows are so many that the change set does not name them. */
  readonly areNewListed: boolean;
  /** So many rows at once are tried again when one of them was refused. */
  readonly rowsAtOnce: number;
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
export async function applyChanges(
  here: Session,
  plan: DownloadPlan,
  counts: ChangeCounts,
  { areNewListed, rowsAtOnce }: Applying,
): Promise<Applied> {
  const gone = await applyStep(here, counts.gone > 0 ? retireGone(plan) : null, rowsAtOnce);
  const insert = counts.inserted > 0 ? insertNew(plan) : null;
  const columns = counts.columns.map(({ column }) => column);
  const update = columns.length > 0 ? updateChanged(plan, columns) : null;
  let [inserted, updated] = [0, 0];
  let refused: readonly RefusedRow[] = [];
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const [first, second] = [await applyStep(here, insert, rowsAtOnce), await applyStep(here, update, rowsAtOnce)];
    inserted += first.rows;
    updated += second.rows;
    refused = [...first.refused, ...second.refused];
    if (refused.length === 0 || first.rows + second.rows === 0) break;
  }
  const waiting = refused.filter(isWaiting);
  const others = [...gone.refused, ...refused.filter((row) => !isWaiting(row))];
  await noteTrouble(here, waiting, 'waiting');
  await noteTrouble(here, others, 'refused');
  const leftOut = await findLeftOut(here, plan, areNewListed);
  return { inserted, updated, gone: gone.rows, waiting, refused: [...others, ...leftOut.named], unnamed: leftOut.more };
}

interface Stepped {
  readonly rows: number;
  readonly refused: readonly RefusedRow[];
}

async function applyStep(here: Session, step: Step | null, rowsAtOnce: number): Promise<Stepped> {
  if (step === null) return { rows: 0, refused: [] };
  try {
    const rows = await withSavepoint(here, () => execute(here, step.write(null)));
    return { rows, refused: [] };
  } catch (error) {
    if (!isRowRefused(error)) throw error;
  }
  return applyApart(here, step, rowsAtOnce);
}

/** A cursor still sees the table as it was before the first of these rows was written. */
async function applyApart(here: Session, step: Step, rowsAtOnce: number): Promise<Stepped> {
  await run(here, { ...step.places, text: `declare meter_sync_places no scroll cursor for ${step.places.text}` });
  let rows = 0;
  const refused: RefusedRow[] = [];
  for (;;) {
    const next = { text: `fetch ${rowsAtOnce} from meter_sync_places`, values: [] };
    const places = (await run<{ place: string }>(here, next)).map(({ place }) => place);
    if (places.length === 0) break;
    const { results, culprits } = await isolateCulprits(here, places, (part) => execute(here, step.write(part)));
    rows += results.reduce((sum, count) => sum + count, 0);
    refused.push(...(await nameCulprits(here, step, culprits)));
  }
  await run(here, { text: 'close meter_sync_places', values: [] });
  return { rows, refused };
}

interface DescribedRow extends DescribedKey {
  readonly place: string;
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
