import { toTableName } from '../../../src/model/table.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { type Culprit, isolateCulprits, isRowRefused } from '../../../src/postgres/isolate-culprits.js';
import { withSavepoint } from '../../../src/postgres/savepoint.js';
import { execute, run, type Session } from '../../../src/postgres/session.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';
import { plain } from '../../../src/postgres/statement.js';
import type { Changes } from '../compare/find-changes.js';
import { type DescribedRow, noteTrouble, type RefusedRow, toRefused } from '../compare/refused-rows.js';
import { CHANGES, DIFFERENCES } from '../compare/tables.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { exchangeValues } from './exchange-values.js';
import { setAsideOrphans } from './set-aside.js';
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

const NOTHING_APPLIED: Applied = { inserted: 0, updated: 0, gone: 0, waiting: [], refused: [], unnamed: 0 };

/**
 * One refused row may wait for another one (its parent, or a unique name that becomes free), so what was refused is tried
 * again as long as that helps. A longer chain goes on in the next cycle.
 */
const MAX_ROUNDS = 10;

/**
 * Applies what the change set announces. Which rows those are is asked anew of STAGED and DIFFERENCES, by the conditions that the
 * change set was found by: of CHANGES itself only rows that were left out are read. Each kind in one statement, and where a row is
 * refused by halves, so that it stops only itself.
 * Updates go first: they may set free what is to be deleted. New rows go last: they may take the name of one that is gone.
 * @param rowsAtOnce - so many rows at once are tried again when one of them was refused
 * @throws DatabaseFailure of the local database, when no row is to blame
 */
export async function applyChanges(
  here: Session,
  plan: DownloadPlan,
  changes: Changes,
  rowsAtOnce: number,
): Promise<Applied> {
  if (changes.inserted + changes.updated + changes.gone === 0) return NOTHING_APPLIED;
  const columns = changes.columns.map(({ column }) => column);
  const steps: Steps = {
    updated: changes.updated > 0 ? updateChanged(plan, columns) : null,
    gone: changes.gone > 0 ? retireGone(plan) : null,
    inserted: changes.inserted > 0 ? insertNew(plan) : null,
  };
  const { rows, refused, orphans, isOver } = await applyInRounds(here, plan, { steps, columns, rowsAtOnce });
  const others = [...refused.updated, ...refused.inserted];
  const mayWait = (row: RefusedRow): boolean => isOfParent(row) || (!isOver && isOfName(row));
  const waiting = [...orphans, ...others.filter(mayWait)];
  const stopped = [...refused.gone, ...others.filter((row) => !mayWait(row))];
  await noteTrouble(here, waiting, 'waiting');
  await noteTrouble(here, stopped, 'refused');
  const { named, more: unnamed } = await noteLeftOut(here, plan);
  return { ...rows, waiting, refused: [...stopped, ...named], unnamed };
}

const KINDS = ['updated', 'gone', 'inserted'] as const;

type Kind = (typeof KINDS)[number];

type Steps = Readonly<Record<Kind, Step | null>>;

interface Rounds {
  readonly rows: Record<Kind, number>;
  readonly refused: Record<Kind, readonly PlacedRow[]>;
  /** Rows whose parent is neither here nor comes with them. */
  readonly orphans: readonly RefusedRow[];
  /** False: one more round would have gone on. */
  readonly isOver: boolean;
}

/** What is to be applied, and the columns that updates set. */
interface Work {
  readonly steps: Steps;
  readonly columns: readonly string[];
  readonly rowsAtOnce: number;
}

