import type { ChangedRow, NamedRow } from '../../src/model/operations.js';
import type { DatabaseFailure } from '../../src/postgres/errors.js';
import { withSavepoint } from '../../src/postgres/savepoint.js';
import { run, type Session } from '../../src/postgres/session.js';
import type { Statement } from '../../src/postgres/statement.js';
import {
  type ChangeRow,
  deactivateGone,
  insertNew,
  type Places,
  selectChangedPlaces,
  countGone,
  selectNewPlaces,
  selectStaged,
  updateChanged,
} from './changes.js';
import { type Culprit, isolateCulprits, isRowRefused } from './isolate-culprits.js';
import type { DownloadPlan } from './plan-download.js';

/** A row that the local database refuses, and why. */
export interface RefusedRow extends NamedRow {
  readonly failure: DatabaseFailure;
}

/** What was done to the local table. */
interface AppliedChanges {
  readonly inserted: readonly NamedRow[];
  readonly updated: readonly ChangedRow[];
  readonly refused: readonly RefusedRow[];
}

/**
 * One refused row may wait for another one that comes after it (its parent, or a unique name that becomes free), so what
 * was refused is tried again as long as that helps. A longer chain goes on in the next cycle.
 */
const MAX_ROUNDS = 10;

/**
 * Inserts new rows and updates those that differ: in one statement each, and where a row is refused by halves, so that it
 * stops only itself.
 * @throws DatabaseFailure of the local database, when no row is to blame
 */
export async function applyChanges(here: Session, plan: DownloadPlan): Promise<AppliedChanges> {
  const steps = toSteps(plan);
  const inserted: ChangeRow[] = [];
  const updated: ChangeRow[] = [];
  let culprits: Culprit<string>[] = [];
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const before = inserted.length + updated.length;
    const insert = await applyStep(here, steps.insert);
    const update = steps.update === null ? NOTHING : await applyStep(here, steps.update);
    inserted.push(...insert.rows);
    updated.push(...update.rows);
    culprits = [...insert.culprits, ...update.culprits];
    if (culprits.length === 0 || inserted.length + updated.length === before) break;
  }
  return {
    inserted: inserted.map(toNamedRow),
    updated: updated.map(toChangedRow),
    refused: await nameCulprits(here, plan, culprits),
  };
}

/** Rows that the remote no longer has are switched off; where no column can say so they are kept, and counted. */
export async function retireGone(
  here: Session,
  plan: DownloadPlan,
): Promise<{ deactivated: readonly NamedRow[]; kept: number }> {
  const { activity } = plan;
  if (activity !== null) {
    const rows = await run<ChangeRow>(here, deactivateGone(plan, activity));
    return { deactivated: rows.map(toNamedRow), kept: 0 };
  }
  const [gone] = await run<{ rows: string }>(here, countGone(plan));
  return { deactivated: [], kept: Number(gone?.rows ?? 0) };
}

/** A change of all rows at once, and the places of those that need it when they must go apart. */
interface Step {
  readonly change: (places: Places) => Statement;
  readonly places: Statement;
}

interface Stepped {
  readonly rows: readonly ChangeRow[];
  readonly culprits: readonly Culprit<string>[];
}

const NOTHING: Stepped = { rows: [], culprits: [] };

function toSteps(plan: DownloadPlan): { insert: Step; update: Step | null } {
  return {
    insert: { change: (places) => insertNew(plan, places), places: selectNewPlaces(plan) },
    update:
      plan.compared.length === 0
        ? null
        : { change: (places) => updateChanged(plan, places), places: selectChangedPlaces(plan) },
  };
}

async function applyStep(here: Session, { change, places }: Step): Promise<Stepped> {
  try {
    const rows = await withSavepoint(here, () => run<ChangeRow>(here, change(null)));
    return { rows, culprits: [] };
  } catch (error) {
    if (!isRowRefused(error)) throw error;
  }
  const apart = (await run<{ place: string }>(here, places)).map(({ place }) => place);
  const { results, culprits } = await isolateCulprits(here, apart, (part) => run<ChangeRow>(here, change(part)));
  return { rows: results.flat(), culprits };
}

async function nameCulprits(
  here: Session,
  plan: DownloadPlan,
  culprits: readonly Culprit<string>[],
): Promise<RefusedRow[]> {
  if (culprits.length === 0) return [];
  const places = culprits.map(({ item }) => item);
  const staged = await run<ChangeRow & { place: string }>(here, selectStaged(plan, places));
  const rows = new Map(staged.map((row) => [row.place, row]));
  return culprits.flatMap(({ item, failure }) => {
    const row = rows.get(item);
    return row === undefined ? [] : [{ ...toNamedRow(row), failure }];
  });
}

function toNamedRow({ key, name }: ChangeRow): NamedRow {
  return { key: JSON.parse(key) as string[], name };
}

function toChangedRow(row: ChangeRow): ChangedRow {
  return { ...toNamedRow(row), changedFields: JSON.parse(row.fields) as string[] };
}
