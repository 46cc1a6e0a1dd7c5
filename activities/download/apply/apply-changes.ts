import { withSavepoint } from '../../../src/postgres/savepoint.js';
import { execute, run, type Session } from '../../../src/postgres/session.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';
import type { ChangeCounts } from '../compare/changes.js';
import { exchangeNames } from './exchange-names.js';
import { type Culprit, isolateCulprits, isRowRefused } from './isolate-culprits.js';
import { findLeftOut } from './left-out.js';
import type { DownloadPlan } from '../plan/plan-download.js';
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
 * One refused row may wait for another one (its parent, or a unique name that becomes free), so what was refused is tried
 * again as long as that helps. A longer chain goes on in the next cycle.
 */
const MAX_ROUNDS = 10;

/**
 * Applies the change set: each kind in one statement, and where a row is refused by halves, so that it stops only itself.
 * Updates go first: they may set free what is to be deleted. New rows go last: they may take the name of one that is gone.
 * @throws DatabaseFailure of the local database, when no row is to blame
 */
export async function applyChanges(
  here: Session,
  plan: DownloadPlan,
  counts: ChangeCounts,
  { areNewListed, rowsAtOnce }: Applying,
): Promise<Applied> {
  const columns = counts.columns.map(({ column }) => column);
  const steps: Steps = {
    updated: columns.length > 0 ? updateChanged(plan, columns) : null,
    gone: counts.gone > 0 ? retireGone(plan) : null,
    inserted: counts.inserted > 0 ? insertNew(plan) : null,
  };
  const { rows, refused, isOver } = await applyInRounds(here, steps, rowsAtOnce);
  const exchanged = await exchange(here, plan, { update: steps.updated, columns }, refused.updated);
  const changes = [...refused.updated.filter(({ place }) => !exchanged.has(place)), ...refused.inserted];
  const mayWait = (row: RefusedRow): boolean => isOfParent(row) || (!isOver && isOfName(row));
  const waiting = changes.filter(mayWait);
  const others = [...refused.gone, ...changes.filter((row) => !mayWait(row))];
  await noteTrouble(here, waiting, 'waiting');
  await noteTrouble(here, others, 'refused');
  const { named, more: unnamed } = await findLeftOut(here, plan, areNewListed);
  return { ...rows, updated: rows.updated + exchanged.size, waiting, refused: [...others, ...named], unnamed };
}

const KINDS = ['updated', 'gone', 'inserted'] as const;

type Kind = (typeof KINDS)[number];

type Steps = Readonly<Record<Kind, Step | null>>;

interface Rounds {
  readonly rows: Record<Kind, number>;
  readonly refused: Record<Kind, readonly PlacedRow[]>;
  /** False: one more round would have gone on. */
  readonly isOver: boolean;
}

async function applyInRounds(here: Session, steps: Steps, rowsAtOnce: number): Promise<Rounds> {
  const rows: Rounds['rows'] = { updated: 0, gone: 0, inserted: 0 };
  const refused: Rounds['refused'] = { updated: [], gone: [], inserted: [] };
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    let progress = 0;
    for (const kind of KINDS) {
      const step = steps[kind];
      if (step === null) continue;
      const stepped =
        round === 0 ? await applyStep(here, step, rowsAtOnce) : await applyAgain(here, step, refused[kind]);
      rows[kind] += stepped.rows;
      refused[kind] = stepped.refused;
      progress += stepped.rows;
    }
    if (progress === 0 || KINDS.every((kind) => refused[kind].length === 0)) return { rows, refused, isOver: true };
  }
  return { rows, refused, isOver: false };
}

/** @returns the places of rows that have exchanged unique values */
async function exchange(
  here: Session,
  plan: DownloadPlan,
  { update, columns }: { readonly update: Step | null; readonly columns: readonly string[] },
  refused: readonly PlacedRow[],
): Promise<ReadonlySet<string>> {
  if (update === null) return new Set();
  const places = refused.filter(isOfName).map(({ place }) => place);
  return new Set(await exchangeNames(here, plan, { update, columns }, places));
}

/** A refused row, and where it is found again. */
interface PlacedRow extends RefusedRow {
  readonly place: string;
}

interface Stepped {
  readonly rows: number;
  readonly refused: readonly PlacedRow[];
}

async function applyStep(here: Session, step: Step, rowsAtOnce: number): Promise<Stepped> {
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
  const refused: PlacedRow[] = [];
  for (;;) {
    const next = { text: `fetch ${rowsAtOnce} from meter_sync_places`, values: [] };
    const places = (await run<{ place: string }>(here, next)).map(({ place }) => place);
    if (places.length === 0) break;
    const stepped = await applyPlaces(here, step, places);
    rows += stepped.rows;
    refused.push(...stepped.refused);
  }
  await run(here, { text: 'close meter_sync_places', values: [] });
  return { rows, refused };
}

/**
 * Those that were refused alone, and no others: a trigger may have made another row of one that was taken. The other way
 * round, since each of them may wait for the one after it.
 */
async function applyAgain(here: Session, step: Step, before: readonly PlacedRow[]): Promise<Stepped> {
  const places = before.map(({ place }) => place);
  const { rows, refused } = await applyPlaces(here, step, places.toReversed());
  return { rows, refused: refused.toReversed() };
}

async function applyPlaces(here: Session, step: Step, places: readonly string[]): Promise<Stepped> {
  const { results, culprits } = await isolateCulprits(here, places, (part) => execute(here, step.write(part)));
  const rows = results.reduce((sum, count) => sum + count, 0);
  return { rows, refused: await nameCulprits(here, step, culprits) };
}

interface DescribedRow extends DescribedKey {
  readonly place: string;
}

async function nameCulprits(
  here: Session,
  step: Step,
  culprits: readonly Culprit<string>[],
): Promise<readonly PlacedRow[]> {
  if (culprits.length === 0) return [];
  const described = await run<DescribedRow>(here, step.describe(culprits.map(({ item }) => item)));
  const rows = new Map(described.map((row) => [row.place, row]));
  return culprits.flatMap(({ item, failure }) => {
    const row = rows.get(item);
    return row === undefined ? [] : [{ ...toRefused(row, failure), place: item }];
  });
}

/** Its parent may come with another table, so nobody here can tell when to try again. */
function isOfParent({ failure }: RefusedRow): boolean {
  return failure.sqlstate === SQLSTATE.foreignKeyViolation;
}

/** Another row has the name that it wants. */
function isOfName({ failure }: RefusedRow): boolean {
  return failure.sqlstate === SQLSTATE.uniqueViolation || failure.sqlstate === SQLSTATE.exclusionViolation;
}