async function applyInRounds(here: Session, plan: DownloadPlan, work: Work): Promise<Rounds> {
  const { steps, rowsAtOnce } = work;
  const rows: Rounds['rows'] = { updated: 0, gone: 0, inserted: 0 };
  const refused: Rounds['refused'] = { updated: [], gone: [], inserted: [] };
  let orphans: readonly RefusedRow[] | null = null;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    let progress = 0;
    for (const kind of KINDS) {
      const step = steps[kind];
      if (step === null) continue;
      let stepped = round === 0 ? await applyWhole(here, step) : await applyAgain(here, step, refused[kind]);
      if (stepped === null && orphans === null && kind !== 'gone') {
        orphans = await setAsideOrphans(here, plan);
        if (orphans.length > 0) stepped = await applyWhole(here, step);
      }
      const { rows: written, refused: left } = stepped ?? (await applyApart(here, step, rowsAtOnce));
      rows[kind] += written;
      refused[kind] = left;
      progress += written;
    }
    if (progress === 0) {
      const exchanged = await exchange(here, plan, work, refused.updated);
      refused.updated = refused.updated.filter(({ place }) => !exchanged.has(place));
      rows.updated += exchanged.size;
      progress += exchanged.size;
    }
    const isDone = KINDS.every((kind) => refused[kind].length === 0);
    if (progress === 0 || isDone) return { rows, refused, orphans: orphans ?? [], isOver: true };
  }
  return { rows, refused, orphans: orphans ?? [], isOver: false };
}

/** @returns the places of rows that have exchanged unique values */
async function exchange(
  here: Session,
  plan: DownloadPlan,
  { steps, columns }: Work,
  refused: readonly PlacedRow[],
): Promise<ReadonlySet<string>> {
  if (steps.updated === null) return new Set();
  const places = refused.filter(isOfName).map(({ place }) => place);
  return exchangeValues(here, plan, { step: steps.updated, columns }, places);
}

/** A refused row, and where it is found again. */
interface PlacedRow extends RefusedRow {
  readonly place: string;
}

interface Stepped {
  readonly rows: number;
  readonly refused: readonly PlacedRow[];
}

/** All rows of a step in one statement; null: one of them was refused, and nothing has happened. */
async function applyWhole(here: Session, step: Step): Promise<Stepped | null> {
  try {
    return { rows: await withSavepoint(here, () => execute(here, step.write(null))), refused: [] };
  } catch (error) {
    if (!isRowRefused(error)) throw error;
    return null;
  }
}

/** A cursor still sees the table as it was before the first of these rows was written. */
async function applyApart(here: Session, step: Step, rowsAtOnce: number): Promise<Stepped> {
  await run(here, { ...step.places, text: `declare meter_sync_places no scroll cursor for ${step.places.text}` });
  let rows = 0;
  const refused: PlacedRow[] = [];
  for (;;) {
    const next = plain(`fetch ${rowsAtOnce} from meter_sync_places`);
    const places = (await run<{ place: string }>(here, next)).map(({ place }) => place);
    if (places.length === 0) break;
    const stepped = await applyPlaces(here, step, places);
    rows += stepped.rows;
    refused.push(...stepped.refused);
  }
  await run(here, plain('close meter_sync_places'));
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

async function nameCulprits(here: Session, step: Step, culprits: readonly Culprit<string>[]): Promise<PlacedRow[]> {
  if (culprits.length === 0) return [];
  const places = culprits.map(({ item }) => item);
  const described = await run<DescribedRow & { place: string }>(here, step.describe(places));
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

/** So many rows that a trigger has left out are named, the others only counted. */
const MAX_NAMED = 1_000;

/** A trigger may leave a row out without a word: it is neither done nor refused. It is noted as refused. */
async function noteLeftOut(here: Session, plan: DownloadPlan): Promise<{ named: RefusedRow[]; more: number }> {
  const rows = await run<DescribedRow & { total: string }>(
    here,
    plain(`
      with left_out as (
        update ${DIFFERENCES} as d
        set trouble = 'refused'
        from ${CHANGES} as c
        where c.key_hash = d.key_hash and not d.is_done and d.trouble is null
        returning c.place, c.key_hash, c.key, c.name
      )
      select key_hash::text as key_hash, key, name, count(*) over ()::text as total
      from left_out
      order by place
      limit ${MAX_NAMED}`),
  );
  const place = { side: here.side, table: toTableName(plan.table) };
  const failure = new DatabaseFailure('data', 'local database: a trigger of the table has left the row out', place);
  return { named: rows.map((row) => toRefused(row, failure)), more: Number(rows[0]?.total ?? 0) - rows.length };
}
